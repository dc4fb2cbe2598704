//! What an entry of the accounts log does, in plain values.

use uuid::Uuid;
use yoshi_protocol::{AccountName, Epoch, Millis, ServerId};

use super::TokenHash;

/// An entry of the accounts log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The primary's clock; decides nothing.
    pub at: Millis,
    /// The idempotency key.
    pub id: Uuid,
    /// The epoch of the primary that wrote it.
    pub epoch: Epoch,
    /// What happens.
    pub operation: Operation,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// A server becomes primary.
    Primary(ServerId),
    /// An account is created.
    Create(NewPassword),
    /// An account's password changes, and its tokens end.
    ChangePassword(NewPassword),
    /// An account gets a token.
    LogIn {
        /// Whose.
        account: AccountName,
        /// Which.
        token: TokenHash,
        /// When it ends by itself.
        expires_at: Millis,
    },
    /// A token ends.
    LogOut {
        /// Whose.
        account: AccountName,
        /// Which.
        token: TokenHash,
    },
    /// An account is disabled, and its tokens end, or enabled again.
    Set {
        /// Whose.
        account: AccountName,
        /// Whether nobody may use it, or send to it.
        disabled: bool,
    },
}

/// An account and the hash of its new password.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPassword {
    /// Whose.
    pub account: AccountName,
    /// The argon2id hash, as a PHC string.
    pub hash: String,
}

impl std::fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewPassword")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Operation {
    /// The account that it is about; none if it is about the primary.
    #[must_use]
    pub fn account(&self) -> Option<&AccountName> {
        match self {
            Self::Primary(_) => None,
            Self::Create(new) | Self::ChangePassword(new) => Some(&new.account),
            Self::LogIn { account, .. }
            | Self::LogOut { account, .. }
            | Self::Set { account, .. } => Some(account),
        }
    }

    /// The token that it names.
    #[must_use]
    pub fn token(&self) -> Option<TokenHash> {
        match self {
            Self::LogIn { token, .. } | Self::LogOut { token, .. } => Some(*token),
            Self::Primary(_) | Self::Create(_) | Self::ChangePassword(_) | Self::Set { .. } => None,
        }
    }

    /// Whether an id that was used for this one stands for the other, too. Hashes
    /// of passwords are salted anew at each attempt, so they are not compared: the
    /// server that takes the request does that.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Create(one), Self::Create(other))
            | (Self::ChangePassword(one), Self::ChangePassword(other)) => {
                one.account == other.account
            }
            _ => self == other,
        }
    }
}
