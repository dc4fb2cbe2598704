//! Registering, logging in and logging out.

mod forms;

use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use axum::response::{Html, IntoResponse, Response};
use yoshi_client::Error;
use yoshi_protocol::limit::PASSWORD_CHARS_MIN;
use yoshi_protocol::{AccountName, Credential, Millis, Password, Token};

use self::forms::{Entry, log_in_page, register_page};
use super::trouble;
use crate::app::{App, Shared};
use crate::limit::CHANGE_WITHIN;
use crate::session::SessionId;
use crate::store::sessions::{self, Session};
use crate::view::refusal::{Refusal, see_other, with_cookie};
use crate::visitor::{ForGuests, ForMembers, Form, Guest, GuestForm, MemberForm};

/// Makes a browser forget what was cached for offline use.
const CLEAR: (HeaderName, HeaderValue) = (
    HeaderName::from_static("clear-site-data"),
    HeaderValue::from_static("\"cache\", \"storage\""),
);

/// The form for logging in.
pub(crate) async fn log_in_form(
    State(app): State<Shared>,
    guest: Guest,
    RawQuery(query): RawQuery,
) -> Response {
    if guest.is_member {
        return see_other("/");
    }
    let asked = Form::parse(query.unwrap_or_default().as_bytes());
    let entry = Entry {
        next: asked.text("next").to_owned(),
        notice: match (asked.has("ended"), asked.has("out")) {
            (true, _) => Some("You were logged out. Log in again to go on."),
            (_, true) => Some("You are logged out."),
            _ => None,
        },
        ..Entry::default()
    };
    page(&app, &guest, StatusCode::OK, log_in_page(&guest, &entry))
}

/// The form for registering.
pub(crate) async fn register_form(State(app): State<Shared>, guest: Guest) -> Response {
    if guest.is_member {
        return see_other("/");
    }
    let content = register_page(&guest, &Entry::default());
    page(&app, &guest, StatusCode::OK, content)
}

/// Logs in.
pub(crate) async fn log_in(
    State(app): State<Shared>,
    GuestForm { guest, form }: GuestForm,
) -> Result<Response, Refusal> {
    let mut entry = Entry {
        account: form.text("account").trim().to_lowercase(),
        next: form.text("next").to_owned(),
        ..Entry::default()
    };
    // A name that cannot be one is answered like one that does not exist.
    let name = AccountName::new(&entry.account).ok();
    let wrong = Refused::Wrong("Name or password is wrong.".to_owned());
    let outcome = match name {
        Some(name) => try_log_in(&app, &guest, name, form.text("password")).await?,
        None => Err(wrong),
    };
    match outcome {
        Ok((name, token)) => begin(&app, &guest, &name, &token, &entry.next).await,
        Err(refused) => {
            let status = refused.status();
            entry.error = Some(refused.words());
            let content = log_in_page(&guest, &entry);
            Ok(refused.limited(page(&app, &guest, status, content)))
        }
    }
}

/// Registers, and logs in.
pub(crate) async fn register(
    State(app): State<Shared>,
    GuestForm { guest, form }: GuestForm,
) -> Result<Response, Refusal> {
    let mut entry = Entry {
        account: form.text("account").trim().to_lowercase(),
        ..Entry::default()
    };
    let refused = match try_register(&app, &guest, &entry.account, &form).await? {
        Ok((name, token)) => return begin(&app, &guest, &name, &token, "").await,
        Err(refused) => refused,
    };
    let status = refused.status();
    entry.error = Some(refused.words());
    let content = register_page(&guest, &entry);
    Ok(refused.limited(page(&app, &guest, status, content)))
}

/// Logs out: the token ends, and with it the session.
pub(crate) async fn log_out(
    State(app): State<Shared>,
    MemberForm { member, .. }: MemberForm,
) -> Result<Response, Refusal> {
    sessions::end(&app.pool, &member.account, &member.session.hash).await?;
    // Other tabs of the same browser look again, and find the log-in.
    app.hub.end(&member.account);
    if let Credential::Token(token) = &member.credential {
        let client = app.client.clone().with_deadline(CHANGE_WITHIN);
        if let Err(error) = client.log_out(&member.account, token).await {
            // The session is gone, and with it the only key to the token.
            tracing::warn!(account = %member.account, "the token is not ended: {error}");
        }
    }
    tracing::info!(account = %member.account, "{} logged out", member.account);
    let out = with_cookie(see_other("/log-in?out=1"), ForMembers::clear(&app));
    Ok(([CLEAR], out).into_response())
}

/// Why somebody may not enter.
enum Refused {
    Wrong(String),
    TooOften(Duration),
}

impl Refused {
    fn status(&self) -> StatusCode {
        match self {
            Self::Wrong(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Wrong(words) => words.clone(),
            Self::TooOften(wait) => format!(
                "That was tried too often. Try again in {} seconds.",
                wait.as_secs() + 1
            ),
        }
    }

    fn limited(&self, response: Response) -> Response {
        match self {
            Self::Wrong(_) => response,
            Self::TooOften(wait) => {
                ([(RETRY_AFTER, (wait.as_secs() + 1).to_string())], response).into_response()
            }
        }
    }
}

type Entered = Result<(AccountName, Token), Refused>;

async fn try_log_in(
    app: &App,
    guest: &Guest,
    name: AccountName,
    password: &str,
) -> Result<Entered, Refusal> {
    if let Err(wait) = app.throttles.log_in(guest.source, &name) {
        tracing::info!(account = %name, source = %guest.source, "log-in to {name} throttled");
        return Ok(Err(Refused::TooOften(wait)));
    }
    let Ok(_permit) = app.entering.try_acquire() else {
        return Ok(Err(Refused::TooOften(Duration::from_secs(2))));
    };
    let client = app.client.clone().with_deadline(CHANGE_WITHIN);
    Ok(
        match client
            .log_in(&name, &Password::new(password.to_owned()))
            .await
        {
            Ok(logged_in) => {
                app.throttles.logged_in(guest.source, &name);
                tracing::info!(account = %name, source = %guest.source, "{name} logged in");
                Ok((name, logged_in.token))
            }
            Err(error) => {
                tracing::info!(account = %name, source = %guest.source, "{name} did not log in: {error}");
                Err(Refused::Wrong(trouble::words(&error)))
            }
        },
    )
}

/// The name of a new account; or everything that is wrong with it and its password.
fn entered(account: &str, password: &str, again: &str) -> Result<AccountName, String> {
    let name = AccountName::new(account).map_err(|_| {
        "A name has 1 to 63 small letters, digits, - and _, and begins with a letter or digit."
            .to_owned()
    });
    let mut wrong: Vec<_> = name.as_ref().err().cloned().into_iter().collect();
    if password.chars().count() < PASSWORD_CHARS_MIN {
        wrong.push(format!(
            "The password is too short: at least {PASSWORD_CHARS_MIN} characters, better 15."
        ));
    }
    if password != again {
        wrong.push("The two passwords differ.".to_owned());
    }
    name.ok()
        .filter(|_| wrong.is_empty())
        .ok_or_else(|| wrong.join(" "))
}

async fn try_register(
    app: &App,
    guest: &Guest,
    account: &str,
    form: &Form,
) -> Result<Entered, Refusal> {
    let password = form.text("password");
    let name = match entered(account, password, form.text("again")) {
        Ok(name) => name,
        Err(wrong) => return Ok(Err(Refused::Wrong(wrong))),
    };
    if let Err(wait) = app.throttles.register(guest.source) {
        return Ok(Err(Refused::TooOften(wait)));
    }
    let Ok(_permit) = app.entering.try_acquire() else {
        return Ok(Err(Refused::TooOften(Duration::from_secs(2))));
    };
    let client = app.client.clone().with_deadline(CHANGE_WITHIN);
    let password = Password::new(password.to_owned());
    let created = client.create_account(&name, &password).await;
    let logged_in = match created {
        Ok(_) => client.log_in(&name, &password).await,
        Err(error) => Err(error),
    };
    Ok(match logged_in {
        Ok(logged_in) => {
            tracing::info!(account = %name, source = %guest.source, "{name} registered");
            Ok((name, logged_in.token))
        }
        Err(error @ Error::Refused(_)) => Err(Refused::Wrong(trouble::words(&error))),
        Err(error) => {
            tracing::warn!(account = %name, "{name} is not registered: {error}");
            Err(Refused::Wrong(trouble::words(&error)))
        }
    })
}

/// Begins a session under a new id, and shows what was asked for.
async fn begin(
    app: &App,
    guest: &Guest,
    account: &AccountName,
    token: &Token,
    next: &str,
) -> Result<Response, Refusal> {
    let id = SessionId::fresh().map_err(|error| Refusal::internal(&error))?;
    let now = Millis::now();
    let session = Session {
        hash: id.hash().to_vec(),
        account: account.clone(),
        sealed_token: id
            .seal(account, token)
            .map_err(|error| Refusal::internal(&error))?,
        agent: guest.agent.clone(),
        created_at: now,
        seen_at: now,
    };
    sessions::begin(&app.pool, &session).await?;
    let to = if is_local(next) { next } else { "/" };
    Ok(with_cookie(see_other(to), ForMembers::set(app, &id)))
}

/// Whether an address leads nowhere else: a path of this website.
fn is_local(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    path.starts_with('/') && !path.starts_with("//") && path.bytes().all(plain)
}

fn page(app: &App, guest: &Guest, status: StatusCode, content: String) -> Response {
    let response = (status, Html(content)).into_response();
    with_cookie(response, ForGuests::set(app, &guest.id))
}

#[cfg(test)]
mod tests {
    use super::{entered, is_local};

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let said = |account: &str, password: &str, again: &str| {
            let wrong = entered(account, password, again).unwrap_err();
            ["A name has", "too short", "passwords differ"].map(|words| wrong.contains(words))
        };
        assert_eq!(said("a.b", "short", "other"), [true, true, true]);
        assert_eq!(said("ana", "short", "other"), [false, true, true]);
        assert_eq!(
            said("a.b", "long enough", "long enough"),
            [true, false, false]
        );
        let good = entered("ana", "long enough", "long enough");
        assert_eq!(good.unwrap().as_str(), "ana");
    }

    #[test]
    fn a_log_in_leads_nowhere_else() {
        for path in ["/", "/task/x?y=1", "/search?q=a%20b"] {
            assert!(is_local(path), "{path}");
        }
        for path in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x=y",
            "/\t/evil.example",
        ] {
            assert!(!is_local(path), "{path:?}");
        }
    }
}
