//! Which tasks of a list are wanted: how an address says it, and what the
//! statements compare with.

use yoshi_protocol::Kind;
use yoshi_protocol::limit::{ACCOUNT_NAME_CHARS_MAX, SHORT_TEXT_CHARS_MAX};
use yoshi_protocol::message::task::AskState;

use crate::clock::Clock;
use crate::visitor::Form;
use crate::word;

/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000;
/// What stands for no due date in the statements.
pub(crate) const NO_DUE: i64 = 9_000_000_000_000_000;

/// How important, as people name it: the word, and the least and greatest number.
pub(crate) const IMPORTANCES: [(&str, i16, i16); 4] = [
    ("critical", 1, 2),
    ("high", 3, 4),
    ("normal", 5, 5),
    ("low", 6, 9),
];

/// When it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Overdue,
    Today,
    Week,
    Undated,
}

impl Due {
    /// Every one: its name in an address, and for people.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Overdue, "overdue", "overdue"),
        (Self::Today, "today", "today"),
        (Self::Week, "week", "in seven days"),
        (Self::Undated, "none", "no due date"),
    ];
}

/// Which tasks of a list are wanted; by default all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// How it stands with the reader; in what they ask, with anybody.
    pub state: Option<AskState>,
    pub kind: Option<Kind>,
    /// One of [`IMPORTANCES`].
    pub importance: Option<(&'static str, i16, i16)>,
    pub due: Option<Due>,
    /// Who sends it, or is asked.
    pub person: Option<String>,
    /// The sender's, or the reader's own.
    pub label: Option<String>,
}

/// The names of the fields, in an address.
pub(crate) const FIELDS: [&str; 6] = ["state", "kind", "importance", "due", "person", "label"];

impl Filter {
    /// What an address says. What it does not understand counts as nothing.
    pub(crate) fn from_form(form: &Form) -> Self {
        // Postgres knows no U+0000.
        let word = |name: &str, mark: char, chars: usize| {
            let text = form.text(name).trim().trim_start_matches(mark);
            let kept = text.chars().filter(|char| !char.is_control()).take(chars);
            Some(kept.collect::<String>()).filter(|text| !text.is_empty())
        };
        let due = Due::ALL
            .iter()
            .find(|(_, name, _)| *name == form.text("due"));
        let named = form.text("importance");
        Self {
            state: word::state_of(form.text("state")),
            kind: word::kind_of(form.text("kind")),
            importance: IMPORTANCES.into_iter().find(|(name, _, _)| *name == named),
            due: due.map(|(due, _, _)| *due),
            person: word("person", '@', ACCOUNT_NAME_CHARS_MAX).map(|name| name.to_lowercase()),
            label: word("label", '#', SHORT_TEXT_CHARS_MAX),
        }
    }

    /// Whether all tasks are wanted.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What it wants: each field's name, its value in an address, and for people.
    pub(crate) fn wanted(&self) -> Vec<(&'static str, String, String)> {
        let both = |text: &String| (text.clone(), text.clone());
        let due = Due::ALL.iter().find(|(due, _, _)| Some(*due) == self.due);
        let values = [
            self.state.map(|state| {
                let words = word::state(state).to_owned();
                (word::state_name(state).to_owned(), words)
            }),
            self.kind.map(|kind| both(&word::kind(kind).to_owned())),
            self.importance.map(|(name, _, _)| both(&name.to_owned())),
            due.map(|(_, name, words)| ((*name).to_owned(), (*words).to_owned())),
            self.person.as_ref().map(both),
            self.label.as_ref().map(both),
        ];
        let all = FIELDS.into_iter().zip(values);
        all.filter_map(|(field, value)| value.map(|(value, words)| (field, value, words)))
            .collect()
    }

    /// The address of a list with these filters; one of them may be left out.
    pub(crate) fn address(&self, path: &str, without: Option<&str>) -> String {
        let wanted = self.wanted();
        let kept = wanted
            .iter()
            .filter(|(field, _, _)| Some(*field) != without);
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (field, value, _) in kept {
            query.append_pair(field, value);
        }
        match query.finish() {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }

    /// The state, for columns.
    pub(crate) fn state_name(&self) -> Option<&'static str> {
        self.state.map(word::state_name)
    }

    /// The kind, for columns.
    pub(crate) fn kind_name(&self) -> Option<&'static str> {
        self.kind.map(word::kind)
    }

    /// The least and greatest number.
    pub(crate) fn importance_between(&self) -> (i16, i16) {
        self.importance
            .map_or((0, 9), |(_, least, most)| (least, most))
    }

    /// From when to when, as the statements compare it on a reader's clock.
    pub(crate) fn due_between(&self, clock: &Clock) -> (i64, i64) {
        let (now, tonight) = (clock.now_civil(), clock.end_of_today());
        match self.due {
            None => (i64::MIN, i64::MAX),
            Some(Due::Overdue) => (i64::MIN, now - 1),
            Some(Due::Today) => (now, tonight),
            Some(Due::Week) => (now, tonight + 7 * DAY),
            Some(Due::Undated) => (NO_DUE, NO_DUE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(fields: &str) -> Filter {
        Filter::from_form(&Form::parse(fields.as_bytes()))
    }

    #[test]
    fn an_address_reads_back() {
        let all = "state=in_process&kind=decide&importance=high&due=week&person=ana&label=q%264";
        let found = filter(all);
        assert_eq!(found.address("/", None), format!("/?{all}"));
        assert_eq!(
            found.address("/asked", Some("label")),
            "/asked?state=in_process&kind=decide&importance=high&due=week&person=ana"
        );
        assert_eq!(filter("person=+%40Ana+&label=%23x").person.unwrap(), "ana");
        assert_eq!(Filter::default().address("/", None), "/");
    }

    #[test]
    fn what_is_not_understood_counts_as_nothing() {
        for fields in [
            "",
            "state=x&kind=&importance=7&due=soon&person=%00&label=%23",
        ] {
            assert!(filter(fields).is_empty(), "{fields}");
        }
    }

    #[test]
    fn due_dates_on_the_reader_s_clock() {
        let clock = Clock::at("2026-11-23T10:00:00+01:00[Europe/Berlin]".parse().unwrap());
        let between = |due| filter(&format!("due={due}")).due_between(&clock);
        let (now, tonight) = between("today");
        assert_eq!(tonight - now, 14 * 60 * 60 * 1_000 - 1);
        assert_eq!(between("overdue").1, now - 1);
        assert_eq!(between("week"), (now, tonight + 7 * DAY));
        assert_eq!(between("none"), (NO_DUE, NO_DUE));
    }
}
