//! What somebody may do with a task as it stands. Pure; the servers decide, this
//! only says which forms are worth showing.

use yoshi_client::{AskState, Happened, Step, TaskStatus};
use yoshi_protocol::{AccountName, Completion, Verb};

use crate::store::whole::Whole;
use crate::word;

/// What somebody may do now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing to do, and any of them may go together"
)]
pub(super) struct May {
    pub accept: bool,
    pub start: bool,
    /// Progress, complete and decline: whoever has it open may do all of them.
    pub answer: bool,
    pub undo: bool,
    pub snooze: bool,
    pub revise: bool,
    pub withdraw: bool,
    pub reopen: bool,
    pub remind: bool,
}

impl May {
    /// What the reader may do. Without the history an undo is offered wherever
    /// there may be a step to take back.
    pub(super) fn of(task: &Whole, me: &AccountName, steps: Option<&[Step]>) -> Self {
        let cancelled = task.status == TaskStatus::Cancelled;
        let mut may = Self::default();
        let ask = task.asks.iter().find(|ask| ask.recipient == *me);
        if let Some(ask) = ask.filter(|_| !cancelled) {
            may.answer = !word::is_settled(ask.state);
            may.accept = ask.state == AskState::NeedsAction;
            may.start = may.answer && ask.state != AskState::InProcess;
            let stepped = !matches!(
                ask.state,
                AskState::NeedsAction | AskState::Closed | AskState::Withdrawn
            );
            may.undo = stepped && steps.is_none_or(|steps| has_step_back(steps, task, me));
        }
        may.snooze = may.answer;
        if task.sender == *me {
            let over = cancelled || task.status == TaskStatus::Completed;
            may.revise = !cancelled;
            may.withdraw = !over;
            may.remind = task.asks.iter().any(|ask| !word::is_settled(ask.state)) && !cancelled;
            may.reopen = task.asks.iter().any(|ask| is_asked_again(ask.state));
        }
        may
    }

    /// Whether there is anything for a sender.
    pub(super) const fn as_sender(self) -> bool {
        self.revise || self.withdraw || self.reopen || self.remind
    }
}

/// Whether somebody with whom it stands so can be asked again. What is closed opens
/// by itself, once those who have completed it are asked again.
pub(super) const fn is_asked_again(state: AskState) -> bool {
    word::is_settled(state) && !matches!(state, AskState::Closed)
}

/// Whether one answer may be, or have been, enough for all.
fn is_for_any(steps: &[Step], task: &Whole) -> bool {
    let turned = |step: &Step| match &step.happened {
        Happened::Changed(change) => {
            matches!(&change.verb, Verb::Revise(revise) if revise.completion.is_some())
        }
        Happened::Sent(_) => false,
    };
    task.new_task.completion == Completion::Any || steps.iter().any(turned)
}

/// Whether the latest step of somebody stands, and was not decided over since.
fn has_step_back(steps: &[Step], task: &Whole, me: &AccountName) -> bool {
    let any = is_for_any(steps, task);
    // Whether there is a step to take back; whether it leaves nothing to do; whether it completes.
    let (mut back, mut over, mut completed) = (false, false, false);
    for step in steps {
        let Happened::Changed(change) = &step.happened else {
            continue;
        };
        let mine = step.account == *me;
        match &change.verb {
            Verb::Accept | Verb::Start | Verb::Progress { .. } if mine => {
                (back, over, completed) = (true, false, false);
            }
            Verb::Decline { .. } if mine => (back, over, completed) = (true, true, false),
            Verb::Complete(_) if mine => (back, over, completed) = (true, true, true),
            Verb::Undo if mine => (back, over, completed) = (false, false, false),
            // Closed by somebody's answer, and open again since: the steps before are forgotten.
            Verb::Complete(_) if any && !over => back = false,
            Verb::Revise(revise) if revise.completion.is_some() && !over => back = false,
            Verb::Revise(revise) if revise.asks_again() && !completed => back = false,
            Verb::Reopen { recipients, .. } | Verb::Withdraw { recipients, .. }
                if recipients.is_empty() || recipients.contains(me) =>
            {
                back = false;
            }
            _ => {}
        }
    }
    back
}

#[cfg(test)]
mod tests {
    use yoshi_client::{Ask, Note, Position};
    use yoshi_protocol::{Answer, Millis, NewTask, TaskChange};

    use super::*;

    fn name(text: &str) -> AccountName {
        AccountName::new(text).unwrap()
    }

    fn task(state: AskState, status: TaskStatus) -> Whole {
        Whole {
            new_task: NewTask::new("Ship", vec![name("ben")]),
            sender: name("ana"),
            number: 1,
            position: Position(1),
            changed: Position(1),
            sent_at: Millis(0),
            hash: Vec::new(),
            asks: vec![Ask {
                state,
                answer: None,
                reason: String::new(),
                percent: 0,
                recipient: name("ben"),
            }],
            status,
            needs_sender: false,
            revision: 0,
            reminders: 0,
            mine: Note::default(),
            held_by: Vec::new(),
        }
    }

    fn step(who: &str, verb: Verb) -> Step {
        let id = yoshi_protocol::TaskId::fresh();
        Step {
            account: name(who),
            number: 1,
            position: Position(1),
            at: Millis(0),
            happened: Happened::Changed(TaskChange::new(id, verb)),
        }
    }

    #[test]
    fn nobody_does_what_is_the_others() {
        let open = task(AskState::NeedsAction, TaskStatus::NeedsAction);
        let (ana, ben) = (
            May::of(&open, &name("ana"), None),
            May::of(&open, &name("ben"), None),
        );
        assert!(ana.revise && ana.withdraw && ana.remind && !ana.reopen && !ana.answer);
        assert!(ben.accept && ben.start && ben.answer && !ben.undo && !ben.as_sender());
        let over = task(AskState::Withdrawn, TaskStatus::Cancelled);
        assert_eq!(May::of(&over, &name("ben"), None), May::default());
        let ana = May::of(&over, &name("ana"), None);
        assert!(ana.reopen && !ana.revise && !ana.withdraw && !ana.remind);
    }

    #[test]
    fn what_was_closed_and_opened_has_no_step_back() {
        let mut open = task(AskState::Accepted, TaskStatus::NeedsAction);
        let done = Answer::Done {
            text: String::new(),
        };
        let steps = [
            step("ben", Verb::Accept),
            step("cleo", Verb::Complete(done)),
            step("cleo", Verb::Undo),
        ];
        let undo = |task: &Whole, steps: &[Step]| May::of(task, &name("ben"), Some(steps)).undo;
        assert!(undo(&open, &steps), "all are to answer");
        open.new_task.completion = Completion::Any;
        assert!(undo(&open, &steps[..1]));
        assert!(!undo(&open, &steps), "closed, and opened again");
        let again = [&steps[..], &[step("ben", Verb::Start)]].concat();
        assert!(undo(&open, &again));
    }

    #[test]
    fn what_is_closed_is_not_asked_again_alone() {
        let closed = task(AskState::Closed, TaskStatus::Completed);
        assert!(!May::of(&closed, &name("ana"), None).reopen);
        for state in [AskState::Completed, AskState::Declined, AskState::Withdrawn] {
            assert!(is_asked_again(state), "{state:?}");
        }
    }

    #[test]
    fn one_step_goes_back_unless_somebody_decided_since() {
        let done = task(AskState::Completed, TaskStatus::Completed);
        let may = |steps: &[Step]| May::of(&done, &name("ben"), Some(steps)).undo;
        let complete = || {
            step(
                "ben",
                Verb::Complete(Answer::Done {
                    text: String::new(),
                }),
            )
        };
        assert!(may(&[complete()]));
        assert!(!may(&[complete(), step("ben", Verb::Undo)]));
        let reopen = Verb::Reopen {
            reason: "again".to_owned(),
            recipients: Vec::new(),
        };
        assert!(!may(&[complete(), step("ana", reopen)]));
        assert!(may(&[complete(), step("ana", Verb::Remind)]));
    }
}
