//! Searching an account's tasks, for FIND_TASKS. Each search is a transaction of
//! its own, on one state of the database: what is chosen by is what is shown.

use deadpool_postgres::{PoolError, Transaction};
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};
use uuid::Uuid;
use yoshi_protocol::{AccountName, Position};

use super::poll::{self, List, StoredTask};

#[macro_use]
pub mod fill;
mod query;

/// Tasks of a list that one page looks through at most, if few of them pass:
/// the next page goes on after them.
const LOOKED_AT_MAX: i64 = 5_000;

/// For the rest of a transaction: a bound for each statement, no more than one
/// core, and plans for the values at hand, by index. The tables may have grown
/// since anybody looked.
const SETTINGS: &str = "SET LOCAL statement_timeout = 2000; SET LOCAL jit = off;
    SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_seqscan = off;
    SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Search {
    /// Whose.
    pub account: AccountName,
    /// In which list.
    pub list: List,
    /// Only before this position.
    pub before: Option<Position>,
    /// At most so many tasks.
    pub limit: u32,
    /// No more once their content exceeds this, but at least one.
    pub bytes_max: usize,
    /// The words that it holds, as a `tsquery`.
    pub words: Option<String>,
    /// One of these kinds, by their numbers.
    pub kinds: Option<Vec<i16>>,
    /// From and to which number.
    pub importance: (i16, i16),
    /// Due after this second on its clock.
    pub due_after: Option<i64>,
    /// Due before this second on its clock.
    pub due_before: Option<i64>,
    /// One of these at the other end.
    pub people: Option<Vec<String>>,
    /// All of these labels.
    pub labels: Option<Vec<String>>,
    /// One of these states of an ask, by their numbers.
    pub states: Option<Vec<i16>>,
    /// One of these states of the whole, by their numbers.
    pub statuses: Option<Vec<i16>>,
    /// Whether it is snoozed.
    pub snoozed: Option<bool>,
    /// What the reader's clock shows.
    pub now: Option<String>,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Page {
    /// The latest sent first.
    pub tasks: Vec<StoredTask>,
    /// Where to go on, if there may be more.
    pub next: Option<Position>,
}

/// Why a search failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection could be had.
    #[error("no connection to Postgres")]
    Pool(#[from] PoolError),
    /// A statement failed.
    #[error("a statement failed in Postgres")]
    Statement(#[from] tokio_postgres::Error),
}

/// One state of the database, to be searched.
pub struct Snapshot<'a> {
    transaction: Transaction<'a>,
}

/// How far an account's list is indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indexed {
    /// Everything up to here.
    pub through: Position,
    /// And nothing of this list has changed since.
    pub is_complete: bool,
}

impl<'a> Snapshot<'a> {
    /// Takes the present state.
    ///
    /// # Errors
    /// If Postgres does not answer.
    pub async fn take(client: &'a mut deadpool_postgres::Client) -> Result<Self, Error> {
        let transaction = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        transaction.batch_execute(SETTINGS).await?;
        Ok(Self { transaction })
    }

    /// How far a list is indexed.
    ///
    /// # Errors
    /// If the query fails.
    pub async fn indexed(&self, account: &AccountName, list: List) -> Result<Indexed, Error> {
        let statement = match list {
            List::Inbox => query::INBOX_STANDING,
            List::Sent => query::SENT_STANDING,
        };
        let statement = self.transaction.prepare_cached(statement).await?;
        let account = account.as_str();
        let row = self.transaction.query_one(&statement, &[&account]).await?;
        Ok(Indexed {
            through: Position::from_i64(row.try_get("indexed")?),
            is_complete: row.try_get("complete")?,
        })
    }

    /// Searches, and ends.
    ///
    /// # Errors
    /// If a query fails, or takes too long.
    pub async fn page(self, search: &Search) -> Result<Page, Error> {
        let wanted = search.limit as usize;
        // One more than wanted tells whether there is more.
        let mut found = self.passing(search, i64::from(search.limit) + 1).await?;
        let has_more = found.len() > wanted;
        let edge = match has_more {
            true => None,
            false => self.edge(search).await?,
        };
        found.truncate(wanted);
        let ids: Vec<Uuid> = found.iter().map(|(_, task)| *task).collect();
        let (list, bytes_max) = (search.list, search.bytes_max);
        let tasks = poll::these(&self.transaction, &search.account, list, &ids, bytes_max);
        let tasks = tasks.await?;
        self.transaction.commit().await?;
        let cut = has_more || tasks.len() < found.len();
        let next = match tasks.last() {
            Some(last) if cut => Some(last.position),
            Some(_) | None => edge,
        };
        Ok(Page { tasks, next })
    }

    async fn passing(&self, search: &Search, limit: i64) -> Result<Vec<(i64, Uuid)>, Error> {
        let statement = match (search.list, &search.words) {
            (List::Inbox, None) => query::INBOX,
            (List::Sent, None) => query::SENT,
            (List::Inbox, Some(_)) => query::INBOX_HOLDING,
            (List::Sent, Some(_)) => query::SENT_HOLDING,
        };
        let statement = self.transaction.prepare_cached(statement).await?;
        let (from, to) = search.importance;
        let before = before(search);
        let account = search.account.as_str();
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![
            &account,
            &before,
            &LOOKED_AT_MAX,
            &limit,
            &search.kinds,
            &from,
            &to,
            &search.due_after,
            &search.due_before,
            &search.people,
            &search.labels,
            &search.states,
            &search.statuses,
            &search.snoozed,
            &search.now,
        ];
        if let Some(words) = &search.words {
            params.push(words);
        }
        let rows = self.transaction.query(&statement, &params).await?;
        let found = |row: &Row| Ok((row.try_get("position")?, row.try_get("task")?));
        rows.iter().map(found).collect()
    }

    /// Where to go on, if as many were looked at as one page looks at.
    async fn edge(&self, search: &Search) -> Result<Option<Position>, Error> {
        let (account, before) = (search.account.as_str(), before(search));
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![&account, &before, &LOOKED_AT_MAX];
        let (all, holding) = match search.list {
            List::Inbox => (query::INBOX_EDGE, query::INBOX_HOLDING_EDGE),
            List::Sent => (query::SENT_EDGE, query::SENT_HOLDING_EDGE),
        };
        let edge = self.edge_by(all, &params).await?;
        match &search.words {
            // Fewer hold some words than there are.
            Some(words) if edge.is_some() => {
                params.push(words);
                self.edge_by(holding, &params).await
            }
            Some(_) | None => Ok(edge),
        }
    }

    async fn edge_by(
        &self,
        statement: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Position>, Error> {
        let statement = self.transaction.prepare_cached(statement).await?;
        let row = self.transaction.query_opt(&statement, params).await?;
        let edge = row.map(|row| row.try_get("edge")).transpose()?;
        Ok(edge.map(Position::from_i64))
    }
}

fn before(search: &Search) -> i64 {
    search.before.map_or(i64::MAX, Position::to_i64)
}
