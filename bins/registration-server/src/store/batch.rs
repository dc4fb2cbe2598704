//! The reads and writes of one batch of entries: a few statements, each over a
//! whole set, whatever the number of entries.

use tokio_postgres::{Client, Error, Row, Statement};
use uuid::Uuid;
use yoshi_protocol::{AccountName, Epoch, Millis, Position, ServerId};
use yoshi_replica::{Param, Query, Write};

use super::account_name;
use crate::rules::{Account, Primary, Token, TokenHash};

const READ_PRIMARY: &str = "
-- read_primary
SELECT epoch, server FROM primary_epoch";

const READ_DONE: &str = "
-- read_done
SELECT id, position, body FROM account_event WHERE id = ANY($1)";

const READ_ACCOUNTS: &str = "
-- read_accounts
SELECT name, password_hash, password_operation, disabled, created_at
FROM account WHERE name = ANY($1)";

const READ_TOKENS: &str = "
-- read_tokens
SELECT hash, account, expires_at, position
FROM token WHERE account = ANY($1) OR hash = ANY($2)";

const INSERT_EVENTS: &str = "
-- insert_events
INSERT INTO account_event (position, id, body, ended)
SELECT * FROM UNNEST($1::bigint[], $2::uuid[], $3::bytea[], $4::bigint[])";

const READ_ENDED: &str = "
-- read_ended
SELECT position FROM account_event WHERE ended <= $1";

const END_EVENTS: &str = "
-- end_events
UPDATE account_event SET ended = new.ended
FROM UNNEST($1::bigint[], $2::bigint[]) AS new (position, ended)
WHERE account_event.position = new.position";

const DROP_EVENTS: &str = "
-- drop_events
DELETE FROM account_event WHERE position = ANY($1)";

const INSERT_ACCOUNTS: &str = "
-- insert_accounts
INSERT INTO account (name, password_hash, password_operation, disabled, created_at)
SELECT * FROM UNNEST($1::text[], $2::text[], $3::uuid[], $4::boolean[], $5::bigint[])";

const UPDATE_ACCOUNTS: &str = "
-- update_accounts
UPDATE account SET password_hash = new.password_hash,
    password_operation = new.password_operation, disabled = new.disabled
FROM UNNEST($1::text[], $2::text[], $3::uuid[], $4::boolean[])
    AS new (name, password_hash, password_operation, disabled)
WHERE account.name = new.name";

const DELETE_TOKENS: &str = "
-- delete_tokens
DELETE FROM token WHERE hash = ANY($1)";

const INSERT_TOKENS: &str = "
-- insert_tokens
INSERT INTO token (hash, account, expires_at, position)
SELECT * FROM UNNEST($1::bytea[], $2::text[], $3::bigint[], $4::bigint[])";

const UPDATE_PRIMARY: &str = "
-- update_primary
UPDATE primary_epoch SET epoch = $1, server = $2";

/// An entry as this database's copy of the log keeps it.
pub(crate) struct Event {
    /// Where it stands.
    pub position: Position,
    /// Its id.
    pub id: Uuid,
    /// The entry.
    pub body: Vec<u8>,
    /// From where on it no longer matters.
    pub ended: Option<Position>,
}

/// The statements of one connection.
pub(crate) struct Statements {
    read_primary: Statement,
    read_done: Statement,
    read_accounts: Statement,
    read_tokens: Statement,
    read_ended: Statement,
    insert_events: Statement,
    end_events: Statement,
    drop_events: Statement,
    insert_accounts: Statement,
    update_accounts: Statement,
    delete_tokens: Statement,
    insert_tokens: Statement,
    update_primary: Statement,
}

impl Statements {
    /// Prepares them.
    ///
    /// # Errors
    /// What Postgres says.
    pub(crate) async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            read_primary: client.prepare(READ_PRIMARY).await?,
            read_done: client.prepare(READ_DONE).await?,
            read_accounts: client.prepare(READ_ACCOUNTS).await?,
            read_tokens: client.prepare(READ_TOKENS).await?,
            read_ended: client.prepare(READ_ENDED).await?,
            insert_events: client.prepare(INSERT_EVENTS).await?,
            end_events: client.prepare(END_EVENTS).await?,
            drop_events: client.prepare(DROP_EVENTS).await?,
            insert_accounts: client.prepare(INSERT_ACCOUNTS).await?,
            update_accounts: client.prepare(UPDATE_ACCOUNTS).await?,
            delete_tokens: client.prepare(DELETE_TOKENS).await?,
            insert_tokens: client.prepare(INSERT_TOKENS).await?,
            update_primary: client.prepare(UPDATE_PRIMARY).await?,
        })
    }

    /// Reads the latest primary: [`primary`] of one row.
    #[must_use]
    pub(crate) fn read_primary(&self) -> Query {
        query(&self.read_primary, Vec::new())
    }

    /// Reads the operations with these ids, as far as they were applied: [`done`] of each row.
    #[must_use]
    pub(crate) fn read_done(&self, ids: Vec<Uuid>) -> Query {
        query(&self.read_done, vec![Box::new(ids)])
    }

    /// Reads these accounts, as far as they exist: [`account`] of each row.
    #[must_use]
    pub(crate) fn read_accounts(&self, names: Vec<String>) -> Query {
        query(&self.read_accounts, vec![Box::new(names)])
    }

    /// Reads the tokens of these accounts, and those with these hashes: [`token`] of each row.
    #[must_use]
    pub(crate) fn read_tokens(&self, names: Vec<String>, hashes: Vec<TokenHash>) -> Query {
        query(
            &self.read_tokens,
            vec![Box::new(names), Box::new(to_bytea(hashes))],
        )
    }

    /// Reads the entries that have not mattered since `kept_after`: [`position`] of each row.
    #[must_use]
    pub(crate) fn read_ended(&self, kept_after: Position) -> Query {
        query(&self.read_ended, vec![Box::new(kept_after.to_i64())])
    }

    /// Adds entries to this database's copy of the log.
    #[must_use]
    pub(crate) fn insert_events(&self, events: Vec<Event>) -> Option<Write> {
        let rows = events.len();
        let mut columns = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for event in events {
            columns.0.push(event.position.to_i64());
            columns.1.push(event.id);
            columns.2.push(event.body);
            columns.3.push(event.ended.map(Position::to_i64));
        }
        let params: Vec<Param> = vec![
            Box::new(columns.0),
            Box::new(columns.1),
            Box::new(columns.2),
            Box::new(columns.3),
        ];
        write(&self.insert_events, params, rows)
    }

    /// Notes of entries that are there from where on they no longer matter.
    #[must_use]
    pub(crate) fn end_events(&self, ended: &[(Position, Position)]) -> Option<Write> {
        let (positions, ends): (Vec<i64>, Vec<i64>) = ended
            .iter()
            .map(|(position, end)| (position.to_i64(), end.to_i64()))
            .unzip();
        let params: Vec<Param> = vec![Box::new(positions), Box::new(ends)];
        write(&self.end_events, params, ended.len())
    }

    /// Drops entries from this database's copy of the log.
    #[must_use]
    pub(crate) fn drop_events(&self, positions: &[Position]) -> Option<Write> {
        let column: Vec<i64> = positions.iter().map(|at| at.to_i64()).collect();
        write(&self.drop_events, vec![Box::new(column)], positions.len())
    }

    /// Adds accounts.
    #[must_use]
    pub(crate) fn insert_accounts<'a>(
        &self,
        accounts: impl Iterator<Item = (&'a AccountName, &'a Account)>,
    ) -> Option<Write> {
        let columns = AccountColumns::of(accounts);
        let rows = columns.names.len();
        let params: Vec<Param> = vec![
            Box::new(columns.names),
            Box::new(columns.hashes),
            Box::new(columns.operations),
            Box::new(columns.disabled),
            Box::new(columns.created),
        ];
        write(&self.insert_accounts, params, rows)
    }

    /// Changes accounts that are there.
    #[must_use]
    pub(crate) fn update_accounts<'a>(
        &self,
        accounts: impl Iterator<Item = (&'a AccountName, &'a Account)>,
    ) -> Option<Write> {
        let columns = AccountColumns::of(accounts);
        let rows = columns.names.len();
        let params: Vec<Param> = vec![
            Box::new(columns.names),
            Box::new(columns.hashes),
            Box::new(columns.operations),
            Box::new(columns.disabled),
        ];
        write(&self.update_accounts, params, rows)
    }

    /// Ends tokens.
    #[must_use]
    pub(crate) fn delete_tokens(&self, hashes: impl Iterator<Item = TokenHash>) -> Option<Write> {
        let hashes = to_bytea(hashes);
        let rows = hashes.len();
        write(&self.delete_tokens, vec![Box::new(hashes)], rows)
    }

    /// Adds tokens.
    #[must_use]
    pub(crate) fn insert_tokens<'a>(
        &self,
        tokens: impl Iterator<Item = (TokenHash, &'a Token)>,
    ) -> Option<Write> {
        let mut hashes = Vec::new();
        let mut accounts = Vec::new();
        let mut expiries = Vec::new();
        let mut positions = Vec::new();
        for (hash, token) in tokens {
            hashes.push(hash.0.to_vec());
            accounts.push(token.account.as_str().to_owned());
            expiries.push(token.expires_at.0);
            positions.push(token.position.to_i64());
        }
        let rows = hashes.len();
        let params: Vec<Param> = vec![
            Box::new(hashes),
            Box::new(accounts),
            Box::new(expiries),
            Box::new(positions),
        ];
        write(&self.insert_tokens, params, rows)
    }

    /// Raises the fence.
    #[must_use]
    pub(crate) fn update_primary(&self, primary: Primary) -> Option<Write> {
        let epoch = primary
            .epoch
            .to_i64()
            .expect("the rules refuse higher epochs");
        let server = primary.server.map(|server| server.0);
        let params: Vec<Param> = vec![Box::new(epoch), Box::new(server)];
        write(&self.update_primary, params, 1)
    }
}

/// The latest primary, from a row of [`Statements::read_primary`].
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

/// Id, position and body, from a row of [`Statements::read_done`].
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

/// A place in the log, from a row of [`Statements::read_ended`].
///
/// # Errors
/// If the row is another one.
pub(crate) fn position(row: &Row) -> Result<Position, Error> {
    Ok(Position::from_i64(row.try_get(0)?))
}

/// An account, from a row of [`Statements::read_accounts`].
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

/// A token, from a row of [`Statements::read_tokens`].
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

#[derive(Default)]
struct AccountColumns {
    names: Vec<String>,
    hashes: Vec<String>,
    operations: Vec<Uuid>,
    disabled: Vec<bool>,
    created: Vec<i64>,
}

impl AccountColumns {
    fn of<'a>(accounts: impl Iterator<Item = (&'a AccountName, &'a Account)>) -> Self {
        let mut columns = Self::default();
        for (name, account) in accounts {
            columns.names.push(name.as_str().to_owned());
            columns.hashes.push(account.password_hash.clone());
            columns.operations.push(account.password_operation);
            columns.disabled.push(account.disabled);
            columns.created.push(account.created_at.0);
        }
        columns
    }
}

fn to_bytea(hashes: impl IntoIterator<Item = TokenHash>) -> Vec<Vec<u8>> {
    hashes.into_iter().map(|hash| hash.0.to_vec()).collect()
}

fn query(statement: &Statement, params: Vec<Param>) -> Query {
    Query {
        statement: statement.clone(),
        params,
    }
}

/// A write, unless there is nothing to write.
fn write(statement: &Statement, params: Vec<Param>, rows: usize) -> Option<Write> {
    (rows > 0).then(|| Write {
        query: query(statement, params),
        rows: rows as u64,
    })
}
