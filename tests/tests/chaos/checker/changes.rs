//! Changes of tasks: none lost (I1), invented (I2) or doubled (I3), the same
//! everywhere (I4), and of tasks that are there (I7). Their numbers: `order`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::sends::{Accounted, Sends, succeed};
use super::{Harm, Violation};
use crate::history::{Call, Outcome, Record};
use crate::rest::{MessageServer, Rest};

/// A change as its account knows it, all tries together.
#[derive(Debug)]
pub(crate) struct Change {
    account: String,
    /// The task's payload.
    task: String,
    what: String,
    pub(super) invoked: Duration,
    /// The first success.
    pub(super) accounted: Option<Accounted>,
    /// Every try was refused.
    refused: bool,
}

/// All changes of a history, by id.
#[derive(Debug, Default)]
pub(crate) struct Changes(pub(super) HashMap<String, Change>);

impl Changes {
    /// Joins the tries of each change.
    pub(crate) fn collect(records: &[Record], found: &mut Vec<Violation>) -> Self {
        let mut changes = HashMap::new();
        for record in records {
            let Call::Change {
                account,
                task,
                id,
                what,
            } = &record.call
            else {
                continue;
            };
            let change = changes.entry(id.clone()).or_insert_with(|| Change {
                account: account.clone(),
                task: task.clone(),
                what: what.clone(),
                invoked: record.invoked,
                accounted: None,
                refused: true,
            });
            change.refused &= matches!(record.outcome, Outcome::Fail { .. });
            succeed(&mut change.accounted, record, id, found);
        }
        Self(changes)
    }

    pub(crate) fn check(
        &self,
        records: &[Record],
        sends: &Sends,
        rest: &Rest,
        found: &mut Vec<Violation>,
    ) {
        for (name, server) in &rest.message_servers {
            self.none_lost(name, server, found);
            self.rows(name, server, found);
        }
        the_same(rest, found);
        tasks_are_there(records, sends, found);
    }

    fn none_lost(&self, name: &str, server: &MessageServer, found: &mut Vec<Violation>) {
        let held: HashSet<&str> = server.changes.iter().map(|row| &*row.id).collect();
        for (id, change) in &self.0 {
            let Some(ok) = &change.accounted else {
                continue;
            };
            if !held.contains(&**id) {
                let text = format!(
                    "{name}: the change {id} of {}, accounted for at {}, has no row",
                    change.task, ok.position
                );
                found.push(Violation::new("I1", Harm::Lost, text));
            }
        }
    }

    /// Each row was asked for, once, and receipts say what the rows say.
    fn rows(&self, name: &str, server: &MessageServer, found: &mut Vec<Violation>) {
        let mut once = HashSet::new();
        for row in &server.changes {
            let change = self.0.get(&row.id);
            let wrong = match change {
                None => Some("was never asked for".to_owned()),
                Some(change) if change.refused => Some("was refused".to_owned()),
                Some(change)
                    if (&change.account, &change.task, &change.what)
                        != (&row.account, &row.task, &row.what) =>
                {
                    Some(format!("was asked for as {change:?}"))
                }
                Some(_) => None,
            };
            if let Some(wrong) = wrong {
                let text = format!("{name}: {row:?} {wrong}");
                found.push(Violation::new("I2", Harm::Other, text));
            }
            if !once.insert(&row.id) {
                let text = format!("{name}: two rows of the change {}", row.id);
                found.push(Violation::new("I3", Harm::Doubled, text));
            }
            let receipt = change.and_then(|change| change.accounted.as_ref());
            if let Some(receipt) = receipt
                && !receipt.is(row.number, row.position, &row.hash)
            {
                let text = format!("{name}: {receipt:?}, but {row:?}");
                found.push(Violation::new("I4", Harm::Reordered, text));
            }
        }
    }
}

/// The rows of changes are the same on every server.
fn the_same(rest: &Rest, found: &mut Vec<Violation>) {
    let mut servers = rest.message_servers.iter();
    let Some((first_name, first)) = servers.next() else {
        return;
    };
    for (name, server) in servers {
        if server.changes != first.changes {
            let pairs = first.changes.iter().zip(&server.changes);
            let differs = pairs.clone().position(|(one, other)| one != other);
            // One may end where the other goes on.
            let at = differs.unwrap_or(pairs.len());
            let text = format!(
                "the changes on {first_name} and {name} differ from the one after {at} others on: \
                 {:?} and {:?}",
                first.changes.get(at),
                server.changes.get(at)
            );
            found.push(Violation::new("I4", Harm::Reordered, text));
        }
    }
}

/// A task that was accounted for before it was to be changed is found.
fn tasks_are_there(records: &[Record], sends: &Sends, found: &mut Vec<Violation>) {
    for record in records {
        let (Call::Change { task, id, .. }, Outcome::Fail { code }) =
            (&record.call, &record.outcome)
        else {
            continue;
        };
        let sent = sends.0.get(task).and_then(|send| send.accounted.as_ref());
        if code == "not_found"
            && let Some(ok) = sent
            && ok.at < record.invoked
        {
            let text = format!(
                "the change {id} did not find {task}, which was accounted for at {}",
                ok.position
            );
            found.push(Violation::new("I7", Harm::Lost, text));
        }
    }
}
