//! The load balancer: forwards each client's request to its account's home
//! message server, and decides which server that is.
//!
//! Several run side by side, and none is special: whatever matters is in the KV
//! buckets or comes by fan-out, and all of them follow both.

pub mod affinity;
mod assign;
mod destroy;
mod forward;
mod limit;
mod listen;
mod query;
mod registration;
pub mod roster;
mod spread;
mod stopgap;
mod synced;
pub mod view;
mod watch;

use std::pin::pin;
use std::time::Duration;

use async_nats::jetstream::context::KeyValueError;
use async_nats::jetstream::kv::Store;
use async_nats::jetstream::{self, ContextBuilder};
use async_nats::{Client, SubscribeError, Subscriber};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use yoshi_protocol::{ServerId, subject};
use yoshi_service::{
    ConfigurationError, Context, HasServerArgs, JetStreamArgs, ServerArgs, SilenceArgs,
};

use assign::{Assigner, Patience};
use forward::Forwarder;
use synced::{Part, Synced};
use view::SharedView;

/// Yoshi's load balancer: forwards each client's request to its account's message server
#[derive(Debug, clap::Parser)]
#[command(version)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    jetstream: JetStreamArgs,

    #[command(flatten)]
    silence: SilenceArgs,

    /// After how many seconds a failing assignment of a home is given up; its
    /// requests are answered "unavailable"
    #[arg(long, env = "YOSHI_ASSIGN_SECONDS", default_value_t = 5,
          value_parser = clap::value_parser!(u64).range(1..=60), value_name = "SECONDS")]
    assign_seconds: u64,

    /// How long the primary registration server may take to say whether an account
    /// without a home exists, in seconds
    #[arg(long, env = "YOSHI_LOOKUP_SECONDS", default_value_t = 2,
          value_parser = clap::value_parser!(u64).range(1..=60), value_name = "SECONDS")]
    lookup_seconds: u64,
}

impl Args {
    fn patience(&self) -> Patience {
        Patience {
            assign: Duration::from_secs(self.assign_seconds),
            lookup: Duration::from_secs(self.lookup_seconds),
        }
    }
}

impl HasServerArgs for Args {
    fn server(&self) -> &ServerArgs {
        &self.server
    }

    fn check(&self) -> Result<(), ConfigurationError> {
        let within = self.jetstream.within();
        if self.patience().assign <= within {
            return Err(ConfigurationError::new(format!(
                "--assign-seconds {}: more than --jetstream-seconds, {}, which each of its tries may take",
                self.assign_seconds,
                within.as_secs()
            )));
        }
        Ok(())
    }

    fn takes_requests(&self) -> bool {
        true
    }
}

/// Why the load balancer ends before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A bucket was not there in time.
    #[error(
        "the bucket {bucket} cannot be opened: check that the streams and buckets of nats/ were provisioned"
    )]
    Bucket {
        /// Its name.
        bucket: String,
        /// The last attempt's error.
        source: KeyValueError,
    },
    /// A subscription failed.
    #[error("a subject cannot be subscribed to")]
    Subscribe(#[from] SubscribeError),
    /// Others cannot find it.
    #[error("the server cannot be announced")]
    Discovery(#[source] async_nats::Error),
    /// Something that must run for ever ended.
    #[error("a part of the load balancer has ended")]
    Ended,
    /// Something that must run for ever failed.
    #[error("a part of the load balancer has failed")]
    Failed(#[source] tokio::task::JoinError),
}

/// Runs a load balancer until shutdown.
///
/// # Errors
/// [`Error`]. Losing NATS for a while is none.
pub async fn serve(args: Args, context: Context) -> Result<(), Error> {
    let id = ServerId::random();
    let identified = context.discovery.identify(id).await;
    identified.map_err(Error::Discovery)?;
    let (nats, requests) = (&context.nats, &context.requests);
    let view = SharedView::new(args.silence.silence());
    let synced = Synced::new(context.health.clone());
    let mut parts = JoinSet::new();

    listen_to_fan_out(&mut parts, &context, &view, &synced).await?;
    let forwarder = Forwarder::new(nats.clone());
    let opening = follow_buckets(&mut parts, nats, args.jetstream.within(), &view, &synced);
    let stores = tokio::select! {
        stores = be_patient(opening, &context, &view, &forwarder) => stores?,
        () = context.shutdown.requested() => return Ok(()),
    };
    // Listen to the pings for a while, beside reading the buckets.
    tokio::select! {
        () = sleep(Duration::from_millis(limit::LISTEN_MILLIS)) => {}
        () = context.shutdown.requested() => return Ok(()),
    }

    parts.spawn(stopgap::watch(
        stores.affinity.clone(),
        view.clone(),
        args.jetstream.within(),
    ));
    let assigner = Assigner::new(
        nats.clone(),
        view.clone(),
        stores.affinity,
        forwarder.clone(),
        args.patience(),
    );
    parts.spawn(spread::run(view.clone(), assigner.clone()));
    answer_questions(&mut parts, nats, &view).await?;
    let destroys = queue(nats, subject::LB_DESTROY_MS).await?;
    parts.spawn(destroy::run(
        destroys,
        view.clone(),
        stores.destroyed,
        nats.clone(),
    ));
    let requests = queue(requests, subject::CLIENT_ALL).await?;
    let outboxes = queue(nats, subject::LB_OUTBOX_ALL).await?;
    let shutdown = context.shutdown.clone();
    let forwarding = forward::run(requests, outboxes, view, forwarder, assigner, shutdown);
    synced.set(Part::Requests, true);

    tokio::select! {
        () = forwarding => if context.shutdown.is_requested() { Ok(()) } else { Err(Error::Ended) },
        ended = parts.join_next() => match ended {
            Some(Err(error)) => Err(Error::Failed(error)),
            Some(Ok(())) | None => Err(Error::Ended),
        },
    }
}

/// The buckets that are written to.
struct Stores {
    affinity: Store,
    destroyed: Store,
}

async fn listen_to_fan_out(
    parts: &mut JoinSet<()>,
    context: &Context,
    view: &SharedView,
    synced: &Synced,
) -> Result<(), Error> {
    let nats = &context.nats;
    let messages = nats.subscribe(subject::MS_PING).await?;
    parts.spawn(listen::pings(messages, view.clone()));
    let messages = nats.subscribe(subject::MS_DOWN).await?;
    parts.spawn(listen::downs(messages, view.clone()));
    let messages = nats.subscribe(subject::RS_NEW_PRIMARY).await?;
    parts.spawn(listen::primaries(messages, view.clone()));
    let messages = nats.subscribe(subject::LB_STALE_HOME).await?;
    parts.spawn(listen::stale_homes(messages, view.clone()));
    let connections = [nats, &context.requests].map(Client::clone);
    parts.spawn(listen::silence(view.clone(), connections, synced.clone()));
    Ok(())
}

/// Follows the buckets; returns once all of them have been read.
async fn follow_buckets(
    parts: &mut JoinSet<()>,
    nats: &Client,
    within: Duration,
    view: &SharedView,
    synced: &Synced,
) -> Result<Stores, Error> {
    let jetstream: jetstream::Context = ContextBuilder::new().timeout(within).build(nats.clone());
    let affinity = watch::open(&jetstream, subject::AFFINITY_BUCKET).await?;
    let destroyed = watch::open(&jetstream, subject::DESTROYED_BUCKET).await?;
    let registration = watch::open(&jetstream, subject::REGISTRATION_BUCKET).await?;

    let (seen, store, sync) = (view.clone(), affinity.clone(), synced.clone());
    parts.spawn(watch::follow(store, Part::Affinity, sync, move |heard| {
        listen::affinity(&seen, &heard);
    }));
    let (seen, store, sync) = (view.clone(), destroyed.clone(), synced.clone());
    parts.spawn(watch::follow(store, Part::Destroyed, sync, move |heard| {
        destroy::apply(&seen, &heard);
    }));
    let (seen, sync) = (view.clone(), synced.clone());
    parts.spawn(watch::follow(
        registration,
        Part::Registration,
        sync,
        move |heard| {
            listen::lease(&seen, &heard);
        },
    ));

    synced.buckets().await;
    Ok(Stores {
        affinity,
        destroyed,
    })
}

/// Waits for the buckets. If they take long, this side may have no log at all:
/// then requests are taken all the same, for whoever is there to answer polls
/// and queue tasks. Nothing is assigned without the bucket.
async fn be_patient(
    opening: impl Future<Output = Result<Stores, Error>>,
    context: &Context,
    view: &SharedView,
    forwarder: &Forwarder,
) -> Result<Stores, Error> {
    let mut opening = pin!(opening);
    let patience = Duration::from_secs(limit::PATIENCE_SECONDS);
    if let Ok(stores) = timeout(patience, &mut opening).await {
        return stores;
    }
    tracing::warn!("the buckets are out of reach: requests go to whoever is there");
    view.with(|view| view.bucket_lost = true);
    let mut parts = JoinSet::new();
    answer_questions(&mut parts, &context.nats, view).await?;
    let requests = queue(&context.requests, subject::CLIENT_ALL).await?;
    let stores = tokio::select! {
        stores = &mut opening => stores,
        () = forward::without_buckets(requests, view, forwarder) => Err(Error::Ended),
    };
    view.with(|view| view.bucket_lost = false);
    stores
}

async fn answer_questions(
    parts: &mut JoinSet<()>,
    nats: &Client,
    view: &SharedView,
) -> Result<(), SubscribeError> {
    let questions = queue(nats, subject::LB_QUERY_RS).await?;
    parts.spawn(query::primary(questions, view.clone(), nats.clone()));
    let questions = queue(nats, subject::LB_QUERY_MS).await?;
    let (view, nats) = (view.clone(), nats.clone());
    parts.spawn(query::message_servers(questions, view, nats));
    Ok(())
}

async fn queue(nats: &Client, subject: &'static str) -> Result<Subscriber, SubscribeError> {
    let group = subject::LB_QUEUE_GROUP.to_owned();
    nats.queue_subscribe(subject, group).await
}
