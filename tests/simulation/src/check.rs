//! What must hold at the end of a run: the clients' history against the
//! databases, and the databases against each other (DESIGN section 10).

mod history;
mod registrars;
mod rows;

use std::collections::BTreeMap;

use message_server::machine;
use yoshi_protocol::message::roster::MsState;
use yoshi_protocol::{AccountName, Epoch, Position, ServerId};

use crate::history::Item;
use crate::message::{Addr, Decoded, Value};
use crate::world::World;

/// What is wrong: which invariant, and how.
type Wrong = Vec<(&'static str, String)>;

impl World {
    /// Checks everything that can be checked at rest.
    pub(crate) fn check(&mut self) {
        if self.plan.servers > 0 {
            let mut wrong = Vec::new();
            self.check_servers(&mut wrong);
            self.check_history(&mut wrong);
            self.check_homes(&mut wrong);
            for (invariant, what) in wrong {
                self.history.violated(invariant, what);
            }
        } else {
            let mut wrong = Vec::new();
            self.check_registrars(&mut wrong);
            self.ledger.violations.extend(wrong);
        }
    }

    /// I12 and I13: everybody serves again, and all databases are equal; and
    /// what each database must be by itself.
    fn check_servers(&self, wrong: &mut Wrong) {
        let now = self.schedule.now();
        for (index, home) in self.homes.iter().enumerate() {
            let clock = self.machines[&Addr::Ms(index)].clock;
            let state = home.state(clock.instant(now));
            if state != Some(MsState::Serving) {
                let replica = home.driver.replica.as_ref();
                let standing = replica.map(|replica| (replica.standing.clone(), replica.doing()));
                wrong.push(("I12", format!("server {index} is {state:?}, {standing:?}")));
            }
            let (own, first) = (&home.driver.disk.rows, &self.homes[0].driver.disk.rows);
            rows::check(index, own, wrong);
            for (invariant, what, differ) in [
                ("I4", "tasks", own.sends != first.sends),
                ("I4", "inboxes", own.inbox != first.inbox),
                ("I4", "changes", own.changes != first.changes),
                ("I4", "lists", own.lists != first.lists),
                ("I13", "tasks' states", own.tasks != first.tasks),
                ("I13", "accounts", own.accounts != first.accounts),
            ] {
                if differ {
                    let what = format!("the {what} of servers 0 and {index} differ");
                    wrong.push((invariant, what));
                }
            }
        }
        for client in &self.clients {
            for item in client.last_tasks() {
                let done = item.is_some_and(|item| self.history.deeds[&item].done.is_some());
                if !done {
                    wrong.push((
                        "I12",
                        format!("the last task of a client, {item:?}, was not accounted for"),
                    ));
                }
            }
        }
    }

    /// I11: an account has one home in an epoch, and a lower epoch adds nothing
    /// after a higher one. By the log's own bytes, whatever the servers made of them.
    fn check_homes(&self, wrong: &mut Wrong) {
        // A log that lost its end may have given out a sequence twice: of the
        // entries at a position, the one with this id is meant.
        let mut raw: BTreeMap<(Position, Item), (Epoch, ServerId)> = BTreeMap::new();
        for block in &self.tasks.archive {
            for (position, decoded) in &block.entries {
                let (item, epoch) = match decoded {
                    Decoded::Task(entry) => match &**entry {
                        machine::Decoded::Send(entry) => (Item::Task(entry.task.id), entry.epoch),
                        machine::Decoded::Change(entry) => {
                            (Item::Change(entry.change.id), entry.epoch)
                        }
                        machine::Decoded::Unreadable => continue,
                    },
                    Decoded::Account(_) => continue,
                };
                raw.insert((*position, item), (epoch, block.root));
            }
        }
        let mut highest: BTreeMap<&AccountName, Epoch> = BTreeMap::new();
        let mut roots: BTreeMap<(&AccountName, Epoch), ServerId> = BTreeMap::new();
        let rows = &self.homes[0].driver.disk.rows;
        for (position, (account, _)) in rows::entries(rows) {
            let item = rows::item(rows, position);
            let found = item.and_then(|item| raw.get(&(position, item)).copied());
            let Some((epoch, root)) = found else {
                let what = format!("what stands at {position}, {item:?}, was in no block");
                wrong.push(("I2", what));
                continue;
            };
            let highest = highest.entry(account).or_insert(epoch);
            if epoch < *highest {
                wrong.push((
                    "I11",
                    format!("what stands at {position} was taken in epoch {epoch} after {highest}"),
                ));
            }
            *highest = epoch.max(*highest);
            let first = *roots.entry((account, epoch)).or_insert(root);
            if first != root {
                wrong.push((
                    "I11",
                    format!("{first} and {root} are homes of {account} in {epoch}"),
                ));
            }
        }
        let mut written: BTreeMap<(&String, Epoch), ServerId> = BTreeMap::new();
        for (key, value) in &self.bucket.written {
            if let Value::Affinity(home) = value {
                let first = *written.entry((key, home.epoch)).or_insert(home.server);
                if first != home.server {
                    wrong.push((
                        "I11",
                        format!("two homes of {key} were assigned in {}", home.epoch),
                    ));
                }
            }
        }
    }
}
