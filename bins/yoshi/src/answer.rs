//! What people do with a task that is sent: `accept`, `done`, `revise` and so on.

mod completion;
mod revise;

use serde::Serialize;
use yoshi_client::{ChangeReceipt, Error};
use yoshi_protocol::{ChangeId, ErrorCode, Position, TaskChange, TaskId, Verb};

use crate::arguments::AnswerCommand;
use crate::asker::Asker;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::settings::Settings;
use crate::show;

/// What is printed with `--json`.
#[derive(Debug, Serialize)]
struct Printed {
    change: String,
    task: String,
    number: u64,
    position: Position,
    outcome: &'static str,
    accounted_for: Vec<String>,
}

pub(crate) async fn answer(settings: &Settings, command: AnswerCommand) -> Result<Exit, Failure> {
    let asker = Asker::new(settings).await?;
    let target = command.target();
    let id = target.id.unwrap_or_else(ChangeId::fresh);
    let task = asker.meant(&target.task).await?;
    let verb = verb(settings, &asker, task, command).await?;
    if let (Verb::Snooze { until }, false) = (&verb, settings.json) {
        output::note_past([("snoozed until", until.as_ref())]);
    }
    let change = TaskChange { id, task, verb };
    let changed = asker
        .client
        .change_again(&asker.account, &asker.credential, &change)
        .await;
    match changed {
        Ok(receipt) => report(settings, &change, &receipt),
        Err(error) => {
            if is_conflict(&error) {
                show::print(settings, &asker.shown(task).await?).await?;
            }
            Err(Failure::from(error).advise_if_unclear(|| again(&change)))
        }
    }
}

/// What the command means, with what the task must be looked at for.
async fn verb(
    settings: &Settings,
    asker: &Asker,
    task: TaskId,
    command: AnswerCommand,
) -> Result<Verb, Failure> {
    Ok(match command {
        AnswerCommand::Accept(_) => Verb::Accept,
        AnswerCommand::Decline(arguments) => Verb::Decline {
            reason: arguments.reason,
        },
        AnswerCommand::Start(_) => Verb::Start,
        AnswerCommand::Progress(arguments) => Verb::Progress {
            percent: arguments.percent,
        },
        AnswerCommand::Done(arguments) => {
            let task = asker.shown(task).await?;
            Verb::Complete(completion::of(&task.new_task, arguments)?)
        }
        AnswerCommand::Undo(_) => Verb::Undo,
        AnswerCommand::Revise(arguments) => {
            let task = asker.shown(task).await?;
            Verb::Revise(Box::new(revise::of(settings, &task, *arguments)?))
        }
        AnswerCommand::Withdraw(arguments) => Verb::Withdraw {
            reason: arguments.reason,
            recipients: arguments.from,
        },
        AnswerCommand::Reopen(arguments) => Verb::Reopen {
            reason: arguments.reason,
            recipients: arguments.to,
        },
        AnswerCommand::Remind(_) => Verb::Remind,
        AnswerCommand::Comment(arguments) => Verb::Comment {
            text: arguments.text,
        },
        AnswerCommand::Snooze(arguments) => Verb::Snooze {
            until: arguments.until,
        },
        AnswerCommand::Label(arguments) => Verb::Label {
            labels: arguments.labels,
        },
        AnswerCommand::Read(arguments) => Verb::Read {
            read: !arguments.unread,
            through: None,
        },
    })
}

fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::Refused(reply) if reply.code == ErrorCode::Conflict)
}

/// How to settle an unknown outcome.
fn again(change: &TaskChange) -> String {
    let revision = match &change.verb {
        Verb::Revise(revise) => format!(" --revision {}", revise.revision),
        _ => String::new(),
    };
    format!(
        "ask for the very same again with --id {}{revision}: it settles it, and never doubles",
        change.id
    )
}

fn report(
    settings: &Settings,
    change: &TaskChange,
    receipt: &ChangeReceipt,
) -> Result<Exit, Failure> {
    if settings.json {
        return output::json(&Printed::new(change.task, receipt));
    }
    output::lines(&format!(
        "{} (your number {}, accounted for by {})",
        output::done_with(change.task, &change.verb),
        receipt.number,
        output::count(receipt.accounted_for.len(), "server"),
    ))
}

impl Printed {
    fn new(task: TaskId, receipt: &ChangeReceipt) -> Self {
        Self {
            change: receipt.change.to_string(),
            task: task.to_string(),
            number: receipt.number,
            position: receipt.position,
            outcome: "accounted",
            accounted_for: receipt
                .accounted_for
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yoshi_protocol::ServerId;

    #[test]
    fn json_has_exactly_the_promised_fields() {
        let (task, server) = (TaskId::fresh(), ServerId::random());
        let receipt = ChangeReceipt {
            hash: serde_bytes_array(),
            change: ChangeId::fresh(),
            number: 3,
            position: Position(7168),
            accounted_for: vec![server],
        };
        let change = receipt.change;
        assert_eq!(
            serde_json::to_string(&Printed::new(task, &receipt)).unwrap(),
            format!(
                r#"{{"change":"{change}","task":"{task}","number":3,"position":7168,"outcome":"accounted","accounted_for":["{server}"]}}"#
            )
        );
    }

    fn serde_bytes_array<T: From<[u8; 32]>>() -> T {
        T::from([0; 32])
    }
}
