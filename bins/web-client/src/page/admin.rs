//! The pages for administrators: the accounts, and how the servers stand.

pub(crate) mod accounts;
mod beginning;
pub(crate) mod servers;
pub(crate) mod set;

use axum::response::Response;
use maud::{Markup, html};

use crate::administration::{Administration, Unreachable};
use crate::app::App;
use crate::view::refusal::{Refusal, see_other};
use crate::visitor::Administrator;
use yoshi_client::Operator;

/// One of these pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tab {
    Accounts,
    Servers,
}

/// Leads to the first of these pages.
pub(crate) async fn first(_: Administrator) -> Response {
    see_other("/admin/accounts")
}

/// The heading of one of these pages, with the way to the other.
fn head(tab: Tab, summary: &Markup) -> Markup {
    let current = |here: Tab| (tab == here).then_some("page");
    html! {
        div.head {
            h1 { "Administration" }
            p.sub { (summary) }
        }
        div.subtabs role="navigation" aria-label="Administration" {
            a href="/admin/accounts" aria-current=[current(Tab::Accounts)] { "Accounts" }
            a href="/admin/servers" aria-current=[current(Tab::Servers)] { "Servers" }
        }
    }
}

/// The connection that servers are asked by; or why there is none, for people.
async fn operator(app: &App) -> Result<&Operator, String> {
    let administration = app.administration.as_ref().map(Administration::operator);
    let connected = match administration {
        Some(connecting) => connecting.await,
        None => Err(Unreachable::TimedOut),
    };
    connected.map_err(|error| {
        tracing::warn!(%error, "administrators cannot reach the servers: {error}");
        "NATS does not take this website's connection for administrators. Its log says why."
            .to_owned()
    })
}

fn bad(words: &str) -> Markup {
    html! { p.notice.bad role="alert" { (words) } }
}

/// An account by the name in an address.
fn named(name: &str) -> Result<yoshi_protocol::AccountName, Refusal> {
    yoshi_protocol::AccountName::new(name).map_err(|_| Refusal::not_found())
}
