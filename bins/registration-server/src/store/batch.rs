//! The reads and writes of one batch of entries: a few statements, each over a
//! whole set, whatever the number of entries.

mod rows;

use tokio_postgres::{Client, Error, Statement};
use uuid::Uuid;
use yoshi_protocol::{AccountName, Position};
use yoshi_replica::{Param, Query, Write};

use crate::rules::{Account, Primary, Token, TokenHash};

pub(crate) use rows::{account, done, position, primary, token};

/// Statements by name, prepared together.
macro_rules! statements {
    ($($name:ident: $sql:literal,)+) => {
        /// The statements of one connection.
        pub(crate) struct Statements {
            $($name: Statement,)+
        }

        impl Statements {
            /// Prepares them.
            ///
            /// # Errors
            /// What Postgres says.
            pub(crate) async fn prepare(client: &Client) -> Result<Self, Error> {
                Ok(Self {
                    $($name: client.prepare($sql).await?,)+
                })
            }
        }
    };
}

statements! {
    read_primary: "
-- read_primary
SELECT epoch, server FROM primary_epoch",
    read_done: "
-- read_done
SELECT id, position, body FROM account_event WHERE id = ANY($1)",
    read_accounts: "
-- read_accounts
SELECT name, password_hash, password_operation, disabled, created_at
FROM account WHERE name = ANY($1)",
    read_tokens: "
-- read_tokens
SELECT hash, account, expires_at, position
FROM token WHERE account = ANY($1) OR hash = ANY($2)",
    read_ended: "
-- read_ended
SELECT position FROM account_event WHERE ended <= $1",
    insert_events: "
-- insert_events
INSERT INTO account_event (position, id, body, ended)
SELECT * FROM UNNEST($1::bigint[], $2::uuid[], $3::bytea[], $4::bigint[])",
    end_events: "
-- end_events
UPDATE account_event SET ended = new.ended
FROM UNNEST($1::bigint[], $2::bigint[]) AS new (position, ended)
WHERE account_event.position = new.position",
    drop_events: "
-- drop_events
DELETE FROM account_event WHERE position = ANY($1)",
    insert_accounts: "
-- insert_accounts
INSERT INTO account (name, password_hash, password_operation, disabled, created_at)
SELECT * FROM UNNEST($1::text[], $2::text[], $3::uuid[], $4::boolean[], $5::bigint[])",
    update_accounts: "
-- update_accounts
UPDATE account SET password_hash = new.password_hash,
    password_operation = new.password_operation, disabled = new.disabled
FROM UNNEST($1::text[], $2::text[], $3::uuid[], $4::boolean[])
    AS new (name, password_hash, password_operation, disabled)
WHERE account.name = new.name",
    delete_tokens: "
-- delete_tokens
DELETE FROM token WHERE hash = ANY($1)",
    insert_tokens: "
-- insert_tokens
INSERT INTO token (hash, account, expires_at, position)
SELECT * FROM UNNEST($1::bytea[], $2::text[], $3::bigint[], $4::bigint[])",
    update_primary: "
-- update_primary
UPDATE primary_epoch SET epoch = $1, server = $2",
}

/// One parameter per column, each an array with one element per row.
macro_rules! columns {
    ($rows:expr, $row:ident => $($column:expr),+ $(,)?) => {
        vec![$(Box::new($rows.iter().map(|$row| $column).collect::<Vec<_>>()) as Param),+]
    };
}

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

impl Statements {
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
    pub(crate) fn read_tokens(&self, names: Vec<String>, hashes: &[TokenHash]) -> Query {
        let mut params: Vec<Param> = vec![Box::new(names)];
        params.extend(columns!(hashes, hash => hash.0.to_vec()));
        query(&self.read_tokens, params)
    }

    /// Reads the entries that have not mattered since `kept_after`: [`position`] of each row.
    #[must_use]
    pub(crate) fn read_ended(&self, kept_after: Position) -> Query {
        query(&self.read_ended, vec![Box::new(kept_after.to_i64())])
    }

    /// Adds entries to this database's copy of the log.
    #[must_use]
    pub(crate) fn insert_events(&self, events: &[Event]) -> Option<Write> {
        let params = columns!(events, event =>
            event.position.to_i64(),
            event.id,
            event.body.clone(),
            event.ended.map(Position::to_i64),
        );
        write(&self.insert_events, events, params)
    }

    /// Notes of entries that are there from where on they no longer matter.
    #[must_use]
    pub(crate) fn end_events(&self, ended: &[(Position, Position)]) -> Option<Write> {
        let params = columns!(ended, event => event.0.to_i64(), event.1.to_i64());
        write(&self.end_events, ended, params)
    }

    /// Drops entries from this database's copy of the log.
    #[must_use]
    pub(crate) fn drop_events(&self, positions: &[Position]) -> Option<Write> {
        let params = columns!(positions, position => position.to_i64());
        write(&self.drop_events, positions, params)
    }

    /// Adds accounts.
    #[must_use]
    pub(crate) fn insert_accounts(&self, accounts: &[(&AccountName, &Account)]) -> Option<Write> {
        let params = columns!(accounts, row =>
            row.0.to_string(),
            row.1.password_hash.clone(),
            row.1.password_operation,
            row.1.disabled,
            row.1.created_at.0,
        );
        write(&self.insert_accounts, accounts, params)
    }

    /// Changes accounts that are there.
    #[must_use]
    pub(crate) fn update_accounts(&self, accounts: &[(&AccountName, &Account)]) -> Option<Write> {
        let params = columns!(accounts, row =>
            row.0.to_string(),
            row.1.password_hash.clone(),
            row.1.password_operation,
            row.1.disabled,
        );
        write(&self.update_accounts, accounts, params)
    }

    /// Ends tokens.
    #[must_use]
    pub(crate) fn delete_tokens(&self, hashes: &[TokenHash]) -> Option<Write> {
        let params = columns!(hashes, hash => hash.0.to_vec());
        write(&self.delete_tokens, hashes, params)
    }

    /// Adds tokens.
    #[must_use]
    pub(crate) fn insert_tokens(&self, tokens: &[(TokenHash, &Token)]) -> Option<Write> {
        let params = columns!(tokens, row =>
            row.0.0.to_vec(),
            row.1.account.to_string(),
            row.1.expires_at.0,
            row.1.position.to_i64(),
        );
        write(&self.insert_tokens, tokens, params)
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
        write(&self.update_primary, &[primary], params)
    }
}

fn query(statement: &Statement, params: Vec<Param>) -> Query {
    Query {
        statement: statement.clone(),
        params,
    }
}

/// A write that changes each of these rows, unless there are none.
fn write<T>(statement: &Statement, rows: &[T], params: Vec<Param>) -> Option<Write> {
    (!rows.is_empty()).then(|| Write {
        query: query(statement, params),
        rows: rows.len() as u64,
    })
}
