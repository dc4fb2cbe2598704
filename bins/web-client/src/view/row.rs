//! A task as a row of a list, and the marks that rows and pages share.

use maud::{Markup, html};
use yoshi_protocol::message::task::AskState;
use yoshi_protocol::{AccountName, Kind, When};

use crate::clock::{Clock, Tone};
use crate::store::list::Row;
use crate::word;

/// How many recipients a row names.
const NAMES_SHOWN: usize = 3;
/// How many labels a row shows.
const LABELS_SHOWN: usize = 3;
/// How many colours initials have.
const COLOURS: u32 = 8;

/// Somebody's initial, in a colour of their own.
pub(crate) fn avatar(name: &str) -> Markup {
    let sum = name
        .bytes()
        .fold(7_u32, |sum, byte| sum.wrapping_mul(31) ^ u32::from(byte));
    let colour = format!("c{}", sum % COLOURS);
    let initial: String = name.chars().take(1).flat_map(char::to_uppercase).collect();
    html! { span.avatar.(colour) aria-hidden="true" { (initial) } }
}

/// Among which rows one stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Among {
    /// What the reader is asked, in groups that say how it stands.
    Received,
    /// What the reader asks.
    Sent,
    /// Whatever was found.
    Found,
}

/// Rows, as the reader sees them.
pub(crate) fn rows(rows: &[Row], me: &AccountName, clock: &Clock, among: Among) -> Markup {
    html! {
        ol.rows {
            @for row in rows { (one(row, me, clock, among)) }
        }
    }
}

fn one(row: &Row, me: &AccountName, clock: &Clock, among: Among) -> Markup {
    let asked = match among {
        Among::Received => false,
        Among::Sent => true,
        Among::Found => row.state.is_none(),
    };
    let who = if asked {
        row.recipients.first().map_or("", String::as_str)
    } else {
        row.sender.as_str()
    };
    let sent = clock.ago(row.sent_at);
    html! {
        li.row {
            (avatar(who))
            div.row-words {
                a.row-title.unread[row.unread] href={ "/task/" (row.id) } {
                    bdi { (row.title) } @if row.unread { span.unseen { " (new)" } }
                }
                p.row-facts {
                    @if asked { (standings(row, me)) } @else {
                        span { (name(row.sender.as_str(), me)) }
                        (standing(row, among))
                    }
                    (importance(row.importance))
                    (kind(row.kind))
                    @for label in row.labels.iter().chain(&row.own_labels).take(LABELS_SHOWN) {
                        bdi.label { "#" (label) }
                    }
                    @if row.comments > 0 {
                        span.label { (row.comments) @if row.comments == 1 { " comment" } @else { " comments" } }
                    }
                }
            }
            div.row-times {
                @if let Some(due) = &row.due { (due_chip(due, clock)) }
                time.ago title=(sent.whole) { (sent.words) }
            }
        }
    }
}

/// How it stands with the reader, if that is not said by the group.
fn standing(row: &Row, among: Among) -> Markup {
    html! {
        @match row.state {
            Some(AskState::InProcess) if row.percent > 0 => span.tally { (row.percent) " %" },
            Some(state) if among == Among::Found => span.standing.(word::state_name(state)) { (word::state(state)) },
            Some(state @ (AskState::Declined | AskState::Closed | AskState::Withdrawn)) => {
                span.tally { (word::state(state)) }
            }
            _ => {}
        }
    }
}

/// How it stands with each recipient; those who have said something first.
fn standings(row: &Row, me: &AccountName) -> Markup {
    let mut all: Vec<_> = row.recipients.iter().zip(&row.states).collect();
    all.sort_by_key(|(_, state)| match state {
        AskState::Declined => 0,
        AskState::Completed => 1,
        AskState::InProcess => 2,
        AskState::Accepted => 3,
        AskState::NeedsAction => 4,
        AskState::Closed | AskState::Withdrawn => 5,
    });
    let more = all.len().saturating_sub(NAMES_SHOWN);
    html! {
        @for (index, (recipient, state)) in all.iter().take(NAMES_SHOWN).enumerate() {
            span.standing.(word::state_name(**state)) {
                @if index == 0 { "to " }
                b { (name(recipient, me)) } " " (word::state(**state))
            }
        }
        @if more > 0 { span { "and " (more) " more" } }
    }
}

fn name<'a>(name: &'a str, me: &AccountName) -> &'a str {
    if name == me.as_str() { "you" } else { name }
}

/// A mark for what is more or less important than usual.
pub(crate) fn importance(importance: u8) -> Markup {
    html! {
        @if let Some(words) = word::importance(importance) {
            span.importance.(words) { (words) }
        }
    }
}

/// A mark for what is asked, unless it is simply to be done.
pub(crate) fn kind(kind: Kind) -> Markup {
    html! {
        @if kind != Kind::Do { span.kind { (word::kind(kind)) } }
    }
}

/// A mark for when it is wanted.
pub(crate) fn due_chip(due: &When, clock: &Clock) -> Markup {
    let words = clock.words(due);
    let tone = match words.tone {
        Tone::Past => "past",
        Tone::Today => "today",
        Tone::Soon => "soon",
        Tone::Later => "later",
    };
    html! {
        time.due.(tone) datetime=(due) title=(words.whole) {
            @if words.tone == Tone::Past { span.unseen { "overdue: " } }
            (words.words)
        }
    }
}
