//! Disabling an account, and enabling it again: asked first, then done.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};
use yoshi_protocol::AccountName;
use yoshi_protocol::message::account::AccountSummary;

use super::accounts::since;
use super::beginning::before;
use super::{Tab, bad, head, named, operator};
use crate::app::{App, Shared};
use crate::fill::Freshness;
use crate::page::{frame, fresh, trouble};
use crate::store::sessions;
use crate::view::refusal::{Refusal, see_other};
use crate::view::{self, Frame, Here, row};
use crate::visitor::{Administrator, AdministratorForm, Member};

/// What it would mean, and the button that does it.
pub(crate) async fn form(
    State(app): State<Shared>,
    Administrator(member): Administrator,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    page(&app, &member, &named(&name)?, None).await
}

/// Does it.
pub(crate) async fn set(
    State(app): State<Shared>,
    Path(name): Path<String>,
    AdministratorForm { member, form }: AdministratorForm,
) -> Result<Response, Refusal> {
    let name = named(&name)?;
    let act = form.text("act").to_owned();
    let disabled = match act.as_str() {
        "disable" => true,
        "enable" => false,
        _ => return Err(Refusal::not_found()),
    };
    match change(&app, &member, &name, disabled).await? {
        Ok(()) => Ok(see_other(&format!("/admin/accounts?q={name}&done={act}"))),
        Err(failed) => page(&app, &member, &name, Some(failed)).await,
    }
}

/// Why it was not done: the status, and the words.
type Failed = (StatusCode, String);

/// Sets an account, by the word of an administrator whose own log-in their home
/// has just accepted.
async fn change(
    app: &App,
    member: &Member,
    name: &AccountName,
    disabled: bool,
) -> Result<Result<(), Failed>, Refusal> {
    let failed = |status, words: &str| Ok(Err((status, words.to_owned())));
    if *name == member.account {
        let words = "You cannot disable yourself: another administrator has to.";
        return failed(StatusCode::CONFLICT, words);
    }
    match fresh(app, member).await? {
        Freshness::Fresh | Freshness::Behind => {}
        Freshness::Filling | Freshness::OutOfReach => {
            let words = "The servers do not say whether your own log-in still holds, so nothing \
                         was done. Try again in a moment.";
            return failed(StatusCode::SERVICE_UNAVAILABLE, words);
        }
    }
    if let Err(wait) = app.throttles.send(&member.account) {
        let words = format!("Too fast. Try again in {} seconds.", wait.as_secs() + 1);
        return failed(StatusCode::TOO_MANY_REQUESTS, &words);
    }
    let operator = match operator(app).await {
        Ok(operator) => operator,
        Err(words) => return failed(StatusCode::SERVICE_UNAVAILABLE, &words),
    };
    if let Err(error) = operator.set_account(name, disabled).await {
        tracing::warn!(%error, account = %name, "{name} is not set: {error}");
        return failed(StatusCode::SERVICE_UNAVAILABLE, &trouble::words(&error));
    }
    let (done, by) = (
        if disabled { "disabled" } else { "enabled" },
        &member.account,
    );
    tracing::info!(account = %name, administrator = %by, "{by} has {done} {name}");
    if disabled {
        // The servers have ended every token; here the sessions end with them.
        sessions::end_all(&app.pool, name, None).await?;
        app.hub.end(name);
    }
    Ok(Ok(()))
}

/// An account; none if there is none; why not, for people.
async fn find(app: &App, name: &AccountName) -> Result<Option<AccountSummary>, String> {
    let found = operator(app).await?.accounts(before(name), 1).await;
    let page = found.map_err(|error| trouble::words(&error))?;
    let first = page.accounts.into_iter().next();
    Ok(first.filter(|account| account.name == *name))
}

async fn page(
    app: &Shared,
    member: &Member,
    name: &AccountName,
    failed: Option<Failed>,
) -> Result<Response, Refusal> {
    let (frame, found) = tokio::join!(frame(app, member), find(app, name));
    let frame = frame?;
    if matches!(found, Ok(None)) {
        return Err(Refusal::not_found());
    }
    let content = html! {
        (head(Tab::Accounts, &html! { "One account" }))
        @if let Some((_, words)) = &failed { (bad(words)) }
        @match &found {
            Err(words) => (bad(words)),
            Ok(found) => @if let Some(account) = found { (card(&frame, account)) },
        }
    };
    let status = failed.map_or(StatusCode::OK, |(status, _)| status);
    let page = view::member(&frame, Here::Admin, name.as_str(), &content);
    Ok((status, Html(page)).into_response())
}

fn card(frame: &Frame, account: &AccountSummary) -> Markup {
    let name = &account.name;
    html! {
        section.card.confirm aria-labelledby="question" {
            div.byline {
                (row::avatar(name.as_str()))
                p {
                    b { (name) } " "
                    @if account.disabled { span.state.declined { "disabled" } } @else { span.state.completed { "enabled" } }
                    br;
                    (since(account, &frame.look.clock))
                }
            }
            @if account.disabled {
                h2 #question { "Enable " (name) "?" }
                p { "They can log in with the password that they had. Everything that was asked of them meanwhile is there." }
            } @else {
                h2 #question { "Disable " (name) "?" }
                p { "Every log-in of theirs ends now, in browsers and on the command line, and nobody can use the account until it is enabled again." }
                p { "Nothing is deleted: their tasks stay with those who sent or received them." }
            }
            @if *name == frame.account {
                p.notice.caution { "This is you: another administrator has to." }
            } @else {
                form.actions method="post" action={ "/admin/accounts/" (name) } {
                    (frame.proof())
                    @if account.disabled {
                        button type="submit" name="act" value="enable" { "Enable " (name) }
                    } @else {
                        button.danger type="submit" name="act" value="disable" { "Disable " (name) }
                    }
                    a.button.secondary href={ "/admin/accounts?q=" (name) } { "Cancel" }
                }
            }
        }
    }
}
