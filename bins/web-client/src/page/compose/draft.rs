//! A task as it stands in the form: what was typed, kept whatever it is.

mod meaning;

use yoshi_protocol::{AccountName, Kind, NewTask, When};

use crate::clock::Clock;
use crate::quick::Understood;
use crate::visitor::Form;
use crate::word;

pub(crate) use meaning::labels;

/// What was typed.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub id: String,
    pub to: String,
    pub title: String,
    pub kind: String,
    pub options: String,
    pub body: String,
    pub due_day: String,
    pub due_time: String,
    pub importance: String,
    pub labels: String,
    pub start: String,
    pub respond_by: String,
    pub effort: String,
    pub completion: String,
    pub privacy: String,
    pub links: String,
}

impl Draft {
    pub(super) fn from_form(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        Self {
            id: text("task"),
            to: text("to"),
            title: text("title"),
            kind: text("kind"),
            options: text("options"),
            body: text("body"),
            due_day: text("due_day"),
            due_time: text("due_time"),
            importance: text("importance"),
            labels: text("labels"),
            start: text("start"),
            respond_by: text("respond_by"),
            effort: text("effort"),
            completion: text("completion"),
            privacy: text("privacy"),
            links: text("links"),
        }
    }

    pub(super) fn from_line(found: &Understood, clock: &Clock) -> Self {
        let names = found.recipients.iter().map(AccountName::as_str);
        let to: Vec<_> = names
            .chain(found.not_names.iter().map(String::as_str))
            .collect();
        let (due_day, due_time) = found
            .due
            .as_ref()
            .map_or_else(Default::default, |due| day_and_time(due, clock));
        Self {
            to: to.join(" "),
            title: found.title.clone(),
            kind: found.kind.map_or("", word::kind).to_owned(),
            options: found.options.join("\n"),
            due_day,
            due_time,
            importance: found
                .importance
                .map_or_else(String::new, |it| it.to_string()),
            labels: found.labels.join(" "),
            ..Self::default()
        }
    }

    /// A task as the form shows it, on the reader's clock.
    pub(super) fn from_task(task: &NewTask, clock: &Clock) -> Self {
        let names: Vec<_> = task.recipients.iter().map(AccountName::as_str).collect();
        let shown = |when: Option<&When>| {
            when.map_or_else(String::new, |when| {
                clock.shown(when).strftime("%Y-%m-%dT%H:%M").to_string()
            })
        };
        let (due_day, due_time) = match &task.due {
            None => Default::default(),
            Some(When::Day(day)) => (day.to_string(), String::new()),
            Some(due) => {
                let moment = clock.shown(due);
                let time = moment.strftime("%H:%M").to_string();
                (moment.date().to_string(), time)
            }
        };
        let completion = word::COMPLETIONS.iter().find(|it| it.0 == task.completion);
        let privacy = word::PRIVACIES.iter().find(|it| it.0 == task.privacy);
        let importance = match task.importance {
            0 => 5,
            set => set,
        };
        Self {
            id: task.id.to_string(),
            to: names.join(" "),
            title: task.title.clone(),
            kind: word::kind(task.kind).to_owned(),
            options: task.options.join("\n"),
            body: task.body.clone(),
            due_day,
            due_time,
            importance: importance.to_string(),
            labels: task.labels.join(" "),
            start: shown(task.start.as_ref()),
            respond_by: shown(task.respond_by.as_ref()),
            effort: task.effort.map_or_else(String::new, |it| it.to_string()),
            completion: completion.map_or("", |it| it.1).to_owned(),
            privacy: privacy.map_or("", |it| it.1).to_owned(),
            links: task.links.join("\n"),
        }
    }

    /// Every field that may be changed after the send: its name in the form, for
    /// people, and what it holds.
    fn fields(&self) -> [(&'static str, &'static str, &str); 14] {
        [
            ("title", "Title", &self.title),
            ("kind", "What is asked", &self.kind),
            ("options", "Options", &self.options),
            ("body", "Details", &self.body),
            ("due_day", "Due", &self.due_day),
            ("due_time", "Due at", &self.due_time),
            ("importance", "Importance", &self.importance),
            ("labels", "Labels", &self.labels),
            ("start", "Not before", &self.start),
            ("respond_by", "Answer by", &self.respond_by),
            ("effort", "Effort", &self.effort),
            ("completion", "Complete when", &self.completion),
            ("privacy", "Who may see it", &self.privacy),
            ("links", "Links", &self.links),
        ]
    }

    /// What a field holds, as it compares: browsers send CRLF, and blanks around
    /// it are nobody's intention.
    pub(super) fn field(&self, name: &str) -> String {
        let all = self.fields();
        let found = all.iter().find(|(field, _, _)| *field == name);
        found.map_or_else(String::new, |(_, _, text)| {
            text.replace("\r\n", "\n").trim().to_owned()
        })
    }

    /// What was typed over what was seen; the rest as it stands.
    pub(super) fn merged(&self, seen: &Self, stands: &Self) -> Self {
        let pairs = self.fields().into_iter().map(|(name, _, _)| {
            let typed = self.field(name);
            let kept = match typed == seen.field(name) {
                true => stands.field(name),
                false => typed,
            };
            (name.to_owned(), kept)
        });
        let mut merged = Self::from_form(&Form::of(pairs.collect()));
        merged.id.clone_from(&stands.id);
        merged.to.clone_from(&stands.to);
        merged
    }

    /// The fields that differ: name for people, what stands, what this holds.
    pub(super) fn differences(&self, stands: &Self) -> Vec<(&'static str, String, String)> {
        let all = self.fields().into_iter().filter_map(|(name, words, _)| {
            let (now, typed) = (stands.field(name), self.field(name));
            (now != typed).then_some((words, now, typed))
        });
        all.collect()
    }

    /// The kind that is chosen.
    pub(super) fn kind(&self) -> Kind {
        word::kind_of(&self.kind).unwrap_or_default()
    }
}

/// A due date as the fields of the form say it.
fn day_and_time(due: &When, clock: &Clock) -> (String, String) {
    match due {
        When::Day(day) => (day.to_string(), String::new()),
        When::Floating(moment) | When::Utc(moment) | When::Zoned(moment, _) => {
            debug_assert_eq!(
                &clock.moment(*moment),
                due,
                "a line is read on the same clock"
            );
            (
                moment.date().to_string(),
                moment.strftime("%H:%M").to_string(),
            )
        }
    }
}
