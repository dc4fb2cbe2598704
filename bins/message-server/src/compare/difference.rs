//! Where a neighbour's rows and this server's stand otherwise. Pure.

use std::collections::HashMap;

use yoshi_protocol::message::operate::{AccountSample, CompareMs, Compared, TaskSample};
use yoshi_protocol::{AccountName, Position, TaskId};

use super::sample;
use crate::store::compare::{AccountRow, Rows, TaskRow};

/// Samples of rows, by the word of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// Of tasks.
    pub tasks: Vec<TaskSample>,
    /// Of accounts.
    pub accounts: Vec<AccountSample>,
}

impl Claims {
    /// What a server says of its rows. It has found no flaw in them, so that
    /// each can be told of.
    #[must_use]
    pub fn of(rows: &Rows) -> Self {
        Self {
            tasks: rows.tasks.iter().filter_map(sample::task).collect(),
            accounts: rows.accounts.iter().filter_map(sample::account).collect(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.accounts.is_empty()
    }

    /// Those that an answer names.
    #[must_use]
    pub fn named_in(mut self, answer: &Compared) -> Self {
        self.tasks.retain(|task| answer.tasks.contains(&task.id));
        self.accounts
            .retain(|account| answer.accounts.contains(&account.name));
        self
    }

    /// For people: the first of them, and how many more.
    #[must_use]
    pub fn words(&self) -> String {
        let task = self.tasks.first().map(|task| format!("task {}", task.id));
        let account = self.accounts.first();
        let account = account.map(|account| format!("account {}", account.name));
        let first = task.or(account).unwrap_or_else(|| "nothing".to_owned());
        match (self.tasks.len() + self.accounts.len()).saturating_sub(1) {
            0 => first,
            more => format!("{first} and {more} more rows"),
        }
    }
}

/// Which of the asker's rows stand otherwise here. What changed here after the
/// asker's position is no difference; what the asker must have is one, also if
/// it is missing here. This server must be at or past that position.
#[must_use]
pub fn differences(asked: &CompareMs, rows: &Rows) -> Compared {
    let tasks: HashMap<TaskId, &TaskRow> =
        rows.tasks.iter().map(|row| (TaskId(row.id), row)).collect();
    let accounts: HashMap<&str, &AccountRow> = rows
        .accounts
        .iter()
        .map(|row| (row.name.as_str(), row))
        .collect();
    let task_differs = |claim: &&TaskSample| {
        let row = tasks.get(&claim.id);
        row.is_none_or(|row| task_differs(claim, row, asked.applied))
    };
    let account_differs = |claim: &&AccountSample| {
        let row = accounts.get(claim.name.as_str());
        row.is_none_or(|row| account_differs(claim, row))
    };
    let tasks = asked.tasks.iter().filter(task_differs);
    let accounts = asked.accounts.iter().filter(account_differs);
    Compared {
        tasks: tasks.map(|claim| claim.id).collect(),
        accounts: accounts.map(|claim| claim.name.clone()).collect(),
    }
}

fn task_differs(claim: &TaskSample, row: &TaskRow, applied: Position) -> bool {
    row.latest() <= applied.to_i64() && sample::task(row).as_ref() != Some(claim)
}

fn account_differs(claim: &AccountSample, row: &AccountRow) -> bool {
    // An account with a higher number has gone on; its earlier heads stand in
    // its tasks, which are compared as well.
    let gone_on = u64::try_from(row.number).is_ok_and(|number| number > claim.number);
    !gone_on && sample::account(row).as_ref() != Some(claim)
}

/// What is to be asked of the others about rows that are suspect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// This server's word, where it has the row.
    pub own: Claims,
    /// The other's word, where this server lacks the row.
    pub foreign: Claims,
}

impl Question {
    /// The question about `claims`, which another server made at its position
    /// `theirs`, or which are this server's own. `rows` are this server's.
    #[must_use]
    pub fn about(claims: &Claims, theirs: Option<Position>, rows: &Rows) -> Self {
        let mut question = Self::default();
        for claim in &claims.tasks {
            match rows.tasks.iter().find(|row| row.id == claim.id.0) {
                Some(row) if theirs.is_some_and(|at| !task_differs(claim, row, at)) => {}
                Some(row) => question.own.tasks.extend(sample::task(row)),
                None => question.foreign.tasks.push(*claim),
            }
        }
        for claim in &claims.accounts {
            let own = |row: &&AccountRow| row.name == claim.name.as_str();
            match rows.accounts.iter().find(own) {
                Some(row) if theirs.is_some() && !account_differs(claim, row) => {}
                Some(row) => question.own.accounts.extend(sample::account(row)),
                None => question.foreign.accounts.push(claim.clone()),
            }
        }
        question
    }

    /// Everything that is asked, as one message holds it.
    #[must_use]
    pub fn claims(&self) -> Claims {
        let mut all = self.own.clone();
        all.tasks.extend(&self.foreign.tasks);
        all.accounts.extend(self.foreign.accounts.iter().cloned());
        all
    }

    /// For each row, whether the answer holds with this server.
    pub fn with_us(&self, answer: &Compared) -> impl Iterator<Item = bool> {
        let task = |id: &TaskId| answer.tasks.contains(id);
        let account = |name: &AccountName| answer.accounts.contains(name);
        let own_tasks = self.own.tasks.iter().map(move |claim| !task(&claim.id));
        let own_accounts = self.own.accounts.iter();
        let own_accounts = own_accounts.map(move |claim| !account(&claim.name));
        let foreign_tasks = self.foreign.tasks.iter().map(move |claim| task(&claim.id));
        let foreign_accounts = self.foreign.accounts.iter();
        let foreign_accounts = foreign_accounts.map(move |claim| account(&claim.name));
        own_tasks
            .chain(own_accounts)
            .chain(foreign_tasks)
            .chain(foreign_accounts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yoshi_protocol::message::operate::DIGEST_VERSION;
    use yoshi_protocol::{Incarnation, ServerId};

    fn task(id: u128, changed: i64) -> TaskRow {
        TaskRow {
            id: uuid::Uuid::from_u128(id),
            sender: "ana".into(),
            number: 1,
            position: 1024,
            changed,
            epoch: 5,
            sent_at: 9,
            hash: vec![7; 32],
            content: b"content".to_vec(),
            previous: None,
            revised: None,
            standing: [0; 6],
            public: 1024,
            actor: "ana".into(),
            asks: Vec::new(),
            notes: Vec::new(),
            changes: Vec::new(),
            chained: true,
        }
    }

    fn account(name: &str, number: i64) -> AccountRow {
        AccountRow {
            name: name.into(),
            epoch: 5,
            number,
            head: vec![7; 32],
            latest_position: None,
            latest: None,
            entries: Some(number),
        }
    }

    fn rows(tasks: Vec<TaskRow>, accounts: Vec<AccountRow>) -> Rows {
        Rows {
            stream: Incarnation(uuid::Uuid::nil()),
            applied: Position(5_000),
            tasks,
            accounts,
        }
    }

    fn asked(rows: &Rows) -> CompareMs {
        let Claims { tasks, accounts } = Claims::of(rows);
        CompareMs {
            id: ServerId::random(),
            tasks,
            stream: rows.stream,
            applied: rows.applied,
            version: DIGEST_VERSION,
            accounts,
        }
    }

    fn found(mine: &Rows, theirs: &Rows) -> (usize, usize) {
        let found = differences(&asked(mine), theirs);
        (found.tasks.len(), found.accounts.len())
    }

    #[test]
    fn equal_and_later_rows_are_no_difference() {
        let mine = rows(vec![task(1, 1024)], vec![account("ana", 3)]);
        assert_eq!(found(&mine, &mine), (0, 0));
        let later = rows(vec![task(1, 5_001)], vec![account("ana", 4)]);
        assert_eq!(found(&mine, &later), (0, 0));
    }

    #[test]
    fn other_missing_and_earlier_rows_are() {
        let mine = rows(vec![task(1, 1024)], vec![account("ana", 3)]);
        assert_eq!(found(&mine, &rows(Vec::new(), Vec::new())), (1, 1));
        let mut other = mine.clone();
        other.tasks[0].content[0] ^= 1;
        other.accounts[0].head[0] ^= 1;
        assert_eq!(found(&mine, &other), (1, 1));
        let earlier = rows(vec![task(1, 1023)], vec![account("ana", 2)]);
        assert_eq!(found(&mine, &earlier), (1, 1));
        // Changed before the asker's position, and the asker does not have it.
        let missed = rows(vec![task(1, 4_999)], vec![account("ana", 3)]);
        assert_eq!(found(&mine, &missed), (1, 0));
    }

    #[test]
    fn a_row_that_this_server_lacks_is_asked_about_in_the_others_words() {
        let theirs = rows(vec![task(1, 1024), task(2, 1024)], Vec::new());
        let mut mine = rows(vec![task(1, 1024), task(3, 1024)], Vec::new());
        mine.tasks[0].sent_at = 1;
        let question = Question::about(&Claims::of(&theirs), Some(theirs.applied), &mine);
        assert_eq!(question.own.tasks, [sample::task(&mine.tasks[0]).unwrap()]);
        assert_eq!(
            question.foreign.tasks,
            [sample::task(&theirs.tasks[1]).unwrap()]
        );
        // A third server that has what the other has is against us in both.
        let asked = CompareMs {
            tasks: question.claims().tasks,
            ..asked(&mine)
        };
        let third = differences(&asked, &theirs);
        assert_eq!(question.with_us(&third).collect::<Vec<_>>(), [false, false]);
        let alike = differences(&asked, &mine);
        assert_eq!(question.with_us(&alike).collect::<Vec<_>>(), [true, true]);
    }

    #[test]
    fn what_differs_no_more_is_not_asked_about() {
        let mine = rows(vec![task(1, 1024)], vec![account("ana", 3)]);
        let question = Question::about(&Claims::of(&mine), Some(mine.applied), &mine);
        assert!(question.claims().is_empty());
        let own = Question::about(&Claims::of(&mine), None, &mine);
        assert_eq!(own.claims(), Claims::of(&mine));
    }
}
