//! The rules of a task's form, and why a task is refused.

use std::collections::BTreeSet;

use super::{Kind, NewTask, When};
use crate::cbor::DecodeError;
use crate::limit;

/// How a link may begin, in capitals or not.
const LINK_SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

/// Why a task is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTask {
    /// The bytes are not a task at all.
    #[error("the task cannot be read: {0}")]
    Malformed(#[from] DecodeError),
    /// A field breaks a rule.
    #[error("{field}: {rule}")]
    Field {
        /// The field's key on the wire.
        field: &'static str,
        /// The rule, in words.
        rule: String,
    },
}

impl NewTask {
    /// Checks the form of every field, and that they make sense together.
    ///
    /// # Errors
    /// [`InvalidTask::Field`], which names the first field that breaks a rule.
    pub fn check(&self) -> Result<(), InvalidTask> {
        self.check_logged()?;
        self.check_sense()
    }

    /// The rules that hold for every task of the log. They never grow stricter:
    /// what is in the log already must stay applicable.
    ///
    /// # Errors
    /// [`InvalidTask::Field`].
    pub fn check_logged(&self) -> Result<(), InvalidTask> {
        one_line("title", &self.title, limit::TITLE_CHARS_MAX)?;
        if self.body.len() > limit::BODY_BYTES_MAX {
            return Err(rule(
                "body",
                format!("at most {} bytes", limit::BODY_BYTES_MAX),
            ));
        }
        if self
            .body
            .chars()
            .any(|char| char.is_control() && !matches!(char, '\n' | '\t'))
        {
            return Err(rule(
                "body",
                "no control characters but line feed and tab".into(),
            ));
        }
        Self::check_labels(&self.labels)?;
        one_line_each("links", &self.links)?;
        one_line_each("options", &self.options)?;
        self.check_options()?;
        if self.importance > 9 {
            return Err(rule("importance", "0 to 9 (1 is highest, 5 normal)".into()));
        }
        if self
            .effort
            .is_some_and(|minutes| minutes > limit::EFFORT_MINUTES_MAX)
        {
            return Err(rule(
                "effort",
                format!("at most {} minutes", limit::EFFORT_MINUTES_MAX),
            ));
        }
        if matches!(self.respond_by, Some(When::Day(_))) {
            return Err(rule("respond_by", "a date-time, not a whole day".into()));
        }
        self.check_recipients()
    }

    /// The rules for labels, a sender's or one's own.
    pub(crate) fn check_labels(labels: &[String]) -> Result<(), InvalidTask> {
        one_line_each("labels", labels)
    }

    /// The rules for a task that is sent now.
    pub(crate) fn check_sense(&self) -> Result<(), InvalidTask> {
        if !self.links.iter().all(|link| is_web_address(link)) {
            let [secure, plain, mail] = LINK_SCHEMES;
            let schemes = format!("each begins with {secure}, {plain} or {mail}");
            return Err(rule("links", schemes));
        }
        let distinct: BTreeSet<_> = self.options.iter().map(|option| option.trim()).collect();
        if distinct.len() < self.options.len() {
            return Err(rule("options", "each once".into()));
        }
        self.check_start()
    }

    /// A task does not start after it is due.
    ///
    /// # Errors
    /// [`InvalidTask::Field`], for `start`.
    pub fn check_start(&self) -> Result<(), InvalidTask> {
        match (&self.start, &self.due) {
            (Some(start), Some(due)) if start.is_surely_after(due) => {
                Err(rule("start", "must not be after due".into()))
            }
            _ => Ok(()),
        }
    }

    fn check_options(&self) -> Result<(), InvalidTask> {
        let count = self.options.len();
        match self.kind {
            Kind::Decide if !(limit::OPTIONS_MIN..=limit::OPTIONS_MAX).contains(&count) => {
                Err(rule("options", "kind decide needs 2 to 10".into()))
            }
            Kind::Do | Kind::Answer | Kind::Review | Kind::Read | Kind::Note if count > 0 => {
                Err(rule("options", "only kind decide has options".into()))
            }
            Kind::Do | Kind::Decide | Kind::Answer | Kind::Review | Kind::Read | Kind::Note => {
                Ok(())
            }
        }
    }

    fn check_recipients(&self) -> Result<(), InvalidTask> {
        if !(1..=limit::RECIPIENTS_MAX).contains(&self.recipients.len()) {
            return Err(rule(
                "recipients",
                format!("1 to {}", limit::RECIPIENTS_MAX),
            ));
        }
        let distinct: BTreeSet<_> = self.recipients.iter().collect();
        if distinct.len() < self.recipients.len() {
            return Err(rule("recipients", "each account once".into()));
        }
        Ok(())
    }
}

/// Whether a link can be shown to be followed. Others, `javascript:` above
/// all, would do something else where they are shown.
fn is_web_address(link: &str) -> bool {
    LINK_SCHEMES.iter().any(|scheme| {
        let begin = link.get(..scheme.len());
        link.len() > scheme.len() && begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    })
}

fn rule(field: &'static str, rule: String) -> InvalidTask {
    InvalidTask::Field { field, rule }
}

fn one_line(field: &'static str, text: &str, chars_max: usize) -> Result<(), InvalidTask> {
    if text.trim().is_empty() {
        return Err(rule(field, "must not be empty".into()));
    }
    if text.chars().count() > chars_max {
        return Err(rule(field, format!("at most {chars_max} characters")));
    }
    let breaks_line = |char: char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}');
    if text.chars().any(breaks_line) {
        return Err(rule(field, "one line, without control characters".into()));
    }
    Ok(())
}

fn one_line_each(field: &'static str, texts: &[String]) -> Result<(), InvalidTask> {
    if texts.len() > limit::LABELS_MAX {
        return Err(rule(field, format!("at most {}", limit::LABELS_MAX)));
    }
    texts
        .iter()
        .try_for_each(|text| one_line(field, text, limit::SHORT_TEXT_CHARS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::AccountName;

    fn task() -> NewTask {
        NewTask::new("Ship 1.2", vec![AccountName::new("ana").unwrap()])
    }

    fn field_refused(change: impl FnOnce(&mut NewTask)) -> &'static str {
        let mut task = task();
        change(&mut task);
        match task.check() {
            Err(InvalidTask::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_field_has_its_rule() {
        assert_eq!(task().check(), Ok(()));
        assert_eq!(field_refused(|task| task.title.clear()), "title");
        assert_eq!(field_refused(|task| task.title = "a\r\nb".into()), "title");
        assert_eq!(field_refused(|task| task.title = "ä".repeat(256)), "title");
        assert_eq!(field_refused(|task| task.body = "a\0".into()), "body");
        assert_eq!(field_refused(|task| task.body = "a\r\n".into()), "body");
        assert_eq!(field_refused(|task| task.body = "x".repeat(65_537)), "body");
        assert_eq!(
            field_refused(|task| task.labels = vec![String::new()]),
            "labels"
        );
        assert_eq!(
            field_refused(|task| task.links = vec!["x".into(); 51]),
            "links"
        );
        assert_eq!(field_refused(|task| task.kind = Kind::Decide), "options");
        assert_eq!(
            field_refused(|task| task.options = vec!["x".into()]),
            "options"
        );
        assert_eq!(field_refused(|task| task.importance = 10), "importance");
        assert_eq!(field_refused(|task| task.effort = Some(u32::MAX)), "effort");
        assert_eq!(
            field_refused(|task| task.respond_by = "2026-11-27".parse().ok()),
            "respond_by"
        );
        assert_eq!(field_refused(|task| task.recipients.clear()), "recipients");
        assert_eq!(
            field_refused(|task| task.recipients.push(task.recipients[0].clone())),
            "recipients"
        );
    }

    #[test]
    fn links_lead_to_the_web_or_to_mail() {
        for link in [
            "https://example.org",
            "HTTP://example.org",
            "mailto:ana@example.org",
        ] {
            let mut task = task();
            task.links = vec![link.into()];
            assert_eq!(task.check(), Ok(()), "{link}");
        }
        for link in ["javascript:alert(1)", "https:", "mailto:", "ä", "x"] {
            let refused = field_refused(|task| {
                task.links = vec!["https://example.org".into(), link.into()];
            });
            assert_eq!(refused, "links", "{link}");
        }
    }

    #[test]
    fn options_differ_and_a_start_is_not_after_its_due() {
        let options = |options: [&str; 2]| {
            let mut task = task();
            task.kind = Kind::Decide;
            task.options = options.map(str::to_owned).to_vec();
            task.check()
        };
        assert_eq!(options(["ship", "wait"]), Ok(()));
        assert!(options(["ship", "ship"]).is_err() && options(["ship", "ship "]).is_err());
        let refused = field_refused(|task| {
            task.start = "2026-11-28".parse().ok();
            task.due = "2026-11-27".parse().ok();
        });
        assert_eq!(refused, "start");
    }

    #[test]
    fn the_log_keeps_what_later_rules_forbid() {
        let mut task = task();
        task.links = vec!["gopher://example.org".into()];
        let bytes = crate::cbor::encode(&task);
        assert!(NewTask::decode(&bytes).is_err());
        assert_eq!(NewTask::decode_logged(&bytes), Ok(task));
    }
}
