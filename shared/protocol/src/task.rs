//! A task as its sender makes it, and the rules of its form (PRODUCT model:
//! iCalendar VTODO, RFC 5545).
//!
//! Servers keep and pass on the bytes that the client made, so that fields a
//! server does not know survive it. The form is checked before a task is
//! numbered: what one server accepts, every server can apply.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cbor::{self, Bound, DecodeError};
use crate::limit;
use crate::name::{AccountName, TaskId};

/// A task for one or several recipients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTask {
    /// Made by the client; the idempotency key of the send.
    pub id: TaskId,
    /// When it is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<When>,
    /// What is wanted, in Markdown. At most 64 KiB.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// What kind of answer is wanted.
    #[serde(default)]
    pub kind: Kind,
    /// Web addresses that belong to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// Not before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<When>,
    /// What is wanted, in one line of 1 to 255 characters.
    pub title: String,
    /// The sender's estimate, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<u32>,
    /// The sender's labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The task that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TaskId>,
    /// What to choose between: 2 to 10 for kind `decide`, else none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Who may see it.
    #[serde(default)]
    pub privacy: Privacy,
    /// When several are asked: whose answers complete it.
    #[serde(default)]
    pub completion: Completion,
    /// The task that must be done before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depends_on: Option<TaskId>,
    /// iCalendar PRIORITY: 0 unset, 1 highest, 5 normal, 9 lowest.
    #[serde(default = "normal_importance")]
    pub importance: u8,
    /// Who is asked: 1 to 100 accounts, each once.
    pub recipients: Vec<AccountName>,
    /// When an answer (yes, no, later) is wanted: a date-time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond_by: Option<When>,
}

const IMPORTANCE_NORMAL: u8 = 5;

const fn normal_importance() -> u8 {
    IMPORTANCE_NORMAL
}

/// What kind of answer a task asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Do something.
    #[default]
    Do,
    /// Choose one of the options.
    Decide,
    /// Answer a question.
    Answer,
    /// Approve, or ask for changes.
    Review,
    /// Read it.
    Read,
    /// A note to oneself.
    Note,
}

/// Whose answers complete a task of several recipients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completion {
    /// The first one's.
    Any,
    /// Everybody's.
    #[default]
    All,
    /// Each one's for themselves.
    Each,
}

/// Who may see a task (iCalendar CLASS).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    /// Anybody in the organisation.
    Public,
    /// Sender and recipients.
    #[default]
    Private,
    /// Sender and recipients, and it is not to be passed on.
    Confidential,
}

/// A day, or a moment: `2026-11-27`, `2026-11-27T16:00:00` (floating: wherever
/// the reader is), `2026-11-27T16:00:00Z`, or `2026-11-27T16:00:00[Europe/Berlin]`.
///
/// Text on the wire. The zone's name is kept as it is; whether it exists is
/// for whoever shows it to find out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum When {
    /// A whole day.
    Day(jiff::civil::Date),
    /// A moment on the reader's own clock.
    Floating(jiff::civil::DateTime),
    /// A moment in UTC.
    Utc(jiff::civil::DateTime),
    /// A moment on the clock of a place.
    Zoned(jiff::civil::DateTime, Box<str>),
}

/// Text that is not a [`When`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a date (2026-11-27) or date-time (2026-11-27T16:00:00, with Z or [Zone/Name])"
)]
pub struct InvalidWhen(String);

impl FromStr for When {
    type Err = InvalidWhen;

    fn from_str(text: &str) -> Result<Self, InvalidWhen> {
        let invalid = || InvalidWhen(text.chars().take(64).collect());
        if text.len() == 10 {
            return text.parse().map(Self::Day).map_err(|_| invalid());
        }
        let (moment, rest) = text.split_at_checked(19).ok_or_else(invalid)?;
        if moment.as_bytes()[10] != b'T' {
            return Err(invalid());
        }
        let moment = moment.parse().map_err(|_| invalid())?;
        match rest {
            "" => Ok(Self::Floating(moment)),
            "Z" => Ok(Self::Utc(moment)),
            _ => {
                let zone = rest
                    .strip_prefix('[')
                    .and_then(|rest| rest.strip_suffix(']'));
                let zone = zone.filter(|zone| is_zone_name(zone)).ok_or_else(invalid)?;
                Ok(Self::Zoned(moment, zone.into()))
            }
        }
    }
}

fn is_zone_name(zone: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/');
    (1..=64).contains(&zone.len()) && zone.bytes().all(safe)
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Floating(moment) => write!(f, "{moment:.0}"),
            Self::Utc(moment) => write!(f, "{moment:.0}Z"),
            Self::Zoned(moment, zone) => write!(f, "{moment:.0}[{zone}]"),
        }
    }
}

impl TryFrom<String> for When {
    type Error = InvalidWhen;
    fn try_from(text: String) -> Result<Self, InvalidWhen> {
        text.parse()
    }
}

impl From<When> for String {
    fn from(when: When) -> Self {
        when.to_string()
    }
}

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
    /// A task with a title for these recipients, everything else at its default.
    #[must_use]
    pub fn new(title: impl Into<String>, recipients: Vec<AccountName>) -> Self {
        Self {
            id: TaskId::fresh(),
            due: None,
            body: String::new(),
            kind: Kind::default(),
            links: Vec::new(),
            start: None,
            title: title.into(),
            effort: None,
            labels: Vec::new(),
            parent: None,
            options: Vec::new(),
            privacy: Privacy::default(),
            completion: Completion::default(),
            depends_on: None,
            importance: IMPORTANCE_NORMAL,
            recipients,
            respond_by: None,
        }
    }

    /// Decodes a task and checks its form.
    ///
    /// # Errors
    /// [`InvalidTask`], in words for the sender.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidTask> {
        let task: Self = cbor::decode(bytes, Bound::TASK)?;
        task.check()?;
        Ok(task)
    }

    /// Checks the form of every field.
    ///
    /// # Errors
    /// [`InvalidTask::Field`], which names the first field that breaks a rule.
    pub fn check(&self) -> Result<(), InvalidTask> {
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
        one_line_each("labels", &self.labels)?;
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
    fn moments_read_and_write_back_the_same() {
        for text in [
            "2026-11-27",
            "2026-11-27T16:00:00",
            "2026-11-27T16:00:00Z",
            "2026-11-27T16:00:00[Europe/Berlin]",
        ] {
            assert_eq!(text.parse::<When>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "tomorrow",
            "2026-02-30",
            "2026-11-27 16:00:00",
            "2026-11-27T25:00:00",
            "2026-11-27T16:00:00[]",
            "2026-11-27T16:00:00[a b]",
            "2026-11-27T16:00:00+01:00",
            "ääääääääää",
        ] {
            assert!(text.parse::<When>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn unknown_keys_are_ignored_and_known_ones_required() {
        let known = cbor::encode(&task());
        // One more pair at the end of the map: a key longer than all others.
        let mut newer = known.clone();
        newer[0] += 1;
        newer.extend(b"\x6dnewer_feature\xf5");
        assert_eq!(
            NewTask::decode(&newer).unwrap(),
            NewTask::decode(&known).unwrap()
        );
        assert!(matches!(
            NewTask::decode(b"\xa0"),
            Err(InvalidTask::Malformed(_))
        ));
    }
}
