//! How the servers stand: what each says of itself, and what the load balancers
//! hear of it. Servers are changed by the command line alone.

use axum::extract::State;
use axum::response::Html;
use maud::{Markup, html};
use yoshi_client::{Standing, Stands};
use yoshi_protocol::message::operate::ServerState;
use yoshi_protocol::subject::Role;

use super::{Tab, bad, head, operator};
use crate::app::{App, Shared};
use crate::clock::Clock;
use crate::page::{frame, trouble};
use crate::view::refusal::Refusal;
use crate::view::{self, Here};
use crate::visitor::Administrator;

/// A server that has announced itself so long ago is worth a look; it does so every second.
const SILENT_MILLIS_MAX: u64 = 2_500;
/// Seconds after which an open page looks again.
const LOOK_AGAIN_SECONDS: u32 = 5;

/// Every server.
pub(crate) async fn servers(
    State(app): State<Shared>,
    Administrator(member): Administrator,
) -> Result<Html<String>, Refusal> {
    let (frame, standing) = tokio::join!(frame(&app, &member), standing(&app));
    let frame = frame?;
    let clock = &frame.look.clock;
    let summary = match &standing {
        Ok(standing) => summary(standing),
        Err(_) => html! { "How every server stands" },
    };
    let content = html! {
        (head(Tab::Servers, &summary))
        div #list data-every=(LOOK_AGAIN_SECONDS) {
            @match &standing {
                Err(words) => (bad(words)),
                Ok(standing) => {
                    (troubles(standing))
                    (table("Message servers", &standing.message_servers, clock))
                    (table("Registration servers", &standing.registration_servers, clock))
                    (more(standing))
                }
            }
        }
    };
    let page = view::member(&frame, Here::Admin, "Servers", &content);
    Ok(Html(page))
}

async fn standing(app: &App) -> Result<Standing, String> {
    let asked = operator(app).await?.standing().await;
    asked.map_err(|error| trouble::words(&error))
}

/// What is not as it should be with a server, for people; nothing if all is well.
fn trouble_of(server: &Stands) -> String {
    let report = server.report.as_ref();
    let mut words = Vec::new();
    if let Some(refusal) = report.and_then(|report| report.refusal.as_ref()) {
        words.push(format!("refuses to serve: {refusal}"));
    }
    match server.state {
        ServerState::Joining => words.push("is not at the end of the log yet".to_owned()),
        ServerState::Behind => words.push("is behind the log".to_owned()),
        ServerState::Draining => words.push("takes nothing new: it was asked to drain".to_owned()),
        ServerState::Serving | ServerState::Primary | ServerState::Backup => {}
    }
    if report.is_none() {
        words.push("is heard of, but did not report in time".to_owned());
    }
    if server.silent_millis > SILENT_MILLIS_MAX {
        let seconds = server.silent_millis / 1_000;
        words.push(format!("was not heard of for {seconds} s"));
    }
    match report.map_or(0, |report| report.outbox) {
        0 => {}
        1 => words.push("holds 1 task that the log did not take yet".to_owned()),
        count => words.push(format!("holds {count} tasks that the log did not take yet")),
    }
    words.join("; ")
}

fn all(standing: &Standing) -> impl Iterator<Item = &Stands> {
    let registration = &standing.registration_servers;
    standing.message_servers.iter().chain(registration)
}

/// What is missing from the system as a whole.
fn missing(standing: &Standing) -> Vec<&'static str> {
    let is_primary = |server: &Stands| server.state == ServerState::Primary;
    [
        (
            !standing.balancers_answer,
            "No load balancer answers: nobody can reach a server.",
        ),
        (
            standing.message_servers.is_empty(),
            "No message server answers.",
        ),
        (
            !standing.registration_servers.iter().any(is_primary),
            "No registration server is primary: nobody can register or log in.",
        ),
    ]
    .into_iter()
    .filter_map(|(is, words)| is.then_some(words))
    .collect()
}

fn summary(standing: &Standing) -> Markup {
    let count = all(standing).count();
    let well = all(standing).filter(|server| trouble_of(server).is_empty());
    let well = well.count();
    html! {
        @if well == count && missing(standing).is_empty() { "All " b { (count) } " servers are well" }
        @else { b { (well) } " of " (count) " servers are well" }
    }
}

fn troubles(standing: &Standing) -> Markup {
    html! {
        @for words in missing(standing) { p.notice.bad { (words) } }
        @for server in all(standing) {
            @let words = trouble_of(server);
            @if !words.is_empty() { p.notice.caution { b { (server.host) } " " (words) } }
        }
    }
}

const fn state(state: ServerState) -> (&'static str, &'static str) {
    match state {
        ServerState::Joining => ("joining", "declined"),
        ServerState::Serving => ("serving", "completed"),
        ServerState::Behind => ("behind", "declined"),
        ServerState::Draining => ("draining", "declined"),
        ServerState::Primary => ("primary", "completed"),
        ServerState::Backup => ("backup", "accepted"),
    }
}

/// The servers of one kind. On a phone each row becomes a card, with its cells named.
fn table(heading: &str, servers: &[Stands], clock: &Clock) -> Markup {
    let keeps_tasks = servers.iter().any(|server| server.role == Role::Ms);
    let compared = |server: &Stands| {
        let at = server.report.as_ref()?.compared_at?;
        Some(clock.ago(at))
    };
    html! {
        @if !servers.is_empty() {
            section.group {
                h2 { (heading) span.count { (servers.len()) } }
                table.servers {
                    caption.unseen { (heading) }
                    thead { tr {
                        th scope="col" { "Server" } th scope="col" { "State" }
                        th.number scope="col" { "Position" } th.number scope="col" { "Lag" } th.number scope="col" { "Load" }
                        @if keeps_tasks {
                            th.number scope="col" { "Accounts" } th.number scope="col" { "Waiting" } th scope="col" { "Compared" }
                        }
                    } }
                    tbody {
                        @for server in servers {
                            @let (words, class) = state(server.state);
                            tr {
                                th scope="row" { (server.host) }
                                td data-name="State" { span.state.(class) { (words) } }
                                td.number data-name="Position" { (server.applied) }
                                td.number data-name="Lag" { (server.lag) }
                                td.number data-name="Load" { (server.load) }
                                @if keeps_tasks {
                                    td.number data-name="Accounts" { (number(server.accounts)) }
                                    td.number data-name="Waiting" { (number(server.report.as_ref().map(|report| report.outbox))) }
                                    td data-name="Compared" {
                                        @match compared(server) {
                                            Some(at) => time.ago title=(at.whole) { (at.words) },
                                            None => span.ago { "not yet" },
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn number(number: Option<u64>) -> String {
    number.map_or_else(|| "–".to_owned(), |number| number.to_string())
}

/// What the command line needs to name a server, and what the words above mean.
fn more(standing: &Standing) -> Markup {
    html! {
        details.facts #more {
            summary { "Ids and releases" }
            dl {
                @for server in all(standing) {
                    div {
                        dt { (server.host) }
                        dd {
                            code { (server.id) }
                            @if let Some(report) = &server.report { " release " (report.release) ", log " code { (report.stream) } }
                        }
                    }
                }
                @for id in &standing.destroyed { div { dt { "Destroyed" } dd { code { (id) } } } }
            }
        }
        p.aside {
            "Lag is counted in positions of the log, from the most advanced server of the kind. Waiting are tasks that "
            "the log did not take yet; compared is when a server last found its rows equal to another's. "
            "Draining, filling anew and destroying a server is done with " code { "yoshi" } " on the command line."
        }
    }
}
