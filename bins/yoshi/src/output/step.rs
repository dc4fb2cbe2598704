//! What was done with a task, in words.

use owo_colors::OwoColorize;
use yoshi_client::{Happened, Step};
use yoshi_protocol::{AccountName, Revise, Verb};

use super::answer::words;
use super::{clean, clean_line, local, moment};

/// One entry of a task's history, for people: a line, and below it what was said.
pub(crate) fn happened(step: &Step) -> String {
    let (what, said) = match &step.happened {
        Happened::Sent(task) => (format!("sent: {}", clean_line(&task.title)), ""),
        Happened::Changed(change) => (told(&change.verb), said(&change.verb)),
    };
    let at = local(step.at);
    let mut lines = vec![format!("{}  {} {what}", at.dimmed(), step.account.bold())];
    for line in clean(said.trim_end()).lines() {
        lines.push(format!("    {line}"));
    }
    lines.join("\n")
}

/// What a change did to a task, in one word or a few.
pub(crate) fn done_to(verb: &Verb) -> &'static str {
    match verb {
        Verb::Accept => "accepted",
        Verb::Decline { .. } => "declined",
        Verb::Start => "begun",
        Verb::Progress { .. } => "in process",
        Verb::Complete(_) => "completed",
        Verb::Undo => "back where it was before your latest step",
        Verb::Revise(_) => "revised",
        Verb::Withdraw { .. } => "withdrawn",
        Verb::Reopen { .. } => "reopened",
        Verb::Remind => "reminded of",
        Verb::Comment { .. } => "commented on",
        Verb::Snooze { until: Some(_) } => "snoozed",
        Verb::Snooze { until: None } => "no longer snoozed",
        Verb::Label { .. } => "labelled for you",
        Verb::Read { read: true } => "noted as read",
        Verb::Read { read: false } => "noted as unread",
    }
}

/// The same in a history, with what is short.
fn told(verb: &Verb) -> String {
    match verb {
        Verb::Progress { percent } => format!("is {percent} % done"),
        Verb::Complete(answer) => match words(answer) {
            words if words.is_empty() => "completed it".to_owned(),
            words => format!("completed it: {words}"),
        },
        Verb::Undo => "took the step before back".to_owned(),
        Verb::Start => "began".to_owned(),
        Verb::Revise(revise) => format!("revised: {}", fields(revise).join(", ")),
        Verb::Withdraw { recipients, .. } => format!("withdrew it{}", of(" from", recipients)),
        Verb::Reopen { recipients, .. } => format!("reopened it{}", of(" for", recipients)),
        Verb::Remind => "reminded".to_owned(),
        Verb::Comment { .. } => "commented".to_owned(),
        Verb::Snooze { until: Some(until) } => {
            format!(
                "snoozed it until {} (seen by you only)",
                moment(Some(until))
            )
        }
        Verb::Label { labels } => {
            let labels = clean_line(&labels.join(" · "));
            format!("labelled it (seen by you only): {labels}")
        }
        Verb::Snooze { until: None } | Verb::Read { .. } => {
            format!("{} (seen by you only)", done_to(verb))
        }
        Verb::Accept | Verb::Decline { .. } => done_to(verb).to_owned(),
    }
}

/// What was said at length.
fn said(verb: &Verb) -> &str {
    match verb {
        Verb::Decline { reason } | Verb::Withdraw { reason, .. } | Verb::Reopen { reason, .. } => {
            reason
        }
        Verb::Comment { text } => text,
        Verb::Accept
        | Verb::Start
        | Verb::Progress { .. }
        | Verb::Complete(_)
        | Verb::Undo
        | Verb::Revise(_)
        | Verb::Remind
        | Verb::Snooze { .. }
        | Verb::Label { .. }
        | Verb::Read { .. } => "",
    }
}

fn of(word: &str, recipients: &[AccountName]) -> String {
    if recipients.is_empty() {
        return String::new();
    }
    let names: Vec<_> = recipients.iter().map(AccountName::as_str).collect();
    format!("{word} {}", names.join(", "))
}

/// The fields that a revision changes.
fn fields(revise: &Revise) -> Vec<&'static str> {
    let changed = [
        ("title", revise.title.is_some()),
        ("body", revise.body.is_some()),
        ("kind", revise.kind.is_some()),
        ("options", revise.options.is_some()),
        ("importance", revise.importance.is_some()),
        ("due", revise.due.is_some()),
        ("start", revise.start.is_some()),
        ("respond by", revise.respond_by.is_some()),
        ("effort", revise.effort.is_some()),
        ("labels", revise.labels.is_some()),
        ("links", revise.links.is_some()),
        ("completion", revise.completion.is_some()),
        ("privacy", revise.privacy.is_some()),
    ];
    let changed = changed.into_iter().filter(|(_, changed)| *changed);
    changed.map(|(field, _)| field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use yoshi_protocol::{Millis, Position, TaskChange, TaskId};

    #[test]
    fn a_comment_stands_below_its_line_and_cannot_drive_the_terminal() {
        let text = "well\x1b[2J\nso".to_owned();
        let change = TaskChange::new(TaskId::fresh(), Verb::Comment { text });
        let step = Step {
            account: AccountName::new("ana").unwrap(),
            number: 1,
            position: Position(7168),
            at: Millis(0),
            happened: Happened::Changed(change),
        };
        let shown = anstream::adapter::strip_str(&happened(&step)).to_string();
        let lines: Vec<_> = shown.lines().collect();
        assert!(lines[0].ends_with("  ana commented"), "{shown}");
        assert_eq!(lines[1..], ["    well\u{fffd}[2J", "    so"]);
    }

    #[test]
    fn a_revision_names_its_fields() {
        let revise = Revise {
            due: Some(None),
            importance: Some(1),
            ..Revise::default()
        };
        let told = told(&Verb::Revise(Box::new(revise)));
        assert_eq!(told, "revised: importance, due");
    }
}
