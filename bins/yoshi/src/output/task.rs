//! A task, for programs and for people.

use owo_colors::OwoColorize;
use serde::Serialize;
use yoshi_client::{Ask, AskState, Task, TaskStatus};
use yoshi_protocol::{Completion, Kind, Position, Privacy, When};

use super::answer::{PrintedAnswer, words};
use super::time::moment_at_length;
use super::{clean, clean_line, local, rfc3339};

/// A task as JSON: flat, with stable fields.
#[derive(Debug, Serialize)]
pub(crate) struct PrintedTask<'a> {
    id: String,
    sender: &'a str,
    number: u64,
    position: Position,
    changed: Position,
    sent_at: Option<String>,
    title: &'a str,
    body: &'a str,
    kind: Kind,
    options: &'a [String],
    importance: u8,
    due: &'a Option<When>,
    start: &'a Option<When>,
    respond_by: &'a Option<When>,
    effort_minutes: Option<u32>,
    labels: &'a [String],
    links: &'a [String],
    completion: Completion,
    privacy: Privacy,
    parent: Option<String>,
    depends_on: Option<String>,
    recipients: Vec<&'a str>,
    asks: Vec<PrintedAsk<'a>>,
    status: TaskStatus,
    needs_sender: bool,
    revision: u32,
    comments: u32,
    reminders: u32,
    mine: PrintedNote<'a>,
    held_by: Vec<String>,
    hash: String,
}

#[derive(Debug, Serialize)]
struct PrintedAsk<'a> {
    recipient: &'a str,
    state: AskState,
    percent: u8,
    reason: &'a str,
    answer: Option<PrintedAnswer<'a>>,
}

/// What the account notes for itself.
#[derive(Debug, Serialize)]
struct PrintedNote<'a> {
    read: bool,
    labels: &'a [String],
    snoozed_until: &'a Option<When>,
}

impl<'a> From<&'a Task> for PrintedTask<'a> {
    fn from(task: &'a Task) -> Self {
        let new = &task.new_task;
        Self {
            id: new.id.to_string(),
            sender: task.sender.as_str(),
            number: task.number,
            position: task.position,
            changed: task.changed,
            sent_at: rfc3339(task.sent_at),
            title: &new.title,
            body: &new.body,
            kind: new.kind,
            options: &new.options,
            importance: new.importance,
            due: &new.due,
            start: &new.start,
            respond_by: &new.respond_by,
            effort_minutes: new.effort,
            labels: &new.labels,
            links: &new.links,
            completion: new.completion,
            privacy: new.privacy,
            parent: new.parent.map(|id| id.to_string()),
            depends_on: new.depends_on.map(|id| id.to_string()),
            recipients: new.recipients.iter().map(|name| name.as_str()).collect(),
            asks: asks(task),
            status: task.status,
            needs_sender: task.needs_sender,
            revision: task.revision,
            comments: task.comments,
            reminders: task.reminders,
            mine: PrintedNote {
                read: task.mine.read,
                labels: &task.mine.labels,
                snoozed_until: &task.mine.snoozed_until,
            },
            held_by: task.held_by.iter().map(ToString::to_string).collect(),
            hash: task.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

fn asks(task: &Task) -> Vec<PrintedAsk<'_>> {
    let printed = task.asks.iter().map(|ask| PrintedAsk {
        recipient: ask.recipient.as_str(),
        state: ask.state,
        percent: ask.percent,
        reason: &ask.reason,
        answer: ask.answer.as_ref().map(PrintedAnswer::from),
    });
    printed.collect()
}

/// The importance in the words of the command line.
pub(crate) fn importance(level: u8) -> &'static str {
    match level {
        0 => "-",
        1 => "critical",
        2..=4 => "high",
        5 => "normal",
        _ => "low",
    }
}

/// The importance at length: a word for two levels says which it is.
fn importance_at_length(level: u8) -> String {
    match level {
        0 => "unset".to_owned(),
        _ => format!("{} ({level})", importance(level)),
    }
}

/// Everything about a task, for people; `held_by` names the servers.
pub(crate) fn details(task: &Task, held_by: &[String]) -> String {
    let new = &task.new_task;
    let mut lines = vec![clean_line(&new.title).bold().to_string()];
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            let name = format!("{name}:");
            lines.push(format!("{:<12} {value}", name.dimmed()));
        }
    };
    line("task", new.id.to_string());
    line("from", format!("{}, number {}", task.sender, task.number));
    line("sent", local(task.sent_at));
    line("kind", word(&new.kind));
    line("options", listed(&new.options));
    line("importance", importance_at_length(new.importance));
    line("due", moment_at_length(new.due.as_ref()));
    line("start", moment_at_length(new.start.as_ref()));
    line("respond by", moment_at_length(new.respond_by.as_ref()));
    line(
        "effort",
        new.effort
            .map_or_else(String::new, |minutes| format!("{minutes} min")),
    );
    line("privacy", word(&new.privacy));
    line("labels", listed(&new.labels));
    line("links", listed(&new.links));
    line(
        "part of",
        new.parent.map_or_else(String::new, |id| id.to_string()),
    );
    line(
        "after",
        new.depends_on.map_or_else(String::new, |id| id.to_string()),
    );
    if new.recipients.len() > 1 {
        line("completes", word(&new.completion));
    }
    line("status", status_at_length(task));
    for ask in &task.asks {
        line("asked", asked(ask));
    }
    line("revised", times(task.revision));
    line("reminded", times(task.reminders));
    line("comments", comments(task));
    line("my labels", listed(&task.mine.labels));
    line(
        "snoozed",
        moment_at_length(task.mine.snoozed_until.as_ref()),
    );
    line("read", if task.mine.read { "yes" } else { "no" }.to_owned());
    line("position", task.position.to_string());
    let count = super::count(held_by.len(), "server");
    line(
        "held by",
        match held_by {
            [] => count,
            names => format!("{count}: {}", names.join(", ")),
        },
    );
    if !new.body.is_empty() {
        lines.push(String::new());
        lines.push(clean(new.body.trim_end()));
    }
    lines.join("\n")
}

/// How a task stands as a whole, wherever that is shown: its status, with how many
/// of several are done; or that recipients declined, and the rest cannot complete it.
pub(crate) fn status(task: &Task) -> String {
    if task.needs_sender {
        return "declined".to_owned();
    }
    let word = word(&task.status);
    let done = task
        .asks
        .iter()
        .filter(|ask| ask.state == AskState::Completed);
    match (done.count(), task.asks.len()) {
        (0, _) | (_, 1) => word,
        (done, all) => format!("{word} {done}/{all}"),
    }
}

/// The same at length.
fn status_at_length(task: &Task) -> String {
    let status = status(task);
    match task.needs_sender {
        true => format!("{status}: its sender must decide how to go on"),
        false => status,
    }
}

/// How it stands with one recipient, and what they said.
fn asked(ask: &Ask) -> String {
    let mut text = format!("{} ({})", ask.recipient, word(&ask.state));
    if ask.state == AskState::InProcess && ask.percent > 0 {
        text = format!(
            "{} ({}, {} %)",
            ask.recipient,
            word(&ask.state),
            ask.percent
        );
    }
    let answer = ask.answer.as_ref().map_or_else(String::new, words);
    for said in [answer, clean_line(ask.reason.trim())] {
        if !said.is_empty() {
            text = format!("{text}: {said}");
        }
    }
    text
}

fn times(count: u32) -> String {
    match count {
        0 => String::new(),
        1 => "once".to_owned(),
        _ => format!("{count} times"),
    }
}

fn comments(task: &Task) -> String {
    match task.comments {
        0 => String::new(),
        count => format!("{count} (`yoshi history {}`)", task.new_task.id),
    }
}

/// A choice as the wire writes it, with hyphens.
pub(crate) fn word<T: Serialize>(choice: &T) -> String {
    match serde_json::to_value(choice) {
        Ok(serde_json::Value::String(word)) => word.replace('_', "-"),
        _ => String::new(),
    }
}

fn listed(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| clean_line(text)).collect();
    texts.join(" · ")
}

#[cfg(test)]
mod tests;
