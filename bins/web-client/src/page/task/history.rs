//! What was done with a task, entry by entry.

use maud::{Markup, html};
use yoshi_client::{Happened, Step};
use yoshi_protocol::{Answer, Revise, TaskId, Verb, Verdict};

use crate::clock::Clock;
use crate::limit::HISTORY_SHOWN;
use crate::markdown;
use crate::view::{Frame, row};

/// The history: the latest steps of it, or those before a position; or that it is
/// out of reach.
pub(super) fn history(
    frame: &Frame,
    task: TaskId,
    steps: Option<&[Step]>,
    before: Option<u64>,
) -> Markup {
    let shown: Option<Vec<_>> =
        steps.map(|steps| steps.iter().filter(|step| is_told(step)).collect());
    html! {
        section aria-labelledby="history" {
            h2 #history { "History" }
            @match shown {
                None => p.aside { "It cannot be fetched just now. Everything else on this page is what was known last." },
                Some(steps) => {
                    @let Page { earlier, shown, later } = Page::of(&steps, before);
                    @if let Some(before) = earlier {
                        p.more { a.button.secondary href={ "/task/" (task) "?before=" (before) "#history" } { "Earlier steps" } }
                    }
                    ol.history #steps {
                        @for step in shown { (one(frame, step)) }
                    }
                    @if later {
                        p.more { a.button.secondary href={ "/task/" (task) "#history" } { "The latest steps" } }
                    }
                }
            }
        }
    }
}

/// Some steps of a history.
struct Page<'a, 'b> {
    /// Before which position the earlier ones are, if there are any.
    earlier: Option<u64>,
    shown: &'b [&'a Step],
    /// Whether there are later ones.
    later: bool,
}

impl<'a, 'b> Page<'a, 'b> {
    fn of(steps: &'b [&'a Step], before: Option<u64>) -> Self {
        let end = before.map_or(steps.len(), |before| {
            steps.partition_point(|step| step.position.0 < before)
        });
        let begin = end.saturating_sub(HISTORY_SHOWN);
        let shown = &steps[begin..end];
        let first = shown.first().filter(|_| begin > 0);
        Self {
            earlier: first.map(|step| step.position.0),
            shown,
            later: end < steps.len(),
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
fn told(happened: &Happened, clock: &Clock) -> (Markup, Option<Markup>) {
    let plain = |words: &str| (html! { (words) }, None);
    let change = match happened {
        Happened::Sent(_) => return plain("asked for it"),
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
        Verb::Accept => plain("took it on"),
        Verb::Decline { reason } => (html! { "declined" }, quoted(reason)),
        Verb::Start => plain("began"),
        Verb::Progress { percent } => plain(&format!("got to {percent} %")),
        Verb::Complete(answer) => answered(answer),
        Verb::Undo => plain("took the last step back"),
        Verb::Revise(revise) => plain(&format!("changed {}", changed(revise))),
        Verb::Withdraw { reason, recipients } => (
            html! { "withdrew it" (whom(recipients, "from")) },
            quoted(reason),
        ),
        Verb::Reopen { reason, recipients } => (
            html! { "asked again" (whom(recipients, "")) },
            quoted(reason),
        ),
        Verb::Remind => plain("reminded everybody who is not done"),
        Verb::Comment { text } => (html! { "commented" }, Some(markdown::render(text))),
        Verb::Snooze { until: Some(until) } => {
            let until = clock.words(until).words;
            plain(&format!("put it off until {until}; only you see this"))
        }
        Verb::Snooze { until: None } => plain("brought it back; only you see this"),
        Verb::Label { labels } if labels.is_empty() => {
            plain("removed all own labels; only you see this")
        }
        Verb::Label { labels } => (
            html! { "labelled it" @for label in labels { " " bdi { "#" (label) } } "; only you see this" },
            None,
        ),
        Verb::Read { .. } => plain("read it"),
    }
}

fn quoted(text: &str) -> Option<Markup> {
    (!text.is_empty()).then(|| markdown::render(text))
}

/// An answer in words, and what was said with it.
pub(super) fn answered(answer: &Answer) -> (Markup, Option<Markup>) {
    match answer {
        Answer::Done { text } => (html! { "is done" }, quoted(text)),
        Answer::Decided { text, option } => {
            (html! { "chose “" bdi { (option) } "”" }, quoted(text))
        }
        Answer::Answered { text } => (html! { "answered" }, quoted(text)),
        Answer::Reviewed { text, verdict } => {
            let words = match verdict {
                Verdict::Approve => "approved it",
                Verdict::Changes => "asked for changes",
            };
            (html! { (words) }, quoted(text))
        }
        Answer::Acknowledged => (html! { "has read it" }, None),
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

#[cfg(test)]
mod tests {
    use yoshi_protocol::{AccountName, Millis, Position, TaskChange};

    use super::*;

    #[test]
    fn what_others_write_turns_nothing_around() {
        let answer = Answer::Decided {
            text: String::new(),
            option: "\u{202e}<no>".to_owned(),
        };
        let (words, _) = answered(&answer);
        assert_eq!(words.into_string(), "chose “<bdi>\u{202e}&lt;no&gt;</bdi>”");
    }

    #[test]
    fn every_step_stands_on_one_page() {
        let count = HISTORY_SHOWN as u64 * 2 + 7;
        let step = |position| Step {
            account: AccountName::new("ana").unwrap(),
            number: position,
            position: Position(position),
            at: Millis(0),
            happened: Happened::Changed(TaskChange::new(TaskId::fresh(), Verb::Remind)),
        };
        let steps: Vec<_> = (1..=count).map(step).collect();
        let steps: Vec<_> = steps.iter().collect();
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = Page::of(&steps, before);
            assert_eq!(page.later, before.is_some());
            seen.splice(0..0, page.shown.iter().map(|step| step.number));
            before = page.earlier;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, (1..=count).collect::<Vec<_>>());
        assert!(Page::of(&[], Some(7)).shown.is_empty());
    }
}
