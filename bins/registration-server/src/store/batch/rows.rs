//! What the reads of a batch give, row by row.

use tokio_postgres::{Error, Row};
use uuid::Uuid;
use yoshi_protocol::{AccountName, Epoch, Millis, Position, ServerId};

use crate::rules::{Account, Primary, Token, TokenHash};
use crate::store::account_name;

/// The latest primary, from a row of [`super::Statements::read_primary`].
///
/// # Errors
/// If the row is another one.
pub(crate) fn primary(row: &Row) -> Result<Primary, Error> {
    let epoch: i64 = row.try_get(0)?;
    let server: Option<Uuid> = row.try_get(1)?;
    Ok(Primary {
        epoch: Epoch(u64::try_from(epoch).expect("a check keeps epochs from being negative")),
        server: server.map(ServerId),
    })
}

/// Id, position and body, from a row of [`super::Statements::read_done`].
///
/// # Errors
/// If the row is another one.
pub(crate) fn done(row: &Row) -> Result<(Uuid, Position, Vec<u8>), Error> {
    Ok((
        row.try_get(0)?,
        Position::from_i64(row.try_get(1)?),
        row.try_get(2)?,
    ))
}

/// A place in the log, from a row of [`super::Statements::read_ended`].
///
/// # Errors
/// If the row is another one.
pub(crate) fn position(row: &Row) -> Result<Position, Error> {
    Ok(Position::from_i64(row.try_get(0)?))
}

/// An account, from a row of [`super::Statements::read_accounts`].
///
/// # Errors
/// If the row is another one.
pub(crate) fn account(row: &Row) -> Result<(AccountName, Account), Error> {
    let account = Account {
        password_hash: row.try_get(1)?,
        password_operation: row.try_get(2)?,
        disabled: row.try_get(3)?,
        created_at: Millis(row.try_get(4)?),
    };
    Ok((account_name(row.try_get(0)?), account))
}

/// A token, from a row of [`super::Statements::read_tokens`].
///
/// # Errors
/// If the row is another one.
pub(crate) fn token(row: &Row) -> Result<(TokenHash, Token), Error> {
    let hash = TokenHash::from_slice(row.try_get(0)?).expect("a check keeps hashes at 32 bytes");
    let token = Token {
        account: account_name(row.try_get(1)?),
        expires_at: Millis(row.try_get(2)?),
        position: Position::from_i64(row.try_get(3)?),
    };
    Ok((hash, token))
}
