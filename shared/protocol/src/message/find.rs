//! FIND_TASKS: which of an account's tasks pass some filters, and hold some
//! words; and the rules of such a search's form.

use std::collections::HashSet;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use super::task::{AskState, ServerApplied, TaskStatus, TaskView};
use crate::credential::Credential;
use crate::limit;
use crate::name::{AccountName, Position};
use crate::task::{Kind, When};

/// FIND_TASKS: a page of an account's tasks, the latest sent first. The account
/// stands in the subject.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FindTasks {
    /// The highest position that the client knows of: what was accounted for up
    /// to there is looked through. 0 if it does not matter.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub known: Position,
    /// How many tasks at most; the server's own limit holds as well.
    pub limit: u32,
    /// Only tasks that were sent before this position: the cursor of the
    /// previous page. None for the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Position>,
    /// Which tasks.
    pub filter: Filter,
    /// The account's.
    pub credential: Credential,
}

fn is_zero(position: &Position) -> bool {
    *position == Position::ZERO
}

/// Which of an account's tasks are wanted: those that pass everything that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// What the reader's clock shows, without a zone: what `snoozed` goes by. If
    /// none is given, the server's clock in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<When>,
    /// In which of the account's lists.
    pub list: List,
    /// Words that its title, body, options, links, labels or people must hold, in
    /// any order; the last one may be the beginning of a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// One of these kinds; any if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Kind>,
    /// All of these labels, each the sender's or the account's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// One of these at the other end: the sender, or in the list of what was
    /// sent a recipient.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<AccountName>,
    /// How the account's own ask stands, or in the list of what was sent
    /// somebody's. With `statuses`, one of either must fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<AskState>,
    /// Whether the account has put it out of its sight until later than `now`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed: Option<bool>,
    /// How it stands as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<TaskStatus>,
    /// Due later than this day or moment, as the clocks of both show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_after: Option<When>,
    /// Due earlier than this day or moment, as the clocks of both show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_before: Option<When>,
    /// So important.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<Levels>,
}

/// One of an account's two lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum List {
    /// What others, or itself, ask of it.
    #[default]
    Inbox,
    /// What it asks of others.
    Sent,
}

/// Degrees of importance, both ends included: 1 is highest, 9 lowest, 0 unset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels {
    /// The last number.
    pub to: u8,
    /// The first number.
    pub from: u8,
}

/// The answer to FIND_TASKS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TasksFound {
    /// In descending order of `position`. There may be none, and more further on.
    pub tasks: Vec<TaskView>,
    /// Tasks may be missing, or be found by what they said before: the server may
    /// lack what was accounted for elsewhere, or has not looked through
    /// everything that it has.
    pub behind: bool,
    /// Where the next page continues; none after the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Position>,
    /// Everything that was sent or revised up to here was looked through.
    pub indexed: Position,
    /// How far each live message server had applied the log when last heard.
    pub servers: Vec<ServerApplied>,
}

/// Why a search is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct InvalidQuery {
    /// The field's key on the wire.
    pub field: &'static str,
    /// The rule, in words.
    pub rule: String,
}

impl InvalidQuery {
    /// A field breaks a rule.
    #[must_use]
    pub fn new(field: &'static str, rule: impl Into<String>) -> Self {
        Self {
            field,
            rule: rule.into(),
        }
    }
}

impl Filter {
    /// Everything in a list.
    #[must_use]
    pub fn of(list: List) -> Self {
        Self {
            list,
            ..Self::default()
        }
    }

    /// Checks the form.
    ///
    /// # Errors
    /// [`InvalidQuery`], which names the first field that breaks a rule.
    pub fn check(&self) -> Result<(), InvalidQuery> {
        if !matches!(self.now, None | Some(When::Floating(_))) {
            return Err(InvalidQuery::new("now", "a date-time without a zone"));
        }
        if let Some(text) = &self.text {
            check_text(text)?;
        }
        each_once("kinds", &self.kinds)?;
        each_once("states", &self.states)?;
        each_once("statuses", &self.statuses)?;
        few("labels", self.labels.len())?;
        few("people", self.people.len())?;
        let fits =
            |label: &String| (1..=limit::SHORT_TEXT_CHARS_MAX).contains(&label.chars().count());
        if !self.labels.iter().all(fits) {
            let rule = format!("1 to {} characters each", limit::SHORT_TEXT_CHARS_MAX);
            return Err(InvalidQuery::new("labels", rule));
        }
        match self.importance {
            Some(Levels { to, from }) if from > to || to > 9 => Err(InvalidQuery::new(
                "importance",
                "from 0 to 9, the lower number first",
            )),
            _ => Ok(()),
        }
    }
}

fn check_text(text: &str) -> Result<(), InvalidQuery> {
    if text.chars().count() > limit::FIND_TEXT_CHARS_MAX {
        let rule = format!("at most {} characters", limit::FIND_TEXT_CHARS_MAX);
        return Err(InvalidQuery::new("text", rule));
    }
    if !text.chars().any(char::is_alphanumeric) {
        return Err(InvalidQuery::new("text", "holds no word to look for"));
    }
    Ok(())
}

/// There are few of each to choose from, so that this bounds them, too.
fn each_once<T: Eq + Hash>(field: &'static str, chosen: &[T]) -> Result<(), InvalidQuery> {
    let distinct: HashSet<_> = chosen.iter().collect();
    if distinct.len() < chosen.len() {
        return Err(InvalidQuery::new(field, "each once"));
    }
    Ok(())
}

fn few(field: &'static str, count: usize) -> Result<(), InvalidQuery> {
    if count > limit::FIND_NAMES_MAX {
        return Err(InvalidQuery::new(
            field,
            format!("at most {}", limit::FIND_NAMES_MAX),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Filter)) -> &'static str {
        let mut filter = Filter::of(List::Sent);
        change(&mut filter);
        filter.check().expect_err("must be refused").field
    }

    #[test]
    fn every_filter_has_its_rule() {
        assert_eq!(Filter::default().check(), Ok(()));
        let zoned = "2026-11-27T16:00:00[Europe/Berlin]".parse().ok();
        assert_eq!(refused(|filter| filter.now = zoned), "now");
        for text in ["", " ?!", &"x".repeat(257)] {
            let text = Some(text.to_owned());
            assert_eq!(refused(|filter| filter.text = text), "text");
        }
        assert_eq!(refused(|filter| filter.kinds = vec![Kind::Do; 2]), "kinds");
        let accepted = vec![AskState::Accepted; 2];
        assert_eq!(refused(|filter| filter.states = accepted), "states");
        let cancelled = vec![TaskStatus::Cancelled; 2];
        assert_eq!(refused(|filter| filter.statuses = cancelled), "statuses");
        for labels in [
            vec![String::new()],
            vec!["x".repeat(1_001)],
            vec!["x".to_owned(); 21],
        ] {
            assert_eq!(refused(|filter| filter.labels = labels), "labels");
        }
        let people = vec![AccountName::new("ana").unwrap(); 21];
        assert_eq!(refused(|filter| filter.people = people), "people");
        for (from, to) in [(3, 1), (0, 10)] {
            let levels = Some(Levels { to, from });
            assert_eq!(refused(|filter| filter.importance = levels), "importance");
        }
    }

    #[test]
    fn a_full_search_is_good() {
        let filter = Filter {
            now: "2026-11-27T16:00:00".parse().ok(),
            text: Some("x".repeat(limit::FIND_TEXT_CHARS_MAX)),
            kinds: vec![Kind::Do, Kind::Note],
            labels: vec!["ä".repeat(1_000); 20],
            importance: Some(Levels { to: 9, from: 0 }),
            ..Filter::default()
        };
        assert_eq!(filter.check(), Ok(()));
    }
}
