//! The filters of a list: what is chosen, and the form that chooses.

use maud::{Markup, html};
use yoshi_protocol::message::task::AskState;

use crate::filter::{Due, FIELDS, Filter, IMPORTANCES};
use crate::word;

/// The filters of the list at `path`.
pub(crate) fn filters(filter: &Filter, path: &str) -> Markup {
    let chosen = filter.wanted();
    html! {
        details.filters {
            summary { "Filter" @if !chosen.is_empty() { span.count { (chosen.len()) } } }
            form.card action=(path) {
                div.side-by-side {
                    (states(filter))
                    (choice(FIELDS[1], "Kind", word::KINDS.map(|kind| {
                        (word::kind(kind), word::kind(kind), filter.kind == Some(kind))
                    })))
                    (choice(FIELDS[2], "Importance", IMPORTANCES.map(|one| {
                        (one.0, one.0, filter.importance == Some(one))
                    })))
                    (choice(FIELDS[3], "Due", Due::ALL.map(|(due, name, words)| {
                        (name, words, filter.due == Some(due))
                    })))
                    (text(FIELDS[4], "Person", filter.person.as_deref()))
                    (text(FIELDS[5], "Label", filter.label.as_deref()))
                }
                div.actions {
                    button type="submit" { "Show these" }
                    @if !chosen.is_empty() { a.button.secondary href=(path) { "Show all" } }
                }
            }
        }
        @if !chosen.is_empty() {
            ul.chips aria-label="Filters in use" {
                @for (field, _, words) in &chosen {
                    li { a.chip href=(filter.address(path, Some(field))) {
                        span.unseen { "Remove the filter " } span.chip-name { (field) } " " (words) span.chip-end aria-hidden="true" { "×" }
                    } }
                }
                li { a.chip-all href=(path) { "Show all" } }
            }
        }
    }
}

fn states(filter: &Filter) -> Markup {
    choice(
        FIELDS[0],
        "State",
        word::STATES.map(|state: AskState| {
            let chosen = filter.state == Some(state);
            (word::state_name(state), word::state(state), chosen)
        }),
    )
}

fn choice<const N: usize>(
    field: &str,
    words: &str,
    options: [(&'static str, &'static str, bool); N],
) -> Markup {
    html! {
        div {
            label for={ "filter-" (field) } { (words) }
            select id={ "filter-" (field) } name=(field) {
                option value="" { "any" }
                @for (value, words, chosen) in options { option value=(value) selected[chosen] { (words) } }
            }
        }
    }
}

fn text(field: &str, words: &str, value: Option<&str>) -> Markup {
    html! {
        div {
            label for={ "filter-" (field) } { (words) }
            input id={ "filter-" (field) } type="text" name=(field) value=[value] autocomplete="off"
                autocapitalize="none" spellcheck="false" placeholder="any";
        }
    }
}
