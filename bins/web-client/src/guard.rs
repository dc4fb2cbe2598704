//! What holds for every request and answer: the host that is asked for, where a
//! change comes from, how long it may take, and the headers of every answer.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::Shared;
use crate::arguments::Place;
use crate::limit::REQUEST_WITHIN;
use crate::view::refusal;

/// Only what this website serves itself; no script or style within a page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
     object-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
);
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Checks a request, and finishes its answer.
pub(crate) async fn guard(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let mut response = match refused(&app.place, request.method(), request.headers()) {
        Some((status, why)) => {
            tracing::info!(status = status.as_u16(), "refused: {why}");
            refusal::plain(status, why)
        }
        None => match tokio::time::timeout(REQUEST_WITHIN, next.run(request)).await {
            Ok(response) => response,
            Err(_) => refusal::plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "That took too long. Please try again.",
            ),
        },
    };
    let kind = format!("{}xx", response.status().as_u16() / 100);
    metrics::histogram!("yoshi_web_request_seconds", "status" => kind)
        .record(begun.elapsed().as_secs_f64());
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    if app.place.is_secure() {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(STRICT_TRANSPORT_SECURITY, year);
    }
    // What says nothing else is somebody's own page.
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Why a request is refused before anybody looks at it.
fn refused(
    place: &Place,
    method: &Method,
    headers: &HeaderMap,
) -> Option<(StatusCode, &'static str)> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let Some(host) = host.filter(|host| is_ours(place, host)) else {
        return Some((
            StatusCode::MISDIRECTED_REQUEST,
            "This website has another address.",
        ));
    };
    if matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
    let from_elsewhere = site.is_some_and(|site| site != b"same-origin")
        || headers
            .get(ORIGIN)
            .is_some_and(|origin| !is_our_origin(place, host, origin));
    from_elsewhere.then_some((
        StatusCode::FORBIDDEN,
        "This came from another website, so nothing was done.",
    ))
}

/// A website on loopback answers to loopback's names only: a name that somebody
/// else made to point here (DNS rebinding) is not one.
fn is_ours(place: &Place, host: &str) -> bool {
    match place {
        Place::Public { host: ours, .. } => host.eq_ignore_ascii_case(ours),
        Place::Loopback => {
            let name = match host.rsplit_once(':') {
                Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
                _ => host,
            };
            matches!(name, "localhost" | "127.0.0.1" | "[::1]")
        }
    }
}

fn is_our_origin(place: &Place, host: &str, origin: &HeaderValue) -> bool {
    // `null` is what browsers send for a page with our Referrer-Policy. It says
    // nothing: the form's own token decides, which is always asked for.
    if origin == "null" {
        return true;
    }
    match place {
        Place::Public { origin: ours, .. } => origin == ours.as_str(),
        Place::Loopback => origin.to_str().is_ok_and(|origin| {
            origin
                .strip_prefix("http://")
                .is_some_and(|from| from == host)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(place: &Place, method: Method, headers: &[(&'static str, &str)]) -> Option<u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        refused(place, &method, &map).map(|(status, _)| status.as_u16())
    }

    #[test]
    fn only_our_own_pages_change_anything() {
        let host = ("host", "127.0.0.1:8480");
        let here = |headers: &[(&'static str, &str)]| {
            let mut all = vec![host];
            all.extend(headers);
            status(&Place::Loopback, Method::POST, &all)
        };
        assert_eq!(here(&[]), None);
        assert_eq!(here(&[("origin", "http://127.0.0.1:8480")]), None);
        assert_eq!(
            here(&[("sec-fetch-site", "same-origin"), ("origin", "null")]),
            None
        );
        for headers in [
            ("origin", "http://evil.example"),
            ("origin", "http://127.0.0.1:9999"),
            ("origin", "https://127.0.0.1:8480"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "none"),
        ] {
            assert_eq!(here(&[headers]), Some(403), "{headers:?}");
        }
        let get = status(
            &Place::Loopback,
            Method::GET,
            &[host, ("sec-fetch-site", "cross-site")],
        );
        assert_eq!(get, None, "links from elsewhere lead here");
    }

    #[test]
    fn other_hosts_are_refused() {
        let public = Place::Public {
            origin: "https://yoshi.example.org".to_owned(),
            host: "yoshi.example.org".to_owned(),
        };
        let ask = |place: &Place, host| status(place, Method::GET, &[("host", host)]);
        assert_eq!(ask(&public, "Yoshi.example.org"), None);
        assert_eq!(ask(&public, "127.0.0.1"), Some(421));
        assert_eq!(ask(&Place::Loopback, "localhost:1"), None);
        assert_eq!(ask(&Place::Loopback, "[::1]:1"), None);
        assert_eq!(ask(&Place::Loopback, "evil.example:1"), Some(421));
        assert_eq!(status(&public, Method::GET, &[]), Some(421));
    }
}
