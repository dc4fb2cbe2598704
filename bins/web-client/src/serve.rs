//! HTTP: connections are accepted, bounded in number and time, and drained.

mod patience;
mod sources;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use yoshi_service::Shutdown;

use self::patience::Patience;
use self::sources::Sources;
use crate::limit::{
    CONNECTIONS_MAX, CONNECTIONS_PER_SOURCE_MAX, HEAD_BYTES_MAX, HEAD_WITHIN, TAKEN_WITHIN,
};

/// The pause after a connection could not be accepted: too many open files.
const ACCEPT_AGAIN: std::time::Duration = std::time::Duration::from_millis(100);

/// Binds the address, and writes it to the file if one is named.
///
/// # Errors
/// What the system says.
pub(crate) async fn bind(
    listen: SocketAddr,
    file: Option<&Path>,
) -> Result<(TcpListener, SocketAddr), std::io::Error> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    if let Some(path) = file {
        // Whoever waits for the file must never read half of it.
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".new");
        std::fs::write(&unfinished, format!("{address}\n"))?;
        std::fs::rename(&unfinished, path)?;
    }
    Ok((listener, address))
}

/// Serves until the website is asked to stop, and then what was begun. Behind a
/// proxy all connections are the proxy's, which has to bound its own clients'.
pub(crate) async fn run(
    listener: TcpListener,
    routes: Router,
    behind_proxy: bool,
    shutdown: Shutdown,
) {
    let sources = Sources::new((!behind_proxy).then_some(CONNECTIONS_PER_SOURCE_MAX));
    let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = Arc::clone(&free).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.requested() => break,
        };
        match accepted {
            Ok((stream, from)) => {
                let Some(place) = sources.take(from.ip()) else {
                    metrics::counter!("yoshi_web_connections_refused").increment(1);
                    continue;
                };
                let (routes, shutdown) = (routes.clone(), shutdown.clone());
                tokio::spawn(async move {
                    connection(stream, from, routes, shutdown).await;
                    drop((place, permit));
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    // All permits are free once every connection has ended; the caller bounds the wait.
    let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
    drop(free.acquire_many(all).await);
}

async fn connection(stream: TcpStream, from: SocketAddr, routes: Router, shutdown: Shutdown) {
    // Answers are written whole; waiting for more to send helps nobody.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended at once");
        return;
    }
    let service = tower_service(routes, from);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Patience::new(stream, TAKEN_WITHIN)), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

/// The routes, for one connection: requests know where it comes from.
fn tower_service(
    routes: Router,
    from: SocketAddr,
) -> impl hyper::service::Service<
    hyper::Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> {
    let service = TowerToHyperService::new(routes.into_service::<Body>());
    hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(from));
        hyper::service::Service::call(&service, request)
    })
}
