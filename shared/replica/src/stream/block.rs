//! What a message in the log is: a block that this release reads, a block that it
//! does not read, or no block at all. Pure.
//!
//! Every server of every release must come to the same rows, so each message
//! means the same to all of them, for good:
//!
//! * A *block* is one map in the protocol's encoding with a `version`, an unsigned
//!   integer. Neither its size nor anything else in it matters for that.
//! * Whatever is no block has no entries: everybody passes over it, for ever. That
//!   is garbage; no release of Yoshi writes it.
//! * A block that a server cannot read is one whose entries others may have
//!   applied, now or in a later release. The server stops before it.
//!
//! The bounds of a version never change: a release that wants others writes a
//! later version.

use async_nats::HeaderMap;
use bytes::Bytes;
use yoshi_protocol::cbor::{self, Bound, DecodeError};
use yoshi_protocol::message::log::{BLOCK_VERSION, BLOCK_VERSION_OLDEST, Block};
use yoshi_protocol::{Incarnation, Position, ServerId, header};

use crate::machine::Entry;

/// For the question whether bytes are a block at all, which must not depend on a
/// release's bounds. JetStream bounds them; the look allocates nothing for them.
const ANY: Bound = Bound {
    bytes: usize::MAX,
    items: usize::MAX,
};

/// A block as it stands in the stream.
#[derive(Debug, Clone)]
pub(crate) struct StoredBlock {
    pub(crate) sequence: u64,
    /// Who published it, in which life; none if it is no block.
    pub(crate) root: Option<(ServerId, Incarnation)>,
    /// The message id that its root gave it.
    pub(crate) id: Option<String>,
    /// Its encoded entries; none if it is no block.
    pub(crate) entries: Vec<Bytes>,
    /// Where its root wants to hear *accounted for*.
    pub(crate) accounted: Option<String>,
}

/// Why this release cannot read a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// A later release wrote it.
    Later(u64),
    /// It is of a version that this release knows, and yet not what that version is.
    Broken(u64, DecodeError),
}

/// What all blocks of all versions have in common.
#[derive(serde::Deserialize)]
struct AnyBlock {
    version: u64,
}

impl StoredBlock {
    /// Reads the message at a sequence.
    ///
    /// # Errors
    /// [`Unreadable`], for a block that must not be passed over.
    pub(super) fn read(
        sequence: u64,
        payload: &[u8],
        headers: Option<&HeaderMap>,
    ) -> Result<Self, Unreadable> {
        let block = read(payload)?;
        if block.is_none() {
            tracing::error!(sequence, "the message in the log is not a block");
        }
        let id = headers.and_then(|headers| headers.get(async_nats::header::NATS_MESSAGE_ID));
        let accounted = headers.and_then(|headers| headers.get(header::ACCOUNTED));
        let root = block.as_ref().map(|block| (block.root, block.incarnation));
        let entries = block.map(|block| block.entries).unwrap_or_default();
        let entries = entries
            .into_iter()
            .map(|entry| Bytes::from(entry.into_vec()));
        Ok(Self {
            sequence,
            root,
            id: id.map(ToString::to_string),
            entries: entries.collect(),
            accounted: accounted.map(ToString::to_string),
        })
    }

    /// Its entries after `applied`, with their positions.
    pub(crate) fn entries_after(&self, applied: Position) -> impl Iterator<Item = Entry> + '_ {
        let entries = self.entries.iter().enumerate().map(|(index, entry)| Entry {
            position: Position::in_block(self.sequence, index),
            bytes: entry.clone(),
        });
        entries.skip_while(move |entry| entry.position <= applied)
    }
}

/// The block that the bytes are; none if they are no block.
fn read(payload: &[u8]) -> Result<Option<Block>, Unreadable> {
    let error = match cbor::decode::<Block>(payload, Bound::BLOCK) {
        Ok(block) if is_known(block.version.into()) => return Ok(Some(block)),
        Ok(block) => return Err(Unreadable::Later(block.version.into())),
        Err(error) => error,
    };
    match cbor::decode::<AnyBlock>(payload, ANY) {
        Ok(AnyBlock { version }) if is_known(version) => Err(Unreadable::Broken(version, error)),
        Ok(AnyBlock { version }) => Err(Unreadable::Later(version)),
        Err(_) => Ok(None),
    }
}

/// Whether this release reads blocks of this version, and their entries.
pub(crate) fn is_known(version: u64) -> bool {
    (u64::from(BLOCK_VERSION_OLDEST)..=u64::from(BLOCK_VERSION)).contains(&version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use serde_bytes::ByteBuf;
    use yoshi_protocol::limit;

    fn block(entries: Vec<ByteBuf>) -> Block {
        Block {
            root: ServerId::random(),
            entries,
            version: BLOCK_VERSION,
            incarnation: Incarnation::random(),
        }
    }

    fn entries(count: usize, bytes: usize) -> Vec<u8> {
        cbor::encode(&block(vec![ByteBuf::from(vec![7; bytes]); count]))
    }

    #[derive(Serialize)]
    struct Only<T> {
        version: T,
    }

    #[test]
    fn a_block_within_the_bounds_of_its_version_is_read() {
        let largest = entries(limit::BLOCK_ENTRIES_MAX, 500);
        assert_eq!(
            read(&largest).unwrap().unwrap().entries.len(),
            limit::BLOCK_ENTRIES_MAX
        );
        for version in BLOCK_VERSION_OLDEST..=BLOCK_VERSION {
            let mut block = block(vec![ByteBuf::from(vec![1])]);
            block.version = version;
            assert_eq!(read(&cbor::encode(&block)), Ok(Some(block)));
        }
    }

    #[test]
    fn a_block_beyond_the_bounds_is_not_passed_over() {
        let version = u64::from(BLOCK_VERSION);
        for (what, payload) in [
            ("entries", entries(2_000, 1)),
            ("positions", entries(1_024, 1)),
            ("bytes", entries(9, 64 * 1024)),
            ("no entries at all", cbor::encode(&Only { version })),
        ] {
            let read = read(&payload);
            let is_broken = matches!(read, Err(Unreadable::Broken(found, _)) if found == version);
            assert!(is_broken, "{what}: {read:?}");
        }
    }

    #[test]
    fn a_block_of_another_version_is_not_passed_over_whatever_else_it_is() {
        for version in [0, u64::from(BLOCK_VERSION) + 1, 255, 256, u64::MAX] {
            let other = cbor::encode(&Only { version });
            assert_eq!(read(&other), Err(Unreadable::Later(version)), "{version}");
        }
        let mut later = block(vec![ByteBuf::from(vec![1]); 5_000]);
        later.version = BLOCK_VERSION + 1;
        let version = later.version.into();
        assert_eq!(
            read(&cbor::encode(&later)),
            Err(Unreadable::Later(version)),
            "also beyond this release's bounds"
        );
    }

    #[test]
    fn what_is_no_block_has_no_entries() {
        let whole = entries(3, 10);
        for (what, payload) in [
            ("nothing", Vec::new()),
            ("text", b"junk".to_vec()),
            ("a number", cbor::encode(&7_u8)),
            (
                "a map without a version",
                cbor::encode(&Only { version: () }),
            ),
            ("a version in words", cbor::encode(&Only { version: "two" })),
            (
                "a version below nothing",
                cbor::encode(&Only { version: -2 }),
            ),
            ("half a block", whole[..whole.len() - 1].to_vec()),
            ("a block and more", [&whole[..], &[0]].concat()),
            // {"version": 3} with the number in more bytes than it needs.
            ("another encoding", b"\xa1\x67version\x18\x03".to_vec()),
        ] {
            assert_eq!(read(&payload), Ok(None), "{what}");
            let stored = StoredBlock::read(9, &payload, None).unwrap();
            assert!(stored.root.is_none() && stored.entries.is_empty(), "{what}");
        }
    }

    /// Whoever changes one of these bounds writes a later version of the blocks:
    /// a server of an earlier release takes what is beyond its own for broken.
    #[test]
    fn the_bounds_belong_to_the_version() {
        assert_eq!(BLOCK_VERSION, 2);
        let bounds = [Bound::BLOCK, Bound::ENTRY, Bound::TASK];
        let bounds = bounds.map(|bound| (bound.bytes, bound.items));
        assert_eq!(bounds, [(540_672, 1_016), (99_328, 64), (98_304, 2_000)]);
        assert_eq!(limit::CBOR_DEPTH_MAX, 16);
        assert_eq!(limit::POSITIONS_PER_BLOCK, 1_024);
    }
}
