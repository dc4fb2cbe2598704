//! The clients' history against the rows.

use std::collections::BTreeMap;

use message_server::rules::Proof;
use yoshi_protocol::{AccountName, Position, TaskId};

use super::Wrong;
use crate::history::{Deed, Item};
use crate::tasks::Tasks;
use crate::world::World;

/// What a database says of a task or change that a client was told of.
fn stored(rows: &Tasks, item: Item, at: Position) -> Option<Proof> {
    let (number, hash) = match item {
        Item::Task(id) => {
            let send = rows.sends.get(&at).filter(|send| send.id == id)?;
            (send.number, send.hash)
        }
        Item::Change(id) => {
            let change = rows.changes.get(&at).filter(|change| change.id == id)?;
            (change.number, change.hash)
        }
    };
    Some(Proof {
        number,
        position: at,
        hash,
    })
}

/// Where everything stands that had an effect.
fn places(rows: &Tasks) -> BTreeMap<Item, Position> {
    let sends = rows.sends.values();
    let sends = sends.map(|send| (Item::Task(send.id), send.position));
    let changes = rows.changes.values();
    let changes = changes.map(|change| (Item::Change(change.id), change.position));
    sends.chain(changes).collect()
}

impl World {
    pub(super) fn check_history(&self, wrong: &mut Wrong) {
        for (index, home) in self.homes.iter().enumerate() {
            self.check_acknowledged(index, &home.driver.disk.rows, wrong);
        }
        let rows = &self.homes[0].driver.disk.rows;
        let places = places(rows);
        self.check_invented(rows, &places, wrong);
        self.check_order(&places, wrong);
        self.check_queued(&places, wrong);
        self.check_seen(rows, wrong);
    }

    /// I1: what was acknowledged is on this server, where the receipt says.
    fn check_acknowledged(&self, index: usize, rows: &Tasks, wrong: &mut Wrong) {
        for (item, deed) in &self.history.deeds {
            let Some((_, proof)) = deed.done else {
                continue;
            };
            if stored(rows, *item, proof.position) != Some(proof) {
                let what = format!("server {index} has not {item:?} at {:?}", proof.position);
                wrong.push(("I1", what));
            }
            let listed = |name: &AccountName| {
                let inbox = rows.inbox.get(name);
                inbox.is_some_and(|inbox| inbox.get(&proof.position) == Some(&deed.task))
            };
            if matches!(item, Item::Task(_)) && !deed.concerns.iter().all(listed) {
                let what = format!("on server {index} a recipient does not see {item:?}");
                wrong.push(("I1", what));
            }
        }
    }

    /// I2: everything in the rows was asked for so.
    fn check_invented(&self, rows: &Tasks, places: &BTreeMap<Item, Position>, wrong: &mut Wrong) {
        for (item, position) in places {
            let same = |deed: &Deed| match item {
                Item::Task(_) => {
                    let send = &rows.sends[position];
                    send.content == deed.content && send.sender == deed.account
                }
                Item::Change(_) => {
                    let change = &rows.changes[position];
                    change.content == deed.content && change.account == deed.account
                }
            };
            let deed = self.history.deeds.get(item);
            if !deed.is_some_and(same) {
                wrong.push(("I2", format!("{item:?} was never asked for so")));
            }
            // Why a change was refused is not kept: a late copy of it may be done yet.
            let refused = deed.filter(|_| matches!(item, Item::Task(_)));
            if let Some(code) = refused.and_then(|deed| deed.refused) {
                wrong.push(("I2", format!("{item:?} was refused, {code}, and done")));
            }
        }
    }

    /// I5: what an account asks for later never precedes what was acknowledged before.
    fn check_order(&self, places: &BTreeMap<Item, Position>, wrong: &mut Wrong) {
        let mut by_account: BTreeMap<&AccountName, Vec<(Item, &Deed)>> = BTreeMap::new();
        for (item, deed) in &self.history.deeds {
            by_account
                .entry(&deed.account)
                .or_default()
                .push((*item, deed));
        }
        for deeds in by_account.values() {
            for (item, deed) in deeds {
                let Some((done, proof)) = deed.done else {
                    continue;
                };
                let overtook = |(other, later): &&(Item, &Deed)| {
                    let at = places.get(other);
                    later.invoked > done && at.is_some_and(|at| *at < proof.position)
                };
                if let Some((other, _)) = deeds.iter().find(overtook) {
                    let what =
                        format!("{other:?} stands before {item:?}, which was done before it");
                    wrong.push(("I5", what));
                }
            }
        }
    }

    /// What a server has taken into its outbox goes in, in the order in which
    /// it was taken; only its own loss loses it. What was asked for twice may be
    /// in two outboxes, or go in by neither, and sooner.
    fn check_queued(&self, places: &BTreeMap<Item, Position>, wrong: &mut Wrong) {
        let all = self.history.deeds.iter();
        let queued: Vec<_> = all
            .filter_map(|(item, deed)| Some((*item, deed, deed.queued?)))
            .filter(|(_, _, (_, server))| !self.history.wiped.contains(server))
            .collect();
        for (item, deed, (at, server)) in &queued {
            let Some(place) = places.get(item) else {
                wrong.push((
                    "I1",
                    format!("{item:?} was queued by {server}, and is lost"),
                ));
                continue;
            };
            let overtook = |(other, later, (_, by)): &&(Item, &Deed, (u64, _))| {
                let alone = later.tries == 1 && deed.tries == 1;
                let follows = later.account == deed.account && by == server && later.invoked > *at;
                alone && follows && places.get(other).is_some_and(|other| other < place)
            };
            if let Some((other, ..)) = queued.iter().find(overtook) {
                let what = format!("{other:?} left the outbox of {server} before {item:?}");
                wrong.push(("I5", what));
            }
        }
    }

    /// I6: an account's polls have shown every task as it stands up to where
    /// they reached, and nothing that was not there.
    fn check_seen(&self, rows: &Tasks, wrong: &mut Wrong) {
        for (account, seen) in &self.history.seen {
            let last: BTreeMap<TaskId, Position> =
                seen.shown.iter().map(|(at, id)| (*id, *at)).collect();
            let missed = rows
                .list(account, Position::ZERO)
                .find(|(at, id)| *at <= seen.reached && last.get(id) != Some(at));
            if let Some((at, id)) = missed {
                let what = format!("the polls of {account} did not show {id} at {at}");
                wrong.push(("I6", what));
            }
            let is_there = |(at, id): &&(Position, TaskId)| {
                let sent = rows.sends.get(at).is_some_and(|send| send.id == *id);
                let change = rows.changes.get(at).filter(|change| change.task == *id);
                sent || change.is_some_and(|change| !change.private || change.account == *account)
            };
            if let Some((at, id)) = seen.shown.iter().find(|shown| !is_there(shown)) {
                let what = format!("a poll showed {id} to {account} at {at}: nothing is there");
                wrong.push(("I6", what));
            }
        }
    }
}
