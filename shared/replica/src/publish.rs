//! Puts blocks into the stream, one at a time, so that each is there once.
//!
//! A block carries the sequence of this root's previous one as its
//! expectation, and an id. While its fate is unknown (a lost acknowledgement,
//! a reconnect, an election) the identical bytes are sent again; the stream
//! takes them once. Single-node and replicated streams answer a repetition
//! differently, so a refusal is settled by what the stream's leader holds
//! ([`crate::fate`]).
//!
//! A stream that was lost and made anew has the same name, and its sequences
//! begin again. So before the first block, after every reconnect and whenever
//! the fate of a block is unknown, the stream is looked at: only in the log that
//! this server's database was filled from, and with all that it and the servers
//! which it knows have applied, is anything published, or concluded from a refusal. A look proves nothing about
//! the moment after it; but what slips into a stream between its loss and the
//! next look is applied by nobody who knows the lost log, so it is not reported
//! either.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use serde_bytes::ByteBuf;
use tokio::sync::watch;
use yoshi_protocol::cbor::Bound;
use yoshi_protocol::message::log::{BLOCK_VERSION, Block};
use yoshi_protocol::{Incarnation, Position, ServerId, cbor, header, subject};

use crate::applier::Followed;
use crate::fate::{Fate, Settled};
use crate::stream::{Log, StreamError, View};
use crate::{Settings, neighbour};

const RETRY_FIRST: Duration = Duration::from_millis(20);
const RETRY_LONGEST: Duration = Duration::from_secs(2);
/// Looks in a row that may contradict what a root knows: a leader that was just
/// elected may speak of an older state once.
const CONTRADICTIONS_MAX: u32 = 1;

/// Another process publishes under this server's id.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "another process publishes blocks on {subject}; two servers must never share a database or an identity"
)]
pub struct Fenced {
    /// Where its block was found.
    pub subject: String,
}

/// What the publishing side stands on.
pub(crate) struct Ground {
    pub(crate) nats: Client,
    pub(crate) js: Context,
    pub(crate) log: Log,
    /// The log that the database was filled from.
    pub(crate) followed: watch::Receiver<Followed>,
    /// How far the database has applied it.
    pub(crate) applied: watch::Receiver<Position>,
    /// The servers that this one has ever replicated with.
    pub(crate) known: watch::Receiver<BTreeSet<ServerId>>,
    /// Where to tell that the stream cannot be that log.
    pub(crate) doubt: watch::Sender<Option<String>>,
}

/// The publishing side of one root.
pub(crate) struct Publisher {
    ground: Ground,
    settings: Settings,
    subject: String,
    accounted: String,
    fate: Fate,
    /// The latest look at the stream; none after a doubt.
    looked: Option<Look>,
    /// The log that `fate` is about.
    log: Incarnation,
    /// Looks in a row that contradicted what this root knows.
    contradictions: u32,
    stored: watch::Sender<Option<StoredAt>>,
}

/// In which log, over which connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    log: Incarnation,
    connects: u64,
}

/// Where a block is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredAt {
    /// In which log.
    pub(crate) log: Incarnation,
    pub(crate) sequence: u64,
}

impl StoredAt {
    /// Whether a stream lacks the block.
    pub(crate) fn is_lost(self, view: &View) -> bool {
        self.log == view.incarnation && self.sequence > view.last
    }
}

enum Attempt {
    Stored(u64),
    Refused,
    Unknown(String),
}

impl Publisher {
    pub(crate) fn new(ground: Ground, settings: Settings) -> Self {
        let subject = subject::block(settings.role, settings.id);
        let accounted = subject::accounted(settings.role, settings.id, settings.incarnation);
        let fate = Fate::new(settings.incarnation);
        let log = ground.followed.borrow().incarnation;
        Self {
            ground,
            settings,
            subject,
            accounted,
            fate,
            looked: None,
            log,
            contradictions: 0,
            stored: watch::Sender::new(None),
        }
    }

    /// Publishes a block and answers where it is. Takes as long as it takes:
    /// it goes on while the fate of the block is unknown.
    ///
    /// # Errors
    /// [`Fenced`], and nothing else.
    pub(crate) async fn publish(&mut self, entries: Vec<ByteBuf>) -> Result<StoredAt, Fenced> {
        let id = self.fate.next_id();
        let payload = Bytes::from(cbor::encode(&Block {
            root: self.settings.id,
            entries,
            version: BLOCK_VERSION,
            incarnation: self.settings.incarnation,
        }));
        debug_assert_eq!(
            cbor::check(&payload, Bound::BLOCK),
            Ok(()),
            "what a root publishes, every server reads"
        );
        let mut pause = RETRY_FIRST;
        loop {
            match self.attempt(&id, payload.clone()).await {
                Attempt::Stored(sequence) => {
                    self.fate.stored(sequence);
                    return Ok(self.at(sequence));
                }
                Attempt::Refused => match self.settle(&id).await {
                    Ok(Settled::Stored(sequence)) => return Ok(self.at(sequence)),
                    Ok(Settled::Again) => {}
                    Ok(Settled::Fenced) => {
                        let subject = self.subject.clone();
                        return Err(Fenced { subject });
                    }
                    Err(why) => tracing::warn!(why, "cannot ask the log"),
                },
                Attempt::Unknown(why) => {
                    self.looked = None;
                    metrics::counter!("yoshi_replica_publish_retries_total").increment(1);
                    tracing::warn!(
                        id,
                        why,
                        "a block is not known to be stored; sending it again"
                    );
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_LONGEST);
        }
    }

    async fn attempt(&mut self, id: &str, payload: Bytes) -> Attempt {
        let is_known = self.looked == Some(self.now());
        let is_trusted = is_known && self.ground.followed.borrow().is_trusted;
        if !is_trusted && let Err(why) = self.look().await {
            return Attempt::Unknown(why);
        }
        let Some(expected) = self.fate.expected() else {
            return Attempt::Unknown("the log was not looked at".to_owned());
        };
        let message = PublishMessage::build()
            .payload(payload)
            .message_id(id)
            .expected_last_subject_sequence(expected)
            .expected_stream(&self.settings.stream)
            .header(header::ACCOUNTED, self.accounted.as_str());
        let sent = self
            .ground
            .js
            .send_publish(self.subject.clone(), message)
            .await;
        let sent = match sent {
            Ok(acknowledgement) => acknowledgement.await,
            Err(error) => Err(error),
        };
        match sent {
            Ok(acknowledged) => Attempt::Stored(acknowledged.sequence),
            Err(error) if is_refusal(&error) => Attempt::Refused,
            Err(error) => Attempt::Unknown(error.to_string()),
        }
    }

    /// The stream holds another last block of this root than expected: is it
    /// this very block, already stored? Only the right log can tell.
    async fn settle(&mut self, id: &str) -> Result<Settled, String> {
        self.looked = None;
        let log = self.log;
        self.look().await?;
        if self.log != log {
            // The refusal was about a block's place in the lost log.
            return Ok(Settled::Again);
        }
        let last = self
            .ground
            .log
            .last_on(&self.subject)
            .await
            .map_err(words)?;
        let last = last.as_ref();
        let last = last.map(|(sequence, id)| (*sequence, id.as_deref()));
        Ok(self.fate.settle(id, last))
    }

    /// Looks at the stream: is it the log that this server's database was filled
    /// from, with everything that it has applied and this root has published?
    /// The error says why not: nothing may be published then.
    async fn look(&mut self) -> Result<(), String> {
        self.looked = None;
        if self.ground.nats.connection_state() != State::Connected {
            return Err("there is no connection to NATS".to_owned());
        }
        let followed = self.ground.followed.borrow().clone();
        let is_doubted = self.contradictions > CONTRADICTIONS_MAX;
        if !followed.is_trusted && !is_doubted {
            return Err("the stream is not known to be this server's log".to_owned());
        }
        // Both before the stream is asked: it must hold at least as much.
        let now = self.now();
        let applied = *self.ground.applied.borrow();
        let view = self.ground.log.view().await.map_err(words)?;
        if view.incarnation != followed.incarnation || view.last < applied.sequence() {
            return Err("the stream is not this server's log".to_owned());
        }
        if self.is_shortened(&view).await? {
            return Err("it lacks what another server has applied of this log".to_owned());
        }
        if self.log != view.incarnation {
            self.log = view.incarnation;
            self.fate.forget();
        }
        let last = self
            .ground
            .log
            .last_on(&self.subject)
            .await
            .map_err(words)?;
        let last = last.map(|(sequence, _)| sequence);
        if self.fate.is_contradicted(view.first, last) {
            self.contradictions = self.contradictions.saturating_add(1);
            let why = "it lacks the last block that this server has published";
            if self.contradictions > CONTRADICTIONS_MAX {
                self.ground.doubt.send_replace(Some(why.to_owned()));
            }
            return Err(why.to_owned());
        }
        self.contradictions = 0;
        if is_doubted {
            self.ground.doubt.send_replace(None);
            return Err("the stream was not this server's log a moment ago".to_owned());
        }
        if self.fate.expected().is_none() {
            self.fate.looked(last);
        }
        self.looked = Some(now);
        Ok(())
    }

    /// Whether another server has applied more of this log than the stream holds.
    /// This server may be behind, and not miss it: a block of its own in that place
    /// would be taken by the others' word for the one that was lost.
    async fn is_shortened(&self, view: &View) -> Result<bool, String> {
        let known = self.ground.known.borrow().clone();
        let since = Position::end_of_block(view.last);
        let (nats, role) = (&self.ground.nats, self.settings.role);
        let further = neighbour::furthest(nats, role, known, view.incarnation, since).await;
        let Some(further) = further else {
            return Ok(false);
        };
        // They may have read what was stored since.
        let again = self.ground.log.view().await.map_err(words)?;
        Ok(again.incarnation != view.incarnation || again.last < further.sequence())
    }

    fn now(&self) -> Look {
        Look {
            log: self.ground.followed.borrow().incarnation,
            connects: self
                .ground
                .nats
                .statistics()
                .connects
                .load(Ordering::Relaxed),
        }
    }

    /// The last block that the stream has taken from this process, now and later:
    /// as long as it is that log, it must reach so far.
    pub(crate) fn stored(&self) -> watch::Receiver<Option<StoredAt>> {
        self.stored.subscribe()
    }

    fn at(&self, sequence: u64) -> StoredAt {
        let log = self.log;
        let at = StoredAt { log, sequence };
        self.stored.send_replace(Some(at));
        at
    }
}

fn words(error: StreamError) -> String {
    error.to_string()
}

/// Whether the stream said for certain that it did not take the message.
/// Error 10164 (a conflict with a write on its way) is no such word.
fn is_refusal(error: &PublishError) -> bool {
    error.kind() == PublishErrorKind::WrongLastSequence
}
