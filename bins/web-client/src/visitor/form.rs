//! Forms: bounded, read, and proven to come from one of our own pages.

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;

use super::{Guest, Member};
use crate::app::Shared;
use crate::limit::{BODY_WITHIN, FORM_BYTES_MAX, FORM_FIELDS_MAX};
use crate::session::SessionId;
use crate::view::refusal::Refusal;

/// The field that proves where a form comes from.
pub(crate) const TOKEN: &str = "form_token";

/// The fields of a form, or of an address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `a=1&b=2`; fields past the limit are dropped.
    pub(crate) fn parse(text: &[u8]) -> Self {
        let fields = form_urlencoded::parse(text).take(FORM_FIELDS_MAX);
        Self(
            fields
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// These fields.
    pub(crate) fn of(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// The value of a field; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value)
    }

    /// Every value of a field.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.0.iter().filter(move |(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether there is such a field.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }
}

/// A form of a member.
pub(crate) struct MemberForm {
    pub member: Member,
    pub form: Form,
}

/// A form of a guest.
pub(crate) struct GuestForm {
    pub guest: Guest,
    pub form: Form,
}

impl FromRequest<Shared> for MemberForm {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let member = Member::from_request_parts(&mut parts, app).await?;
        let form = read(Request::from_parts(parts, body), &member.id).await?;
        Ok(Self { member, form })
    }
}

impl FromRequest<Shared> for GuestForm {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let guest = Guest::from_request_parts(&mut parts, app).await?;
        let form = read(Request::from_parts(parts, body), &guest.id).await?;
        Ok(Self { guest, form })
    }
}

async fn read(request: Request, id: &SessionId) -> Result<Form, Refusal> {
    let media = request.headers().get(CONTENT_TYPE);
    let media = media.and_then(|media| media.to_str().ok()).unwrap_or("");
    if !media.starts_with("application/x-www-form-urlencoded") {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "That was no form",
            "Only forms of this website are taken.",
        ));
    }
    let body = to_bytes(request.into_body(), FORM_BYTES_MAX);
    let body = match tokio::time::timeout(BODY_WITHIN, body).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "That is too long",
                "A task's text may hold at most 64 KiB. Go back, and shorten it.",
            ));
        }
        Err(_) => {
            return Err(Refusal::new(
                StatusCode::REQUEST_TIMEOUT,
                "That took too long",
                "The form did not arrive in time. Please try again.",
            ));
        }
    };
    let form = Form::parse(&body);
    if id.is_form_token(form.text(TOKEN)) {
        Ok(form)
    } else {
        Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "This page is too old",
            "It belongs to another log-in, so nothing was done. Go back, reload the page, and try again.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_bounded() {
        let form = Form::parse(b"a=x+y%21&b=&a=2&c");
        assert_eq!((form.text("a"), form.text("b")), ("x y!", ""));
        assert!(form.has("c") && !form.has("d"));
        assert_eq!(form.all("a").collect::<Vec<_>>(), ["x y!", "2"]);
        let many = "a=1&".repeat(FORM_FIELDS_MAX * 2);
        assert_eq!(Form::parse(many.as_bytes()).0.len(), FORM_FIELDS_MAX);
    }
}
