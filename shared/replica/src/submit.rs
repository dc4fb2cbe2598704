//! The root at work: takes entries, publishes blocks, listens to *accounted
//! for*, and reports what is done. The rules are in [`crate::root`].

use std::pin::Pin;
use std::time::{Duration, Instant};

use async_nats::{Client, Message, Subscriber};
use futures::StreamExt;
use tokio::sync::{mpsc, oneshot, watch};
use yoshi_protocol::AccountName;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::log::AccountedFor;
use yoshi_protocol::message::roster::{DownReason, MsDown};
use yoshi_protocol::subject::{self, Role};

use crate::applier::Committed;
use crate::cursor::Cursor;
use crate::gather::Gather;
use crate::publish::{Fenced, Publisher, StoredAt};
use crate::root::{Down, Root};
use crate::{Accounted, Peer, ReplicaError, Settings, SubmitError};

/// Entries on their way from the handles to the root.
pub(crate) const SUBMISSIONS_MAX: usize = 4_096;
/// Commits on their way from the applying side to the root.
pub(crate) const COMMITS_MAX: usize = 64;
const TICK: Duration = Duration::from_millis(250);

type Ticket<O> = oneshot::Sender<Result<Accounted<O>, SubmitError>>;

/// An entry on its way to the root.
pub(crate) struct Submission<O> {
    pub(crate) account: AccountName,
    pub(crate) entry: Vec<u8>,
    pub(crate) ticket: Ticket<O>,
}

/// Everything that the root listens to.
pub(crate) struct Inputs<O> {
    pub(crate) submissions: mpsc::Receiver<Submission<O>>,
    pub(crate) committed: mpsc::Receiver<Committed<O>>,
    pub(crate) accounted: Subscriber,
    pub(crate) peers: watch::Receiver<Vec<Peer>>,
    pub(crate) stopping: watch::Receiver<bool>,
}

type Publishing = Pin<Box<dyn Future<Output = (Publisher, Result<StoredAt, Fenced>)> + Send>>;

/// Runs the root until it is stopped and has nothing left to do.
///
/// # Errors
/// [`ReplicaError::Fenced`]: this server's identity is in use elsewhere.
pub(crate) async fn run<O: Send + 'static>(
    settings: Settings,
    nats: Client,
    publisher: Publisher,
    from: Cursor,
    mut inputs: Inputs<O>,
) -> Result<(), ReplicaError> {
    let Cursor {
        incarnation: mut log,
        applied,
    } = from;
    let mut root = Root::<Ticket<O>, O>::new(settings.id, settings.waits.beta, applied);
    root.follow(log);
    root.set_peers(&inputs.peers.borrow_and_update());
    let mut idle_publisher = Some(publisher);
    let mut publishing: Option<Publishing> = None;
    let mut gather = Gather::default();
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            Some(submission) = inputs.submissions.recv() => {
                submit_all(&mut root, submission, &mut inputs.submissions);
            }
            Some(committed) = inputs.committed.recv() => {
                if std::mem::replace(&mut log, committed.log) != committed.log {
                    forget_stored(&mut root);
                    root.follow(log);
                    root.set_peers(&inputs.peers.borrow_and_update());
                }
                root.outcomes(committed.outcomes);
                root.applied(committed.through);
            }
            (publisher, stored) = wait(&mut publishing) => {
                publishing = None;
                idle_publisher = Some(publisher);
                let stored = stored?;
                root.stored(stored.sequence, Instant::now());
                if stored.log != log {
                    // It may also be the next log, of which word is on its way
                    // here: asking again with the same id tells.
                    forget_stored(&mut root);
                }
            }
            Some(message) = inputs.accounted.next() => accounted(&mut root, &message),
            Ok(()) = inputs.peers.changed() => root.set_peers(&inputs.peers.borrow_and_update()),
            _ = tick.tick() => {
                for down in root.tick(Instant::now()) {
                    report_down(&nats, &settings, down).await;
                }
                metrics::gauge!("yoshi_replica_waiting_entries").set(root.waiting() as f64);
                metrics::gauge!("yoshi_replica_unaccounted_entries").set(root.unaccounted() as f64);
            }
            () = until(gather.until()) => {}
            () = stop_requested(&mut inputs.stopping), if !inputs.submissions.is_closed() => {
                inputs.submissions.close();
            }
        }
        for (ticket, accounted) in root.done() {
            // A client that has gone away does not change what happened.
            drop(ticket.send(accounted.ok_or(SubmitError::Unknown)));
        }
        let may_publish = idle_publisher.is_some() && root.may_publish();
        if may_publish
            && gather.goes(root.waiting(), root.unaccounted(), Instant::now())
            && let Some(entries) = root.next_block()
            && let Some(mut publisher) = idle_publisher.take()
        {
            metrics::histogram!("yoshi_replica_block_entries").record(entries.len() as f64);
            publishing = Some(Box::pin(async move {
                let stored = publisher.publish(entries).await;
                (publisher, stored)
            }));
        }
        if root.is_idle() && inputs.submissions.is_closed() && inputs.submissions.is_empty() {
            return Ok(());
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

async fn stop_requested(stopping: &mut watch::Receiver<bool>) {
    if stopping.wait_for(|stopping| *stopping).await.is_err() {
        std::future::pending().await
    }
}

async fn wait(publishing: &mut Option<Publishing>) -> (Publisher, Result<StoredAt, Fenced>) {
    match publishing {
        Some(publishing) => publishing.await,
        None => std::future::pending().await,
    }
}

/// Tells whoever waits for an entry of a lost log that its fate is unknown.
fn forget_stored<O>(root: &mut Root<Ticket<O>, O>) {
    for ticket in root.forget_stored() {
        drop(ticket.send(Err(SubmitError::Unknown)));
    }
}

/// Submits an entry, and those that are there already: as many as the queue holds
/// at most, because nothing else goes on meanwhile.
fn submit_all<O>(
    root: &mut Root<Ticket<O>, O>,
    first: Submission<O>,
    others: &mut mpsc::Receiver<Submission<O>>,
) {
    submit(root, first);
    for _ in 1..SUBMISSIONS_MAX {
        let Ok(submission) = others.try_recv() else {
            return;
        };
        submit(root, submission);
    }
}

fn submit<O>(root: &mut Root<Ticket<O>, O>, submission: Submission<O>) {
    let Submission {
        account,
        entry,
        ticket,
    } = submission;
    if let Err(ticket) = root.submit(ticket, account, entry) {
        drop(ticket.send(Err(SubmitError::Busy)));
    }
}

fn accounted<O>(root: &mut Root<Ticket<O>, O>, message: &Message) {
    match cbor::decode::<AccountedFor>(&message.payload, Bound::REQUEST) {
        Ok(AccountedFor {
            server,
            stream,
            position,
            incarnation,
        }) => root.accounted_in(stream, (server, incarnation), position),
        Err(error) => tracing::warn!(%error, "an accounted-for reply cannot be read"),
    }
}

async fn report_down(nats: &Client, settings: &Settings, down: Down) {
    tracing::warn!(
        server = %down.id, beta_seconds = settings.waits.beta.as_secs_f64(),
        "a server did not account for an entry in time and counts as down"
    );
    metrics::counter!("yoshi_replica_peers_down_total").increment(1);
    if settings.role == Role::Rs {
        return;
    }
    let reason = DownReason::Timeout;
    let report = MsDown {
        id: down.id,
        reason,
        incarnation: Some(down.incarnation),
    };
    let published = nats
        .publish(subject::MS_DOWN, cbor::encode(&report).into())
        .await;
    if let Err(error) = published {
        tracing::warn!(%error, "the load balancers were not told");
    }
}
