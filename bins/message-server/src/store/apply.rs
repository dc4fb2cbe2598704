//! Reading what a batch of entries touches, and writing what came of it: one
//! statement each, whatever the size of the batch.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use tokio_postgres::{Client, Error, Row, Statement};
use uuid::Uuid;
use yoshi_protocol::{AccountName, Epoch, Position, TaskId};
use yoshi_replica::{Param, Query, Write, Writes, move_cursor};

use super::changing;
use crate::rules::{Account, Changes, Earlier, Hash, Proof, Send, WorkingSet};

/// The statements of the connection that applies the log.
pub struct Statements {
    read: Statement,
    write: Statement,
    accounts: Statement,
    sends: Statement,
    asks: Statement,
    changing: changing::Statements,
}

/// The accounts named `$1`, and the earlier sends with the ids `$2`, in one
/// answer: an account is a row without an id.
const READ: &str = "-- apply: read
    SELECT NULL::uuid AS id, name, epoch, number, latest AS position, head AS hash,
           NULL::bytea AS content
    FROM account WHERE name = ANY($1::text[])
    UNION ALL
    SELECT id, sender, epoch, number, position, hash, content
    FROM task WHERE id = ANY($2::uuid[])";

/// The types of the parameters that hold accounts, tasks and asks: each is an
/// array, with one element per row.
const ACCOUNT: [&str; 5] = ["text", "bigint", "bigint", "bytea", "bigint"];
const TASK: [&str; 9] = [
    "uuid", "text", "bigint", "bigint", "bigint", "bigint", "bytea", "bytea", "bytea",
];
const ASK: [&str; 4] = ["uuid", "text", "smallint", "bigint"];
/// The first parameter of what moves the cursor, too: `move_cursor!` says so.
const MOVING_FIRST: usize = 7;

/// Parameters of these types as rows; `first` is the number of the first one.
fn unnest(first: usize, types: &[&str]) -> String {
    let params = (first..).zip(types);
    let params: Vec<_> = params.map(|(n, kind)| format!("${n}::{kind}[]")).collect();
    format!("UNNEST({})", params.join(", "))
}

fn accounts(first: usize) -> String {
    let rows = unnest(first, &ACCOUNT);
    format!(
        "INSERT INTO account (name, epoch, number, head, latest)
    SELECT * FROM {rows}
    ON CONFLICT (name) DO UPDATE
    SET epoch = EXCLUDED.epoch, number = EXCLUDED.number, head = EXCLUDED.head,
        latest = EXCLUDED.latest"
    )
}

fn sends(first: usize) -> String {
    let rows = unnest(first, &TASK);
    format!(
        "INSERT INTO task (id, sender, number, position, changed, epoch, sent_at, hash, previous,
                      content)
    SELECT id, sender, number, position, position, epoch, sent_at, hash, previous, content
    FROM {rows} AS sent (id, sender, number, position, epoch, sent_at, hash, previous, content)"
    )
}

fn asks(first: usize) -> String {
    let rows = unnest(first, &ASK);
    format!(
        "INSERT INTO ask (task, recipient, place, state, changed)
    SELECT task, recipient, place, 0, changed
    FROM {rows} AS asked (task, recipient, place, changed)"
    )
}

/// A statement by itself, for a batch that also changes tasks.
fn named(name: &str, statement: &str) -> String {
    format!("-- apply: {name}\n{statement}")
}

/// All three, and the cursor.
fn moving() -> String {
    let first_send = MOVING_FIRST + ACCOUNT.len();
    format!(
        move_cursor!("accounts AS ({accounts}), tasks AS ({sends}), asks AS ({asks})"),
        accounts = accounts(MOVING_FIRST),
        sends = sends(first_send),
        asks = asks(first_send + TASK.len()),
    )
}

impl Statements {
    /// Prepares them on a connection.
    ///
    /// # Errors
    /// If the schema is not the one that the migrations make.
    pub async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self {
            read: client.prepare(READ).await?,
            write: client.prepare(&moving()).await?,
            accounts: client.prepare(&named("accounts", &accounts(1))).await?,
            sends: client.prepare(&named("sends", &sends(1))).await?,
            asks: client.prepare(&named("asks", &asks(1))).await?,
            changing: changing::Statements::prepare(client).await?,
        })
    }

    /// The accounts with these names, and the earlier sends with these ids.
    #[must_use]
    pub fn read(&self, names: Vec<String>, ids: Vec<Uuid>) -> Query {
        Query {
            statement: self.read.clone(),
            params: vec![Box::new(names), Box::new(ids)],
        }
    }

    /// The statements about changes of tasks.
    #[must_use]
    pub const fn changing(&self) -> &changing::Statements {
        &self.changing
    }

    /// Everything that a batch changes.
    #[must_use]
    pub fn write(&self, changes: Changes, rows: changing::Rows) -> Writes {
        if !rows.is_empty() {
            return Writes::Each(self.write_each(changes, rows));
        }
        if changes.sends.is_empty() {
            return Writes::Each(Vec::new());
        }
        let mut params = account_params(changes.accounts);
        let asks = ask_params(&changes.sends);
        params.extend(task_params(changes.sends));
        params.extend(asks);
        Writes::Moving(Query {
            statement: self.write.clone(),
            params,
        })
    }

    /// A batch with changes of tasks: a task may be sent and changed by the same
    /// batch, which one statement could not write.
    fn write_each(&self, changes: Changes, rows: changing::Rows) -> Vec<Write> {
        let mut writes = vec![Write {
            rows: changes.accounts.len() as u64,
            query: query(&self.accounts, account_params(changes.accounts)),
        }];
        if !changes.sends.is_empty() {
            let asked = changes
                .sends
                .iter()
                .map(|send| send.recipients.len() as u64);
            let asks = Write {
                rows: asked.sum(),
                query: query(&self.asks, ask_params(&changes.sends)),
            };
            writes.push(Write {
                rows: changes.sends.len() as u64,
                query: query(&self.sends, task_params(changes.sends)),
            });
            writes.push(asks);
        }
        writes.extend(self.changing.write(rows));
        writes
    }
}

pub(super) fn query(statement: &Statement, params: Vec<Param>) -> Query {
    Query {
        statement: statement.clone(),
        params,
    }
}

fn account_params(accounts: BTreeMap<AccountName, Account>) -> Vec<Param> {
    let count = accounts.len();
    let mut names = Vec::with_capacity(count);
    let mut epochs = Vec::with_capacity(count);
    let mut numbers = Vec::with_capacity(count);
    let mut heads = Vec::with_capacity(count);
    let mut latest = Vec::with_capacity(count);
    for (name, account) in accounts {
        names.push(String::from(name));
        epochs.push(stored_epoch(account.epoch));
        numbers.push(signed(account.number));
        heads.push(account.head.to_vec());
        latest.push(account.latest.map(Position::to_i64));
    }
    vec![
        Box::new(names),
        Box::new(epochs),
        Box::new(numbers),
        Box::new(heads),
        Box::new(latest),
    ]
}

fn task_params(sends: Vec<Send>) -> Vec<Param> {
    let count = sends.len();
    let mut ids = Vec::with_capacity(count);
    let mut senders = Vec::with_capacity(count);
    let mut numbers = Vec::with_capacity(count);
    let mut positions = Vec::with_capacity(count);
    let mut epochs = Vec::with_capacity(count);
    let mut times = Vec::with_capacity(count);
    let mut hashes = Vec::with_capacity(count);
    let mut previous = Vec::with_capacity(count);
    let mut contents = Vec::with_capacity(count);
    for send in sends {
        ids.push(send.id.0);
        senders.push(String::from(send.sender));
        numbers.push(signed(send.number));
        positions.push(send.position.to_i64());
        epochs.push(stored_epoch(send.epoch));
        times.push(send.sent_at.0);
        hashes.push(send.hash.to_vec());
        previous.push(send.previous.to_vec());
        contents.push(Vec::from(send.content));
    }
    vec![
        Box::new(ids),
        Box::new(senders),
        Box::new(numbers),
        Box::new(positions),
        Box::new(epochs),
        Box::new(times),
        Box::new(hashes),
        Box::new(previous),
        Box::new(contents),
    ]
}

fn ask_params(sends: &[Send]) -> Vec<Param> {
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
    vec![
        Box::new(tasks),
        Box::new(recipients),
        Box::new(places),
        Box::new(positions),
    ]
}

/// What the rows of [`Statements::read`] hold.
///
/// # Errors
/// If a row is not what the schema promises.
pub fn working_set(rows: &[Row]) -> Result<WorkingSet, Error> {
    let mut accounts = HashMap::new();
    let mut earlier = HashMap::new();
    for row in rows {
        let (name, number) = (
            stored_name(row.try_get("name")?),
            unsigned(row.try_get("number")?),
        );
        let hash = hash(row, "hash")?;
        let Some(id) = row.try_get("id")? else {
            let epoch = Epoch(unsigned(row.try_get("epoch")?));
            let latest: Option<i64> = row.try_get("position")?;
            accounts.insert(
                name,
                Account {
                    epoch,
                    number,
                    head: hash,
                    latest: latest.map(Position::from_i64),
                },
            );
            continue;
        };
        let position = Position::from_i64(row.try_get("position")?);
        let content = Bytes::from(row.try_get::<_, Vec<u8>>("content")?);
        let proof = Proof {
            number,
            position,
            hash,
        };
        earlier.insert(
            TaskId(id),
            Earlier {
                sender: name,
                content,
                proof,
            },
        );
    }
    Ok(WorkingSet::new(accounts, earlier))
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

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("nobody sends 2^63 tasks")
}

pub(super) fn stored_epoch(epoch: Epoch) -> i64 {
    epoch
        .to_i64()
        .expect("entries with larger epochs are not applied")
}
