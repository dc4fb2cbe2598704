//! The message server: all tasks of all accounts, in its own Postgres
//! database, as a deterministic state machine over the tasks log. It is home
//! of some accounts: the root that puts their tasks into the log.

pub mod accounts;
pub mod arguments;
pub mod credentials;
pub mod machine;
pub mod membership;
pub mod poll;
pub mod registration;
pub mod requests;
pub mod roster;
pub mod rules;
pub mod send;
pub mod store;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use yoshi_protocol::subject::{self, Role};
use yoshi_protocol::{Incarnation, ServerId};
use yoshi_replica::{DatabaseError, ReplicaError, Running, Settings, StartError};
use yoshi_service::{Context, database};

use crate::accounts::Accounts;
use crate::arguments::Arguments;
use crate::machine::Tasks;
use crate::membership::{Destroyed, Ears, Membership};
use crate::registration::Registration;
use crate::requests::{Requests, Server};

/// How long past β a task may wait for the log.
const WAIT_SLACK: Duration = Duration::from_secs(5);

/// Why a message server ends with an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its database cannot be used.
    #[error("the database cannot be used")]
    Database(#[from] database::Error),
    /// Its identity cannot be read.
    #[error("the server's identity cannot be read")]
    Identity(#[from] DatabaseError),
    /// NATS refused a subscription.
    #[error("NATS refused a subscription")]
    Subscribe(#[from] async_nats::SubscribeError),
    /// The log cannot be followed.
    #[error("the log cannot be followed")]
    Start(#[from] StartError),
    /// The replica must not go on.
    #[error("this server must not go on")]
    Replica(#[from] ReplicaError),
    /// An operator destroyed it.
    #[error(transparent)]
    Destroyed(#[from] Destroyed),
}

/// Runs a message server until it is asked to stop.
///
/// # Errors
/// [`Error`].
pub async fn run(arguments: Arguments, context: Context) -> Result<(), Error> {
    let migrations = vec![yoshi_replica::migrations(), store::migrations()];
    let pool = database::open(&arguments.database, &context, migrations).await?;
    let id = yoshi_replica::identity(&pool).await?;
    if let Err(error) = context.discovery.identify(id).await {
        tracing::warn!(%error, "the server is not listed among the NATS services");
    }
    let incarnation = Incarnation::random();
    tracing::info!(server = %id, %incarnation, "message server {id}");

    let nats = &context.nats;
    let ears = Ears::open(nats).await?;
    let registration = Registration::listen(nats.clone()).await?;
    let accounts = Accounts::listen(nats, registration, arguments.remember()).await?;
    let membership = Membership::new(id, incarnation);
    membership.join(nats).await?;

    let settings = settings(id, incarnation, &arguments);
    let (replica, mut running) = yoshi_replica::start(
        settings,
        nats.clone(),
        pool.clone(),
        Tasks,
        membership.peers(),
    )
    .await?;
    let mut requests = Requests::open(nats, id).await?;
    let requests_max = arguments.requests_max as usize;
    let server = Arc::new(Server {
        nats: nats.clone(),
        accounts,
        replica: replica.clone(),
        pool,
        membership: membership.clone(),
        wait_max: arguments.beta() + WAIT_SLACK,
        permits: Arc::new(Semaphore::new(requests_max)),
    });
    tokio::select! {
        () = context.shutdown.requested() => {}
        ended = running.finished() => return Ok(ended?),
        destroyed = membership.run(&context, &replica, ears) => {
            tracing::warn!("{destroyed}");
            context.shutdown.request();
        }
        () = requests.serve(&server) => {}
    }
    drain(
        &membership,
        &context,
        &server,
        &mut requests,
        running,
        requests_max,
    )
    .await;
    Ok(())
}

fn settings(id: ServerId, incarnation: Incarnation, arguments: &Arguments) -> Settings {
    Settings {
        role: Role::Ms,
        stream: subject::TASKS_STREAM.to_owned(),
        id,
        incarnation,
        beta: arguments.beta(),
    }
}

/// Finishes what is in hand: no new requests, then the queued ones, then the log.
async fn drain(
    membership: &Membership,
    context: &Context,
    server: &Arc<Server>,
    requests: &mut Requests,
    running: Running,
    requests_max: usize,
) {
    membership.drain(context, &server.replica).await;
    requests.drain().await;
    requests.serve(server).await;
    let every = u32::try_from(requests_max).unwrap_or(u32::MAX);
    // The semaphore is never closed, so this only waits for the last request.
    drop(server.permits.acquire_many(every).await);
    running.stop().await;
    tracing::info!("everything in hand is done");
}
