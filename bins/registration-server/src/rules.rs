//! What becomes of each entry of the accounts log: pure rules over a working
//! set that holds whatever the entries touch.
//!
//! No SQL, no CBOR, no clock, no random number. Every registration server applies the
//! same entries by these rules and ends with the same accounts. How the working
//! set is read and written is `machine`'s and `store`'s business.

mod operation;
mod working_set;

#[cfg(test)]
mod tests;

pub use operation::{Entry, NewPassword, Operation};
pub use working_set::{Account, Done, Primary, Token, TokenHash, WorkingSet};

use uuid::Uuid;
use yoshi_planted::Fault;
use yoshi_protocol::limit::POSITIONS_PER_BLOCK;
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
pub fn apply(set: &mut WorkingSet, position: Position, entry: Option<&Entry>) -> Outcome {
    set.moved_to(position);
    let Some(entry) = entry.filter(|entry| is_sound(entry)) else {
        return Outcome::Rejected(ErrorCode::Malformed);
    };
    if let Some(first) = set.done(entry.id) {
        return repeated(first, entry);
    }
    match decide(set, position, entry) {
        Ok(Effect::Recorded) => {
            set.record(entry.id, position, &entry.operation);
            Outcome::Applied(position)
        }
        Ok(Effect::None) => Outcome::Applied(position),
        Err(code) => Outcome::Rejected(code),
    }
}

/// What became of an entry that stood at `position` and was applied before; none
/// if that cannot be told. Only what had an effect is kept, so a refusal is not, nor
/// what held already: decided by the accounts as they are now, either might be
/// something else.
#[must_use]
pub fn recall(set: &WorkingSet, position: Position, entry: Option<&Entry>) -> Option<Outcome> {
    let Some(entry) = entry.filter(|entry| is_sound(entry)) else {
        return Some(Outcome::Rejected(ErrorCode::Malformed));
    };
    let first = set.done(entry.id)?;
    let outcome = repeated(first, entry);
    // Against one that came after it, it was not refused for its id.
    let is_later = first.position > position;
    (!is_later || matches!(outcome, Outcome::Applied(_))).then_some(outcome)
}

/// What becomes of an entry whose id the operation `first` has.
fn repeated(first: &Done, entry: &Entry) -> Outcome {
    if first.operation.is_same(&entry.operation) {
        Outcome::Applied(first.position)
    } else {
        Outcome::Rejected(ErrorCode::IdReused)
    }
}

/// Whether the fields are ones that an honest primary writes and every database can hold.
fn is_sound(entry: &Entry) -> bool {
    let hash = |text: &str| text.is_ascii() && text.len() <= PASSWORD_HASH_CHARS_MAX;
    let fields = match &entry.operation {
        Operation::Create(new) | Operation::ChangePassword(new) => hash(&new.hash),
        Operation::Primary(_)
        | Operation::LogIn { .. }
        | Operation::LogOut { .. }
        | Operation::Set { .. } => true,
    };
    fields && entry.epoch.to_i64().is_ok()
}

fn decide(set: &mut WorkingSet, position: Position, entry: &Entry) -> Result<Effect, ErrorCode> {
    if let Operation::Primary(server) = &entry.operation {
        return become_primary(set, *server, entry.epoch);
    }
    // The log gives an epoch to one server only, and that server knows it
    // before it writes anything else: any other epoch is a deposed primary's.
    if entry.epoch != set.primary().epoch && !yoshi_planted::is(Fault::DeposedPrimaryWrites) {
        return Err(ErrorCode::NotPrimary);
    }
    match &entry.operation {
        Operation::Primary(_) => Err(ErrorCode::Internal),
        Operation::Create(new) => create(set, entry, new),
        Operation::ChangePassword(new) => change_password(set, entry.id, new),
        Operation::LogIn {
            account,
            token,
            expires_at,
        } => {
            let new = Token {
                account: account.clone(),
                expires_at: *expires_at,
                position,
            };
            log_in(set, *token, new)
        }
        Operation::LogOut { account, token } => Ok(log_out(set, account, *token)),
        Operation::Set { account, disabled } => set_disabled(set, account, *disabled),
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

fn create(set: &mut WorkingSet, entry: &Entry, new: &NewPassword) -> Result<Effect, ErrorCode> {
    if set.account(&new.account).is_some() {
        return Err(ErrorCode::AccountExists);
    }
    set.put_account(
        new.account.clone(),
        Account {
            password_hash: new.hash.clone(),
            password_operation: entry.id,
            disabled: false,
            created_at: entry.at,
        },
    );
    Ok(Effect::Recorded)
}

fn change_password(set: &mut WorkingSet, id: Uuid, new: &NewPassword) -> Result<Effect, ErrorCode> {
    let account = enabled(set, &new.account)?;
    set.put_account(
        new.account.clone(),
        Account {
            password_hash: new.hash.clone(),
            password_operation: id,
            ..account
        },
    );
    set.end_tokens_of(&new.account);
    Ok(Effect::Recorded)
}

fn log_in(set: &mut WorkingSet, hash: TokenHash, new: Token) -> Result<Effect, ErrorCode> {
    enabled(set, &new.account)?;
    if set.token(hash).is_some() {
        return Err(ErrorCode::IdReused);
    }
    let account = new.account.clone();
    set.put_token(hash, new);
    set.keep_newest_tokens(&account, TOKENS_PER_ACCOUNT_MAX);
    Ok(Effect::Recorded)
}

fn log_out(set: &mut WorkingSet, account: &AccountName, hash: TokenHash) -> Effect {
    if set
        .token(hash)
        .is_none_or(|token| token.account != *account)
    {
        return Effect::None;
    }
    set.end_token(hash);
    set.end_this();
    Effect::Recorded
}

fn set_disabled(
    set: &mut WorkingSet,
    name: &AccountName,
    disabled: bool,
) -> Result<Effect, ErrorCode> {
    let account = set
        .account(name)
        .cloned()
        .ok_or(ErrorCode::UnknownAccount)?;
    set.put_account(
        name.clone(),
        Account {
            disabled,
            ..account
        },
    );
    if disabled {
        set.end_tokens_of(name);
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
