//! What must hold of registration servers.

use std::collections::BTreeMap;

use yoshi_protocol::{Epoch, ServerId};

use crate::message::Addr;
use crate::world::World;

impl World {
    /// I9, I10, I12 and I13 of the registration servers.
    pub(super) fn check_registrars(&self, wrong: &mut Vec<String>) {
        let first = &self.registrars[0].driver.disk.rows;
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
            let rows = &registrar.driver.disk.rows;
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
