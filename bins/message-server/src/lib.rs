//! The message server: all tasks of all accounts, in its own Postgres
//! database, as a deterministic state machine over the tasks log. It is home
//! of some accounts: the root that puts their tasks into the log.

pub mod accounts;
pub mod arguments;
pub mod change;
pub mod compare;
pub mod credentials;
pub mod find;
pub mod footing;
mod life;
pub mod machine;
pub mod membership;
pub mod notice;
pub mod operate;
pub mod outbox;
pub mod poll;
pub mod registration;
pub mod requests;
pub mod roster;
pub mod rules;
pub mod send;
pub mod stale;
mod status;
pub mod store;

use yoshi_protocol::subject;
use yoshi_replica::{DatabaseError, ReplicaError, StartError};
use yoshi_service::{Beginning, Context, database};

use crate::accounts::Accounts;
use crate::arguments::Arguments;
use crate::life::{End, Life};
use crate::membership::Destroyed;
use crate::operate::Anew;
use crate::registration::Registration;

/// Why a message server ends with an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its database cannot be used.
    #[error("the database cannot be used")]
    Database(#[from] database::Error),
    /// Its identity cannot be read.
    #[error("the server's identity cannot be read")]
    Identity(#[from] DatabaseError),
    /// Its outbox cannot be read.
    #[error("the outbox cannot be read")]
    Outbox(#[from] store::outbox::Error),
    /// NATS refused a subscription.
    #[error("NATS refused a subscription")]
    Subscribe(#[from] async_nats::SubscribeError),
    /// The log cannot be followed.
    #[error("the log cannot be followed")]
    Start(#[from] StartError),
    /// The replica must not go on.
    #[error("this server must not go on")]
    Replica(#[from] ReplicaError),
    /// It was to begin anew, and could not.
    #[error("the server cannot begin anew: {0}; ask for it again once it runs")]
    Anew(&'static str),
    /// An operator destroyed it.
    #[error(transparent)]
    Destroyed(#[from] Destroyed),
}

impl Error {
    /// Whether nothing is wrong with the server itself: it could not begin
    /// because something that it stands on was away. Nothing has gone into the
    /// log by then.
    fn is_passing(&self) -> bool {
        match self {
            Self::Identity(_) | Self::Outbox(_) => true,
            Self::Start(error) => error.is_passing(),
            Self::Database(_)
            | Self::Subscribe(_)
            | Self::Replica(_)
            | Self::Anew(_)
            | Self::Destroyed(_) => false,
        }
    }
}

/// Runs a message server until it is asked to stop: one life after the other,
/// because an operator may want it to begin anew.
///
/// # Errors
/// [`Error`].
pub async fn run(arguments: Arguments, context: Context) -> Result<(), Error> {
    let patience = arguments.registration();
    let registration = Registration::listen(context.nats.clone(), patience).await?;
    let accounts = Accounts::listen(&context.nats, registration, arguments.remember()).await?;
    let mut anew = None;
    let mut beginning = Beginning::new(&context.shutdown);
    loop {
        match live(&arguments, &context, &accounts, anew).await {
            Ok(End::Stop) => return Ok(()),
            Ok(End::Anew(how)) => {
                anew = Some(how);
                beginning = Beginning::new(&context.shutdown);
            }
            Err(error) => {
                let is_passing = error.is_passing();
                if !beginning.again(error, is_passing).await? {
                    return Ok(());
                }
            }
        }
    }
}

/// One life, after what it is to forget.
async fn live(
    arguments: &Arguments,
    context: &Context,
    accounts: &Accounts,
    anew: Option<Anew>,
) -> Result<End, Error> {
    // Each life has connections of its own: nothing that an earlier one left
    // under way can be finished on them.
    let migrations = vec![yoshi_replica::migrations(), store::migrations()];
    let pool = database::open(&arguments.database, context, migrations).await?;
    if let Some(anew) = anew {
        begin_anew(&pool, anew).await?;
    }
    let id = yoshi_replica::identity(&pool).await?;
    if let Err(error) = context.discovery.identify(id).await {
        tracing::warn!(%error, "the server is not listed among the NATS services");
    }
    let life = Life {
        arguments,
        context,
        accounts,
        pool: &pool,
        id,
        began_empty: matches!(anew, Some(Anew::Empty(_))),
    };
    let end = Box::pin(life.live()).await;
    pool.close();
    end
}

/// Forgets what is to be forgotten.
async fn begin_anew(pool: &deadpool_postgres::Pool, anew: Anew) -> Result<(), DatabaseError> {
    match anew {
        Anew::Empty(stream) => {
            store::fork::forget(pool, subject::TASKS_STREAM, stream).await?;
            tracing::warn!("the database is empty now, and will be filled anew");
        }
        Anew::AsItIs => {
            store::fork::unmark(pool).await?;
            tracing::warn!("the database is trusted as it is");
        }
    }
    metrics::gauge!("yoshi_forked").set(0.0);
    Ok(())
}
