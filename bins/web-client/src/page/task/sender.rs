//! The forms of what a task's sender may do with it, for all recipients or for some.

use maud::{Markup, html};
use yoshi_client::AskState;
use yoshi_protocol::AccountName;

use super::actions::Forms;
use super::may;
use crate::word;

impl Forms<'_> {
    /// What its sender may do.
    pub(super) fn sender(&self) -> Markup {
        let may = self.may;
        let remind = html! {
            p.hint { "Everybody who is not done is told that you wait."
                @if self.task.reminders > 0 { " Reminded " (self.task.reminders) @if self.task.reminders == 1 { " time" } @else { " times" } " so far." } }
            button type="submit" { "Remind them" }
        };
        let withdraw = html! {
            (self.whom("withdraw", "From whom", |state| {
                !matches!(state, AskState::Completed | AskState::Withdrawn)
            }))
            (self.text("withdraw", "reason", "Why? You need not say", 2, false))
            button type="submit" { "Withdraw it" }
        };
        let reopen = html! {
            (self.whom("reopen", "Who is asked again", may::is_asked_again))
            (self.text("reopen", "reason", "Why? Those who are asked again read this", 2, true))
            button type="submit" { "Ask again" }
        };
        html! {
            section.part #sender-actions aria-labelledby="sender-part" {
                h2 #sender-part { "You asked for this" }
                @if self.task.needs_sender {
                    p.notice.caution { "It was declined, and the others cannot complete it. Change it, ask again, or withdraw it." }
                }
                div.acts {
                    @if may.revise { a.button.secondary href={ "/task/" (self.id()) "/revise" } data-key="v" { "Change it" } }
                    @if may.remind { (self.fold("remind", "n", "Remind…", &remind)) }
                    @if may.reopen { (self.fold("reopen", "o", "Ask again…", &reopen)) }
                    @if may.withdraw { (self.fold("withdraw", "w", "Withdraw…", &withdraw)) }
                }
            }
        }
    }

    /// Those with whom it stands so that this can be done, all chosen at first. Of
    /// one alone there is no choice.
    fn whom(&self, act: &str, legend: &str, fits: impl Fn(AskState) -> bool) -> Markup {
        let asks = self.task.asks.iter().filter(|ask| fits(ask.state));
        let asks: Vec<_> = asks.collect();
        let chosen = |name: &AccountName| {
            let tried = self.tried(act);
            tried.is_none_or(|tried| tried.form.all("whom").any(|known| known == name.as_str()))
        };
        html! {
            @if self.task.asks.len() > 1 {
                input type="hidden" name="choice" value=(asks.len());
                fieldset.whom {
                    legend { (legend) }
                    @for ask in &asks {
                        label {
                            input type="checkbox" name="whom" value=(ask.recipient) checked[chosen(&ask.recipient)];
                            span { (ask.recipient) span.hint { " " (word::state(ask.state)) } }
                        }
                    }
                }
            }
        }
    }
}
