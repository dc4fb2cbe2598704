//! Names and numbers that mean the same on every server: accounts, servers,
//! tasks, positions, epochs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::limit::{ACCOUNT_NAME_CHARS_MAX, POSITIONS_PER_BLOCK};

/// An account's name: one NATS token, `[a-z0-9][a-z0-9_-]{0,62}`.
///
/// The alphabet is what NATS subjects, KV keys and URLs all take unescaped, so
/// that a name can never be read as a wildcard or a second token.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(Box<str>);

/// Text that is not an [`AccountName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an account name: use 1 to 63 of a-z, 0-9, '-' and '_', beginning with a letter or digit"
)]
pub struct InvalidName(String);

impl AccountName {
    /// Parses a name.
    ///
    /// # Errors
    /// [`InvalidName`] if the text is not exactly one safe token.
    pub fn new(text: &str) -> Result<Self, InvalidName> {
        let bytes = text.as_bytes();
        let safe = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        let starts_well = matches!(bytes.first(), Some(b'a'..=b'z' | b'0'..=b'9'));
        if starts_well && bytes.len() <= ACCOUNT_NAME_CHARS_MAX && bytes.iter().all(safe) {
            Ok(Self(text.into()))
        } else {
            // The refused text goes back to its author: keep it short.
            Err(InvalidName(
                text.chars().take(ACCOUNT_NAME_CHARS_MAX + 1).collect(),
            ))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for AccountName {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::new(text)
    }
}

impl TryFrom<String> for AccountName {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::new(&text)
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> Self {
        name.0.into()
    }
}

macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_newtype! {
    /// A server's identity: made once, kept in its database for good (§4.2.2).
    ServerId
}

uuid_newtype! {
    /// One life of a server process, or of a stream: new at every start, or
    /// at every creation.
    Incarnation
}

uuid_newtype! {
    /// A task's id, made by the client (UUIDv7). It is the idempotency key of
    /// the send: the same id again gives the first receipt.
    TaskId
}

uuid_newtype! {
    /// The id of a change of a task, made by the client (UUIDv7). It is the
    /// idempotency key: the same id again gives the first receipt.
    ChangeId
}

impl Incarnation {
    /// A fresh random incarnation.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl ServerId {
    /// A fresh random identity.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl ChangeId {
    /// A fresh id: `UUIDv7`.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }
}

impl TaskId {
    /// A fresh id: `UUIDv7`, so that ids of later tasks sort later.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }
}

/// A place in the log, the same on every server: `block sequence * 1024 + index`
/// (the paper's virtual timestamp). 0 is before everything.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u64", into = "u64")]
pub struct Position(pub u64);

/// A number past every position: 2^63 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a position: positions are below 2^63")]
pub struct InvalidPosition(u64);

impl TryFrom<u64> for Position {
    type Error = InvalidPosition;
    fn try_from(value: u64) -> Result<Self, InvalidPosition> {
        if i64::try_from(value).is_ok() {
            Ok(Self(value))
        } else {
            Err(InvalidPosition(value))
        }
    }
}

impl From<Position> for u64 {
    fn from(position: Position) -> Self {
        position.0
    }
}

impl Position {
    /// Before the first entry.
    pub const ZERO: Self = Self(0);

    /// The position of entry `index` of the block that the stream stored at `sequence`.
    #[must_use]
    pub fn in_block(sequence: u64, index: usize) -> Self {
        let index = index as u64;
        assert!(
            index < POSITIONS_PER_BLOCK,
            "a block holds fewer entries than it spans positions"
        );
        Self(sequence * POSITIONS_PER_BLOCK + index)
    }

    /// The last position that the block at `sequence` spans: whoever has
    /// applied the block has applied everything up to here.
    #[must_use]
    pub fn end_of_block(sequence: u64) -> Self {
        Self(sequence * POSITIONS_PER_BLOCK + (POSITIONS_PER_BLOCK - 1))
    }

    /// The sequence of the block that this position lies in.
    #[must_use]
    pub fn sequence(self) -> u64 {
        self.0 / POSITIONS_PER_BLOCK
    }

    /// The position as Postgres holds it.
    #[must_use]
    pub fn to_i64(self) -> i64 {
        i64::try_from(self.0)
            .expect("decoding refuses larger ones, and a stream never reaches 2^53 blocks")
    }

    /// A position read from Postgres, where a check keeps it from being negative.
    #[must_use]
    pub fn from_i64(value: i64) -> Self {
        Self(u64::try_from(value).expect("positions in the database are not negative"))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The fence of an account's home, or of the primary registration server: a
/// higher epoch shuts out every lower one for good.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// No account's: with it a load balancer asks a server that is not the
    /// account's home, because the log is out of reach.
    pub const NOT_HOME: Self = Self(0);

    /// The epoch that follows `previous` at wall-clock time `now`:
    /// `max(previous + 1, now)`, so that a lost bucket cannot bring old epochs back.
    #[must_use]
    pub fn after(previous: Option<Self>, now: Millis) -> Self {
        let floor = u64::try_from(now.0).unwrap_or(0);
        Self(previous.map_or(1, |epoch| epoch.0 + 1).max(floor))
    }

    /// The epoch as Postgres holds it.
    ///
    /// # Errors
    /// [`std::num::TryFromIntError`] past 2^63: no honest server makes one.
    pub fn to_i64(self) -> Result<i64, std::num::TryFromIntError> {
        i64::try_from(self.0)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A wall-clock time in milliseconds since the Unix epoch, UTC. Shown to
/// people; never decides an order.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// The time of the system's clock.
    #[must_use]
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_names_are_one_safe_token() {
        for good in ["a", "0", "ana", "a-b_c9", &"x".repeat(63)] {
            assert!(AccountName::new(good).is_ok(), "{good:?}");
        }
        let bad = [
            "", "A", "a.b", "*", ">", "a b", "$sys", "-a", "_a", "ä", "a\0", "a\r\n", "a/b",
            "раypal",
        ];
        for bad in bad {
            assert!(AccountName::new(bad).is_err(), "{bad:?}");
        }
        assert!(AccountName::new(&"x".repeat(64)).is_err());
    }

    #[test]
    fn positions_order_by_block_then_index() {
        let first = Position::in_block(7, 0);
        let last = Position::in_block(7, 999);
        assert!(first < last && last < Position::in_block(8, 0));
        assert_eq!(last.sequence(), 7);
        assert_eq!(Position::end_of_block(7).sequence(), 7);
        assert!(Position::end_of_block(7) > last);
        assert!(Position::try_from(1 << 63).is_err() && Position::try_from((1 << 63) - 1).is_ok());
    }

    #[test]
    fn an_epoch_never_falls_behind_its_predecessor_or_the_clock() {
        assert_eq!(Epoch::after(None, Millis(500)), Epoch(500));
        assert_eq!(Epoch::after(Some(Epoch(900)), Millis(500)), Epoch(901));
        assert_eq!(Epoch::after(None, Millis(-5)), Epoch(1));
    }
}
