//! The website's cookies: read, set, cleared.

use axum::http::header::{COOKIE, HeaderMap, HeaderValue};

use crate::app::App;
use crate::session::SessionId;

/// Light or dark.
pub(crate) const THEME: &str = "yoshi-theme";
/// The reader's time zone; the script sets it.
pub(crate) const ZONE: &str = "yoshi-zone";
/// Whether letters are shortcuts: `off` if they are not.
pub(crate) const KEYS: &str = "yoshi-keys";
/// How long a browser remembers how the website looks.
const PREFERENCE_SECONDS: u32 = 365 * 24 * 60 * 60;

/// The name of the session's cookie. Over TLS, one that no other host can set.
pub(crate) fn for_members(app: &App) -> &'static str {
    match app.place.is_secure() {
        true => "__Host-yoshi",
        false => "yoshi",
    }
}

/// The name of the cookie that the forms of guests belong to.
pub(crate) fn for_guests(app: &App) -> &'static str {
    match app.place.is_secure() {
        true => "__Host-yoshi-guest",
        false => "yoshi-guest",
    }
}

/// The value of a cookie. The first counts, as browsers send the more specific first.
pub(crate) fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then_some(value)
        })
}

/// Cookies of members.
pub(crate) struct ForMembers;
/// Cookies of guests.
pub(crate) struct ForGuests;

impl ForMembers {
    /// Sets the session's cookie. It ends with the browser's session, and in
    /// any case with ours.
    pub(crate) fn set(app: &App, id: &SessionId) -> HeaderValue {
        secret(app, for_members(app), Some(id))
    }

    /// Clears it.
    pub(crate) fn clear(app: &App) -> HeaderValue {
        secret(app, for_members(app), None)
    }
}

impl ForGuests {
    /// Sets the guest's cookie.
    pub(crate) fn set(app: &App, id: &SessionId) -> HeaderValue {
        secret(app, for_guests(app), Some(id))
    }
}

fn secret(app: &App, name: &str, id: Option<&SessionId>) -> HeaderValue {
    let secure = if app.place.is_secure() {
        "; Secure"
    } else {
        ""
    };
    let (value, age) = match id {
        Some(id) => (id.to_cookie(), ""),
        None => (String::new(), "; Max-Age=0"),
    };
    header(&format!(
        "{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}"
    ))
}

/// Sets a cookie that says how the website looks; not secret. The value must be
/// one of ours.
pub(crate) fn preference(app: &App, name: &str, value: &str) -> HeaderValue {
    let secure = if app.place.is_secure() {
        "; Secure"
    } else {
        ""
    };
    let value = value.replace('/', "%2F");
    header(&format!(
        "{name}={value}; Path=/; SameSite=Lax; Max-Age={PREFERENCE_SECONDS}{secure}"
    ))
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("names and values are letters, digits and the like")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_cookie() {
        let mut headers = HeaderMap::new();
        let line = "a=1; yoshi=one; yoshi-x=2; yoshi=two; broken";
        headers.insert(COOKIE, line.parse().unwrap());
        assert_eq!(value(&headers, "yoshi"), Some("one"));
        assert_eq!(value(&headers, "yoshi-x"), Some("2"));
        assert_eq!(value(&headers, "broken"), None);
        assert_eq!(value(&HeaderMap::new(), "yoshi"), None);
    }
}
