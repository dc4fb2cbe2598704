//! Tasks: none lost (I1), invented (I2) or doubled (I3), one order everywhere
//! (I4), to all recipients or none (I8). The order of their sends: `order`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::{Harm, Violation};
use crate::history::{Call, Outcome, Record, Seen};
use crate::rest::{MessageServer, Rest};

/// A task as its sender knows it, all tries together.
#[derive(Debug)]
pub(crate) struct Send {
    pub(crate) account: String,
    pub(crate) to: Vec<String>,
    pub(super) invoked: Duration,
    /// The first success.
    pub(crate) accounted: Option<Accounted>,
    queued: bool,
    /// Every try was refused.
    refused: bool,
}

/// A success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accounted {
    pub(crate) at: Duration,
    pub(super) number: u64,
    pub(crate) position: u64,
    pub(super) hash: String,
}

/// Adds what came of one more try to what is known. Two successes must be the same one.
pub(super) fn succeed(
    known: &mut Option<Accounted>,
    record: &Record,
    name: &str,
    found: &mut Vec<Violation>,
) {
    let Some((number, position, hash)) = record.outcome.receipt() else {
        return;
    };
    let again = Accounted {
        at: record.ended,
        number,
        position,
        hash: hash.to_owned(),
    };
    let Some(first) = known else {
        *known = Some(again);
        return;
    };
    first.at = first.at.min(again.at);
    if !first.is(number, position, hash) {
        let text = format!("{name}: a retry's receipt differs: {first:?}, {again:?}");
        found.push(Violation::new("I3", Harm::Doubled, text));
    }
}

impl Accounted {
    /// Whether it says the same.
    pub(super) fn is(&self, number: u64, position: u64, hash: &str) -> bool {
        (self.number, self.position, &*self.hash) == (number, position, hash)
    }
}

/// All sends of a history, by payload.
#[derive(Debug, Default)]
pub(crate) struct Sends(pub(crate) HashMap<String, Send>);

impl Sends {
    /// Joins the tries of each task.
    pub(crate) fn collect(records: &[Record], found: &mut Vec<Violation>) -> Self {
        let mut sends = HashMap::new();
        for record in records {
            let Call::Send {
                account,
                payload,
                to,
            } = &record.call
            else {
                continue;
            };
            let send = sends.entry(payload.clone()).or_insert_with(|| Send {
                account: account.clone(),
                to: to.clone(),
                invoked: record.invoked,
                accounted: None,
                queued: false,
                refused: true,
            });
            send.refused &= matches!(record.outcome, Outcome::Fail { .. });
            send.queued |= matches!(record.outcome, Outcome::Queued { .. });
            succeed(&mut send.accounted, record, payload, found);
        }
        Self(sends)
    }

    /// Whether a task that was read may be read, and there.
    pub(crate) fn check_seen(&self, place: &str, account: &str, seen: &Seen) -> Option<Violation> {
        let wrong = match self.0.get(&seen.payload) {
            None => "was never sent".to_owned(),
            Some(send) if send.refused => "was refused".to_owned(),
            Some(send) if send.account != seen.sender => format!("was sent by {}", send.account),
            Some(send) if !send.to.iter().any(|to| to == account) => {
                "was not sent to it".to_owned()
            }
            Some(send) if send.to != seen.recipients => format!("was sent to {:?}", send.to),
            Some(_) => return None,
        };
        let text = format!("{place}: {account} reads {}, which {wrong}", seen.payload);
        Some(Violation::new("I2", Harm::Other, text))
    }

    pub(crate) fn check(&self, rest: &Rest, found: &mut Vec<Violation>) {
        for (name, server) in &rest.message_servers {
            self.none_lost(name, server, rest.wiped, found);
            self.none_invented_or_doubled(name, server, found);
            self.rows(name, server, found);
            all_or_none(name, server, found);
        }
        one_order(rest, found);
    }

    fn none_lost(
        &self,
        name: &str,
        server: &MessageServer,
        wiped: bool,
        found: &mut Vec<Violation>,
    ) {
        let held: HashSet<(&str, &str)> = server
            .inboxes
            .iter()
            .flat_map(|(account, list)| list.iter().map(|seen| (&**account, &*seen.payload)))
            .collect();
        let rows: HashSet<&str> = server.tasks.iter().map(|row| &*row.payload).collect();
        for (payload, send) in &self.0 {
            if send.accounted.is_none() && (!send.queued || wiped) {
                continue;
            }
            let word = if send.accounted.is_some() {
                "accounted for"
            } else {
                "queued"
            };
            for to in &send.to {
                // Of a task in a list that nobody reads the row must do.
                let Some(list) = server.inboxes.get(to) else {
                    if !rows.contains(&**payload) {
                        let text = format!("{name}: {payload}, {word}, has no row");
                        found.push(Violation::new("I1", Harm::Lost, text));
                    }
                    continue;
                };
                if held.contains(&(to, payload)) {
                    continue;
                }
                let position = send.accounted.as_ref().map_or(0, |ok| ok.position);
                let last = list.last().map_or(0, |seen| seen.position);
                let part = if position > last { "its end" } else { "within" };
                let text = format!(
                    "{name}: {payload}, {word} at {position}, is not in {to}'s list ({part})"
                );
                found.push(Violation::new("I1", Harm::Lost, text));
            }
        }
    }

    fn none_invented_or_doubled(
        &self,
        name: &str,
        server: &MessageServer,
        found: &mut Vec<Violation>,
    ) {
        for (account, list) in &server.inboxes {
            let mut once = HashSet::new();
            for seen in list {
                found.extend(self.check_seen(name, account, seen));
                if !once.insert(&seen.payload) {
                    let text = format!("{name}: {} is in {account}'s list twice", seen.payload);
                    found.push(Violation::new("I3", Harm::Doubled, text));
                }
            }
        }
    }

    /// Each row is of a task that was sent, of each there is one, and receipts say what
    /// the rows say.
    fn rows(&self, name: &str, server: &MessageServer, found: &mut Vec<Violation>) {
        let mut once = HashSet::new();
        for row in &server.tasks {
            if !once.insert(&row.payload) {
                let text = format!("{name}: two rows of {}", row.payload);
                found.push(Violation::new("I3", Harm::Doubled, text));
            }
            let send = self.0.get(&row.payload);
            if send.is_none_or(|send| send.refused || send.account != row.sender) {
                let text = format!("{name}: {row:?}, but there was {send:?}");
                found.push(Violation::new("I2", Harm::Other, text));
            }
            let receipt = send.and_then(|send| send.accounted.as_ref());
            if let Some(receipt) = receipt
                && !receipt.is(row.number, row.position, &row.hash)
            {
                let text = format!("{name}: {}: {receipt:?}, but {row:?}", row.payload);
                found.push(Violation::new("I4", Harm::Reordered, text));
            }
        }
    }
}

/// Every list is the same on every server.
fn one_order(rest: &Rest, found: &mut Vec<Violation>) {
    let mut servers = rest.message_servers.iter();
    let Some((first_name, first)) = servers.next() else {
        return;
    };
    for (name, server) in servers {
        for (account, list) in &first.inboxes {
            let other = server.inboxes.get(account);
            if other != Some(list) {
                let at = other.and_then(|other| list.iter().zip(other).position(|(a, b)| a != b));
                let text =
                    format!("{account}'s lists on {first_name} and {name} differ, first at {at:?}");
                found.push(Violation::new("I4", Harm::Reordered, text));
            }
        }
    }
    for (name, server) in &rest.message_servers {
        for (account, list) in &server.inboxes {
            if !list.is_sorted_by(|a, b| a.position < b.position) {
                let text = format!("{name}: {account}'s list is out of order");
                found.push(Violation::new("I4", Harm::Reordered, text));
            }
        }
    }
}

/// A task of several recipients is in all their lists, or in none.
fn all_or_none(name: &str, server: &MessageServer, found: &mut Vec<Violation>) {
    let mut holders: HashMap<&str, (HashSet<&str>, &[String])> = HashMap::new();
    for (account, list) in &server.inboxes {
        for seen in list {
            let entry = holders.entry(&seen.payload);
            let (held, _) = entry.or_insert_with(|| (HashSet::new(), &seen.recipients));
            held.insert(account);
        }
    }
    for (payload, (held, recipients)) in holders {
        let lacking = recipients
            .iter()
            .find(|to| server.inboxes.contains_key(*to) && !held.contains(&***to));
        if let Some(lacking) = lacking {
            let text = format!("{name}: {payload} reached {held:?}, but not {lacking}");
            found.push(Violation::new("I8", Harm::Lost, text));
        }
    }
}
