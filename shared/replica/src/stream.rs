//! The stream that holds the log: which life of it there is, how far it
//! reaches, and blocks out of it, in order and without a gap.

use std::time::Duration;

use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::log::{BLOCK_VERSION, BLOCK_VERSION_OLDEST, Block};
use yoshi_protocol::message::operate::{CONTINUES_KEY, FIRST_SEQUENCE_KEY, INCARNATION_KEY};
use yoshi_protocol::{Incarnation, Position, ServerId, header};

use crate::lineage::Lineage;
use crate::machine::Entry;

/// Blocks that one pull asks for. At half a MiB each they bound the memory
/// that waits for Postgres to 32 MiB.
const BLOCKS_PER_PULL: usize = 64;
/// Entries that one transaction applies at most, give or take a block.
const BATCH_ENTRIES_MAX: usize = 4_096;
/// A reader without one for twice as long starts anew: after the loss of a
/// NATS node nothing else would tell it.
const HEARTBEAT: Duration = Duration::from_secs(1);
const PULL_EXPIRES: Duration = Duration::from_secs(30);
const CONSUMER_INACTIVE: Duration = Duration::from_secs(30);

/// What the stream's leader says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) incarnation: Incarnation,
    /// The lost logs that it continues.
    pub(crate) lineage: Lineage,
    /// The first sequence that it ever gave out.
    pub(crate) begins: u64,
    /// The first sequence that it still holds, or that it will hold next.
    pub(crate) first: u64,
    /// The last sequence that it has given out.
    pub(crate) last: u64,
}

/// Why the stream could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// It cannot be reached, or does not exist.
    #[error("the stream {0} cannot be reached: {1}")]
    OutOfReach(String, String),
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
    UnknownVersion(String, u64, u8),
    /// Messages were dropped on the way: read again from the last good one.
    #[error("the stream {0} was delivered with a gap before sequence {1}")]
    Gap(String, u64),
}

/// One stream.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) name: String,
    stream: jetstream::stream::Stream<()>,
}

/// A block as it stands in the stream.
#[derive(Debug, Clone)]
pub(crate) struct StoredBlock {
    pub(crate) sequence: u64,
    /// Who published it, in which life; none if it is not a block of this release.
    pub(crate) root: Option<(ServerId, Incarnation)>,
    /// The message id that its root gave it.
    pub(crate) id: Option<String>,
    /// Its encoded entries; none if it is not a block of this release.
    pub(crate) entries: Vec<Bytes>,
    /// Where its root wants to hear *accounted for*.
    pub(crate) accounted: Option<String>,
}

impl StoredBlock {
    /// Its entries after `applied`, with their positions.
    pub(crate) fn entries_after(&self, applied: Position) -> impl Iterator<Item = Entry> + '_ {
        let entries = self.entries.iter().enumerate().map(|(index, entry)| Entry {
            position: Position::in_block(self.sequence, index),
            bytes: entry.clone(),
        });
        entries.skip_while(move |entry| entry.position <= applied)
    }
}

impl Log {
    pub(crate) async fn open(js: &Context, name: &str) -> Result<Self, StreamError> {
        let stream = js.get_stream_no_info(name).await;
        let stream =
            stream.map_err(|error| StreamError::OutOfReach(name.to_owned(), error.to_string()))?;
        Ok(Self {
            name: name.to_owned(),
            stream,
        })
    }

    /// Asks the stream's leader where it stands.
    pub(crate) async fn view(&self) -> Result<View, StreamError> {
        let info = self
            .stream
            .get_info()
            .await
            .map_err(|error| self.out_of_reach(error))?;
        // A node without a quorum answers for itself (nats-server 2.15): what it
        // holds may be old, and nothing can be written.
        if info.cluster.is_some_and(|cluster| cluster.leader.is_none()) {
            return Err(self.out_of_reach("it has no leader"));
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
    pub(crate) async fn read_from(&self, start: u64) -> Result<Blocks, StreamError> {
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
        Ok(Blocks {
            name: self.name.clone(),
            messages,
            delivered: 0,
            next: start,
        })
    }

    fn out_of_reach(&self, error: impl std::fmt::Display) -> StreamError {
        StreamError::OutOfReach(self.name.clone(), error.to_string())
    }
}

/// The stream's blocks in order.
pub(crate) struct Blocks {
    name: String,
    messages: pull::Stream,
    /// Messages that this consumer has delivered: its own numbers have no gap.
    delivered: u64,
    next: u64,
}

impl Blocks {
    /// Waits for the next block, and takes those that are there already with
    /// it, as much as one transaction should apply.
    pub(crate) async fn next_batch(&mut self) -> Result<Vec<StoredBlock>, StreamError> {
        let first = self.messages.next().await;
        let mut batch = vec![self.accept(first)?];
        let mut entries = batch[0].entries.len();
        while entries < BATCH_ENTRIES_MAX && batch.len() < BLOCKS_PER_PULL {
            let Some(message) = self.messages.next().now_or_never() else {
                break;
            };
            let block = self.accept(message)?;
            entries += block.entries.len();
            batch.push(block);
        }
        Ok(batch)
    }

    fn accept(
        &mut self,
        message: Option<Result<jetstream::Message, pull::MessagesError>>,
    ) -> Result<StoredBlock, StreamError> {
        let out_of_reach = |error: String| StreamError::OutOfReach(self.name.clone(), error);
        let message = message.ok_or_else(|| out_of_reach("the consumer has ended".to_owned()))?;
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
        stored_block(&self.name, sequence, &message)
    }
}

const fn is_known(version: u8) -> bool {
    version >= BLOCK_VERSION_OLDEST && version <= BLOCK_VERSION
}

fn stored_block(
    stream: &str,
    sequence: u64,
    message: &jetstream::Message,
) -> Result<StoredBlock, StreamError> {
    let newer = |version| StreamError::UnknownVersion(stream.to_owned(), sequence, version);
    let block = match cbor::decode::<Block>(&message.payload, Bound::BLOCK) {
        Ok(block) if is_known(block.version) => Some(block),
        Ok(block) => return Err(newer(block.version)),
        Err(error) => match cbor::decode::<Version>(&message.payload, Bound::BLOCK) {
            Ok(Version { version }) if !is_known(version) => return Err(newer(version)),
            Ok(_) | Err(_) => {
                // The same on every server of every release: it has no entries.
                tracing::error!(sequence, %error, "the message in the log is not a block");
                None
            }
        },
    };
    let headers = message.headers.as_ref();
    let accounted = headers.and_then(|headers| headers.get(header::ACCOUNTED));
    let id = headers.and_then(|headers| headers.get(async_nats::header::NATS_MESSAGE_ID));
    let id = id.map(ToString::to_string);
    let root = block.as_ref().map(|block| (block.root, block.incarnation));
    let entries = block.map(|block| block.entries).unwrap_or_default();
    let entries = entries
        .into_iter()
        .map(|entry| Bytes::from(entry.into_vec()))
        .collect();
    Ok(StoredBlock {
        sequence,
        root,
        id,
        entries,
        accounted: accounted.map(ToString::to_string),
    })
}

/// What blocks of every version have in common.
#[derive(serde::Deserialize)]
struct Version {
    version: u8,
}
