//! Holding what was read back to what was acknowledged. No I/O.

#[cfg(test)]
mod tests;
mod violation;

use std::collections::HashMap;

use yoshi_protocol::{Position, TaskId};

use crate::record::{Lists, Outcome, Record, Seen};
use crate::workload::Plan;
pub(crate) use violation::Violations;
use violation::{Found, View};

/// Compares the sends of a run with the lists of every account.
pub(crate) fn check(plan: Plan, records: &[Record], lists: &[Lists]) -> Violations {
    let mut violations = Violations::default();
    let known: HashMap<TaskId, &Record> =
        records.iter().map(|record| (record.id, record)).collect();
    let (received, sent) = expected(plan, records);
    for (account, lists) in (0_u32..).zip(lists) {
        let mut list = List {
            plan,
            account,
            known: &known,
            violations: &mut violations,
        };
        list.ascending(View::Inbox, &lists.inbox);
        list.matches(View::Inbox, &lists.inbox, &received[account as usize]);
        list.ascending(View::Sent, &lists.sent);
        list.matches(View::Sent, &lists.sent, &sent[account as usize]);
        list.numbers(&lists.sent);
        list.not_overtaken(&sent[account as usize]);
    }
    violations
}

type PerAccount<'a> = Vec<Vec<&'a Record>>;

/// The sends to each account, and those by it.
fn expected(plan: Plan, records: &[Record]) -> (PerAccount<'_>, PerAccount<'_>) {
    let mut received = vec![Vec::new(); plan.accounts() as usize];
    let mut sent = received.clone();
    for record in records {
        sent[record.sender as usize].push(record);
        for recipient in plan.recipients_of_record(record) {
            received[recipient as usize].push(record);
        }
    }
    (received, sent)
}

/// The checks of one account.
struct List<'a> {
    plan: Plan,
    account: u32,
    known: &'a HashMap<TaskId, &'a Record>,
    violations: &'a mut Violations,
}

impl List<'_> {
    fn found(&mut self, view: View, task: TaskId, found: Found) {
        self.violations.add(self.account, view, task, found);
    }

    /// I6: positions strictly increase.
    fn ascending(&mut self, view: View, list: &[Seen]) {
        for pair in list.windows(2) {
            if pair[1].changed <= pair[0].changed {
                self.found(view, pair[1].id, Found::OutOfOrder);
            }
        }
    }

    /// I1 to I3: every acknowledged task once, no task twice, none that was
    /// refused, never made or meant for another, and each as its receipt says.
    fn matches(&mut self, view: View, list: &[Seen], expected: &[&Record]) {
        let mut at: HashMap<TaskId, Position> = HashMap::with_capacity(list.len());
        for seen in list {
            if at.insert(seen.id, seen.position).is_some() {
                self.found(view, seen.id, Found::Doubled);
            }
            match self.known.get(&seen.id) {
                Some(record) => self.as_sent(view, seen, record),
                None if seen.marked => self.found(view, seen.id, Found::NeverSent),
                // Of an earlier run.
                None => {}
            }
        }
        for record in expected {
            let accounted = matches!(record.outcome, Outcome::Accounted { .. });
            if accounted && !at.contains_key(&record.id) {
                self.found(view, record.id, Found::Missing);
            }
        }
    }

    fn as_sent(&mut self, view: View, seen: &Seen, record: &Record) {
        let belongs = match view {
            View::Sent => record.sender == self.account,
            View::Inbox => self
                .plan
                .recipients_of_record(record)
                .any(|recipient| recipient == self.account),
        };
        if !belongs {
            self.found(view, seen.id, Found::Misdelivered);
        }
        match record.outcome {
            Outcome::Accounted { number, position } => {
                if (seen.number, seen.position) != (number, position) {
                    self.found(view, seen.id, Found::NotAsReceipt);
                }
            }
            Outcome::Refused => self.found(view, seen.id, Found::Refused),
            Outcome::Queued | Outcome::Unclear => {}
        }
    }

    /// I4: a sender's numbers count 1, 2, 3 … in the order of the log.
    fn numbers(&mut self, sent: &[Seen]) {
        let mut by_position: Vec<_> = sent.iter().collect();
        by_position.sort_by_key(|seen| seen.position);
        by_position.dedup_by_key(|seen| seen.id);
        for (expected, seen) in (1..).zip(by_position) {
            if seen.number != expected {
                let number = seen.number;
                self.found(View::Sent, seen.id, Found::Gap { expected, number });
                // The ones after it are off by as much: one report is enough.
                return;
            }
        }
    }

    /// I5: a task that was sent after another one's success was reported stands after it.
    fn not_overtaken(&mut self, sent: &[&Record]) {
        let accounted: Vec<_> = sent
            .iter()
            .filter_map(|record| match record.outcome {
                Outcome::Accounted { position, .. } => Some((*record, position)),
                Outcome::Queued | Outcome::Unclear | Outcome::Refused => None,
            })
            .collect();
        let mut by_issue = accounted.clone();
        by_issue.sort_by_key(|(record, _)| record.issued);
        let mut by_end = accounted;
        by_end.sort_by_key(|(record, _)| record.ended);
        let mut ended = by_end.into_iter().peekable();
        // The highest position among those whose success was reported before.
        let mut highest = Position::ZERO;
        for (record, position) in by_issue {
            while let Some((_, earlier)) = ended.next_if(|(other, _)| other.ended < record.issued) {
                highest = highest.max(earlier);
            }
            if position <= highest {
                self.found(View::Sent, record.id, Found::Overtaken);
            }
        }
    }
}
