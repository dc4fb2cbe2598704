//! Requests of clients and of other servers' outboxes, as the load balancers
//! forward them: at most so many in hand at once, each served by a task of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_nats::{Client, Message, Subscriber};
use deadpool_postgres::Pool;
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use yoshi_protocol::message::change::{ChangeReceipt, History};
use yoshi_protocol::message::find::TasksFound;
use yoshi_protocol::message::roster::MsState;
use yoshi_protocol::message::task::{ClientPolled, Sent};
use yoshi_protocol::subject::{self, ClientVerb};
use yoshi_protocol::{AccountName, Epoch, ErrorCode, ErrorReply, ServerId, header};
use yoshi_replica::Handle;
use yoshi_service::request::respond;

use crate::accounts::Accounts;
use crate::find::Index;
use crate::membership::Membership;
use crate::notice::Notices;
use crate::outbox::Outbox;
use crate::poll::Polls;
use crate::rules::Outcome;
use crate::{change, send, stale};

/// How long the log may take to tell its end, where a poll has to ask.
const TAIL_WITHIN: Duration = Duration::from_secs(1);

/// What serving a request takes.
pub struct Server {
    /// To answer.
    pub nats: Client,
    /// Who may ask.
    pub accounts: Accounts,
    /// The way into the log.
    pub replica: Handle<Outcome>,
    /// Where the tasks are.
    pub pool: Pool,
    /// Whether this server may serve.
    pub membership: Membership,
    /// What it takes while the log is out of reach.
    pub outbox: Outbox,
    /// To tell websites of changes.
    pub notices: Notices,
    /// What searches look through.
    pub index: Index,
    /// How long a task may wait for the log before its outcome is answered as
    /// unknown: a request must not hold its permit for ever.
    pub wait_max: Duration,
    /// One permit per request in hand.
    pub permits: Arc<Semaphore>,
}

/// The subscriptions of a message server.
pub struct Requests {
    tasks: Subscriber,
    changes: Subscriber,
    polls: Subscriber,
    histories: Subscriber,
    finds: Subscriber,
    outboxes: Subscriber,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Task,
    Change,
    Poll,
    History,
    Find,
    /// OUTBOX_TO_HOME.
    FromOutbox,
}

impl Requests {
    /// Subscribes to what load balancers forward to this server.
    ///
    /// # Errors
    /// If NATS refuses a subscription.
    pub async fn open(nats: &Client, id: ServerId) -> Result<Self, async_nats::SubscribeError> {
        let of = |verb| nats.subscribe(subject::ms_client_all(id, verb));
        Ok(Self {
            tasks: of(ClientVerb::Task).await?,
            changes: of(ClientVerb::Change).await?,
            polls: of(ClientVerb::Poll).await?,
            histories: of(ClientVerb::History).await?,
            finds: of(ClientVerb::Find).await?,
            outboxes: nats.subscribe(subject::ms_outbox_all(id)).await?,
        })
    }

    /// Serves requests until the subscriptions end, which they do after a drain.
    pub async fn serve(&mut self, server: &Arc<Server>) {
        loop {
            let (asked, message) = tokio::select! {
                Some(message) = self.tasks.next() => (Asked::Task, message),
                Some(message) = self.changes.next() => (Asked::Change, message),
                Some(message) = self.histories.next() => (Asked::History, message),
                Some(message) = self.finds.next() => (Asked::Find, message),
                Some(message) = self.polls.next() => (Asked::Poll, message),
                Some(message) = self.outboxes.next() => (Asked::FromOutbox, message),
                else => return,
            };
            Arc::clone(server).take(asked, message).await;
        }
    }

    /// Takes no more requests; those delivered already are still served.
    pub async fn drain(&mut self) {
        for subscription in [
            &mut self.tasks,
            &mut self.changes,
            &mut self.polls,
            &mut self.histories,
            &mut self.finds,
            &mut self.outboxes,
        ] {
            if let Err(error) = subscription.drain().await {
                tracing::warn!(%error, "a subscription could not be drained");
            }
        }
    }
}

/// A request in hand: counted as load until it is answered.
struct InHand {
    count: Arc<AtomicU32>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Server {
    async fn take(self: Arc<Self>, asked: Asked, message: Message) {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            metrics::counter!("yoshi_requests_refused_busy_total").increment(1);
            let busy = ErrorReply::new(ErrorCode::Busy, "the server has its hands full; try again");
            respond::<()>(&self.nats, &message, Err(busy)).await;
            return;
        };
        let count = Arc::clone(self.membership.in_hand());
        count.fetch_add(1, Ordering::Relaxed);
        let in_hand = InHand {
            count,
            _permit: permit,
        };
        tokio::spawn(async move {
            match asked {
                Asked::Task => respond(&self.nats, &message, self.task(&message).await).await,
                Asked::Change => respond(&self.nats, &message, self.change(&message).await).await,
                Asked::History => respond(&self.nats, &message, self.history(&message).await).await,
                Asked::Find => respond(&self.nats, &message, self.find(&message).await).await,
                Asked::Poll => respond(&self.nats, &message, self.poll(&message).await).await,
                Asked::FromOutbox => {
                    respond(&self.nats, &message, self.queued_elsewhere(&message).await).await;
                }
            }
            drop(in_hand);
        });
    }

    async fn task(&self, message: &Message) -> Result<Sent, ErrorReply> {
        self.membership.check_not_stopped()?;
        let account = account(message)?;
        let epoch = epoch(message)?;
        let sent = send::serve(self, account.clone(), epoch, &message.payload).await;
        stale::told(self, account, epoch, sent).await
    }

    async fn queued_elsewhere(&self, message: &Message) -> Result<Sent, ErrorReply> {
        self.membership.check_not_stopped()?;
        let account = subject::parse_ms_outbox(&message.subject).ok_or_else(nameless)?;
        let epoch = epoch(message)?;
        let sent = send::serve_outbox(self, account.clone(), epoch, &message.payload).await;
        stale::told(self, account, epoch, sent).await
    }

    async fn change(&self, message: &Message) -> Result<ChangeReceipt, ErrorReply> {
        self.membership.check_not_stopped()?;
        let account = account(message)?;
        let epoch = epoch(message)?;
        let changed = change::serve(self, account.clone(), epoch, &message.payload).await;
        stale::told(self, account, epoch, changed).await
    }

    async fn poll(&self, message: &Message) -> Result<ClientPolled, ErrorReply> {
        let polls = self.polls().await?;
        let polled = polls.serve(account(message)?, &message.payload).await?;
        self.membership.check_not_stopped()?;
        Ok(polled)
    }

    async fn history(&self, message: &Message) -> Result<History, ErrorReply> {
        let polls = self.polls().await?;
        let history = polls.history(account(message)?, &message.payload).await?;
        self.membership.check_not_stopped()?;
        Ok(history)
    }

    async fn find(&self, message: &Message) -> Result<TasksFound, ErrorReply> {
        let account = account(message)?;
        let polls = self.polls().await?;
        let found = polls.find(&self.index, account, &message.payload).await?;
        self.membership.check_not_stopped()?;
        Ok(found)
    }

    async fn polls(&self) -> Result<Polls<'_>, ErrorReply> {
        // It must not show rows that may be wrong. Asked once more before they
        // are shown: that may have been found out meanwhile.
        self.membership.check_not_stopped()?;
        Ok(Polls {
            accounts: &self.accounts,
            replica: &self.replica,
            pool: &self.pool,
            behind: self.is_behind().await,
            footing: self.membership.footing(),
            outbox: &self.outbox,
            servers: self.membership.servers(self.replica.applied()),
        })
    }
}

impl Server {
    /// Whether this server may lack what was accounted for elsewhere. Where
    /// somebody may not wait for it any more, the log itself must tell.
    async fn is_behind(&self) -> bool {
        let now = Instant::now();
        if self.membership.state(&self.replica) != MsState::Serving {
            return true;
        }
        self.membership.misses_somebody(&self.replica)
            && !self.replica.reaches_tail_of(now, TAIL_WITHIN).await
    }
}

fn account(message: &Message) -> Result<AccountName, ErrorReply> {
    subject::parse_ms_client(&message.subject).ok_or_else(nameless)
}

fn nameless() -> ErrorReply {
    ErrorReply::new(ErrorCode::InvalidName, "the subject names no account")
}

fn epoch(message: &Message) -> Result<Epoch, ErrorReply> {
    let epoch = message
        .headers
        .as_ref()
        .and_then(|headers| headers.get(header::EPOCH));
    let epoch = epoch
        .and_then(|epoch| epoch.as_str().parse().ok())
        .map(Epoch);
    // Postgres has no unsigned integers.
    let epoch = epoch.filter(|epoch| epoch.to_i64().is_ok());
    epoch.ok_or_else(|| {
        ErrorReply::new(
            ErrorCode::Malformed,
            "the request did not come through a load balancer",
        )
    })
}
