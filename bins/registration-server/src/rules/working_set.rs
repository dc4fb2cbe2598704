//! The accounts, tokens and operations that a batch of entries touches, as they
//! were read and as they are now; and the difference between the two.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use yoshi_protocol::{AccountName, Epoch, Millis, Position, ServerId};

use super::Operation;

/// SHA-256 of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash in these bytes, if there are exactly 32.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// The latest primary that the log knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Primary {
    /// Its epoch; 0 before the first.
    pub epoch: Epoch,
    /// The server; none before the first.
    pub server: Option<ServerId>,
}

/// An account.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The argon2id hash of its password, as a PHC string.
    pub password_hash: String,
    /// The operation that set the password.
    pub password_operation: Uuid,
    /// Whether nobody may use it, or send to it.
    pub disabled: bool,
    /// When it was created.
    pub created_at: Millis,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("password_operation", &self.password_operation)
            .field("disabled", &self.disabled)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Whose.
    pub account: AccountName,
    /// When it ends by itself.
    pub expires_at: Millis,
    /// Where its log-in stands.
    pub position: Position,
}

/// An operation that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Where.
    pub position: Position,
    /// What it did.
    pub operation: Operation,
}

/// A value as it was read, and as it is now.
#[derive(Debug, Clone)]
struct Slot<T> {
    before: Option<T>,
    now: Option<T>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self {
            before: None,
            now: None,
        }
    }
}

/// What a batch of entries reads and changes.
#[derive(Debug, Clone, Default)]
pub struct WorkingSet {
    primary_before: Primary,
    primary: Primary,
    accounts: BTreeMap<AccountName, Slot<Account>>,
    tokens: BTreeMap<TokenHash, Slot<Token>>,
    /// The tokens that hold now, oldest first.
    tokens_by_account: BTreeMap<AccountName, BTreeSet<(Position, TokenHash)>>,
    done: BTreeMap<Uuid, Done>,
    recorded: Vec<(Position, Uuid)>,
    /// The place of the entry that is applied now.
    at: Position,
    /// Entries that stopped to matter in this batch, and where they did.
    ended: BTreeMap<Position, Position>,
}

impl WorkingSet {
    /// An empty set under this primary.
    #[must_use]
    pub fn new(primary: Primary) -> Self {
        Self {
            primary_before: primary,
            primary,
            ..Self::default()
        }
    }

    /// Puts in an account as it stands in the database.
    pub fn load_account(&mut self, name: AccountName, account: Account) {
        let slot = Slot {
            before: Some(account.clone()),
            now: Some(account),
        };
        self.accounts.insert(name, slot);
    }

    /// Puts in a token as it stands in the database.
    pub fn load_token(&mut self, hash: TokenHash, token: Token) {
        self.index_token(hash, &token);
        let slot = Slot {
            before: Some(token.clone()),
            now: Some(token),
        };
        self.tokens.insert(hash, slot);
    }

    /// Puts in an operation that was applied before.
    pub fn load_done(&mut self, id: Uuid, done: Done) {
        self.done.insert(id, done);
    }

    /// The latest primary.
    #[must_use]
    pub fn primary(&self) -> Primary {
        self.primary
    }

    pub(super) fn set_primary(&mut self, primary: Primary) {
        self.primary = primary;
    }

    /// An account as it is now.
    #[must_use]
    pub fn account(&self, name: &AccountName) -> Option<&Account> {
        self.accounts.get(name)?.now.as_ref()
    }

    pub(super) fn put_account(&mut self, name: AccountName, account: Account) {
        self.accounts.entry(name).or_default().now = Some(account);
    }

    /// A token as it is now.
    #[must_use]
    pub fn token(&self, hash: TokenHash) -> Option<&Token> {
        self.tokens.get(&hash)?.now.as_ref()
    }

    fn index_token(&mut self, hash: TokenHash, token: &Token) {
        self.tokens_by_account
            .entry(token.account.clone())
            .or_default()
            .insert((token.position, hash));
    }

    pub(super) fn put_token(&mut self, hash: TokenHash, token: Token) {
        self.index_token(hash, &token);
        self.tokens.entry(hash).or_default().now = Some(token);
    }

    pub(super) fn end_token(&mut self, hash: TokenHash) {
        let Some(token) = self.tokens.get_mut(&hash).and_then(|slot| slot.now.take()) else {
            return;
        };
        if let Some(held) = self.tokens_by_account.get_mut(&token.account) {
            held.remove(&(token.position, hash));
        }
        self.ended.insert(token.position, self.at);
    }

    pub(super) fn moved_to(&mut self, position: Position) {
        self.at = position;
    }

    /// The entry that is applied now matters no more, once it is applied.
    pub(super) fn end_this(&mut self) {
        self.ended.insert(self.at, self.at);
    }

    pub(super) fn end_tokens_of(&mut self, account: &AccountName) {
        self.keep_newest_tokens(account, 0);
    }

    /// Ends an account's oldest tokens until no more than `tokens_max` are left.
    pub(super) fn keep_newest_tokens(&mut self, account: &AccountName, tokens_max: usize) {
        let surplus: Vec<TokenHash> = match self.tokens_by_account.get(account) {
            Some(held) => {
                let surplus = held.len().saturating_sub(tokens_max);
                held.iter().take(surplus).map(|(_, hash)| *hash).collect()
            }
            None => return,
        };
        for hash in surplus {
            self.end_token(hash);
        }
    }

    /// An operation that was applied, in this batch or before it.
    #[must_use]
    pub fn done(&self, id: Uuid) -> Option<&Done> {
        self.done.get(&id)
    }

    pub(super) fn record(&mut self, id: Uuid, position: Position, operation: &Operation) {
        let operation = operation.clone();
        self.done.insert(
            id,
            Done {
                position,
                operation,
            },
        );
        self.recorded.push((position, id));
    }

    /// The entries of this batch that had an effect, in order.
    #[must_use]
    pub fn recorded(&self) -> &[(Position, Uuid)] {
        &self.recorded
    }

    /// The entries that stopped to matter in this batch, by place, and where
    /// they did; those of this batch among them.
    #[must_use]
    pub fn ended(&self) -> &BTreeMap<Position, Position> {
        &self.ended
    }

    /// The primary, if this batch changed it.
    #[must_use]
    pub fn changed_primary(&self) -> Option<Primary> {
        (self.primary != self.primary_before).then_some(self.primary)
    }

    /// The accounts that this batch created, by name.
    pub fn created_accounts(&self) -> impl Iterator<Item = (&AccountName, &Account)> {
        self.accounts
            .iter()
            .filter(|(_, slot)| slot.before.is_none())
            .filter_map(|(name, slot)| Some((name, slot.now.as_ref()?)))
    }

    /// The accounts that were there before and that this batch changed, by name.
    pub fn changed_accounts(&self) -> impl Iterator<Item = (&AccountName, &Account)> {
        self.accounts
            .iter()
            .filter(|(_, slot)| slot.before.is_some() && slot.before != slot.now)
            .filter_map(|(name, slot)| Some((name, slot.now.as_ref()?)))
    }

    /// The tokens that this batch made, by hash.
    pub fn new_tokens(&self) -> impl Iterator<Item = (TokenHash, &Token)> {
        self.tokens
            .iter()
            .filter(|(_, slot)| slot.before != slot.now)
            .filter_map(|(hash, slot)| Some((*hash, slot.now.as_ref()?)))
    }

    /// The tokens that were there before and that this batch ended, by hash.
    pub fn ended_tokens(&self) -> impl Iterator<Item = TokenHash> {
        self.tokens
            .iter()
            .filter(|(_, slot)| slot.before.is_some() && slot.before != slot.now)
            .map(|(hash, _)| *hash)
    }
}
