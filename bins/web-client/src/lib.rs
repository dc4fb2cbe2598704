//! The website: for people, on the communications library alone (§4.5).
//!
//! It keeps sessions, and a cache of its accounts' tasks that may be dropped at
//! any time, in its own database. Several can run side by side. `visitor` says
//! who asks, `fill` brings their cache up to date, `page` answers, `view` is
//! the HTML, `live` tells open pages of news.

mod administration;
mod app;
mod arguments;
mod assets;
mod clock;
mod fill;
mod filter;
mod find;
mod guard;
mod limit;
mod live;
mod markdown;
mod page;
mod quick;
mod routes;
mod serve;
mod session;
mod store;
mod throttle;
mod view;
mod visitor;
mod word;

pub use arguments::Arguments;

use std::sync::Arc;

use yoshi_client::Client;
use yoshi_protocol::Millis;
use yoshi_service::{ConfigurationError, Context, database};

use crate::app::{App, Shared, Throttles};
use crate::arguments::Place;
use crate::fill::Fills;
use crate::limit::SWEEP_EVERY;
use crate::live::Hub;
use crate::store::{idle, sessions};

/// Why the website ends before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting cannot work.
    #[error("the settings cannot work")]
    Configuration(#[from] ConfigurationError),
    /// The database cannot be used.
    #[error("the database cannot be used")]
    Database(#[from] database::Error),
    /// NATS refuses the communications library.
    #[error("the communications library cannot connect")]
    Client(#[from] Box<yoshi_client::Error>),
    /// The address is taken, or not this machine's.
    #[error("the website cannot be served on {address}")]
    Listen {
        /// Which.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// Runs the website until it is asked to stop.
///
/// # Errors
/// [`Error`].
pub async fn run(arguments: Arguments, context: Context) -> Result<(), Error> {
    let place = arguments.place()?;
    let administration = arguments.administration()?;
    let pool = database::open(&arguments.database, &context, vec![store::migrations()]).await?;
    let client = Client::connect(arguments.client_options()?)
        .await
        .map_err(Box::new)?;
    let notices = client.notices().await.map_err(Box::new)?;
    let listen = arguments.web_listen;
    let bound = serve::bind(listen, arguments.web_address_file.as_deref()).await;
    let (listener, address) = bound.map_err(|source| Error::Listen {
        address: listen,
        source,
    })?;
    let app = Arc::new(App {
        pool,
        client: client.clone(),
        place,
        trust_forwarded: arguments.web_trust_forwarded,
        fills: Fills::default(),
        hub: Hub::default(),
        throttles: Throttles::new(arguments.web_registrations_per_hour),
        shutdown: context.shutdown.clone(),
        administration,
        entering: App::entering(),
    });
    let sweeping = tokio::spawn(sweep(Arc::clone(&app)));
    let hearing = tokio::spawn(live::hear(Arc::clone(&app), notices));
    tracing::info!(web.address = %address, "the website is on http://{address}");
    context.health.ready();
    let behind_proxy = app.trust_forwarded || app.place != Place::Loopback;
    let routes = routes::routes(app);
    serve::run(listener, routes, behind_proxy, context.shutdown.clone()).await;
    sweeping.abort();
    hearing.abort();
    client.close().await;
    Ok(())
}

/// Removes sessions that have ended by time, and caches that nobody looks at.
async fn sweep(app: Shared) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        match sessions::sweep(&app.pool, Millis::now()).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "{count} sessions have ended by time"),
            Err(error) => tracing::warn!(%error, "ended sessions cannot be removed: {error}"),
        }
        match idle::sweep(&app.pool, Millis::now()).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "{count} idle caches are dropped"),
            Err(error) => tracing::warn!(%error, "idle caches cannot be dropped: {error}"),
        }
    }
}
