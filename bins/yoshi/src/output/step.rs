//! What was done with a task, in words.

use owo_colors::OwoColorize;
use yoshi_client::{Happened, Step};
use yoshi_protocol::{AccountName, Revise, TaskId, Verb};

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

/// What whoever made a change has done with a task: `you accepted task …`.
pub(crate) fn done_with(task: TaskId, verb: &Verb) -> String {
    let after = |what: &str| format!("you {what} task {task}");
    match verb {
        Verb::Accept => after("accepted"),
        Verb::Decline { .. } => after("declined"),
        Verb::Start => after("began"),
        Verb::Progress { percent } => format!("you are {percent} % through with task {task}"),
        Verb::Complete(answer) => match words(answer) {
            words if words.is_empty() => after("completed"),
            words => format!("{}: {words}", after("completed")),
        },
        Verb::Undo => format!("you took back your latest step with task {task}"),
        Verb::Revise(_) => after("revised"),
        Verb::Withdraw { recipients, .. } => {
            format!("{}{}", after("withdrew"), of(" from", recipients))
        }
        Verb::Reopen { recipients, .. } => {
            format!("{}{}", after("reopened"), of(" for", recipients))
        }
        Verb::Remind => format!("you reminded those who are not done with task {task}"),
        Verb::Comment { .. } => after("commented on"),
        Verb::Snooze { until: Some(until) } => {
            format!("{} until {}", after("snoozed"), moment(Some(until)))
        }
        Verb::Snooze { until: None } => format!("task {task} is shown to you again"),
        Verb::Label { labels } if labels.is_empty() => after("took your labels off"),
        Verb::Label { labels } => {
            let labels = clean_line(&labels.join(" · "));
            format!("{} for yourself: {labels}", after("labelled"))
        }
        Verb::Read { read: true, .. } => format!("you noted task {task} as read"),
        Verb::Read { read: false, .. } => format!("you noted task {task} as unread"),
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
        Verb::Snooze { until: None } => "ended its snooze (seen by you only)".to_owned(),
        Verb::Read { read: true, .. } => "noted it as read (seen by you only)".to_owned(),
        Verb::Read { read: false, .. } => "noted it as unread (seen by you only)".to_owned(),
        Verb::Accept => "accepted".to_owned(),
        Verb::Decline { .. } => "declined".to_owned(),
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
    use yoshi_protocol::{Answer, Millis, Position, TaskChange};

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
    fn a_receipt_says_what_was_done_and_by_whom() {
        let task = TaskId::fresh();
        let ana = AccountName::new("ana").unwrap();
        let text = "at last".to_owned();
        for (verb, expected) in [
            (Verb::Accept, format!("you accepted task {task}")),
            (
                Verb::Complete(Answer::Done { text }),
                format!("you completed task {task}: at last"),
            ),
            (
                Verb::Withdraw {
                    reason: String::new(),
                    recipients: vec![ana],
                },
                format!("you withdrew task {task} from ana"),
            ),
            (
                Verb::Label { labels: Vec::new() },
                format!("you took your labels off task {task}"),
            ),
        ] {
            assert_eq!(done_with(task, &verb), expected);
        }
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
