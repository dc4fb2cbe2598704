//! The registration servers' state machine: decodes entries, reads what they
//! touch into a working set, lets the rules decide, and writes the difference.

use std::collections::{BTreeMap, BTreeSet};

use serde_bytes::ByteBuf;
use tokio::sync::watch;
use tokio_postgres::{Client, Row};
use uuid::Uuid;
use yoshi_protocol::message::log::{LogEntry, LogPage};
use yoshi_protocol::{AccountName, Position};
use yoshi_replica::{Decision, Entry, Query, StateMachine, Write, Writes};

use crate::entry;
use crate::limit::{LOG_PAGE_BYTES_MAX, LOG_PAGE_ENTRIES_MAX};
use crate::rules::{self, Done, Operation, Outcome, Primary, TokenHash, WorkingSet};
use crate::store::batch::{self, Event, Statements};
use crate::store::query;

/// The machine. Beside its database it has one thing: the place where it tells
/// this process of a new primary. Nothing that it decides depends on it.
pub(crate) struct Accounts {
    primary: watch::Sender<Primary>,
}

/// An entry with its position; `None` if it cannot be read.
pub(crate) struct Decoded {
    position: Position,
    bytes: bytes::Bytes,
    entry: Option<rules::Entry>,
}

impl Accounts {
    /// A machine, and where to learn of every new primary, beginning with `primary`.
    #[must_use]
    pub(crate) fn new(primary: Primary) -> (Self, watch::Receiver<Primary>) {
        let (sender, receiver) = watch::channel(primary);
        (Self { primary: sender }, receiver)
    }

    /// Tells of a primary in the log. It may be told before the batch is
    /// committed; that only makes a deposed primary step down sooner.
    fn tell(&self, primary: Primary) {
        self.primary.send_if_modified(|known| {
            let newer = primary.epoch > known.epoch;
            if newer {
                *known = primary;
            }
            newer
        });
    }
}

impl StateMachine for Accounts {
    type Outcome = Outcome;
    type Batch = Vec<Decoded>;
    type Statements = Statements;
    type Memory = ();

    async fn prepare(client: &Client) -> Result<Statements, tokio_postgres::Error> {
        Statements::prepare(client).await
    }

    fn decode(&self, entries: &[Entry]) -> Vec<Decoded> {
        entries
            .iter()
            .map(|entry| Decoded {
                position: entry.position,
                bytes: entry.bytes.clone(),
                entry: entry::read(&entry.bytes),
            })
            .collect()
    }

    fn reads(&self, statements: &Statements, batch: &Vec<Decoded>, (): &()) -> Vec<Query> {
        let entries = || batch.iter().filter_map(|decoded| decoded.entry.as_ref());
        let operations = || entries().map(|entry| &entry.operation);
        let ids: BTreeSet<Uuid> = entries().map(|entry| entry.id).collect();
        let names: BTreeSet<&AccountName> = operations().filter_map(Operation::account).collect();
        let names: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
        let hashes: BTreeSet<TokenHash> = operations().filter_map(Operation::token).collect();
        let hashes: Vec<TokenHash> = hashes.into_iter().collect();
        vec![
            statements.read_primary(),
            statements.read_done(ids.into_iter().collect()),
            statements.read_accounts(names.clone()),
            statements.read_tokens(names, &hashes),
            statements.read_ended(kept_after(batch)),
        ]
    }

    fn decide(
        &self,
        statements: &Statements,
        batch: Vec<Decoded>,
        rows: &[Vec<Row>],
        (): &mut (),
    ) -> Result<Decision<Outcome>, tokio_postgres::Error> {
        let mut set = load(rows)?;
        let long_ended = rows.get(4).map_or(&[][..], Vec::as_slice);
        let long_ended: Vec<Position> = long_ended
            .iter()
            .map(batch::position)
            .collect::<Result<_, _>>()?;
        let outcomes: Vec<Outcome> = batch
            .iter()
            .map(|decoded| rules::apply(&mut set, decoded.position, decoded.entry.as_ref()))
            .collect();
        if let Some(primary) = set.changed_primary() {
            self.tell(primary);
        }
        metrics::counter!("yoshi_rs_entries_applied_total").increment(outcomes.len() as u64);
        let refused = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Outcome::Rejected(_)));
        metrics::counter!("yoshi_rs_entries_refused_total").increment(refused.count() as u64);
        Ok(Decision {
            outcomes,
            writes: Writes::Each(writes(statements, &set, batch, long_ended)),
        })
    }

    fn recall(
        &self,
        _: &Statements,
        batch: Vec<Decoded>,
        rows: &[Vec<Row>],
    ) -> Result<Vec<Option<Outcome>>, tokio_postgres::Error> {
        let set = load(rows)?;
        let outcomes = batch
            .iter()
            .map(|decoded| rules::recall(&set, decoded.position, decoded.entry.as_ref()));
        Ok(outcomes.collect())
    }

    async fn log_page(
        client: &Client,
        since: Position,
        applied: Position,
    ) -> Result<LogPage, tokio_postgres::Error> {
        if !rules::fills(since, applied) {
            // A page that goes nowhere: whoever asks does not take it.
            tracing::error!(
                "a neighbour at position {since} is too far behind to be filled from here: start \
                 it anew with an empty database"
            );
            return Ok(LogPage::new(Vec::new(), since, false));
        }
        let limit = i64::try_from(LOG_PAGE_ENTRIES_MAX).unwrap_or(i64::MAX);
        let events = query::events(client, since, applied, limit).await?;
        Ok(page(events, applied))
    }
}

fn load(rows: &[Vec<Row>]) -> Result<WorkingSet, tokio_postgres::Error> {
    let rows = |query: usize| rows.get(query).map_or(&[][..], Vec::as_slice);
    let primary = rows(0).first().map(batch::primary).transpose()?;
    let mut set = WorkingSet::new(primary.unwrap_or_default());
    for row in rows(1) {
        let (id, position, body) = batch::done(row)?;
        // It was read when it was applied, so it can be read now.
        if let Some(entry) = entry::read(&body) {
            let operation = entry.operation;
            set.load_done(
                id,
                Done {
                    position,
                    operation,
                },
            );
        }
    }
    for row in rows(2) {
        let (name, account) = batch::account(row)?;
        set.load_account(name, account);
    }
    for row in rows(3) {
        let (hash, token) = batch::token(row)?;
        set.load_token(hash, token);
    }
    Ok(set)
}

/// Up to where this database's copy of the log lacks what has ended, after the batch.
fn kept_after(batch: &[Decoded]) -> Position {
    let applied = batch.last().map_or(Position::ZERO, |last| last.position);
    rules::kept_after(applied)
}

/// The difference that the batch made. Accounts come before the tokens that
/// refer to them; ended tokens go before new ones come.
fn writes(
    statements: &Statements,
    set: &WorkingSet,
    batch: Vec<Decoded>,
    mut long_ended: Vec<Position>,
) -> Vec<Write> {
    let kept_after = kept_after(&batch);
    let mut bodies: BTreeMap<Position, bytes::Bytes> = batch
        .into_iter()
        .map(|decoded| (decoded.position, decoded.bytes))
        .collect();
    let mut ended = set.ended().clone();
    let mut events = Vec::with_capacity(set.recorded().len());
    for (position, id) in set.recorded() {
        let ended = ended.remove(position);
        if ended.is_some_and(|ended| ended <= kept_after) {
            continue;
        }
        if let Some(body) = bodies.remove(position) {
            events.push(Event {
                position: *position,
                id: *id,
                body: body.to_vec(),
                ended,
            });
        }
    }
    // What is left was there before this batch.
    let (dropped, ended): (Vec<_>, Vec<_>) =
        ended.into_iter().partition(|(_, end)| *end <= kept_after);
    long_ended.extend(dropped.into_iter().map(|(position, _)| position));
    let created: Vec<_> = set.created_accounts().collect();
    let changed: Vec<_> = set.changed_accounts().collect();
    let ended_tokens: Vec<_> = set.ended_tokens().collect();
    let new_tokens: Vec<_> = set.new_tokens().collect();
    [
        statements.end_events(&ended),
        statements.drop_events(&long_ended),
        statements.insert_events(&events),
        statements.insert_accounts(&created),
        statements.update_accounts(&changed),
        statements.delete_tokens(&ended_tokens),
        statements.insert_tokens(&new_tokens),
        set.changed_primary()
            .and_then(|primary| statements.update_primary(primary)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Cuts events down to one answer. `through` is `applied` only if nothing was cut off.
fn page(events: Vec<(Position, Vec<u8>)>, applied: Position) -> LogPage {
    let mut more = events.len() >= LOG_PAGE_ENTRIES_MAX;
    let mut bytes = 0;
    let mut entries = Vec::with_capacity(events.len());
    for (position, body) in events {
        bytes += body.len();
        if bytes > LOG_PAGE_BYTES_MAX && !entries.is_empty() {
            more = true;
            break;
        }
        entries.push(LogEntry {
            entry: ByteBuf::from(body),
            position,
        });
    }
    let through = match entries.last() {
        Some(last) if more => last.position,
        _ => applied,
    };
    LogPage::new(entries, through, more)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(count: u64, bytes: usize) -> Vec<(Position, Vec<u8>)> {
        (1..=count)
            .map(|at| (Position(at), vec![0; bytes]))
            .collect()
    }

    #[test]
    fn a_whole_page_ends_where_the_server_stands() {
        let page = page(events(3, 10), Position(1_000));
        assert_eq!(
            (page.entries.len(), page.through, page.more),
            (3, Position(1_000), false)
        );
    }

    #[test]
    fn a_cut_page_ends_at_its_last_entry() {
        let full = page(events(LOG_PAGE_ENTRIES_MAX as u64, 10), Position(9_999));
        assert!(full.more);
        assert_eq!(full.through, Position(LOG_PAGE_ENTRIES_MAX as u64));
        let heavy = page(events(9, 100 * 1024), Position(9_999));
        assert!(heavy.more);
        assert_eq!(heavy.through, Position(7));
        let huge = page(events(1, 2 * LOG_PAGE_BYTES_MAX), Position(9_999));
        assert_eq!((huge.entries.len(), huge.more), (1, false));
    }
}
