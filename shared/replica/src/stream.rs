//! The stream that holds the log: which life of it there is, how far it
//! reaches, and blocks out of it, in order and without a gap.

mod batch;
mod block;

use std::time::Duration;

use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{InfoError, PeerInfo};
use async_nats::jetstream::{self, Context, ErrorCode};
use futures::{Stream, StreamExt};
use yoshi_protocol::cbor::DecodeError;
use yoshi_protocol::message::operate::{CONTINUES_KEY, FIRST_SEQUENCE_KEY, INCARNATION_KEY};
use yoshi_protocol::subject::Role;
use yoshi_protocol::{Incarnation, Position};

use crate::lineage::{Lineage, recovery};
use batch::BLOCKS_PER_PULL;
use block::Unreadable;

pub(crate) use batch::Batches;
pub(crate) use block::{StoredBlock, is_known};

/// A reader without one for twice as long starts anew: after the loss of a
/// NATS node nothing else would tell it.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long ago a leader must have heard the others. They answer it every second,
/// and elect nobody before they have heard nothing of it for 4 s (nats-server
/// 2.15: `hbInterval`, `minElectionTimeout`).
const HEARD_WITHIN: Duration = Duration::from_secs(3);
const PULL_EXPIRES: Duration = Duration::from_secs(30);
const CONSUMER_INACTIVE: Duration = Duration::from_secs(30);

/// What the stream's leader says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Which life of the stream.
    pub incarnation: Incarnation,
    /// The lost logs that it continues.
    pub lineage: Lineage,
    /// The first sequence that it ever gave out.
    pub begins: u64,
    /// The first sequence that it still holds, or that it will hold next.
    pub first: u64,
    /// The last sequence that it has given out.
    pub last: u64,
}

/// Why the stream could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// It cannot be reached, or has no leader.
    #[error("the stream {0} cannot be reached: {1}")]
    OutOfReach(String, String),
    /// NATS knows no such stream.
    #[error(
        "there is no stream {0}: `yoshi provision` creates it. If there was one, NATS has lost the \
         log; `{1}` then puts it back from the servers' databases"
    )]
    Missing(String, &'static str),
    /// It was not made by `yoshi provision`.
    #[error("the stream {0} has no incarnation in its metadata; create it with 'yoshi provision'")]
    NoIncarnation(String),
    /// What it says about the log that it continues cannot be read.
    #[error(
        "the metadata of the stream {0} do not say which log it continues; restore them as \
         'yoshi recover-log' wrote them, or run it again"
    )]
    Metadata(String),
    /// A later release wrote to the log: skipping its block would lose tasks.
    #[error(
        "the stream {0} holds a block of version {2} at sequence {1}; start this server in that release"
    )]
    UnknownVersion(String, u64, u64),
    /// A later release gives pages of the log: it knows entries that this one
    /// would refuse.
    #[error(
        "the stream {0} no longer holds what follows {1}, and a neighbour has it in blocks of \
         version {2}; start this server in that release"
    )]
    UnknownPage(String, Position, u64),
    /// A block of a version that this release knows is broken, or beyond the
    /// bounds of that version. Others may read it: it is not passed over.
    #[error(
        "the stream {stream} holds a block of version {version} at sequence {sequence} that this \
         release cannot read ({error}): nothing is applied from there on. Start this server in the \
         release that wrote it; if there is none, somebody else can write to the log: change the \
         servers' passwords of NATS, then run `{recovery}`"
    )]
    Unreadable {
        /// Its name.
        stream: String,
        /// Where the block stands.
        sequence: u64,
        /// What it says of itself.
        version: u64,
        /// What is wrong with it.
        error: DecodeError,
        /// The command that continues the log without it.
        recovery: &'static str,
    },
    /// Messages were dropped on the way: read again from the last good one.
    #[error("the stream {0} was delivered with a gap before sequence {1}")]
    Gap(String, u64),
}

impl StreamError {
    /// Whether it stays so until somebody does what it says: the next block
    /// cannot be read by this release.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(
            self,
            Self::UnknownVersion(..) | Self::UnknownPage(..) | Self::Unreadable { .. }
        )
    }
}

/// Whether a leader still hears a majority, itself included. One that is cut off
/// calls itself leader for some ten seconds more, while the others elect
/// another: its word about the end of the stream is worth nothing by then.
fn has_majority(others: &[PeerInfo]) -> bool {
    let heard = others
        .iter()
        .filter(|node| !node.offline && node.active < HEARD_WITHIN);
    2 * (heard.count() + 1) > others.len() + 1
}

/// Whether the leader of all streams says that it knows none of this name.
fn is_missing(error: &InfoError) -> bool {
    let source = std::error::Error::source(error);
    let answer = source.and_then(|source| source.downcast_ref::<jetstream::Error>());
    answer.is_some_and(|answer| answer.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// One stream.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) name: String,
    role: Role,
    stream: jetstream::stream::Stream<()>,
}

impl Log {
    pub(crate) async fn open(js: &Context, name: &str, role: Role) -> Result<Self, StreamError> {
        let stream = js.get_stream_no_info(name).await;
        let stream =
            stream.map_err(|error| StreamError::OutOfReach(name.to_owned(), error.to_string()))?;
        Ok(Self {
            name: name.to_owned(),
            role,
            stream,
        })
    }

    /// Asks the stream's leader where it stands.
    pub(crate) async fn view(&self) -> Result<View, StreamError> {
        let info = match self.stream.get_info().await {
            Ok(info) => info,
            Err(error) if is_missing(&error) => {
                return Err(StreamError::Missing(self.name.clone(), recovery(self.role)));
            }
            Err(error) => return Err(self.out_of_reach(error)),
        };
        // A node without a quorum answers for itself (nats-server 2.15): what it
        // holds may be old, and nothing can be written.
        if let Some(cluster) = &info.cluster {
            if cluster.leader.is_none() {
                return Err(self.out_of_reach("it has no leader"));
            }
            if !has_majority(&cluster.replicas) {
                return Err(self.out_of_reach("its leader is cut off from the other nodes"));
            }
        }
        let incarnation = info.config.metadata.get(INCARNATION_KEY);
        let incarnation = incarnation.and_then(|text| text.parse().ok());
        let incarnation =
            incarnation.ok_or_else(|| StreamError::NoIncarnation(self.name.clone()))?;
        let metadata = &info.config.metadata;
        let begins = metadata.get(FIRST_SEQUENCE_KEY).map(|text| text.parse());
        let lineage = metadata.get(CONTINUES_KEY).map(|text| Lineage::parse(text));
        let (Ok(begins), Some(lineage)) = (
            begins.unwrap_or(Ok(1)),
            lineage.unwrap_or_else(|| Some(Lineage::default())),
        ) else {
            return Err(StreamError::Metadata(self.name.clone()));
        };
        Ok(View {
            incarnation,
            lineage,
            begins,
            first: info.state.first_sequence,
            last: info.state.last_sequence,
        })
    }

    /// The sequence and message id of the last message on a subject, by the
    /// word of the stream's leader; none if the stream holds no such message.
    pub(crate) async fn last_on(
        &self,
        subject: &str,
    ) -> Result<Option<(u64, Option<String>)>, StreamError> {
        use async_nats::jetstream::stream::LastRawMessageErrorKind;
        match self.stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => {
                let id = message.headers.get(async_nats::header::NATS_MESSAGE_ID);
                Ok(Some((message.sequence, id.map(ToString::to_string))))
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(self.out_of_reach(error)),
        }
    }

    /// The message id of the block at a sequence that the stream holds, by the
    /// word of its leader; none if it holds no such message, or one without an id.
    pub(crate) async fn id_at(&self, sequence: u64) -> Result<Option<String>, StreamError> {
        use async_nats::jetstream::stream::RawMessageErrorKind;
        match self.stream.get_raw_message(sequence).await {
            Ok(message) => {
                let id = message.headers.get(async_nats::header::NATS_MESSAGE_ID);
                Ok(id.map(ToString::to_string))
            }
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(self.out_of_reach(error)),
        }
    }

    /// Reads blocks from `start` on. The caller has made sure that the stream
    /// still holds `start`, or will give it out next: a consumer that starts
    /// past the end would silently skip what comes.
    pub(crate) async fn read_from(
        &self,
        start: u64,
    ) -> Result<
        Batches<impl Stream<Item = Result<StoredBlock, StreamError>> + Unpin + use<>>,
        StreamError,
    > {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: start,
            },
            ack_policy: AckPolicy::None,
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: CONSUMER_INACTIVE,
            ..pull::Config::default()
        };
        let consumer: consumer::Consumer<pull::Config> = self
            .stream
            .create_consumer(config)
            .await
            .map_err(|error| self.out_of_reach(error))?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(BLOCKS_PER_PULL)
            .heartbeat(HEARTBEAT)
            .expires(PULL_EXPIRES)
            .messages()
            .await
            .map_err(|error| self.out_of_reach(error))?;
        let mut reading = Reading {
            name: self.name.clone(),
            role: self.role,
            delivered: 0,
            next: start,
        };
        Ok(Batches::of(
            messages.map(move |message| reading.accept(message)),
        ))
    }

    fn out_of_reach(&self, error: impl std::fmt::Display) -> StreamError {
        StreamError::OutOfReach(self.name.clone(), error.to_string())
    }
}

/// Reads what one consumer delivers.
struct Reading {
    name: String,
    role: Role,
    /// Messages that this consumer has delivered: its own numbers have no gap.
    delivered: u64,
    next: u64,
}

impl Reading {
    fn accept(
        &mut self,
        message: Result<jetstream::Message, pull::MessagesError>,
    ) -> Result<StoredBlock, StreamError> {
        let out_of_reach = |error: String| StreamError::OutOfReach(self.name.clone(), error);
        let message = message.map_err(|error| out_of_reach(error.to_string()))?;
        let info = message
            .info()
            .map_err(|error| out_of_reach(error.to_string()))?;
        let (sequence, delivered) = (info.stream_sequence, info.consumer_sequence);
        // Nothing is ever deleted from the log, so a hole is always a loss: of
        // messages on the way, or of the log's head before this server read it.
        if delivered != self.delivered + 1 || sequence != self.next {
            return Err(StreamError::Gap(self.name.clone(), sequence));
        }
        self.delivered = delivered;
        self.next = sequence + 1;
        let block = StoredBlock::read(sequence, &message.payload, message.headers.as_ref());
        block.map_err(|unreadable| self.unreadable(sequence, unreadable))
    }

    fn unreadable(&self, sequence: u64, unreadable: Unreadable) -> StreamError {
        let stream = self.name.clone();
        match unreadable {
            Unreadable::Later(version) => StreamError::UnknownVersion(stream, sequence, version),
            Unreadable::Broken(version, error) => StreamError::Unreadable {
                stream,
                sequence,
                version,
                error,
                recovery: recovery(self.role),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_that_does_not_hear_a_majority_is_not_believed() {
        let node = |millis| PeerInfo {
            name: "n".to_owned(),
            current: true,
            active: Duration::from_millis(millis),
            offline: false,
            lag: None,
        };
        assert!(has_majority(&[]), "a single node");
        assert!(has_majority(&[node(5), node(900)]));
        assert!(
            has_majority(&[node(5), node(60_000)]),
            "one of three is gone"
        );
        assert!(!has_majority(&[node(3_000), node(60_000)]), "cut off");
        let offline = PeerInfo {
            offline: true,
            ..node(5)
        };
        assert!(!has_majority(&[offline.clone(), offline]));
    }
}
