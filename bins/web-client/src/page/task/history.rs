//! What was done with a task, entry by entry.

use maud::{Markup, html};
use yoshi_client::{Happened, Step};
use yoshi_protocol::{Answer, Revise, Verb, Verdict};

use crate::clock::Clock;
use crate::limit::HISTORY_SHOWN;
use crate::markdown;
use crate::view::{Frame, row};

/// The history, the latest steps of it; or that it is out of reach.
pub(super) fn history(frame: &Frame, steps: Option<&[Step]>) -> Markup {
    let shown: Option<Vec<_>> =
        steps.map(|steps| steps.iter().filter(|step| is_told(step)).collect());
    html! {
        section aria-labelledby="history" {
            h2 #history { "History" }
            @match shown {
                None => p.aside { "It cannot be fetched just now. Everything else on this page is what was known last." },
                Some(steps) => {
                    @let left_out = steps.len().saturating_sub(HISTORY_SHOWN);
                    @if left_out > 0 { p.aside { (left_out) " earlier steps are left out." } }
                    ol.history #steps {
                        @for step in &steps[left_out..] { (one(frame, step)) }
                    }
                }
            }
        }
    }
}

/// The position of the latest step that is shown: an open page is renewed when it moves.
pub(super) fn latest(steps: &[Step]) -> Option<u64> {
    let told = steps.iter().rev().find(|step| is_told(step));
    told.map(|step| step.position.0)
}

/// That somebody has read it is no news to themselves.
fn is_told(step: &Step) -> bool {
    !matches!(&step.happened, Happened::Changed(change) if matches!(change.verb, Verb::Read { .. }))
}

fn one(frame: &Frame, step: &Step) -> Markup {
    let at = frame.look.clock.ago(step.at);
    let who = if step.account == frame.account {
        "You"
    } else {
        step.account.as_str()
    };
    let (words, said) = told(&step.happened, &frame.look.clock);
    let is_comment = matches!(&step.happened, Happened::Changed(change) if matches!(change.verb, Verb::Comment { .. }));
    html! {
        li.comment[is_comment] {
            (row::avatar(step.account.as_str()))
            div {
                p { b { (who) } " " (words) " · " time.ago title=(at.whole) { (at.words) } }
                @if let Some(said) = said { div.prose.said { (said) } }
            }
        }
    }
}

/// What happened, in words; and what was said with it.
fn told(happened: &Happened, clock: &Clock) -> (String, Option<Markup>) {
    let change = match happened {
        Happened::Sent(_) => return ("asked for it".to_owned(), None),
        Happened::Changed(change) => change,
    };
    let whom = |names: &[yoshi_protocol::AccountName], before: &str| match names {
        [] => String::new(),
        names => {
            let names: Vec<_> = names.iter().map(|name| name.as_str()).collect();
            format!(" {before} {}", names.join(", "))
        }
    };
    match &change.verb {
        Verb::Accept => ("took it on".to_owned(), None),
        Verb::Decline { reason } => ("declined".to_owned(), quoted(reason)),
        Verb::Start => ("began".to_owned(), None),
        Verb::Progress { percent } => (format!("got to {percent} %"), None),
        Verb::Complete(answer) => answered(answer),
        Verb::Undo => ("took the last step back".to_owned(), None),
        Verb::Revise(revise) => (format!("changed {}", changed(revise)), None),
        Verb::Withdraw { reason, recipients } => (
            format!("withdrew it{}", whom(recipients, "from")),
            quoted(reason),
        ),
        Verb::Reopen { reason, recipients } => (
            format!("asked again{}", whom(recipients, "")),
            quoted(reason),
        ),
        Verb::Remind => ("reminded everybody who is not done".to_owned(), None),
        Verb::Comment { text } => ("commented".to_owned(), Some(markdown::render(text))),
        Verb::Snooze { until: Some(until) } => {
            let until = clock.words(until).words;
            (format!("put it off until {until}; only you see this"), None)
        }
        Verb::Snooze { until: None } => ("brought it back; only you see this".to_owned(), None),
        Verb::Label { labels } if labels.is_empty() => {
            ("removed all own labels; only you see this".to_owned(), None)
        }
        Verb::Label { labels } => (
            format!("labelled it #{}; only you see this", labels.join(" #")),
            None,
        ),
        Verb::Read { .. } => ("read it".to_owned(), None),
    }
}

fn quoted(text: &str) -> Option<Markup> {
    (!text.is_empty()).then(|| markdown::render(text))
}

/// An answer in words, and what was said with it.
pub(super) fn answered(answer: &Answer) -> (String, Option<Markup>) {
    match answer {
        Answer::Done { text } => ("is done".to_owned(), quoted(text)),
        Answer::Decided { text, option } => (format!("chose “{option}”"), quoted(text)),
        Answer::Answered { text } => ("answered".to_owned(), quoted(text)),
        Answer::Reviewed { text, verdict } => {
            let words = match verdict {
                Verdict::Approve => "approved it",
                Verdict::Changes => "asked for changes",
            };
            (words.to_owned(), quoted(text))
        }
        Answer::Acknowledged => ("has read it".to_owned(), None),
    }
}

/// The names of what a revision changes.
fn changed(revise: &Revise) -> String {
    let fields = [
        (revise.title.is_some(), "the title"),
        (revise.body.is_some(), "the details"),
        (revise.kind.is_some(), "what is asked"),
        (revise.options.is_some(), "the options"),
        (revise.due.is_some(), "the due date"),
        (revise.start.is_some(), "when it may begin"),
        (revise.respond_by.is_some(), "when an answer is wanted"),
        (revise.importance.is_some(), "the importance"),
        (revise.effort.is_some(), "the effort"),
        (revise.labels.is_some(), "the labels"),
        (revise.links.is_some(), "the links"),
        (revise.completion.is_some(), "when it is complete"),
        (revise.privacy.is_some(), "who may see it"),
    ];
    let named: Vec<_> = fields
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, name)| *name)
        .collect();
    named.join(", ")
}
