//! The registration server: accounts, passwords and tokens (§4.3).
//!
//! Every registration server applies the accounts log to its own database
//! (`machine`, `rules`, `store`). One of them is primary (`election`,
//! `candidate`, `lease`): it alone answers (`serve`) and adds to the log.

mod arguments;
pub mod backups;
mod candidate;
pub mod election;
mod entry;
mod lease;
mod limit;
mod machine;
mod password;
mod pulse;
pub mod rules;
mod serve;
mod start;
mod status;
mod store;
mod throttle;
mod token;

pub use arguments::Arguments;

use std::time::Duration;

use async_nats::Subscriber;
use futures::StreamExt;
use tokio::sync::oneshot;
use yoshi_protocol::ServerId;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::roster::NewPrimReg;
use yoshi_replica::Standing;
use yoshi_service::{Beginning, Context, Health};

use crate::election::Role;
use crate::limit::{HANDOVER_MAX, HANDOVER_SLACK, HEALTH_INTERVAL};
use crate::serve::Serving;
use crate::start::Started;

/// Why a registration server ends before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be used.
    #[error("the database cannot be used")]
    Database(#[from] yoshi_service::database::Error),
    /// The server's identity cannot be read or made.
    #[error("the server's identity cannot be read from its database")]
    Identity(#[from] yoshi_replica::DatabaseError),
    /// The primary's epoch cannot be read.
    #[error("the accounts cannot be read from the database")]
    Store(#[from] store::query::Error),
    /// The replica cannot start.
    #[error("the accounts log cannot be followed")]
    Replica(#[from] yoshi_replica::StartError),
    /// The replica must not go on.
    #[error("the accounts log must not be followed any further")]
    Ended(#[from] yoshi_replica::ReplicaError),
    /// The lease cannot be used.
    #[error("the primary's lease cannot be used")]
    Lease(#[from] lease::Error),
    /// Passwords cannot be hashed.
    #[error("passwords cannot be hashed")]
    Password(#[from] password::Error),
    /// NATS refused a subscription.
    #[error("NATS refused a subscription")]
    Subscribe(#[from] async_nats::SubscribeError),
    /// The server cannot be announced.
    #[error("the server cannot be announced")]
    Discovery(#[source] async_nats::Error),
}

impl Error {
    /// Whether nothing is wrong with the server itself: it could not begin
    /// because something that it stands on was away.
    fn is_passing(&self) -> bool {
        match self {
            Self::Identity(_) | Self::Store(_) => true,
            Self::Replica(error) => error.is_passing(),
            Self::Lease(error) => error.is_passing(),
            Self::Database(_)
            | Self::Ended(_)
            | Self::Password(_)
            | Self::Subscribe(_)
            | Self::Discovery(_) => false,
        }
    }
}

/// Runs a registration server until it is asked to stop, or must not go on.
///
/// # Errors
/// [`Error`].
pub async fn run(arguments: Arguments, context: Context) -> Result<(), Error> {
    let Some(started) = begin(&arguments, &context).await? else {
        return Ok(());
    };
    let Started {
        mut replica,
        server,
        requests,
        candidate,
        standing,
        role,
    } = started;
    // Dropping `leave` makes the candidate give up the lease and end.
    let (leave, left) = oneshot::channel::<()>();
    let id = candidate.calls.id;
    let candidate = tokio::spawn(candidate.run(left));
    let health = tokio::spawn(tell_health(context.health.clone(), standing, role.clone()));
    let serving = Serving::start(server, requests);
    let ended = tokio::select! {
        ended = replica.finished() => ended,
        () = context.shutdown.requested() => Ok(()),
    };
    health.abort();
    context.health.not_ready("the server shuts down");
    if ended.is_ok() {
        let was_backup = matches!(*role.borrow(), Role::Backup { .. });
        // First finish what is in hand as primary, then let another server be
        // it. Until that one is heard of, requests still come here: they are
        // told to ask again, which is sooner than no answer.
        serving.refuse().await;
        drop(leave);
        if let Ok(announcements) = candidate.await
            && !was_backup
        {
            successor(announcements, id).await;
        }
        serving.drain().await;
        replica.stop().await;
    } else {
        // What is in hand has no log to go to: let another server be primary at once.
        serving.abort();
        drop(leave);
        drop(candidate.await);
    }
    Ok(ended?)
}

/// Starts, whatever goes away for a moment meanwhile; none if the server was
/// asked to stop first.
async fn begin(arguments: &Arguments, context: &Context) -> Result<Option<Started>, Error> {
    let mut beginning = Beginning::new(&context.shutdown);
    loop {
        let error = match start::start(arguments, context).await {
            Ok(started) => return Ok(Some(started)),
            Err(error) => error,
        };
        let is_passing = error.is_passing();
        if !beginning.again(error, is_passing).await? {
            return Ok(None);
        }
    }
}

/// Waits for another server's `NEW_PRIM_REG`, at most [`HANDOVER_MAX`]: there
/// may be no other server.
async fn successor(mut announcements: Subscriber, id: ServerId) {
    let heard = async {
        while let Some(message) = announcements.next().await {
            match cbor::decode::<NewPrimReg>(&message.payload, Bound::REQUEST) {
                Ok(primary) if primary.id != id => return,
                Ok(_) | Err(_) => {}
            }
        }
    };
    match tokio::time::timeout(HANDOVER_MAX, heard).await {
        // The load balancers hear it too, and some of them later.
        Ok(()) => tokio::time::sleep(HANDOVER_SLACK).await,
        Err(_) => tracing::info!("no other server became primary within {HANDOVER_MAX:?}"),
    }
}

/// Ready: a backup at the tail of the log, or the primary.
async fn tell_health(
    health: Health,
    standing: tokio::sync::watch::Receiver<Standing>,
    role: tokio::sync::watch::Receiver<election::Role>,
) {
    let mut ticks = tokio::time::interval(HEALTH_INTERVAL);
    loop {
        ticks.tick().await;
        let primary = role.borrow().primary_epoch(std::time::Instant::now());
        let standing = standing.borrow().clone();
        match standing {
            Standing::AtTail => health.ready(),
            _ if primary.is_some() => health.ready(),
            Standing::CatchingUp => health.not_ready("catching up with the accounts log"),
            Standing::OutOfReach => health.not_ready("the accounts log cannot be reached"),
            Standing::Lost(what) | Standing::Stuck(what) => health.not_ready(what),
        }
    }
}

/// The β and slack after which a change's outcome counts as unknown.
fn change_max(beta: Duration) -> Duration {
    beta + limit::CHANGE_SLACK
}
