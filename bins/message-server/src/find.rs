//! FIND_TASKS: the tasks of an account that pass some filters, and hold some words.

use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::time::Instant;
use tokio_postgres::error::SqlState;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::limit::{POLL_TASKS_BYTES_MAX, POLL_TASKS_MAX};
use yoshi_protocol::message::find::{self as wire, FindTasks, TasksFound};
use yoshi_protocol::message::task::{AskState, TaskStatus};
use yoshi_protocol::{AccountName, ErrorCode, ErrorReply, Position};

use crate::machine::rows;
use crate::poll::{self, Polls};
use crate::rules::change::{State, Status};
use crate::store::find::{Error, Page, Search, Snapshot};
use crate::store::poll::List;

pub mod index;
mod words;

pub use index::Index;

/// How long a search waits for the index, if that lacks something of the account.
const WAIT_FOR_INDEX: Duration = Duration::from_secs(1);
/// How often it looks meanwhile, at least.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// How long a search waits for those before it.
const WAIT_FOR_TURN: Duration = Duration::from_secs(2);

impl Polls<'_> {
    /// Serves FIND_TASKS of an account.
    ///
    /// # Errors
    /// An [`ErrorReply`] for the client.
    pub async fn find(
        self,
        index: &Index,
        account: AccountName,
        payload: &[u8],
    ) -> Result<TasksFound, ErrorReply> {
        let request: FindTasks = cbor::decode(payload, Bound::REQUEST)?;
        request.filter.check()?;
        let known = request.known;
        let credential = request.credential.clone();
        let search = search(account, request)?;
        self.accounts
            .authenticate(&search.account, credential, self.footing)
            .await?;
        let applied = self.reach(known).await?;
        let (mut page, indexed) = self.search(index, &search, applied).await?;
        let fitting = poll::fitting(&page.tasks);
        if fitting < page.tasks.len() {
            page.tasks.truncate(fitting);
            page.next = page.tasks.last().map(|task| task.position);
        }
        Ok(TasksFound {
            tasks: page.tasks.into_iter().map(poll::view::of).collect(),
            behind: self.behind || indexed < applied,
            cursor: page.next,
            indexed,
            servers: self.servers,
        })
    }

    /// Searches once the index has everything of the account that is applied, or
    /// has had its time. Answers how far it has got, too.
    async fn search(
        &self,
        index: &Index,
        search: &Search,
        applied: Position,
    ) -> Result<(Page, Position), ErrorReply> {
        let end = Instant::now() + WAIT_FOR_INDEX;
        loop {
            let turn = tokio::time::timeout(WAIT_FOR_TURN, index.permits.acquire()).await;
            let Ok(Ok(turn)) = turn else {
                let words = "other searches are under way; try again";
                return Err(ErrorReply::new(ErrorCode::Busy, words));
            };
            let is_last = Instant::now() >= end;
            let found = look(self.pool, search, applied, is_last).await;
            if let Some(found) = found.map_err(|error| failure(&error))? {
                return Ok(found);
            }
            // Others may search while this one waits.
            drop(turn);
            index.hurry(LOOK_EVERY).await;
        }
    }
}

/// Searches the present state of the database, if everything of the account is
/// indexed there that was applied before, or if this is the last look. Answers how
/// far the index reaches, too.
async fn look(
    pool: &Pool,
    search: &Search,
    applied: Position,
    is_last: bool,
) -> Result<Option<(Page, Position)>, Error> {
    let mut client = pool.get().await?;
    let snapshot = Snapshot::take(&mut client).await?;
    let indexed = snapshot.indexed(&search.account, search.list).await?;
    let through = match indexed.is_complete {
        // Nothing of the account is missing that the rest of the log could hold.
        true => indexed.through.max(applied),
        false => indexed.through,
    };
    if through < applied && !is_last {
        return Ok(None);
    }
    Ok(Some((snapshot.page(search).await?, through)))
}

/// The search that is asked for.
fn search(account: AccountName, request: FindTasks) -> Result<Search, ErrorReply> {
    let filter = request.filter;
    let words = filter.text.as_deref().map(words::query).transpose()?;
    let (from, to) = filter
        .importance
        .map_or((0, 9), |levels| (levels.from.into(), levels.to.into()));
    let names = filter.people.iter().map(ToString::to_string).collect();
    let kinds = filter.kinds.into_iter().map(index::kind_number).collect();
    let states = filter.states.into_iter().map(state_number).collect();
    let statuses = filter.statuses.into_iter().map(status_number).collect();
    Ok(Search {
        account,
        list: match filter.list {
            wire::List::Inbox => List::Inbox,
            wire::List::Sent => List::Sent,
        },
        before: request.before,
        limit: request.limit.clamp(1, POLL_TASKS_MAX),
        bytes_max: POLL_TASKS_BYTES_MAX,
        words,
        kinds: some(kinds),
        importance: (from, to),
        due_after: filter.due_after.map(|due| due.span().1),
        due_before: filter.due_before.map(|due| due.span().0),
        people: some(names),
        labels: some(filter.labels),
        states: some(states),
        statuses: some(statuses),
        snoozed: filter.snoozed,
        now: filter.now.map(|now| now.to_string()),
    })
}

/// None of a choice lets everything through.
fn some<T>(chosen: Vec<T>) -> Option<Vec<T>> {
    (!chosen.is_empty()).then_some(chosen)
}

fn state_number(state: AskState) -> i16 {
    rows::state_number(match state {
        AskState::NeedsAction => State::NeedsAction,
        AskState::Accepted => State::Accepted,
        AskState::InProcess => State::InProcess,
        AskState::Completed => State::Completed,
        AskState::Declined => State::Declined,
        AskState::Closed => State::Closed,
        AskState::Withdrawn => State::Withdrawn,
    })
}

fn status_number(status: TaskStatus) -> i16 {
    rows::status_number(match status {
        TaskStatus::NeedsAction => Status::NeedsAction,
        TaskStatus::InProcess => Status::InProcess,
        TaskStatus::Completed => Status::Completed,
        TaskStatus::Cancelled => Status::Cancelled,
    })
}

fn failure(error: &Error) -> ErrorReply {
    if let Error::Statement(statement) = error
        && statement.code() == Some(&SqlState::QUERY_CANCELED)
    {
        metrics::counter!("yoshi_searches_cut_total").increment(1);
        let words = "the search takes too long; use more filters, or rarer words";
        return ErrorReply::new(ErrorCode::TooLarge, words);
    }
    poll::failure(error)
}
