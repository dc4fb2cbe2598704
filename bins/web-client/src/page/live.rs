//! `/live`: server-sent events that tell an open page to look again.

use std::convert::Infallible;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::app::Shared;
use crate::limit::{LIVE_BEAT, LIVE_CONNECTION_MAX};
use crate::live::News;
use crate::store::cache;
use crate::view::refusal::Refusal;
use crate::visitor::Member;

/// What an open page hears: at once where the cache stands, then whenever that
/// changes.
pub(crate) async fn live(
    State(app): State<Shared>,
    member: Member,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let latest = cache::reach(&app.pool, &member.account).await?.latest;
    let mut news = app
        .open_page(&member.account, member.credential, latest.to_i64())
        .map_err(|error| {
            tracing::info!(account = %member.account, "{error}");
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many open pages",
                "This page does not refresh itself; reload it to see news.",
            )
        })?;
    news.mark_changed();
    let end = Instant::now() + LIVE_CONNECTION_MAX;
    let shutdown = app.shutdown.clone();
    let events = stream::unfold(Some(news), move |news| {
        let shutdown = shutdown.clone();
        async move {
            tokio::select! {
                next = next(news, end) => next,
                () = shutdown.requested() => None,
            }
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(LIVE_BEAT)))
}

async fn next(
    news: Option<watch::Receiver<News>>,
    end: Instant,
) -> Option<(Result<Event, Infallible>, Option<watch::Receiver<News>>)> {
    let mut news = news?;
    tokio::time::timeout_at(end, news.changed())
        .await
        .ok()?
        .ok()?;
    let heard = *news.borrow_and_update();
    Some(match heard {
        News::At(position) => {
            let event = Event::default().event("at").data(position.to_string());
            (Ok(event), Some(news))
        }
        // Browsers pass over an event without data.
        News::Ended => (Ok(Event::default().event("ended").data("log-in")), None),
    })
}
