//! What becomes of each entry of the accounts log: pure rules over a working
//! set that holds whatever the entries touch.
//!
//! No SQL, no clock, no random number. Every registration server applies the
//! same entries by these rules and ends with the same accounts. How the working
//! set is read and written is `machine`'s and `store`'s business.

mod working_set;

#[cfg(test)]
mod tests;

pub use working_set::{Account, Done, Primary, Token, TokenHash, WorkingSet};

use yoshi_planted::Fault;
use yoshi_protocol::limit::POSITIONS_PER_BLOCK;
use yoshi_protocol::message::log::{
    AccountEntry, AccountOp, EndToken, NewToken, SetDisabled, SetPassword,
};
use yoshi_protocol::{AccountName, Epoch, ErrorCode, Position, ServerId};

use crate::limit::{ENDED_BLOCKS_KEPT, PASSWORD_HASH_CHARS_MAX, TOKENS_PER_ACCOUNT_MAX};

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It holds, since this position: its own, or that of the entry with the
    /// same id that came first.
    Applied(Position),
    /// It was refused, and left nothing behind.
    Rejected(ErrorCode),
}

/// What an accepted entry changed.
enum Effect {
    /// It did something, and is kept in this database's copy of the log.
    Recorded,
    /// What it asks for held already, and it has no id that a client repeats.
    None,
}

/// The account that an operation is about; none if it is about the primary.
#[must_use]
pub fn account_of(op: &AccountOp) -> Option<&AccountName> {
    match op {
        AccountOp::Primary(_) => None,
        AccountOp::Create(set) | AccountOp::ChangePassword(set) => Some(&set.account),
        AccountOp::LogIn(token) => Some(&token.account),
        AccountOp::LogOut(end) => Some(&end.account),
        AccountOp::Set(set) => Some(&set.account),
    }
}

/// Up to where a copy of the log that has come to `applied` lacks what has ended.
///
/// NEW_ACCT, CHANGE_PASSWORD, SET_ACCOUNT and primaries are kept for good: their
/// ids are idempotency keys, and they are few. Log-ins and log-outs get a new id
/// at each attempt, so no later request asks for theirs; what needs them is a
/// neighbour that fills itself from this copy. A log-in *ends* where its token
/// ends: by a log-out, a new password, a disabled account, or as the oldest of
/// too many; a log-out ends where it stands. What ended here or before is
/// dropped from the copy.
///
/// A neighbour that begins with nothing comes to the same end without it: up to
/// here it sees exactly the log-ins whose tokens outlive this place, and from
/// here on everything. So does one that stands here or later. One that stands
/// before might keep a token that was ended in between: it gets nothing.
/// The rule follows from positions alone, so all copies are equal.
#[must_use]
pub fn kept_after(applied: Position) -> Position {
    Position(
        applied
            .0
            .saturating_sub(ENDED_BLOCKS_KEPT * POSITIONS_PER_BLOCK),
    )
}

/// Whether a neighbour that stands at `since` can be filled from a copy that has come to `applied`.
#[must_use]
pub fn fills(since: Position, applied: Position) -> bool {
    since == Position::ZERO || since >= kept_after(applied)
}

/// Applies one entry; `None` stands for bytes that are not an entry.
///
/// Idempotent: an entry whose id was applied before has the first one's outcome
/// and no effect, whichever primary repeats it.
pub fn apply(set: &mut WorkingSet, position: Position, entry: Option<&AccountEntry>) -> Outcome {
    set.moved_to(position);
    let Some(entry) = entry.filter(|entry| is_sound(entry)) else {
        return Outcome::Rejected(ErrorCode::Malformed);
    };
    if let Some(first) = set.done(entry.id) {
        return if same_operation(&first.op, &entry.op) {
            Outcome::Applied(first.position)
        } else {
            Outcome::Rejected(ErrorCode::IdReused)
        };
    }
    match decide(set, position, entry) {
        Ok(Effect::Recorded) => {
            set.record(entry.id, position, &entry.op);
            Outcome::Applied(position)
        }
        Ok(Effect::None) => Outcome::Applied(position),
        Err(code) => Outcome::Rejected(code),
    }
}

/// Whether the fields are ones that an honest primary writes and every database can hold.
fn is_sound(entry: &AccountEntry) -> bool {
    let hash = |text: &str| text.is_ascii() && text.len() <= PASSWORD_HASH_CHARS_MAX;
    let fields = match &entry.op {
        AccountOp::Primary(_) | AccountOp::Set(_) => true,
        AccountOp::Create(set) | AccountOp::ChangePassword(set) => hash(&set.password_hash),
        AccountOp::LogIn(NewToken { token_hash, .. })
        | AccountOp::LogOut(EndToken { token_hash, .. }) => {
            TokenHash::from_slice(token_hash).is_some()
        }
    };
    fields && entry.epoch.to_i64().is_ok()
}

/// Whether an id was used for this operation before. Hashes are salted anew at
/// each attempt, so they are not compared: the server that takes the request does that.
fn same_operation(first: &AccountOp, again: &AccountOp) -> bool {
    match (first, again) {
        (AccountOp::Primary(one), AccountOp::Primary(other)) => one == other,
        (AccountOp::Create(one), AccountOp::Create(other))
        | (AccountOp::ChangePassword(one), AccountOp::ChangePassword(other)) => {
            one.account == other.account
        }
        (AccountOp::LogIn(one), AccountOp::LogIn(other)) => one == other,
        (AccountOp::LogOut(one), AccountOp::LogOut(other)) => one == other,
        (AccountOp::Set(one), AccountOp::Set(other)) => one == other,
        (
            AccountOp::Primary(_)
            | AccountOp::Create(_)
            | AccountOp::ChangePassword(_)
            | AccountOp::LogIn(_)
            | AccountOp::LogOut(_)
            | AccountOp::Set(_),
            _,
        ) => false,
    }
}

fn decide(
    set: &mut WorkingSet,
    position: Position,
    entry: &AccountEntry,
) -> Result<Effect, ErrorCode> {
    if let AccountOp::Primary(server) = &entry.op {
        return become_primary(set, *server, entry.epoch);
    }
    // The log gives an epoch to one server only, and that server knows it
    // before it writes anything else: any other epoch is a deposed primary's.
    if entry.epoch != set.primary().epoch && !yoshi_planted::is(Fault::DeposedPrimaryWrites) {
        return Err(ErrorCode::NotPrimary);
    }
    match &entry.op {
        AccountOp::Primary(_) => Err(ErrorCode::Internal),
        AccountOp::Create(new) => create(set, entry, new),
        AccountOp::ChangePassword(new) => change_password(set, entry, new),
        AccountOp::LogIn(token) => log_in(set, position, token),
        AccountOp::LogOut(end) => Ok(log_out(set, end)),
        AccountOp::Set(change) => set_disabled(set, change),
    }
}

fn become_primary(
    set: &mut WorkingSet,
    server: ServerId,
    epoch: Epoch,
) -> Result<Effect, ErrorCode> {
    if epoch <= set.primary().epoch {
        return Err(ErrorCode::NotPrimary);
    }
    set.set_primary(Primary {
        epoch,
        server: Some(server),
    });
    Ok(Effect::Recorded)
}

fn create(
    set: &mut WorkingSet,
    entry: &AccountEntry,
    new: &SetPassword,
) -> Result<Effect, ErrorCode> {
    if set.account(&new.account).is_some() {
        return Err(ErrorCode::AccountExists);
    }
    set.put_account(
        new.account.clone(),
        Account {
            password_hash: new.password_hash.clone(),
            password_operation: entry.id,
            disabled: false,
            created_at: entry.at,
        },
    );
    Ok(Effect::Recorded)
}

fn change_password(
    set: &mut WorkingSet,
    entry: &AccountEntry,
    new: &SetPassword,
) -> Result<Effect, ErrorCode> {
    let account = enabled(set, &new.account)?;
    set.put_account(
        new.account.clone(),
        Account {
            password_hash: new.password_hash.clone(),
            password_operation: entry.id,
            ..account
        },
    );
    set.end_tokens_of(&new.account);
    Ok(Effect::Recorded)
}

fn log_in(set: &mut WorkingSet, position: Position, new: &NewToken) -> Result<Effect, ErrorCode> {
    enabled(set, &new.account)?;
    let hash = TokenHash::from_slice(&new.token_hash).ok_or(ErrorCode::Malformed)?;
    if set.token(hash).is_some() {
        return Err(ErrorCode::IdReused);
    }
    set.put_token(
        hash,
        Token {
            account: new.account.clone(),
            expires_at: new.expires_at,
            position,
        },
    );
    set.keep_newest_tokens(&new.account, TOKENS_PER_ACCOUNT_MAX);
    Ok(Effect::Recorded)
}

fn log_out(set: &mut WorkingSet, end: &EndToken) -> Effect {
    let owned = TokenHash::from_slice(&end.token_hash).filter(|hash| {
        set.token(*hash)
            .is_some_and(|token| token.account == end.account)
    });
    match owned {
        Some(hash) => {
            set.end_token(hash);
            set.end_this();
            Effect::Recorded
        }
        None => Effect::None,
    }
}

fn set_disabled(set: &mut WorkingSet, change: &SetDisabled) -> Result<Effect, ErrorCode> {
    let account = set
        .account(&change.account)
        .cloned()
        .ok_or(ErrorCode::UnknownAccount)?;
    set.put_account(
        change.account.clone(),
        Account {
            disabled: change.disabled,
            ..account
        },
    );
    if change.disabled {
        set.end_tokens_of(&change.account);
    }
    // Recorded even if the account was so already: a late retry must not undo what came between.
    Ok(Effect::Recorded)
}

/// The account, if somebody may use it. Unknown and disabled are one answer.
fn enabled(set: &WorkingSet, name: &AccountName) -> Result<Account, ErrorCode> {
    set.account(name)
        .filter(|account| !account.disabled)
        .cloned()
        .ok_or(ErrorCode::Unauthenticated)
}
