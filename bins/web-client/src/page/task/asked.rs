//! How it stands with each recipient.

use maud::{Markup, html};
use yoshi_client::{AskState, TaskStatus};
use yoshi_protocol::Answer;

use super::history;
use crate::store::whole::Whole;
use crate::view::{Frame, row};
use crate::word;

/// How it stands with each recipient.
pub(super) fn asks(frame: &Frame, task: &Whole) -> Markup {
    html! {
        section aria-labelledby="asks" {
            h2 #asks { "Who is asked" }
            p.aside { (word::kind_asks(task.new_task.kind)) "." }
            ul.asks {
                @for ask in &task.asks {
                    @let answer = ask.answer.as_ref().map(|answer| (is_told(answer), history::answered(answer)));
                    li {
                        (row::avatar(ask.recipient.as_str()))
                        span.ask-name { (ask.recipient) @if ask.recipient == frame.account { " (you)" } }
                        span.state.(word::state_name(ask.state)) {
                            (word::state(ask.state))
                            @if ask.state == AskState::InProcess && ask.percent > 0 { " · " (ask.percent) " %" }
                        }
                        @if let Some((is_told, (words, said))) = answer {
                            div.reason {
                                @if !is_told { p { (words) } }
                                @if let Some(said) = said { div.prose { (said) } }
                            }
                        }
                        @if !ask.reason.is_empty() { p.reason { "“" bdi { (ask.reason) } "”" } }
                    }
                }
            }
            @if task.status == TaskStatus::Cancelled { p.aside { "It is withdrawn: nobody has anything to do." } }
        }
    }
}

/// Whether the mark of the state says all of an answer but its text.
const fn is_told(answer: &Answer) -> bool {
    matches!(answer, Answer::Done { .. })
}
