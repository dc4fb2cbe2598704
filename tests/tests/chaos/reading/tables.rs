//! Rows of the servers' databases, decoded.

use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::log::{AccountEntry, AccountOp};
use yoshi_protocol::{NewTask, TaskChange};
use yoshi_tests::Database;

use crate::rest::{AccountEvent, ChangeRow, TaskRow};
use crate::worker::{hex, what};

/// A message server's tasks, by position.
pub(super) async fn tasks(database: &Database) -> Vec<TaskRow> {
    let query = "SELECT content, sender, number, position, epoch, hash FROM task ORDER BY position";
    let rows = database.rows(query).await;
    rows.iter()
        .map(|row| TaskRow {
            payload: payload(&row.get::<_, Vec<u8>>(0)),
            sender: row.get(1),
            number: unsigned(row.get(2)),
            position: unsigned(row.get(3)),
            epoch: unsigned(row.get(4)),
            hash: hex(&row.get::<_, Vec<u8>>(5)),
        })
        .collect()
}

/// A message server's changes of tasks, by position.
pub(super) async fn changes(database: &Database) -> Vec<ChangeRow> {
    let query = "SELECT change.id::text, task.content, change.account, change.content, \
                 change.number, change.position, change.epoch, change.hash \
                 FROM change LEFT JOIN task ON task.id = change.task ORDER BY change.position";
    let rows = database.rows(query).await;
    rows.iter()
        .map(|row| ChangeRow {
            id: row.get(0),
            task: row
                .get::<_, Option<Vec<u8>>>(1)
                .map_or_else(|| "no task".to_owned(), |content| payload(&content)),
            account: row.get(2),
            what: what(
                &TaskChange::decode(&row.get::<_, Vec<u8>>(3))
                    .expect("it is a change")
                    .verb,
            ),
            number: unsigned(row.get(4)),
            position: unsigned(row.get(5)),
            epoch: unsigned(row.get(6)),
            hash: hex(&row.get::<_, Vec<u8>>(7)),
        })
        .collect()
}

/// What a registration server has accepted, in order.
pub(super) async fn events(database: &Database) -> Vec<AccountEvent> {
    let rows = database
        .rows("SELECT position, body FROM account_event ORDER BY position")
        .await;
    rows.iter()
        .map(|row| {
            let body: Vec<u8> = row.get(1);
            let entry: AccountEntry = cbor::decode(&body, Bound::ENTRY).expect("it is an entry");
            let (primary, created) = match entry.op {
                AccountOp::Primary(server) => (Some(server.to_string()), None),
                AccountOp::Create(set) => (None, Some(set.account.to_string())),
                _ => (None, None),
            };
            AccountEvent {
                position: unsigned(row.get(0)),
                epoch: entry.epoch.0,
                primary,
                created,
            }
        })
        .collect()
}

fn payload(content: &[u8]) -> String {
    NewTask::decode(content).expect("it is a task").title
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).expect("it is not negative")
}
