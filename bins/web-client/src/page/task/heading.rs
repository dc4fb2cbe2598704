//! What a task is, from whom, and when it is wanted.

use maud::{Markup, html};

use crate::clock::Clock;
use crate::store::whole::Whole;
use crate::view::{Frame, row};
use crate::word;

/// What it is, in a few marks.
pub(super) fn marks(task: &Whole) -> Markup {
    let new = &task.new_task;
    html! {
        p.marks {
            span.status.(word::status_name(task.status)) { (word::status(task.status)) }
            span.kind { (word::kind(new.kind)) }
            (row::importance(new.importance))
            @for label in new.labels.iter().chain(&task.mine.labels) { bdi.label { "#" (label) } }
        }
    }
}

pub(super) fn byline(frame: &Frame, task: &Whole, clock: &Clock) -> Markup {
    let sent = clock.ago(task.sent_at);
    let name = |name: &str| {
        if name == frame.account.as_str() {
            "you".to_owned()
        } else {
            name.to_owned()
        }
    };
    let recipients: Vec<_> = task
        .new_task
        .recipients
        .iter()
        .map(|recipient| name(recipient.as_str()))
        .collect();
    html! {
        div.byline {
            (row::avatar(task.sender.as_str()))
            p {
                b { (name(task.sender.as_str())) }
                " asked " (recipients.join(", ")) " · "
                time title=(sent.whole) { (sent.words) }
            }
        }
    }
}

pub(super) fn times(task: &Whole, clock: &Clock) -> Markup {
    let new = &task.new_task;
    let snoozed = task.mine.snoozed_until.as_ref();
    let snoozed = snoozed.filter(|until| !clock.has_begun(until));
    html! {
        @if snoozed.is_some() || new.due.is_some() || new.start.is_some() || new.respond_by.is_some() || new.effort.is_some() {
            dl.times {
                @if let Some(due) = &new.due { div { dt { "Due" } dd { (row::due_chip(due, clock)) span.whole { (clock.words(due).whole) } } } }
                @if let Some(start) = &new.start { div { dt { "Not before" } dd { (clock.words(start).words) } } }
                @if let Some(by) = &new.respond_by { div { dt { "Answer by" } dd { (clock.words(by).words) } } }
                @if let Some(until) = snoozed { div { dt { "Snoozed until" } dd { (clock.words(until).words) } } }
                @if let Some(minutes) = new.effort { div { dt { "Effort" } dd { (effort(minutes)) } } }
            }
        }
    }
}

fn effort(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
