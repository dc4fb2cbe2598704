//! Accounts: one that was reported can always log in with its last reported
//! password (I9), and never two primaries write in one epoch (I10).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Harm, Violation};
use crate::history::{Call, Outcome, Record};
use crate::rest::{AccountEvent, Rest};

pub(crate) fn check(records: &[Record], rest: &Rest, found: &mut Vec<Violation>) {
    passwords(records, rest, found);
    for (name, events) in &rest.events {
        primaries(name, events, found);
    }
}

/// What may open an account: one operation at a time touches each account.
#[derive(Debug, Default)]
struct Lock {
    /// Whether its creation was reported.
    exists: bool,
    /// Whether its creation may have happened.
    may_exist: bool,
    /// One of these opens it.
    candidates: BTreeSet<String>,
    /// These do not.
    dead: BTreeSet<String>,
}

fn passwords(records: &[Record], rest: &Rest, found: &mut Vec<Violation>) {
    let mut locks: HashMap<&str, Lock> = HashMap::new();
    for record in records {
        match &record.call {
            Call::Create { account, password } => {
                let lock = locks.entry(account).or_default();
                let refused = matches!(record.outcome, Outcome::Fail { .. });
                lock.exists |= record.outcome.is_ok();
                lock.may_exist |= !refused;
                if !refused {
                    lock.candidates.insert(password.clone());
                }
            }
            Call::ChangePassword { account, new, .. } => {
                let lock = locks.entry(account).or_default();
                if record.outcome.is_ok() {
                    let old =
                        std::mem::replace(&mut lock.candidates, BTreeSet::from([new.clone()]));
                    lock.dead.extend(old);
                } else if !matches!(record.outcome, Outcome::Fail { .. }) {
                    lock.candidates.insert(new.clone());
                }
            }
            Call::LogIn { account, password } => {
                let lock = locks.entry(account).or_default();
                log_in(account, password, &record.outcome, lock, found);
            }
            Call::Send { .. } | Call::Change { .. } | Call::Poll { .. } | Call::Pair { .. } => {}
        }
    }
    at_rest(&locks, rest, found);
}

fn log_in(
    account: &str,
    password: &str,
    outcome: &Outcome,
    lock: &Lock,
    found: &mut Vec<Violation>,
) {
    let refused = matches!(outcome, Outcome::Fail { code } if code == "unauthenticated");
    if outcome.is_ok() && !lock.candidates.contains(password) {
        let text = format!(
            "{account} was opened by {password}, not by {:?}",
            lock.candidates
        );
        found.push(Violation::new("I9", Harm::Other, text));
    }
    let only = lock.candidates.len() == 1 && lock.candidates.contains(password);
    if refused && lock.exists && only {
        let text = format!("{account} was not opened by its password {password}");
        found.push(Violation::new("I9", Harm::Lost, text));
    }
}

fn at_rest(locks: &HashMap<&str, Lock>, rest: &Rest, found: &mut Vec<Violation>) {
    for (account, lock) in locks {
        let opens = |password: &String| {
            let key = ((*account).to_owned(), password.clone());
            rest.log_ins.get(&key).copied()
        };
        let tried: Vec<_> = lock.candidates.iter().filter_map(opens).collect();
        let opened = tried.iter().filter(|opened| **opened).count();
        if lock.exists && !tried.is_empty() && opened != 1 {
            let text = format!(
                "{account}: {opened} of {:?} open it at rest",
                lock.candidates
            );
            found.push(Violation::new("I9", Harm::Lost, text));
        }
        if !lock.may_exist && opened > 0 {
            let text = format!("{account}: its creation was refused, and it opens");
            found.push(Violation::new("I9", Harm::Other, text));
        }
        let dead = lock
            .dead
            .iter()
            .find(|password| opens(password) == Some(true));
        if let Some(dead) = dead {
            let text = format!("{account} is still opened by the old {dead}");
            found.push(Violation::new("I9", Harm::Other, text));
        }
    }
    let known = |events: &[AccountEvent]| -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for account in events.iter().filter_map(|event| event.created.clone()) {
            *counts.entry(account).or_default() += 1;
        }
        counts
    };
    for (name, events) in &rest.events {
        let created = known(events);
        for (account, lock) in locks {
            let count = created.get(*account).copied().unwrap_or(0);
            if count > 1 || (lock.exists && count == 0) {
                let text = format!("{name} holds {count} creations of {account}");
                let harm = if count > 1 { Harm::Doubled } else { Harm::Lost };
                found.push(Violation::new("I9", harm, text));
            }
        }
    }
}

/// Epochs only rise, each belongs to one server, and each entry carries the
/// epoch of the primary before it.
fn primaries(name: &str, events: &[AccountEvent], found: &mut Vec<Violation>) {
    let mut current = 0;
    let mut position = 0;
    for event in events {
        let at = event.position;
        let wrong = if at <= position {
            Some(format!("{at} follows {position}"))
        } else if let Some(server) = &event.primary {
            (event.epoch <= current).then(|| {
                format!(
                    "{server} became primary in {} after {current}, at {at}",
                    event.epoch
                )
            })
        } else {
            (event.epoch != current).then(|| {
                format!(
                    "an entry of epoch {} in epoch {current}, at {at}",
                    event.epoch
                )
            })
        };
        position = at;
        current = current.max(event.epoch);
        if let Some(wrong) = wrong {
            found.push(Violation::new(
                "I10",
                Harm::Other,
                format!("{name}: {wrong}"),
            ));
        }
    }
}
