//! The one-line entry, and what was understood of it.

use maud::{Markup, html};
use yoshi_client::moment::is_past;

use super::{Frame, row};
use crate::clock::Clock;
use crate::quick::Understood;
use crate::word;

/// The one-line entry.
pub(crate) fn form(frame: &Frame, line: &str, task: &str) -> Markup {
    html! {
        form.quick method="post" action="/quick" data-quick="/preview" {
            (frame.proof())
            input type="hidden" name="task" value=(task);
            label.unseen for="quick" { "New task in one line" }
            div.quick-line {
                input #quick type="text" name="line" value=(line) maxlength="2000" autocomplete="off"
                    enterkeyhint="send" data-complete="@" required
                    placeholder="@colleague decide: ship 1.2? by fri !high"
                    aria-describedby="quick-preview";
                button type="submit" name="act" value="send" { "Send" }
                button.secondary type="submit" name="act" value="more" formnovalidate { "More" span.unseen { " fields" } }
            }
            div #quick-preview.preview aria-live="polite" {
                span.tips { code { "decide:" } " " code { "review:" } " " code { "by friday" } " " code { "!high" } " " code { "#label" } " " code { "[this / that]" } }
            }
        }
    }
}

/// What was understood of a line.
pub(crate) fn preview(found: &Understood, clock: &Clock) -> Markup {
    html! {
        @if found.recipients.is_empty() {
            span.missing { "who? add @name" }
        } @else {
            span.to {
                "to "
                @for name in &found.recipients { b { (name) } " " }
            }
        }
        @for name in &found.not_names { span.missing { "@" (name) " is no account name" } }
        @if let Some(kind) = found.kind { (row::kind(kind)) }
        @if !found.title.is_empty() { span.preview-title { "“" (found.title) "”" } } @else { span.missing { "what?" } }
        @for option in &found.options { span.option { (option) } }
        @if let Some(due) = &found.due {
            (row::due_chip(due, clock))
            @if is_past(due, clock.now()) { span.missing { "that is in the past" } }
        }
        @if let Some(importance) = found.importance.and_then(word::importance) {
            span.importance.(importance) { (importance) }
        }
        @for label in &found.labels { span.label { "#" (label) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quick::understand;

    #[test]
    fn a_due_date_in_the_past_is_said() {
        let clock = Clock::at("2026-11-23T10:00:00+01:00[Europe/Berlin]".parse().unwrap());
        let shown = |line: &str| preview(&understand(line, &clock), &clock).into_string();
        for (line, said) in [
            ("@ana ship by 2026-11-22", true),
            ("@ana ship by today", false),
            ("@ana ship by fri 16:00", false),
        ] {
            assert_eq!(shown(line).contains("in the past"), said, "{line}");
        }
    }
}
