//! The rules of a change's form.

use std::collections::BTreeSet;

use super::{Answer, Revise, Verb, Verdict};
use crate::limit;
use crate::task::{InvalidTask, Kind, NewTask};

impl Verb {
    /// Checks the form.
    ///
    /// # Errors
    /// [`InvalidTask::Field`], which names the first field that breaks a rule.
    pub fn check(&self) -> Result<(), InvalidTask> {
        match self {
            Self::Accept
            | Self::Start
            | Self::Undo
            | Self::Remind
            | Self::Snooze { .. }
            | Self::Read { .. } => Ok(()),
            Self::Decline { reason } => said("reason", reason),
            Self::Progress { percent } if *percent > 99 => Err(rule(
                "percent",
                "0 to 99; complete the task when it is done",
            )),
            Self::Progress { .. } => Ok(()),
            Self::Complete(answer) => answer.check(),
            Self::Revise(revise) => revise.check(),
            Self::Withdraw { reason, recipients } => {
                text("reason", reason)?;
                each_once(recipients.len(), recipients.iter().collect())
            }
            Self::Reopen { reason, recipients } => {
                said("reason", reason)?;
                each_once(recipients.len(), recipients.iter().collect())
            }
            Self::Comment { text } => said("text", text),
            Self::Label { labels } => {
                NewTask::check_labels(labels)?;
                let distinct: BTreeSet<_> = labels.iter().collect();
                if distinct.len() < labels.len() {
                    return Err(rule("labels", "each once"));
                }
                Ok(())
            }
        }
    }
}

impl Answer {
    fn check(&self) -> Result<(), InvalidTask> {
        match self {
            Self::Done { text: said } | Self::Decided { text: said, .. } => text("text", said),
            Self::Answered { text } => said("text", text),
            Self::Reviewed {
                text,
                verdict: Verdict::Changes,
            } => said("text", text),
            Self::Reviewed {
                text: words,
                verdict: Verdict::Approve,
            } => text("text", words),
            Self::Acknowledged => Ok(()),
        }
    }

    /// Whether it is the answer that this task's kind demands.
    ///
    /// # Errors
    /// [`InvalidTask::Field`], which says what is demanded.
    pub fn check_for(&self, task: &NewTask) -> Result<(), InvalidTask> {
        let demanded = match (task.kind, self) {
            (Kind::Do, Self::Done { .. })
            | (Kind::Answer, Self::Answered { .. })
            | (Kind::Review, Self::Reviewed { .. })
            | (Kind::Read | Kind::Note, Self::Acknowledged) => return Ok(()),
            (Kind::Decide, Self::Decided { option, .. }) => {
                if task.options.contains(option) {
                    return Ok(());
                }
                "one of the task's options"
            }
            (Kind::Do, _) => "kind do is completed with done",
            (Kind::Decide, _) => "kind decide is completed with one of its options",
            (Kind::Answer, _) => "kind answer is completed with a text",
            (Kind::Review, _) => "kind review is completed with approve or changes",
            (Kind::Read | Kind::Note, _) => "kinds read and note are acknowledged",
        };
        Err(rule("answer", demanded))
    }
}

impl Revise {
    /// The form of the fields is that of a task: it is checked when the change
    /// meets the task. Here only what no task can have is refused, and what no
    /// task that is sent now may have.
    fn check(&self) -> Result<(), InvalidTask> {
        if *self
            == (Self {
                revision: self.revision,
                ..Self::default()
            })
        {
            return Err(rule("revise", "changes nothing"));
        }
        self.apply(&NewTask::new("x", Vec::new())).check_sense()
    }
}

fn said(field: &'static str, words: &str) -> Result<(), InvalidTask> {
    if words.trim().is_empty() {
        return Err(rule(field, "must not be empty"));
    }
    text(field, words)
}

fn text(field: &'static str, words: &str) -> Result<(), InvalidTask> {
    if words.len() > limit::COMMENT_BYTES_MAX {
        return Err(InvalidTask::Field {
            field,
            rule: format!("at most {} bytes", limit::COMMENT_BYTES_MAX),
        });
    }
    let allowed = |char: char| !char.is_control() || matches!(char, '\n' | '\t');
    if !words.chars().all(allowed) {
        return Err(rule(field, "no control characters but line feed and tab"));
    }
    Ok(())
}

fn each_once(count: usize, distinct: BTreeSet<&crate::AccountName>) -> Result<(), InvalidTask> {
    if count > limit::RECIPIENTS_MAX {
        return Err(InvalidTask::Field {
            field: "recipients",
            rule: format!("at most {}", limit::RECIPIENTS_MAX),
        });
    }
    if distinct.len() < count {
        return Err(rule("recipients", "each account once"));
    }
    Ok(())
}

fn rule(field: &'static str, rule: &str) -> InvalidTask {
    InvalidTask::Field {
        field,
        rule: rule.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor;
    use crate::change::TaskChange;
    use crate::name::{AccountName, TaskId};

    fn refused(verb: Verb) -> &'static str {
        let change = TaskChange::new(TaskId::fresh(), verb);
        match TaskChange::decode(&cbor::encode(&change)) {
            Err(InvalidTask::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    fn accepted(verb: Verb) {
        let change = TaskChange::new(TaskId::fresh(), verb);
        assert_eq!(TaskChange::decode(&cbor::encode(&change)), Ok(change));
    }

    #[test]
    fn every_verb_has_its_form() {
        let empty = String::new;
        assert_eq!(refused(Verb::Decline { reason: " ".into() }), "reason");
        assert_eq!(refused(Verb::Progress { percent: 100 }), "percent");
        assert_eq!(refused(Verb::Comment { text: empty() }), "text");
        assert_eq!(refused(Verb::Comment { text: "a\r".into() }), "text");
        assert_eq!(
            refused(Verb::Comment {
                text: "x".repeat(limit::COMMENT_BYTES_MAX + 1)
            }),
            "text"
        );
        assert_eq!(refused(Verb::Revise(Box::default())), "revise");
        let links = Some(vec!["javascript:alert(1)".to_owned()]);
        let revise = Revise {
            links,
            ..Revise::default()
        };
        assert_eq!(refused(Verb::Revise(Box::new(revise))), "links");
        let labels = vec!["a".to_owned(), "a".to_owned()];
        assert_eq!(refused(Verb::Label { labels }), "labels");
        let ana = AccountName::new("ana").unwrap();
        let recipients = vec![ana.clone(), ana];
        let reason = empty();
        assert_eq!(refused(Verb::Withdraw { reason, recipients }), "recipients");
        let verdict = Verdict::Changes;
        let text = empty();
        assert_eq!(
            refused(Verb::Complete(Answer::Reviewed { text, verdict })),
            "text"
        );
        accepted(Verb::Accept);
        accepted(Verb::Snooze { until: None });
        accepted(Verb::Complete(Answer::Acknowledged));
    }

    #[test]
    fn a_revision_unsets_by_null_and_keeps_what_is_absent() {
        let revise = Revise {
            due: Some(None),
            title: Some("Ship 1.3".into()),
            revision: 1,
            ..Revise::default()
        };
        accepted(Verb::Revise(Box::new(revise.clone())));
        let mut task = NewTask::new("Ship 1.2", vec![AccountName::new("ana").unwrap()]);
        task.due = "2026-11-27".parse().ok();
        task.effort = Some(90);
        let revised = revise.apply(&task);
        assert_eq!((revised.due, revised.effort), (None, Some(90)));
        assert_eq!(revised.title, "Ship 1.3");
        assert!(revise.asks_again());
    }

    #[test]
    fn each_kind_demands_its_answer() {
        let mut task = NewTask::new("Ship?", vec![AccountName::new("ana").unwrap()]);
        task.kind = Kind::Decide;
        task.options = vec!["ship".into(), "wait".into()];
        let decided = |option: &str| Answer::Decided {
            text: String::new(),
            option: option.to_owned(),
        };
        assert_eq!(decided("ship").check_for(&task), Ok(()));
        assert!(decided("fly").check_for(&task).is_err());
        assert!(Answer::Acknowledged.check_for(&task).is_err());
        task.kind = Kind::Read;
        assert_eq!(Answer::Acknowledged.check_for(&task), Ok(()));
    }
}
