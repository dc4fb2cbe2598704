//! The one start-up and shutdown: arguments, logs, metrics, health, NATS, then
//! the server, until it ends or is asked to.

use std::error::Error as StdError;
use std::process::ExitCode;
use std::time::Duration;

use async_nats::Client;
use clap::error::ErrorKind;

use crate::args::{ConfigurationError, HasServerArgs, Settings};
use crate::discovery::Discovery;
use crate::health::{self, Health};
use crate::shutdown::{Shutdown, Signals};
use crate::storage::{self, Ground};
use crate::{limit, nats, telemetry};

/// The configuration cannot work (`EX_USAGE` of sysexits.h).
const EXIT_CONFIGURATION: u8 = 64;
/// The server failed while it ran (`EX_SOFTWARE`).
const EXIT_FAILURE: u8 = 70;

/// What a server gets to work with. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The server's role, for example `message-server`.
    pub role: &'static str,
    /// The connection to NATS.
    pub nats: Client,
    /// The connection for clients' requests; the same one, unless the server
    /// [takes them as they are sent](HasServerArgs::takes_requests).
    pub requests: Client,
    /// Whether to stop.
    pub shutdown: Shutdown,
    /// Whether the server is ready; to be told once it is.
    pub health: Health,
    /// How others find the server; to be told its identity.
    pub discovery: Discovery,
    /// Where the server runs, for people.
    pub host: String,
    /// Storage that may lose what was reported as done is let pass.
    pub unsafe_storage: bool,
}

/// Why a server ends before it was asked to.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("health and metrics cannot be served on {address}")]
    Http {
        address: std::net::SocketAddr,
        source: std::io::Error,
    },
    #[error("signals cannot be listened to")]
    Signals(#[source] std::io::Error),
    #[error("no connection to NATS")]
    Nats(#[source] nats::Error),
    #[error("the server cannot be announced")]
    Discovery(#[source] async_nats::Error),
    #[error("the ground is not safe")]
    Storage(#[source] storage::Error),
    #[error("the server failed")]
    Serve(#[source] Box<dyn StdError>),
}

/// Runs a server to its end: reads and checks its arguments, starts logs,
/// metrics, health, NATS and discovery, then calls `serve`, which runs until
/// [`Shutdown::requested`]. SIGTERM and SIGINT ask for that; what is not done
/// by the drain deadline, or at a second signal, is given up.
///
/// Exit codes: 0 it ended as asked, 64 the configuration cannot work, 70 it failed.
pub fn run_server<A, F, Fut, E>(role: &'static str, serve: F) -> ExitCode
where
    A: clap::Parser + HasServerArgs,
    F: FnOnce(A, Context) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: StdError + 'static,
{
    match read(role) {
        Ok((args, settings)) => start(role, args, settings, serve),
        Err(exit) => exit,
    }
}

/// Reads and checks the whole configuration. Refusals go to standard error.
fn read<A: clap::Parser + HasServerArgs>(role: &str) -> Result<(A, Settings), ExitCode> {
    let args = A::try_parse().map_err(|error| {
        // Only a closed standard error can fail here.
        drop(error.print());
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
            _ => ExitCode::from(EXIT_CONFIGURATION),
        }
    })?;
    let settings = args
        .check()
        .and_then(|()| args.server().check(role))
        .map_err(|error| {
            eprintln!("error: {error}");
            ExitCode::from(EXIT_CONFIGURATION)
        })?;
    Ok((args, settings))
}

fn start<A, F, Fut, E>(role: &'static str, args: A, settings: Settings, serve: F) -> ExitCode
where
    A: HasServerArgs,
    F: FnOnce(A, Context) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: StdError + 'static,
{
    let metrics = match telemetry::start(settings.filter.clone(), settings.log_format) {
        Ok(metrics) => metrics,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(EXIT_FAILURE);
        }
    };
    // One thread: measured to be as good as several, or better, for servers
    // that share a machine with NATS and Postgres.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(limit::BLOCKING_THREADS_MAX)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime cannot be started");
            return ExitCode::from(EXIT_FAILURE);
        }
    };
    let outcome = runtime.block_on(Box::pin(run(role, args, settings, metrics, serve)));
    runtime.shutdown_timeout(Duration::from_secs(limit::RUNTIME_END_SECONDS));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let code = exit_code(&failure);
            tracing::error!(
                exit.code = code,
                "{role} ends with exit code {code}: {}",
                chain(&failure)
            );
            ExitCode::from(code)
        }
    }
}

async fn run<A, F, Fut, E>(
    role: &'static str,
    args: A,
    settings: Settings,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
    serve: F,
) -> Result<(), Failure>
where
    A: HasServerArgs,
    F: FnOnce(A, Context) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: StdError + 'static,
{
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        host = settings.host,
        "{role} starts at {}",
        settings.host
    );
    let signals = Signals::listen().map_err(Failure::Signals)?;
    let shutdown = Shutdown::new();
    tokio::spawn(hear(signals, shutdown.clone(), settings.drain));
    let health = Health::starting();
    let address = health::serve(
        settings.http_listen,
        settings.http_address_file.as_deref(),
        health.clone(),
        metrics,
    )
    .await
    .map_err(|source| Failure::Http {
        address: settings.http_listen,
        source,
    })?;
    tracing::info!(http.address = %address, "health and metrics on http://{address}");
    let (nats, requests) = tokio::select! {
        nats = connect(role, &settings, args.takes_requests()) => nats.map_err(Failure::Nats)?,
        () = shutdown.requested() => return Ok(()),
    };
    let host = settings.host.clone();
    let discovery = Discovery::new(role, host.clone(), nats.clone(), health.clone());
    discovery.announce(None).await.map_err(Failure::Discovery)?;
    let context = Context {
        role,
        nats,
        requests,
        shutdown,
        health,
        discovery,
        host,
        unsafe_storage: settings.unsafe_storage,
    };
    if context.unsafe_storage {
        tracing::warn!("--unsafe-storage: what is reported as done may be lost");
    }
    let outcome = on_ground(args, &context, settings.drain, serve).await;
    context.discovery.withdraw().await;
    nats::finish(&context.nats).await;
    tracing::info!("{role} has stopped");
    outcome
}

/// The connection, and the one for clients' requests.
pub(crate) async fn connect(
    role: &str,
    settings: &Settings,
    takes_requests: bool,
) -> Result<(Client, Client), nats::Error> {
    let nats = nats::connect(role, settings, limit::NATS_SUBSCRIPTION_MESSAGES_MAX).await?;
    let requests = match takes_requests {
        true => nats::connect(role, settings, limit::NATS_REQUEST_MESSAGES_MAX).await?,
        false => nats.clone(),
    };
    Ok((nats, requests))
}

/// Runs the server, if what it stands on keeps what it acknowledges.
async fn on_ground<A, F, Fut, E>(
    args: A,
    context: &Context,
    drain: Duration,
    serve: F,
) -> Result<(), Failure>
where
    A: HasServerArgs,
    F: FnOnce(A, Context) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: StdError + 'static,
{
    let mut ground = args.log().map(|log| Ground::new(context, log));
    if let Some(ground) = &mut ground {
        tokio::select! {
            looked = ground.look_first() => looked.map_err(Failure::Storage)?,
            () = context.shutdown.requested() => return Ok(()),
        }
    }
    let watched = async {
        match ground {
            Some(ground) => ground.watch().await,
            None => std::future::pending().await,
        }
    };
    let serving = Box::pin(serve(args, context.clone()));
    tokio::select! {
        outcome = until_drained(serving, context, drain) => outcome,
        refusal = watched => Err(Failure::Storage(refusal)),
    }
}

/// Runs the server; after a request to stop, at most until the drain deadline.
async fn until_drained<E: StdError + 'static>(
    mut serving: impl Future<Output = Result<(), E>> + Unpin,
    context: &Context,
    drain: Duration,
) -> Result<(), Failure> {
    let outcome = tokio::select! {
        outcome = &mut serving => outcome,
        () = context.shutdown.requested() => {
            context.health.not_ready("draining");
            match tokio::time::timeout(drain, serving).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    tracing::warn!("not drained within {drain:?}: the rest is given up");
                    Ok(())
                }
            }
        }
    };
    outcome.map_err(|error| Failure::Serve(error.into()))
}

async fn hear(mut signals: Signals, shutdown: Shutdown, drain: Duration) {
    loop {
        let signal = signals.next().await;
        if shutdown.is_requested() {
            tracing::warn!(
                signal,
                "{signal} again: still draining, for at most {drain:?}"
            );
        } else {
            tracing::info!(signal, "{signal}: draining, for at most {drain:?}");
            shutdown.request();
        }
    }
}

/// 64 if any cause is a setting, else 70.
fn exit_code(failure: &(dyn StdError + 'static)) -> u8 {
    let mut cause = Some(failure);
    while let Some(error) = cause {
        if error.is::<ConfigurationError>() {
            return EXIT_CONFIGURATION;
        }
        cause = error.source();
    }
    EXIT_FAILURE
}

/// An error and its causes, in one line.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the database will not do")]
    struct Wrapped(#[source] ConfigurationError);

    #[test]
    fn a_setting_anywhere_in_the_chain_is_a_configuration_failure() {
        let setting = ConfigurationError::new("turn fsync on");
        let failure = Failure::Serve(Wrapped(setting.clone()).into());
        assert_eq!(exit_code(&failure), EXIT_CONFIGURATION);
        assert_eq!(
            chain(&failure),
            "the server failed: the database will not do: turn fsync on"
        );
        assert_eq!(
            exit_code(&Failure::Serve(setting.into())),
            EXIT_CONFIGURATION
        );
        let other = Failure::Signals(std::io::Error::other("x"));
        assert_eq!(exit_code(&other), EXIT_FAILURE);
    }
}
