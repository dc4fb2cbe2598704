//! The cache as it is written (§4.5.2): what was retrieved, and how far.

use deadpool_postgres::{Pool, Transaction};
use uuid::Uuid;
use yoshi_client::{Position, Task};
use yoshi_protocol::message::task::{Ask, AskState, TaskStatus};
use yoshi_protocol::{AccountName, cbor};

use super::{Error, rows, within};
use crate::clock;
use crate::word;

/// A view of an account that is cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// What the account is asked.
    Inbox,
    /// What the account asks.
    Sent,
}

impl Side {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Sent => "sent",
        }
    }
}

/// How far an account's views are cached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Of the inbox.
    pub inbox: Position,
    /// Of what was sent.
    pub sent: Position,
    /// The greatest position at which a cached task changed.
    pub latest: Position,
}

impl Reach {
    pub(crate) fn of(&self, side: Side) -> Position {
        match side {
            Side::Inbox => self.inbox,
            Side::Sent => self.sent,
        }
    }
}

/// How far an account's views are cached.
pub(crate) async fn reach(pool: &Pool, account: &AccountName) -> Result<Reach, Error> {
    let sql = "
-- reach
SELECT view, cursor, latest FROM cache_view WHERE account = $1";
    let mut reach = Reach::default();
    for row in rows(pool, sql, &[&account.as_str()]).await? {
        let cursor = Position::from_i64(row.try_get(1)?);
        match row.try_get(0)? {
            "inbox" => reach.inbox = cursor,
            _ => reach.sent = cursor,
        }
        reach.latest = reach.latest.max(Position::from_i64(row.try_get(2)?));
    }
    Ok(reach)
}

/// Stores what was retrieved after `since`, and that everything up to `cursor`
/// is cached. False, and nothing is stored, if the cache does not reach up to
/// `since`: it was dropped meanwhile, and storing would leave a gap for good.
pub(crate) async fn store(
    pool: &Pool,
    account: &AccountName,
    side: Side,
    since: Position,
    cursor: Position,
    tasks: &[Task],
) -> Result<bool, Error> {
    within(async {
        let mut client = pool.get().await?;
        let transaction = client.transaction().await?;
        let latest = tasks
            .last()
            .map_or(Position::ZERO, |task| task.changed)
            .to_i64();
        if !advance(&transaction, account, side, since, cursor, latest).await? {
            return Ok(false);
        }
        if !tasks.is_empty() {
            put(&transaction, account, side, tasks).await?;
            meet(&transaction, account, side, tasks).await?;
        }
        transaction.commit().await?;
        Ok(true)
    })
    .await
}

async fn advance(
    transaction: &Transaction<'_>,
    account: &AccountName,
    side: Side,
    since: Position,
    cursor: Position,
    latest: i64,
) -> Result<bool, Error> {
    let sql = "
-- advance: the row
INSERT INTO cache_view (account, view) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(&statement, &[&account.as_str(), &side.as_str()])
        .await?;
    let sql = "
-- advance
UPDATE cache_view SET cursor = greatest(cursor, $4), latest = greatest(latest, $5)
WHERE account = $1 AND view = $2 AND cursor >= $3";
    let statement = transaction.prepare_cached(sql).await?;
    let advanced = transaction
        .execute(
            &statement,
            &[
                &account.as_str(),
                &side.as_str(),
                &since.to_i64(),
                &cursor.to_i64(),
                &latest,
            ],
        )
        .await?;
    Ok(advanced == 1)
}

/// Columns of the tasks, one array each: one statement per batch.
#[derive(Default)]
struct Columns {
    id: Vec<Uuid>,
    sender: Vec<String>,
    number: Vec<i64>,
    position: Vec<i64>,
    changed: Vec<i64>,
    sent_at: Vec<i64>,
    hash: Vec<Vec<u8>>,
    title: Vec<String>,
    kind: Vec<&'static str>,
    importance: Vec<i16>,
    due: Vec<Option<String>>,
    due_at: Vec<Option<i64>>,
    due_civil: Vec<Option<i64>>,
    start_at: Vec<Option<i64>>,
    start_civil: Vec<Option<i64>>,
    state: Vec<&'static str>,
    answered: Vec<i16>,
    settled: Vec<bool>,
    // Lists travel as lines: arrays of arrays must all be of one length.
    labels: Vec<String>,
    recipients: Vec<String>,
    content: Vec<Vec<u8>>,
    asks: Vec<Vec<u8>>,
    held_by: Vec<String>,
    body: Vec<String>,
    status: Vec<&'static str>,
    needs_sender: Vec<bool>,
    revision: Vec<i64>,
    comments: Vec<i64>,
    reminders: Vec<i64>,
    percent: Vec<i16>,
    states: Vec<String>,
    note: Vec<Vec<u8>>,
    unread: Vec<bool>,
    own_labels: Vec<String>,
    snoozed_at: Vec<Option<i64>>,
    snoozed_civil: Vec<Option<i64>>,
}

impl Columns {
    fn push(&mut self, account: &AccountName, task: &Task) {
        let new = &task.new_task;
        let names: Vec<_> = new
            .recipients
            .iter()
            .map(|name| name.as_str().to_owned())
            .collect();
        let servers: Vec<_> = task.held_by.iter().map(ToString::to_string).collect();
        let (due_at, due_civil) = clock::keys(new.due.as_ref());
        let (start_at, start_civil) = clock::begin_keys(new.start.as_ref());
        self.id.push(new.id.0);
        self.sender.push(task.sender.to_string());
        self.number
            .push(i64::try_from(task.number).unwrap_or(i64::MAX));
        self.position.push(task.position.to_i64());
        self.changed.push(task.changed.to_i64());
        self.sent_at.push(task.sent_at.0);
        self.hash.push(task.hash.to_vec());
        self.title.push(new.title.clone());
        self.kind.push(word::kind(new.kind));
        self.importance.push(match new.importance {
            0 => 5,
            set => i16::from(set),
        });
        self.due.push(new.due.as_ref().map(ToString::to_string));
        self.due_at.push(due_at);
        self.due_civil.push(due_civil);
        self.start_at.push(start_at);
        self.start_civil.push(start_civil);
        self.push_standing(account, task);
        self.push_note(task);
        self.labels.push(new.labels.join("\n"));
        self.recipients.push(names.join("\n"));
        self.content.push(cbor::encode(new));
        self.asks.push(cbor::encode(&task.asks));
        self.held_by.push(servers.join("\n"));
        self.body.push(new.body.clone());
    }

    fn push_standing(&mut self, account: &AccountName, task: &Task) {
        let asks = &task.asks;
        let mine = asks.iter().find(|ask| ask.recipient == *account);
        let answered = asks.iter().filter(|ask| ask.state != AskState::NeedsAction);
        self.state
            .push(mine.map_or("", |ask| word::state_name(ask.state)));
        self.answered
            .push(i16::try_from(answered.count()).unwrap_or(i16::MAX));
        self.settled.push(is_settled(task));
        self.status.push(word::status_name(task.status));
        self.needs_sender.push(task.needs_sender);
        self.revision.push(i64::from(task.revision));
        self.comments.push(i64::from(task.comments));
        self.reminders.push(i64::from(task.reminders));
        self.percent
            .push(mine.map_or(0, |ask: &Ask| i16::from(ask.percent)));
        let states: Vec<_> = asks.iter().map(|ask| word::state_name(ask.state)).collect();
        self.states.push(states.join("\n"));
    }

    fn push_note(&mut self, task: &Task) {
        let note = &task.mine;
        let (snoozed_at, snoozed_civil) = clock::begin_keys(note.snoozed_until.as_ref());
        self.note.push(cbor::encode(note));
        self.unread.push(!note.read);
        self.own_labels.push(note.labels.join("\n"));
        self.snoozed_at.push(snoozed_at);
        self.snoozed_civil.push(snoozed_civil);
    }
}

/// Whether nobody who was asked has anything left to do.
fn is_settled(task: &Task) -> bool {
    matches!(task.status, TaskStatus::Completed | TaskStatus::Cancelled)
        || task.asks.iter().all(|ask| word::is_settled(ask.state))
}

async fn put(
    transaction: &Transaction<'_>,
    account: &AccountName,
    side: Side,
    tasks: &[Task],
) -> Result<(), Error> {
    let mut columns = Columns::default();
    for task in tasks {
        columns.push(account, task);
    }
    let statement = transaction.prepare_cached(PUT).await?;
    let (received, sent) = (side == Side::Inbox, side == Side::Sent);
    let c = &columns;
    transaction
        .execute(
            &statement,
            &[
                &account.as_str(),
                &received,
                &sent,
                &c.id,
                &c.sender,
                &c.number,
                &c.position,
                &c.changed,
                &c.sent_at,
                &c.hash,
                &c.title,
                &c.kind,
                &c.importance,
                &c.due,
                &c.due_at,
                &c.due_civil,
                &c.start_at,
                &c.start_civil,
                &c.labels,
                &c.recipients,
                &c.content,
                &c.asks,
                &c.held_by,
                &c.body,
                &c.state,
                &c.answered,
                &c.settled,
                &c.status,
                &c.needs_sender,
                &c.revision,
                &c.comments,
                &c.reminders,
                &c.percent,
                &c.states,
                &c.note,
                &c.unread,
                &c.own_labels,
                &c.snoozed_at,
                &c.snoozed_civil,
            ],
        )
        .await?;
    Ok(())
}

const PUT: &str = "
-- put
INSERT INTO cached_task AS old (
    account, received, sent, id, sender, number, position, changed, sent_at, hash, title, kind,
    importance, due, due_at, due_civil, start_at, start_civil, labels, recipients, content, asks,
    held_by, keywords, body, state, answered, settled, status, needs_sender, revision, comments,
    reminders, percent, states, note, unread, own_labels, snoozed_at, snoozed_civil)
SELECT $1, $2, $3, id, sender, number, position, changed, sent_at, hash, title, kind,
    importance, due, due_at, due_civil, start_at, start_civil,
    string_to_array(labels, E'\\n'), string_to_array(recipients, E'\\n'), content, asks,
    string_to_array(held_by, E'\\n')::uuid[],
    concat_ws(' ', sender, recipients, labels, own_labels), body, state, answered, settled,
    status, needs_sender, revision, comments, reminders, percent,
    string_to_array(states, E'\\n'), note, unread, string_to_array(own_labels, E'\\n'),
    snoozed_at, snoozed_civil
FROM UNNEST($4::uuid[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
    $10::bytea[], $11::text[], $12::text[], $13::smallint[], $14::text[], $15::bigint[],
    $16::bigint[], $17::bigint[], $18::bigint[], $19::text[], $20::text[], $21::bytea[],
    $22::bytea[], $23::text[], $24::text[], $25::text[], $26::smallint[], $27::boolean[],
    $28::text[], $29::boolean[], $30::bigint[], $31::bigint[], $32::bigint[], $33::smallint[],
    $34::text[], $35::bytea[], $36::boolean[], $37::text[], $38::bigint[], $39::bigint[])
AS new (id, sender, number, position, changed, sent_at, hash, title, kind, importance, due,
    due_at, due_civil, start_at, start_civil, labels, recipients, content, asks, held_by, body,
    state, answered, settled, status, needs_sender, revision, comments, reminders, percent,
    states, note, unread, own_labels, snoozed_at, snoozed_civil)
ON CONFLICT (account, id) DO UPDATE SET
    received = old.received OR EXCLUDED.received, sent = old.sent OR EXCLUDED.sent,
    changed = EXCLUDED.changed, title = EXCLUDED.title, kind = EXCLUDED.kind,
    importance = EXCLUDED.importance, due = EXCLUDED.due, due_at = EXCLUDED.due_at,
    due_civil = EXCLUDED.due_civil, start_at = EXCLUDED.start_at,
    start_civil = EXCLUDED.start_civil, labels = EXCLUDED.labels,
    recipients = EXCLUDED.recipients, content = EXCLUDED.content, asks = EXCLUDED.asks,
    held_by = EXCLUDED.held_by, keywords = EXCLUDED.keywords, body = EXCLUDED.body,
    state = EXCLUDED.state, answered = EXCLUDED.answered, settled = EXCLUDED.settled,
    status = EXCLUDED.status, needs_sender = EXCLUDED.needs_sender,
    revision = EXCLUDED.revision, comments = EXCLUDED.comments,
    reminders = EXCLUDED.reminders, percent = EXCLUDED.percent, states = EXCLUDED.states,
    note = EXCLUDED.note, unread = EXCLUDED.unread, own_labels = EXCLUDED.own_labels,
    snoozed_at = EXCLUDED.snoozed_at, snoozed_civil = EXCLUDED.snoozed_civil
WHERE EXCLUDED.changed >= old.changed";

/// Notes with whom tasks were exchanged.
async fn meet(
    transaction: &Transaction<'_>,
    account: &AccountName,
    side: Side,
    tasks: &[Task],
) -> Result<(), Error> {
    let (mut names, mut latest): (Vec<&str>, Vec<i64>) = (Vec::new(), Vec::new());
    for task in tasks {
        let met = match side {
            Side::Inbox => std::slice::from_ref(&task.sender),
            Side::Sent => &task.new_task.recipients[..],
        };
        for name in met.iter().filter(|name| *name != account) {
            names.push(name.as_str());
            latest.push(task.position.to_i64());
        }
    }
    let sql = "
-- meet
INSERT INTO cached_person AS old (account, name, latest)
SELECT $1, name, max(latest) FROM UNNEST($2::text[], $3::bigint[]) AS new (name, latest)
GROUP BY name ORDER BY name
ON CONFLICT (account, name) DO UPDATE SET latest = greatest(old.latest, EXCLUDED.latest)";
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(&statement, &[&account.as_str(), &names, &latest])
        .await?;
    Ok(())
}
