//! What is answered instead of a page: to log in first, or why not.

use axum::http::header::{CONTENT_TYPE, HeaderValue, LOCATION, SET_COOKIE};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use maud::html;

use crate::clock::Clock;
use crate::fill;
use crate::store;
use crate::view::{self, Theme};
use crate::visitor::Look;

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// To be asked again after a log-in; this is where to go.
    LogIn(String),
    /// This is why not.
    Page {
        status: StatusCode,
        title: &'static str,
        text: &'static str,
    },
}

impl Refusal {
    pub(crate) const fn new(status: StatusCode, title: &'static str, text: &'static str) -> Self {
        Self::Page {
            status,
            title,
            text,
        }
    }

    /// To the log-in, and from there back; what was posted is not kept.
    pub(crate) fn log_in(method: &Method, uri: &Uri) -> Self {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let back: String = match *method {
            Method::GET if path != "/" && path != "/live" => {
                form_urlencoded::byte_serialize(path.as_bytes()).collect()
            }
            _ => return Self::LogIn("/log-in".to_owned()),
        };
        Self::LogIn(format!("/log-in?next={back}"))
    }

    pub(crate) const fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Nothing here",
            "There is no such page, or no task that you may see.",
        )
    }

    pub(crate) fn store(error: &store::Error) -> Self {
        tracing::error!(%error, "the database: {error}");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not now",
            "The website's own database does not answer. Nothing was changed; please try again in a moment.",
        )
    }

    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!("a request failed: {error}");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "That went wrong",
            "Something is broken here. Nothing was changed.",
        )
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        Self::store(&error)
    }
}

impl From<fill::Error> for Refusal {
    fn from(error: fill::Error) -> Self {
        match error {
            fill::Error::Ended => Self::LogIn("/log-in?ended=1".to_owned()),
            fill::Error::Store(error) => Self::store(&error),
            fill::Error::OutOfReach(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Not now",
                "The servers cannot be reached. Please try again in a moment.",
            ),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::LogIn(to) => see_other(&to),
            Self::Page {
                status,
                title,
                text,
            } => {
                let look = Look {
                    theme: Theme::System,
                    clock: Clock::in_zone(None),
                    keys: true,
                };
                let content = html! {
                    h1 { (title) }
                    p { (text) }
                    p { a.button href="/" { "To your tasks" } }
                };
                (status, Html(view::alone(&look, title, &content))).into_response()
            }
        }
    }
}

/// A few words, for what is hardly ever a person.
pub(crate) fn plain(status: StatusCode, text: &'static str) -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    (status, [(CONTENT_TYPE, kind)], text).into_response()
}

/// To another page, by GET.
pub(crate) fn see_other(to: &str) -> Response {
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
}

/// The same answer, with one more cookie.
pub(crate) fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().append(SET_COOKIE, cookie);
    response
}
