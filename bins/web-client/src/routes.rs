//! Which page answers which address.

use axum::Router;
use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use maud::html;

use crate::app::Shared;
use crate::assets::ASSETS;
use crate::guard::guard;
use crate::page::{admin, compose, entrance, lists, live, search, settings, task};
use crate::view;
use crate::view::refusal::Refusal;
use crate::visitor::Guest;

/// For good: the name changes with the content.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Asked for anew each time.
const ANEW: HeaderValue = HeaderValue::from_static("no-cache");

/// All routes.
pub(crate) fn routes(app: Shared) -> Router {
    Router::new()
        .route("/", get(lists::for_me))
        .route("/asked", get(lists::asked))
        .route("/task/{id}", get(task::task))
        .route("/task/{id}/do", post(task::act))
        .route(
            "/task/{id}/revise",
            get(compose::revise::form).post(compose::revise::revise),
        )
        .route("/new", get(compose::form).post(compose::create))
        .route("/quick", post(compose::quick))
        .route("/preview", get(compose::preview))
        .route("/search", get(search::search))
        .route("/settings", get(settings::settings))
        .route("/settings/look", post(settings::look))
        .route("/settings/password", post(settings::password))
        .route("/settings/sessions", post(settings::end))
        .route("/admin", get(admin::first))
        .route("/administration", get(admin::first))
        .route("/admin/accounts", get(admin::accounts::accounts))
        .route(
            "/admin/accounts/{name}",
            get(admin::set::form).post(admin::set::set),
        )
        .route("/admin/servers", get(admin::servers::servers))
        .route("/log-in", get(entrance::log_in_form).post(entrance::log_in))
        .route(
            "/register",
            get(entrance::register_form).post(entrance::register),
        )
        .route("/log-out", post(entrance::log_out))
        .route("/live", get(live::live))
        .route("/offline", get(offline))
        .route("/assets/{name}", get(asset))
        .route("/worker.js", get(worker))
        .route("/manifest.webmanifest", get(manifest))
        .fallback(async || Refusal::not_found())
        .layer(middleware::from_fn_with_state(Shared::clone(&app), guard))
        .with_state(app)
}

async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.at(&format!("/assets/{name}")) {
        Some(asset) => {
            let media = HeaderValue::from_static(asset.media);
            let headers = [(CONTENT_TYPE, media), (CACHE_CONTROL, FOR_GOOD)];
            (headers, asset.content).into_response()
        }
        None => Refusal::not_found().into_response(),
    }
}

async fn worker() -> Response {
    let media = HeaderValue::from_static("text/javascript; charset=utf-8");
    let headers = [(CONTENT_TYPE, media), (CACHE_CONTROL, ANEW)];
    (headers, ASSETS.worker()).into_response()
}

async fn manifest() -> Response {
    let media = HeaderValue::from_static("application/manifest+json");
    let headers = [(CONTENT_TYPE, media), (CACHE_CONTROL, ANEW)];
    (headers, ASSETS.manifest()).into_response()
}

/// What an installed website shows where it has nothing else.
async fn offline(guest: Guest) -> Html<String> {
    let content = html! {
        h1 { "You are offline" }
        p { "This page is not kept in your browser. Your list, as it was when you saw it last, is." }
        p { a.button href="/" { "To the last list" } }
    };
    Html(view::alone(&guest.look, "Offline", &content))
}
