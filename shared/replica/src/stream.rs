//! The stream that holds the log: which life of it there is, how far it
//! reaches, and blocks out of it, in order and without a gap.

mod batch;
mod block;
mod error;
mod view;

use std::time::Duration;

use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{InfoError, PeerInfo};
use async_nats::jetstream::{self, Context, ErrorCode};
use futures::{Stream, StreamExt};
use yoshi_protocol::subject::Role;

use crate::lineage::recovery;
use batch::BLOCKS_PER_PULL;
use block::Unreadable;

pub(crate) use batch::Batches;
pub(crate) use block::{StoredBlock, is_known};
pub use error::StreamError;
pub use view::View;

/// A reader without one for twice as long starts anew: after the loss of a
/// NATS node nothing else would tell it.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long ago a leader must have heard the others. They answer it every second,
/// and elect nobody before they have heard nothing of it for 4 s (nats-server
/// 2.15: `hbInterval`, `minElectionTimeout`).
const HEARD_WITHIN: Duration = Duration::from_secs(3);
const PULL_EXPIRES: Duration = Duration::from_secs(30);
const CONSUMER_INACTIVE: Duration = Duration::from_secs(30);

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
        View::read(&self.name, &info)
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
