//! What recipients do: take a task on, give it back, say how far they are.

use yoshi_protocol::{AccountName, Completion, ErrorCode, Verb};

use super::{Ask, Refusal, State, Step, Task, not_allowed, refusal};

impl Task {
    /// A recipient does what is theirs to do.
    pub(super) fn answer(&mut self, actor: &AccountName, verb: &Verb) -> Result<(), Refusal> {
        let content = self.content.task();
        let Some(ask) = self.asks.iter_mut().find(|ask| ask.recipient == *actor) else {
            return not_allowed("only those who were asked may do that");
        };
        if self.withdrawn {
            return not_allowed("the task is withdrawn by its sender");
        }
        match verb {
            Verb::Accept if ask.step.state != State::NeedsAction => {
                return not_allowed(format!("the task is {} for you", ask.step.state.words()));
            }
            Verb::Accept => ask.step(Step::of(State::Accepted)),
            Verb::Start if ask.open()?.step.state == State::InProcess => {
                return not_allowed("the task is in process already");
            }
            Verb::Start => ask.step(Step::of(State::InProcess)),
            Verb::Progress { percent } => ask.open()?.step(Step {
                percent: *percent,
                ..Step::of(State::InProcess)
            }),
            Verb::Complete(answer) => {
                ask.open()?;
                if let Err(error) = answer.check_for(content) {
                    return refusal(ErrorCode::InvalidTask, error.to_string());
                }
                ask.step(Step {
                    percent: 100,
                    answer: Some(answer.clone()),
                    ..Step::of(State::Completed)
                });
            }
            Verb::Decline { reason } => ask.open()?.step(Step {
                reason: reason.clone(),
                ..Step::of(State::Declined)
            }),
            _ => match ask.before.take() {
                Some(before) if ask.step.state != State::Closed => ask.step = before,
                before => {
                    ask.before = before;
                    return not_allowed("there is no step of yours to take back");
                }
            },
        }
        Ok(())
    }

    /// Of a task that one is enough for, the others' asks close when it is
    /// completed, and open again when that is taken back.
    pub(super) fn close_or_open(&mut self) {
        let any = self.content.task().completion == Completion::Any;
        let completed = |ask: &Ask| ask.step.state == State::Completed;
        let closes = any && self.asks.iter().any(completed);
        for ask in &mut self.asks {
            if closes && ask.step.state.is_open() {
                ask.step(Step::of(State::Closed));
            } else if !closes && ask.step.state == State::Closed {
                ask.step = ask.before.take().unwrap_or_default();
            }
        }
    }
}
