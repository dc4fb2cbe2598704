//! Reading what a batch of entries touches, and writing what came of it: one
//! statement per table, whatever the size of the batch.

use std::collections::HashMap;

use bytes::Bytes;
use tokio_postgres::{Client, Error, Row, Statement};
use uuid::Uuid;
use yoshi_protocol::{AccountName, Epoch, Position, TaskId};
use yoshi_replica::{Param, Query, Write};

use crate::rules::{Account, Changes, Earlier, Hash, Proof, Send};

/// The statements of the connection that applies the log.
pub struct Statements {
    read_accounts: Statement,
    read_earlier: Statement,
    write_accounts: Statement,
    write_tasks: Statement,
    write_asks: Statement,
}

const READ_ACCOUNTS: &str = "-- apply: read_accounts
    SELECT name, epoch, number, head FROM account WHERE name = ANY($1)";

const READ_EARLIER: &str = "-- apply: read_earlier
    SELECT id, sender, number, position, hash, content FROM task WHERE id = ANY($1)";

const WRITE_ACCOUNTS: &str = "-- apply: write_accounts
    INSERT INTO account (name, epoch, number, head)
    SELECT * FROM UNNEST($1::text[], $2::bigint[], $3::bigint[], $4::bytea[])
    ON CONFLICT (name) DO UPDATE
    SET epoch = EXCLUDED.epoch, number = EXCLUDED.number, head = EXCLUDED.head";

const WRITE_TASKS: &str = "-- apply: write_tasks
    INSERT INTO task (id, sender, number, position, changed, epoch, sent_at, hash, content)
    SELECT id, sender, number, position, position, epoch, sent_at, hash, content
    FROM UNNEST($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                $7::bytea[], $8::bytea[])
         AS sent (id, sender, number, position, epoch, sent_at, hash, content)";

const WRITE_ASKS: &str = "-- apply: write_asks
    INSERT INTO ask (task, recipient, place, state, changed)
    SELECT task, recipient, place, 0, changed
    FROM UNNEST($1::uuid[], $2::text[], $3::smallint[], $4::bigint[])
         AS asked (task, recipient, place, changed)";

impl Statements {
    /// Prepares them on a connection.
    ///
    /// # Errors
    /// If the schema is not the one that the migrations make.
    pub async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            read_accounts: client.prepare(READ_ACCOUNTS).await?,
            read_earlier: client.prepare(READ_EARLIER).await?,
            write_accounts: client.prepare(WRITE_ACCOUNTS).await?,
            write_tasks: client.prepare(WRITE_TASKS).await?,
            write_asks: client.prepare(WRITE_ASKS).await?,
        })
    }

    /// The accounts with these names.
    #[must_use]
    pub fn read_accounts(&self, names: Vec<String>) -> Query {
        query(&self.read_accounts, vec![Box::new(names)])
    }

    /// Earlier sends with these ids.
    #[must_use]
    pub fn read_earlier(&self, ids: Vec<Uuid>) -> Query {
        query(&self.read_earlier, vec![Box::new(ids)])
    }

    /// Everything that a batch changes.
    #[must_use]
    pub fn write(&self, changes: Changes) -> Vec<Write> {
        if changes.sends.is_empty() {
            return Vec::new();
        }
        let asks = self.write_asks(&changes.sends);
        vec![
            self.write_accounts(changes.accounts),
            self.write_tasks(changes.sends),
            asks,
        ]
    }

    fn write_accounts(
        &self,
        accounts: impl IntoIterator<Item = (AccountName, Account), IntoIter: ExactSizeIterator>,
    ) -> Write {
        let accounts = accounts.into_iter();
        let count = accounts.len();
        let mut names = Vec::with_capacity(count);
        let mut epochs = Vec::with_capacity(count);
        let mut numbers = Vec::with_capacity(count);
        let mut heads = Vec::with_capacity(count);
        for (name, account) in accounts {
            names.push(String::from(name));
            epochs.push(stored_epoch(account.epoch));
            numbers.push(signed(account.number));
            heads.push(account.head.to_vec());
        }
        let params: Vec<Param> = vec![
            Box::new(names),
            Box::new(epochs),
            Box::new(numbers),
            Box::new(heads),
        ];
        Write {
            query: query(&self.write_accounts, params),
            rows: count as u64,
        }
    }

    fn write_tasks(&self, sends: Vec<Send>) -> Write {
        let count = sends.len();
        let mut ids = Vec::with_capacity(count);
        let mut senders = Vec::with_capacity(count);
        let mut numbers = Vec::with_capacity(count);
        let mut positions = Vec::with_capacity(count);
        let mut epochs = Vec::with_capacity(count);
        let mut times = Vec::with_capacity(count);
        let mut hashes = Vec::with_capacity(count);
        let mut contents = Vec::with_capacity(count);
        for send in sends {
            ids.push(send.id.0);
            senders.push(String::from(send.sender));
            numbers.push(signed(send.number));
            positions.push(send.position.to_i64());
            epochs.push(stored_epoch(send.epoch));
            times.push(send.sent_at.0);
            hashes.push(send.hash.to_vec());
            contents.push(Vec::from(send.content));
        }
        let params: Vec<Param> = vec![
            Box::new(ids),
            Box::new(senders),
            Box::new(numbers),
            Box::new(positions),
            Box::new(epochs),
            Box::new(times),
            Box::new(hashes),
            Box::new(contents),
        ];
        Write {
            query: query(&self.write_tasks, params),
            rows: count as u64,
        }
    }

    fn write_asks(&self, sends: &[Send]) -> Write {
        let mut tasks = Vec::new();
        let mut recipients = Vec::new();
        let mut places = Vec::new();
        let mut positions = Vec::new();
        for send in sends {
            for (recipient, place) in send.recipients.iter().zip(0_i16..) {
                tasks.push(send.id.0);
                recipients.push(recipient.as_str().to_owned());
                places.push(place);
                positions.push(send.position.to_i64());
            }
        }
        let rows = tasks.len() as u64;
        let params: Vec<Param> = vec![
            Box::new(tasks),
            Box::new(recipients),
            Box::new(places),
            Box::new(positions),
        ];
        Write {
            query: query(&self.write_asks, params),
            rows,
        }
    }
}

/// The accounts out of the rows of `read_accounts`.
///
/// # Errors
/// If a row is not what the schema promises.
pub fn accounts(rows: &[Row]) -> Result<HashMap<AccountName, Account>, Error> {
    rows.iter()
        .map(|row| {
            let account = Account {
                epoch: Epoch(unsigned(row.try_get("epoch")?)),
                number: unsigned(row.try_get("number")?),
                head: hash(row, "head")?,
            };
            Ok((stored_name(row.try_get("name")?), account))
        })
        .collect()
}

/// The sends out of the rows of `read_earlier`.
///
/// # Errors
/// If a row is not what the schema promises.
pub fn earlier(rows: &[Row]) -> Result<HashMap<TaskId, Earlier>, Error> {
    rows.iter()
        .map(|row| {
            let earlier = Earlier {
                sender: stored_name(row.try_get("sender")?),
                content: Bytes::from(row.try_get::<_, Vec<u8>>("content")?),
                proof: Proof {
                    number: unsigned(row.try_get("number")?),
                    position: Position::from_i64(row.try_get("position")?),
                    hash: hash(row, "hash")?,
                },
            };
            Ok((TaskId(row.try_get("id")?), earlier))
        })
        .collect()
}

pub(super) fn stored_name(text: &str) -> AccountName {
    AccountName::new(text).expect("names are checked before they are stored")
}

pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).expect("the schema keeps numbers from being negative")
}

pub(super) fn hash(row: &Row, column: &str) -> Result<Hash, Error> {
    let bytes: &[u8] = row.try_get(column)?;
    Ok(bytes.try_into().expect("the rules store whole hashes"))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("nobody sends 2^63 tasks")
}

fn stored_epoch(epoch: Epoch) -> i64 {
    epoch
        .to_i64()
        .expect("entries with larger epochs are not applied")
}

fn query(statement: &Statement, params: Vec<Param>) -> Query {
    Query {
        statement: statement.clone(),
        params,
    }
}
