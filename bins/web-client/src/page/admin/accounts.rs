//! Everybody who has an account, by name.

use axum::extract::{RawQuery, State};
use axum::response::Html;
use maud::{Markup, html};
use yoshi_protocol::AccountName;
use yoshi_protocol::limit::ACCOUNT_NAME_CHARS_MAX;
use yoshi_protocol::message::account::{AccountSummary, AccountsPage};

use super::beginning::before;
use super::{Tab, bad, head, operator};
use crate::app::{App, Shared};
use crate::clock::Clock;
use crate::limit::PAGE_ACCOUNTS;
use crate::page::{frame, trouble};
use crate::view::refusal::Refusal;
use crate::view::{self, Frame, Here, row};
use crate::visitor::{Administrator, Form};

/// The accounts whose names begin as the address says, page by page.
pub(crate) async fn accounts(
    State(app): State<Shared>,
    Administrator(member): Administrator,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Refusal> {
    let asked = Form::parse(query.unwrap_or_default().as_bytes());
    let typed: String = asked
        .text("q")
        .trim()
        .trim_start_matches('@')
        .chars()
        .filter(|char| !char.is_control())
        .take(ACCOUNT_NAME_CHARS_MAX)
        .collect();
    let typed = typed.to_lowercase();
    let after = AccountName::new(asked.text("after")).ok();
    let (frame, found) = tokio::join!(frame(&app, &member), list(&app, &typed, after));
    let frame = frame?;
    let content = html! {
        (head(Tab::Accounts, &html! { "Everybody who can log in, and who no longer can" }))
        (done(&asked))
        form.search role="search" action="/admin/accounts" {
            label.unseen for="q" { "Beginning of a name" }
            input #q type="search" name="q" value=(typed) maxlength=(ACCOUNT_NAME_CHARS_MAX)
                autocomplete="off" autocapitalize="none" spellcheck="false" placeholder="Beginning of a name";
            button type="submit" { "Search" }
        }
        div #list {
            @match &found {
                Err(words) => (bad(words)),
                Ok(page) if page.accounts.is_empty() => div.empty {
                    h2 { "Nobody" }
                    p { "No account's name begins with “" (typed) "”." }
                },
                Ok(page) => {
                    ol.rows.accounts { @for account in &page.accounts { (one(&frame, account)) } }
                    (more(&typed, page))
                }
            }
        }
    };
    let page = view::member(&frame, Here::Admin, "Accounts", &content);
    Ok(Html(page))
}

/// A page of the accounts; why not, for people.
async fn list(app: &App, typed: &str, after: Option<AccountName>) -> Result<AccountsPage, String> {
    let nobody = AccountsPage {
        more: false,
        accounts: Vec::new(),
    };
    let beginning = match AccountName::new(typed) {
        Ok(beginning) => Some(beginning),
        Err(_) if typed.is_empty() => None,
        // No name begins like that.
        Err(_) => return Ok(nobody),
    };
    let after = after.or_else(|| beginning.as_ref().and_then(before));
    let asked = operator(app).await?.accounts(after, PAGE_ACCOUNTS).await;
    let mut page = asked.map_err(|error| trouble::words(&error))?;
    let all = page.accounts.len();
    page.accounts
        .retain(|account| account.name.as_str().starts_with(typed));
    // By name: whoever follows somebody who does not begin like that does not, either.
    page.more &= page.accounts.len() == all;
    Ok(page)
}

fn one(frame: &Frame, account: &AccountSummary) -> Markup {
    let name = &account.name;
    html! {
        li.row {
            (row::avatar(name.as_str()))
            div.row-words {
                p.account-name {
                    b { (name) }
                    @if *name == frame.account { span.state { "you" } }
                    @if account.disabled { span.state.declined { "disabled" } }
                }
                p.row-facts { (since(account, &frame.look.clock)) }
            }
            @if *name != frame.account {
                a.button.secondary href={ "/admin/accounts/" (name) } {
                    @if account.disabled { "Enable…" } @else { "Disable…" }
                    span.unseen { " " (name) }
                }
            }
        }
    }
}

pub(super) fn since(account: &AccountSummary, clock: &Clock) -> Markup {
    let at = clock.ago(account.created_at);
    html! { span { "registered " time title=(at.whole) { (at.words) } } }
}

fn more(typed: &str, page: &AccountsPage) -> Markup {
    let last = page.accounts.last().filter(|_| page.more);
    html! {
        @if let Some(last) = last {
            p.more { a.button.secondary rel="next" href={ "/admin/accounts?q=" (typed) "&after=" (last.name) } { "Show more" } }
        }
    }
}

/// What was just done.
fn done(asked: &Form) -> Markup {
    let words = match asked.text("done") {
        "disable" => " is disabled: every log-in has ended.",
        "enable" => " is enabled, and can log in again.",
        _ => return html! {},
    };
    html! {
        @if let Ok(name) = AccountName::new(asked.text("q")) {
            p.notice.good role="status" data-once { b { (name) } (words) }
        }
    }
}
