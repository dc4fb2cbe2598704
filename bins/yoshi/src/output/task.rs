//! A task, for programs and for people.

use owo_colors::OwoColorize;
use serde::Serialize;
use yoshi_client::Task;
use yoshi_protocol::message::task::AskState;
use yoshi_protocol::{Completion, Kind, Position, Privacy, When};

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
    held_by: Vec<String>,
    hash: String,
}

#[derive(Debug, Serialize)]
struct PrintedAsk<'a> {
    recipient: &'a str,
    state: AskState,
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
            held_by: task.held_by.iter().map(ToString::to_string).collect(),
            hash: task.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

fn asks(task: &Task) -> Vec<PrintedAsk<'_>> {
    let printed = task.asks.iter().map(|ask| PrintedAsk {
        recipient: ask.recipient.as_str(),
        state: ask.state,
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

/// A moment, or a dash.
pub(crate) fn moment(when: Option<&When>) -> String {
    when.map_or_else(|| "-".to_owned(), |when| when.to_string().replace('T', " "))
}

/// Everything about a task, for people.
pub(crate) fn details(task: &Task) -> String {
    let new = &task.new_task;
    let mut lines = vec![clean_line(&new.title).bold().to_string()];
    let mut line = |name: &str, value: String| {
        if !value.is_empty() && value != "-" {
            let name = if name.is_empty() {
                String::new()
            } else {
                format!("{name}:")
            };
            lines.push(format!("{:<12} {value}", name.dimmed()));
        }
    };
    line("task", new.id.to_string());
    line("from", format!("{}, number {}", task.sender, task.number));
    line("sent", local(task.sent_at));
    line("kind", word(&new.kind));
    line("options", listed(&new.options));
    line("importance", importance(new.importance).to_owned());
    line("due", moment(new.due.as_ref()));
    line("start", moment(new.start.as_ref()));
    line("respond by", moment(new.respond_by.as_ref()));
    line(
        "effort",
        new.effort
            .map_or_else(String::new, |minutes| format!("{minutes} min")),
    );
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
    for ask in &task.asks {
        line("asked", format!("{} ({})", ask.recipient, word(&ask.state)));
    }
    line("position", task.position.to_string());
    line("held by", super::count(task.held_by.len(), "server"));
    for server in &task.held_by {
        line("", server.to_string());
    }
    if !new.body.is_empty() {
        lines.push(String::new());
        lines.push(clean(new.body.trim_end()));
    }
    lines.join("\n")
}

/// A choice as the wire writes it.
fn word<T: Serialize>(choice: &T) -> String {
    match serde_json::to_value(choice) {
        Ok(serde_json::Value::String(word)) => word.replace('_', "-"),
        _ => String::new(),
    }
}

fn listed(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| clean_line(text)).collect();
    texts.join(" · ")
}
