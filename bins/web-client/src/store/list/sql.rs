//! Parts that the statements of lists share, and the parameters that these need:
//! $1 the account, $2 how far the reader's clock is ahead of UTC, $3 now and $4 the
//! end of today on it, $5 to $12 the filter. Everything is text that stands in the
//! program: nothing that anybody typed becomes part of a statement.

use tokio_postgres::types::ToSql;
use yoshi_protocol::AccountName;

use crate::clock::Clock;
use crate::filter::Filter;

/// The account's tasks, with their times on the reader's clock.
macro_rules! task {
    () => {
        "task AS (
    SELECT id, sender, recipients, position, kind, importance, state, states, status, needs_sender,
        unread, settled, received, sent, labels, own_labels, $3::bigint AS instant,
        $4::bigint AS tonight,
        coalesce(due_at + $2, due_civil, 9000000000000000) AS due_key,
        coalesce(start_at + $2, start_civil, 0) AS start_key,
        coalesce(snoozed_at + $2, snoozed_civil, 0) AS snooze_key
    FROM cached_task WHERE account = $1)"
    };
}

/// The group of a task in *For me*.
macro_rules! for_me_group {
    () => {
        "CASE WHEN state NOT IN ('needs_action', 'accepted', 'in_process') THEN 6
        WHEN snooze_key > instant THEN 4 WHEN start_key > instant THEN 5
        WHEN state = 'needs_action' THEN 0 WHEN due_key <= tonight THEN 1 WHEN state = 'in_process' THEN 2 ELSE 3 END"
    };
}

/// The group of a task in *Asked by me*.
macro_rules! asked_group {
    () => {
        "CASE WHEN needs_sender OR status = 'completed' AND unread THEN 0
        WHEN NOT settled THEN 1 ELSE 2 END"
    };
}

/// Whether a task is wanted. The state, $5, is each list's own matter.
macro_rules! filtered {
    () => {
        "($6::text IS NULL OR kind = $6) AND importance BETWEEN $7 AND $8
        AND due_key BETWEEN $9 AND $10
        AND ($11::text IS NULL OR sender = $11 OR $11 = ANY(recipients))
        AND ($12::text IS NULL OR $12 = ANY(labels) OR $12 = ANY(own_labels))"
    };
}

/// The rows of a page, which the statement has placed.
macro_rules! page_rows {
    () => {
        "
SELECT id, sender, title, kind, importance, due, labels, recipients, sent_at, rank, one, two, place,
    state, percent, states, unread, own_labels, comments
FROM page JOIN cached_task USING (id) WHERE account = $1
"
    };
}

pub(crate) use {asked_group, filtered, for_me_group, page_rows, task};

/// The parameters of these parts, $1 to $12.
pub(crate) struct Shared<'a> {
    account: &'a str,
    offset: i64,
    now: i64,
    tonight: i64,
    state: Option<&'static str>,
    kind: Option<&'static str>,
    importance: (i16, i16),
    due: (i64, i64),
    person: Option<&'a str>,
    label: Option<&'a str>,
}

impl<'a> Shared<'a> {
    pub(crate) fn new(account: &'a AccountName, clock: &Clock, filter: &'a Filter) -> Self {
        Self {
            account: account.as_str(),
            offset: clock.offset_millis(),
            now: clock.now_civil(),
            tonight: clock.end_of_today(),
            state: filter.state_name(),
            kind: filter.kind_name(),
            importance: filter.importance_between(),
            due: filter.due_between(clock),
            person: filter.person.as_deref(),
            label: filter.label.as_deref(),
        }
    }

    pub(crate) fn params(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.account,
            &self.offset,
            &self.now,
            &self.tonight,
            &self.state,
            &self.kind,
            &self.importance.0,
            &self.importance.1,
            &self.due.0,
            &self.due.1,
            &self.person,
            &self.label,
        ]
    }
}
