//! What must hold at the end of a run: the clients' history against the
//! databases, and the databases against each other (DESIGN section 10).

use std::collections::{BTreeMap, BTreeSet};

use message_server::rules::Send;
use yoshi_protocol::message::roster::MsState;
use yoshi_protocol::{AccountName, Epoch, Position, ServerId, TaskId};

use crate::message::{Addr, Decoded, Value};
use crate::tasks::Tasks;
use crate::world::World;

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
    fn check_servers(&self, wrong: &mut Vec<(&'static str, String)>) {
        let now = self.schedule.now();
        for (index, home) in self.homes.iter().enumerate() {
            let clock = self.machines[&Addr::Ms(index)].clock;
            let state = home.state(clock.instant(now));
            if state != Some(MsState::Serving) {
                let standing = home
                    .process
                    .as_ref()
                    .map(|process| (process.replica.standing.clone(), process.replica.doing()));
                wrong.push(("I12", format!("server {index} is {state:?}, {standing:?}")));
            }
            check_rows(index, &home.disk.rows, wrong);
            if home.disk.rows.sends != self.homes[0].disk.rows.sends {
                wrong.push(("I4", format!("the tasks of servers 0 and {index} differ")));
            }
            if home.disk.rows.inbox != self.homes[0].disk.rows.inbox {
                wrong.push(("I4", format!("the inboxes of servers 0 and {index} differ")));
            }
            if home.disk.rows.accounts != self.homes[0].disk.rows.accounts {
                wrong.push((
                    "I13",
                    format!("the accounts of servers 0 and {index} differ"),
                ));
            }
        }
        for client in &self.clients {
            for id in client.last_tasks() {
                let done = id.is_some_and(|id| self.history.sends[&id].done.is_some());
                if !done {
                    wrong.push((
                        "I12",
                        format!("the last task of a client, {id:?}, was not accounted for"),
                    ));
                }
            }
        }
    }

    /// I1, I2, I5 and I6: the history against the rows.
    fn check_history(&self, wrong: &mut Vec<(&'static str, String)>) {
        let rows = &self.homes[0].disk.rows;
        for (index, home) in self.homes.iter().enumerate() {
            for (id, sent) in &self.history.sends {
                let Some((_, proof)) = sent.done else {
                    continue;
                };
                let row = home.disk.rows.sends.get(&proof.position);
                let same =
                    |row: &Send| (row.id, row.number, row.hash) == (*id, proof.number, proof.hash);
                if !row.is_some_and(same) {
                    wrong.push((
                        "I1",
                        format!("server {index} has not {id} at {:?}", proof.position),
                    ));
                }
                let listed = |name: &AccountName| {
                    let inbox = home.disk.rows.inbox.get(name);
                    inbox.is_some_and(|inbox| inbox.get(&proof.position) == Some(id))
                };
                if !sent.recipients.iter().all(listed) {
                    wrong.push((
                        "I1",
                        format!("on server {index} a recipient does not see {id}"),
                    ));
                }
            }
        }
        for send in rows.sends.values() {
            let known = self.history.sends.get(&send.id);
            let known = known
                .is_some_and(|sent| sent.content == send.content && sent.sender == send.sender);
            if !known {
                wrong.push(("I2", format!("{} was never sent so", send.id)));
            }
        }
        self.check_order(wrong);
        for (account, (seen, cursor)) in &self.history.seen {
            let inbox = rows.inbox.get(account).cloned().unwrap_or_default();
            let due: Vec<_> = inbox
                .into_iter()
                .take_while(|(position, _)| position <= cursor)
                .collect();
            if due != *seen {
                wrong.push((
                    "I6",
                    format!("the polls of {account} showed {seen:?} of {due:?}"),
                ));
            }
        }
    }

    /// I5: a sender's later task never precedes an earlier acknowledged one.
    fn check_order(&self, wrong: &mut Vec<(&'static str, String)>) {
        let rows = &self.homes[0].disk.rows;
        for (id, sent) in &self.history.sends {
            let Some((done, proof)) = sent.done else {
                continue;
            };
            let later = self
                .history
                .sends
                .iter()
                .filter(|(_, other)| other.sender == sent.sender && other.invoked > done);
            for (other, _) in later {
                let overtook = rows
                    .sends
                    .range(..proof.position)
                    .any(|(_, send)| send.id == *other);
                if overtook {
                    wrong.push((
                        "I5",
                        format!("{other} stands before {id}, which was done before it was sent"),
                    ));
                }
            }
        }
    }

    /// I11: an account has one home in an epoch, and a lower epoch adds nothing
    /// after a higher one. By the log's own bytes, whatever the servers made of them.
    fn check_homes(&self, wrong: &mut Vec<(&'static str, String)>) {
        let mut raw: BTreeMap<Position, (Epoch, ServerId)> = BTreeMap::new();
        for block in &self.tasks.archive {
            for (position, decoded) in &block.entries {
                if let Decoded::Task(Some(entry)) = decoded {
                    raw.insert(*position, (entry.epoch, block.root));
                }
            }
        }
        let mut highest: BTreeMap<&AccountName, Epoch> = BTreeMap::new();
        let mut roots: BTreeMap<(&AccountName, Epoch), ServerId> = BTreeMap::new();
        for (position, send) in &self.homes[0].disk.rows.sends {
            let Some((epoch, root)) = raw.get(position).copied() else {
                continue;
            };
            let highest = highest.entry(&send.sender).or_insert(epoch);
            if epoch < *highest {
                wrong.push((
                    "I11",
                    format!("{} was taken in epoch {epoch} after {highest}", send.id),
                ));
            }
            *highest = epoch.max(*highest);
            let first = *roots.entry((&send.sender, epoch)).or_insert(root);
            if first != root {
                wrong.push((
                    "I11",
                    format!("{first} and {root} are homes of {} in {epoch}", send.sender),
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

    /// I9, I10, I12 and I13 of the registration servers.
    fn check_registrars(&self, wrong: &mut Vec<String>) {
        let first = &self.registrars[0].disk.rows;
        let mut primary = Epoch(0);
        let mut claims: BTreeMap<Epoch, ServerId> = BTreeMap::new();
        for (position, entry) in &first.log {
            if let yoshi_protocol::message::log::AccountOp::Primary(server) = &entry.op {
                if entry.epoch <= primary || claims.insert(entry.epoch, *server).is_some() {
                    wrong.push(format!(
                        "I10: epoch {} was claimed at {position} after {primary}",
                        entry.epoch
                    ));
                }
                primary = entry.epoch;
            } else if entry.epoch != primary {
                wrong.push(format!(
                    "I10: an entry of epoch {} was taken in {primary}",
                    entry.epoch
                ));
            }
        }
        for (index, registrar) in self.registrars.iter().enumerate() {
            let rows = &registrar.disk.rows;
            if rows.log != first.log || rows.accounts != first.accounts {
                wrong.push(format!("I13: registration servers 0 and {index} differ"));
            }
            for (account, password) in &self.ledger.passwords {
                let open = self.ledger.open.get(account);
                let has = |password: &u64| {
                    rows.accounts
                        .get(account)
                        .is_some_and(|row| row.password_hash == format!("p{password}"))
                };
                if !has(password) && !open.is_some_and(has) {
                    wrong.push(format!(
                        "I9: on server {index} {account} has not password {password}"
                    ));
                }
            }
        }
        if self.people.iter().any(|person| !person.finished) {
            wrong.push("I12: a last change of a password was not done".to_owned());
        }
    }

    /// I10, at any moment: no two registration servers answer as primary.
    pub(crate) fn check_primaries(&mut self) {
        let now = self.schedule.now();
        let reigning = self
            .registrars
            .iter()
            .enumerate()
            .filter(|(index, registrar)| {
                let machine = &self.machines[&Addr::Rs(*index)];
                !machine.paused
                    && registrar
                        .primary_epoch(machine.clock.instant(now))
                        .is_some()
            });
        let reigning: Vec<_> = reigning.map(|(index, _)| index).collect();
        if reigning.len() > 1 && self.ledger.violations.len() < 20 {
            self.ledger
                .violations
                .push(format!("I10: {reigning:?} are primary at {now}"));
        }
    }
}

/// I3, I4 and I8 of one database: each task once, numbers without a gap in the
/// order of the log, and every recipient or none.
fn check_rows(index: usize, rows: &Tasks, wrong: &mut Vec<(&'static str, String)>) {
    let mut ids: BTreeSet<TaskId> = BTreeSet::new();
    let mut numbers: BTreeMap<&AccountName, u64> = BTreeMap::new();
    for send in rows.sends.values() {
        if !ids.insert(send.id) {
            wrong.push(("I3", format!("server {index} has {} twice", send.id)));
        }
        let number = numbers.entry(&send.sender).or_default();
        *number += 1;
        if send.number != *number {
            wrong.push((
                "I4",
                format!(
                    "server {index} has {} of {} where {number} is due",
                    send.number, send.sender
                ),
            ));
        }
        let asked = rows.asked(send);
        if asked != send.recipients.len() {
            wrong.push((
                "I8",
                format!(
                    "server {index} shows {} to {asked} of {}",
                    send.id,
                    send.recipients.len()
                ),
            ));
        }
    }
}
