//! One life of a message server: from its subscriptions to its end, or until it
//! is to begin anew.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use yoshi_protocol::subject::{self, Role};
use yoshi_protocol::{Incarnation, ServerId};
use yoshi_replica::{ReplicaError, Running, Settings, Standing};
use yoshi_service::Context;

use crate::Error;
use crate::accounts::Accounts;
use crate::arguments::Arguments;
use crate::compare::{Comparing, stopping};
use crate::find::Index;
use crate::machine::Tasks;
use crate::membership::{Ears, Membership, Waits};
use crate::notice::Notices;
use crate::operate::{Anew, Operating};
use crate::outbox::Outbox;
use crate::requests::{Requests, Server};
use crate::status::Status;
use crate::store::fork;

/// How long past β a task may wait for the log.
const WAIT_SLACK: Duration = Duration::from_secs(5);
/// How long the requests in hand may take before a server that is to begin anew
/// gives up: longer than a statement of a poll may run by default.
const IN_HAND_WITHIN: Duration = Duration::from_secs(90);
/// How long the log may take to account for what is in it already, before a
/// server that is to begin anew waits no longer.
const LOG_WITHIN: Duration = Duration::from_secs(10);

/// How a life ends, if not with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The process ends.
    Stop,
    /// The server begins anew.
    Anew(Anew),
}

/// What a life has to live on.
pub(crate) struct Life<'a> {
    pub(crate) arguments: &'a Arguments,
    pub(crate) context: &'a Context,
    pub(crate) accounts: &'a Accounts,
    pub(crate) pool: &'a Pool,
    pub(crate) id: ServerId,
    /// Its database was emptied just before.
    pub(crate) began_empty: bool,
}

impl Life<'_> {
    /// Lives.
    pub(crate) async fn live(self) -> Result<End, Error> {
        let Self {
            arguments,
            context,
            pool,
            id,
            ..
        } = self;
        let incarnation = Incarnation::random();
        tracing::info!(server = %id, %incarnation, "message server {id}");
        let nats = &context.nats;
        let ears = Ears::open(nats).await?;
        let membership = Membership::new(id, incarnation, self.waits());
        membership.join(nats).await?;
        let before = fork::load(pool).await?;
        membership.remember(&before);

        let (replica, running) = yoshi_replica::start(
            self.settings(incarnation),
            nats.clone(),
            pool.clone(),
            Tasks,
            membership.peers(),
        )
        .await?;
        let outbox = Outbox::open(id, pool.clone(), arguments.outbox()).await?;
        let wait_max = arguments.beta() + WAIT_SLACK;
        // Goes on while the server drains, and ends with it. A standing of its
        // own, because it outlives the replica of a server that has stopped.
        let standing = watch::Sender::new(Standing::CatchingUp);
        let mut sending = JoinSet::new();
        let answer_within = wait_max + WAIT_SLACK;
        let heard = standing.subscribe();
        sending.spawn(outbox.clone().drain(nats.clone(), heard, answer_within));
        let mut requests = Requests::open(nats, id).await?;
        let operating = Operating::open(nats, &membership, &replica, self.began_empty).await?;
        let every = arguments.compare();
        let comparing = Comparing::open(nats, pool, &membership, &replica, before, every).await?;
        // Ends with this life.
        let mut answering = JoinSet::new();
        let server = Arc::new(Server {
            index: Index::spawn(pool, replica.applied_changes(), &mut answering),
            nats: nats.clone(),
            accounts: self.accounts.clone(),
            replica,
            pool: pool.clone(),
            membership,
            outbox,
            notices: Notices::spawn(nats.clone(), &mut sending),
            wait_max,
            permits: Arc::new(Semaphore::new(arguments.requests_max as usize)),
        });
        let status = Status::open(id, incarnation, &context.host, &server).await?;
        answering.spawn(status.serve());

        let mut parts = Parts {
            ears,
            operating,
            comparing,
            standing,
            running: Some(running),
        };
        let end = Box::pin(until_end(context, &server, &mut requests, &mut parts)).await?;
        let running = parts.running.take();
        drain(
            end,
            context,
            &server,
            &mut requests,
            running,
            arguments.requests_max,
        )
        .await?;
        Ok(end)
    }

    fn settings(&self, incarnation: Incarnation) -> Settings {
        Settings {
            role: Role::Ms,
            stream: subject::TASKS_STREAM.to_owned(),
            id: self.id,
            incarnation,
            waits: yoshi_replica::Waits {
                beta: self.arguments.beta(),
                jetstream: self.arguments.jetstream.within(),
                neighbour: self.arguments.neighbour(),
            },
        }
    }

    fn waits(&self) -> Waits {
        Waits {
            silence: self.arguments.silence.silence(),
            queue_after: self.arguments.queue_after(),
        }
    }
}

/// What runs while the server lives.
struct Parts {
    ears: Ears,
    operating: Operating,
    comparing: Comparing,
    /// Where the log stands, for the outbox.
    standing: watch::Sender<Standing>,
    /// None once the server has found its rows to be wrong.
    running: Option<Running>,
}

/// Runs everything until the server is to end, or to begin anew.
async fn until_end(
    context: &Context,
    server: &Arc<Server>,
    requests: &mut Requests,
    parts: &mut Parts,
) -> Result<End, Error> {
    let Parts {
        ears,
        operating,
        comparing,
        standing,
        running,
    } = parts;
    let membership = &server.membership;
    let mut follows = server.replica.standing();
    let mut announcing = pin!(membership.run(context, &server.replica, ears));
    let mut serving = pin!(requests.serve(server));
    let mut operating = pin!(operating.serve());
    let mut comparing = pin!(comparing.run());
    // Ends with this life.
    let mut marking = JoinSet::new();
    loop {
        tokio::select! {
            () = context.shutdown.requested() => return Ok(End::Stop),
            ended = finished(running) => match ended {
                // The next life would meet the same rows. This one refuses, and
                // stays for whoever has it filled anew.
                Err(ReplicaError::Damaged(what)) => {
                    tracing::error!(what, "THIS SERVER'S ROWS ARE WRONG, and it stops serving: {what}");
                    membership.refuse(&what);
                    let pool = server.pool.clone();
                    marking.spawn(async move { stopping::keep_marking(&pool, &what).await });
                }
                ended => return Ok(ended.map(|()| End::Stop)?),
            },
            () = membership.refused(), if running.is_some() => {
                // It neither accounts for anything nor gives pages of its log to
                // neighbours from now on.
                *running = None;
                // Others follow the log: they take what waits in the outbox.
                standing.send_replace(Standing::AtTail);
            }
            Ok(()) = follows.changed(), if running.is_some() => {
                standing.send_replace(follows.borrow_and_update().clone());
            }
            destroyed = &mut announcing => {
                tracing::warn!("{destroyed}");
                context.shutdown.request();
                return Ok(End::Stop);
            }
            () = &mut serving => return Ok(End::Stop),
            anew = &mut operating => return Ok(End::Anew(anew)),
            () = &mut comparing => return Ok(End::Stop),
        }
    }
}

/// Waits until the replica ends by itself.
async fn finished(running: &mut Option<Running>) -> Result<(), ReplicaError> {
    match running {
        Some(running) => running.finished().await,
        None => std::future::pending().await,
    }
}

/// Finishes what is in hand: no new requests, then the queued ones, then the log.
async fn drain(
    end: End,
    context: &Context,
    server: &Arc<Server>,
    requests: &mut Requests,
    running: Option<Running>,
    requests_max: u32,
) -> Result<(), Error> {
    server.membership.drain(context, &server.replica).await;
    requests.drain().await;
    requests.serve(server).await;
    // The semaphore is never closed, so this only waits for the last request.
    let idle = server.permits.acquire_many(requests_max);
    if end == End::Stop {
        drop(idle.await);
    } else if timeout(IN_HAND_WITHIN, idle).await.is_err() {
        // A poll must never see a database that is half forgotten.
        return Err(Error::Anew("requests in hand have not ended"));
    }
    if let Some(running) = running {
        if end == End::Stop {
            running.stop().await;
        } else if timeout(LOG_WITHIN, running.stop()).await.is_err() {
            tracing::warn!("the log has not accounted for everything in hand");
        }
    }
    tracing::info!("everything in hand is done");
    Ok(())
}
