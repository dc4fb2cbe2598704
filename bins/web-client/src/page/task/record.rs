//! What a task leads to, and where it is kept.

use maud::{Markup, html};

use crate::clock::Clock;
use crate::store::whole::Whole;

/// Links are only ever to the web or to mail: servers refuse others. What the
/// log had before that rule is shown, but leads nowhere.
pub(super) fn links(links: &[String]) -> Markup {
    let leads = |link: &str| {
        ["https://", "http://", "mailto:"].iter().any(|scheme| {
            let begin = link.get(..scheme.len());
            begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
        })
    };
    html! {
        section aria-labelledby="links" {
            h2 #links { "Links" }
            ul.links {
                @for link in links {
                    li {
                        @if leads(link) { a href=(link) rel="nofollow noopener noreferrer" { (link) } }
                        @else { (link) }
                    }
                }
            }
        }
    }
}

/// Where it is kept: everything that one needs to check the promise.
pub(super) fn facts(task: &Whole, clock: &Clock) -> Markup {
    let hash: String = task.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    html! {
        details.facts {
            summary { "Held by " (task.held_by.len()) " server" @if task.held_by.len() != 1 { "s" } }
            dl {
                div { dt { "Sent" } dd { (clock.ago(task.sent_at).whole) } }
                div { dt { "Number" } dd { (task.number) " of " (task.sender) } }
                div { dt { "Place in the log" } dd { (task.position) } }
                div { dt { "Last change" } dd { (task.changed) } }
                div { dt { "Revision" } dd { (task.revision) } }
                div { dt { "Servers" } dd { @for server in &task.held_by { code { (server) } " " } } }
                div { dt { "Id" } dd { code { (task.new_task.id) } } }
                div { dt { "Chain" } dd { code { (hash) } } }
            }
        }
    }
}
