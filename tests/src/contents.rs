//! What a server's database holds, row by row, to be compared with another's.

use std::time::Duration;

use crate::eventually;
use crate::postgres::Database;

/// How long servers may take to have the same content, once nobody sends any more.
const EQUAL_WITHIN: Duration = Duration::from_secs(20);

/// The tables that follow from the tasks log alone.
pub const OF_MESSAGE_SERVERS: &[&str] = &[
    "SELECT to_jsonb(account)::text FROM account ORDER BY name",
    "SELECT to_jsonb(task)::text FROM task ORDER BY position",
    "SELECT to_jsonb(ask)::text FROM ask ORDER BY task, place",
    "SELECT to_jsonb(note)::text FROM note ORDER BY task, account",
    "SELECT to_jsonb(change)::text FROM change ORDER BY position",
];

/// The tables that follow from the accounts log alone.
pub const OF_REGISTRATION_SERVERS: &[&str] = &[
    "SELECT to_jsonb(account)::text FROM account ORDER BY name",
    "SELECT to_jsonb(token)::text FROM token ORDER BY hash",
    "SELECT to_jsonb(account_event)::text FROM account_event ORDER BY position",
    "SELECT to_jsonb(primary_epoch)::text FROM primary_epoch",
];

/// The rows of these queries, as text.
///
/// # Panics
/// If the database does not answer.
pub async fn of(database: &Database, queries: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    for query in queries {
        let rows = database.rows(query).await;
        all.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    all
}

/// Waits until all these databases have the same content, and answers it.
///
/// # Panics
/// If they stay different.
pub async fn equal(databases: &[&Database], queries: &[&str]) -> Vec<String> {
    eventually("the databases are equal", EQUAL_WITHIN, async || {
        let first = of(databases[0], queries).await;
        for other in &databases[1..] {
            let second = of(other, queries).await;
            if second != first {
                return Err(difference(&first, &second));
            }
        }
        Ok(first)
    })
    .await
}

fn difference(first: &[String], second: &[String]) -> String {
    let lacks = |these: &[String], those: &[String]| {
        let lacking: Vec<_> = those.iter().filter(|row| !these.contains(row)).collect();
        format!("{} rows, such as {:?}", lacking.len(), lacking.first())
    };
    format!(
        "{} and {} rows; the first lacks {}; the other lacks {}",
        first.len(),
        second.len(),
        lacks(first, second),
        lacks(second, first),
    )
}
