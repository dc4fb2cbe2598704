//! What people do with tasks once they are sent: who may do what, what everybody
//! sees of it, and that every server comes to the same.

mod command;
mod faults;
mod notes;
mod random;
mod verbs;

use yoshi_client::{AskState, Client, Outgoing, Task, TaskStatus};
use yoshi_protocol::{Answer, Completion, ErrorCode, NewTask, TaskId, Verb};
use yoshi_tests::Person;
use yoshi_tests::person::refusal;

/// Sends a task that any, all or each of them are to complete.
async fn send(client: &Client, sender: &Person, to: &[&Person], completion: Completion) -> TaskId {
    let names = to.iter().map(|person| person.name.clone()).collect();
    let task = NewTask {
        completion,
        ..NewTask::new("Ship 1.2", names)
    };
    let task = Outgoing::new(task).unwrap();
    sender.send_outgoing(client, &task).await.task
}

/// Why somebody may not do something.
async fn refused(client: &Client, person: &Person, task: TaskId, verb: Verb) -> ErrorCode {
    refusal(
        client
            .change(&person.name, &person.credential, task, verb)
            .await,
    )
}

fn done() -> Verb {
    Verb::Complete(Answer::Done {
        text: String::new(),
    })
}

fn decline() -> Verb {
    Verb::Decline {
        reason: "no time".to_owned(),
    }
}

fn reopen() -> Verb {
    Verb::Reopen {
        reason: "not yet".to_owned(),
        recipients: Vec::new(),
    }
}

fn withdraw(from: &[&Person]) -> Verb {
    Verb::Withdraw {
        reason: String::new(),
        recipients: from.iter().map(|person| person.name.clone()).collect(),
    }
}

fn comment(text: &str) -> Verb {
    Verb::Comment {
        text: text.to_owned(),
    }
}

/// How the asks of a task stand, in its order.
fn states(task: &Task) -> Vec<AskState> {
    task.asks.iter().map(|ask| ask.state).collect()
}

/// How a task stands as a whole, and its asks.
async fn stands(client: &Client, person: &Person, task: TaskId) -> (TaskStatus, Vec<AskState>) {
    let task = person.shown(client, task).await;
    (task.status, states(&task))
}
