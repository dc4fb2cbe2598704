//! Who asks: a member with a session, or a guest; and the forms that they
//! submit, which carry a proof that they come from one of our own pages.

mod administrator;
mod cookie;
mod form;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use yoshi_protocol::{AccountName, Credential, Millis};

use crate::app::{App, Shared};
use crate::clock::Clock;
use crate::session::SessionId;
use crate::store::sessions::{self, Session};
use crate::view::Theme;
use crate::view::refusal::Refusal;

pub(crate) use administrator::{Administrator, AdministratorForm};
pub(crate) use cookie::{ForGuests, ForMembers, for_guests, for_members, preference, value};
pub(crate) use form::{Form, GuestForm, MemberForm};

/// How somebody sees the website.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// Light, dark, or as their system is.
    pub theme: Theme,
    /// Their clock.
    pub clock: Clock,
    /// Whether letters are shortcuts.
    pub keys: bool,
}

impl Look {
    fn of(headers: &HeaderMap) -> Self {
        Self {
            theme: Theme::named(value(headers, cookie::THEME).unwrap_or_default()),
            // A slash is not allowed in a cookie's value by all.
            clock: Clock::in_zone(
                value(headers, cookie::ZONE)
                    .map(|zone| zone.replace("%2F", "/"))
                    .as_deref(),
            ),
            keys: value(headers, cookie::KEYS) != Some("off"),
        }
    }
}

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub id: SessionId,
    pub session: Session,
    pub account: AccountName,
    pub credential: Credential,
    pub look: Look,
}

/// Somebody who may be about to log in. The id is only a proof that a form is ours.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    pub id: SessionId,
    pub look: Look,
    /// Where they come from.
    pub source: IpAddr,
    /// What their browser calls itself.
    pub agent: String,
    /// Whether they have a session already.
    pub is_member: bool,
}

impl FromRequestParts<Shared> for Member {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Refusal> {
        match member(app, &parts.headers).await? {
            Some(member) => Ok(member),
            None => Err(Refusal::log_in(&parts.method, &parts.uri)),
        }
    }
}

impl FromRequestParts<Shared> for Guest {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Refusal> {
        let known = value(&parts.headers, for_guests(app)).and_then(SessionId::parse);
        let id = match known {
            Some(id) => id,
            None => SessionId::fresh().map_err(|error| Refusal::internal(&error))?,
        };
        Ok(Self {
            id,
            look: Look::of(&parts.headers),
            source: source(app, parts),
            agent: agent(&parts.headers),
            is_member: member(app, &parts.headers).await?.is_some(),
        })
    }
}

async fn member(app: &App, headers: &HeaderMap) -> Result<Option<Member>, Refusal> {
    let Some(id) = value(headers, for_members(app)).and_then(SessionId::parse) else {
        return Ok(None);
    };
    let found = sessions::find(&app.pool, &id.hash(), Millis::now()).await;
    let Some(session) = found.map_err(|error| Refusal::store(&error))? else {
        return Ok(None);
    };
    let Ok(token) = id.open(&session.account, &session.sealed_token) else {
        return Ok(None);
    };
    Ok(Some(Member {
        account: session.account.clone(),
        credential: Credential::Token(token),
        look: Look::of(headers),
        session,
        id,
    }))
}

/// Where a request comes from: the other end of the connection, or whom the
/// trusted proxy there speaks for.
fn source(app: &App, parts: &Parts) -> IpAddr {
    let forwarded = || {
        let last = parts
            .headers
            .get_all("x-forwarded-for")
            .iter()
            .next_back()?;
        last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
    };
    let connected = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let connected = connected.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |from| from.0.ip());
    match app.trust_forwarded {
        true => forwarded().unwrap_or(connected),
        false => connected,
    }
}

fn agent(headers: &HeaderMap) -> String {
    let text = headers
        .get("user-agent")
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default();
    text.chars().take(crate::limit::AGENT_CHARS_MAX).collect()
}
