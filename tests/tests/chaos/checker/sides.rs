//! Workers on a side without a quorum: nothing that they send or change is
//! accounted for there (I1), and what one server queued goes in later in its order (I5).

use std::collections::HashMap;
use std::time::Duration;

use super::{Harm, Violation};
use crate::fault::Side;
use crate::history::{Call, Outcome, Record};
use crate::rest::Rest;
use crate::run::TRY_WITHIN;

pub(crate) fn check(records: &[Record], rest: &Rest, found: &mut Vec<Violation>) {
    let tries = tries(records);
    for side in &rest.sides {
        let mut queued: HashMap<(&str, &str), Vec<(&Record, &str)>> = HashMap::new();
        for record in records.iter().filter(|record| is_on(side, record)) {
            let Some((account, name)) = asked(&record.call) else {
                continue;
            };
            let (first, count) = tries[name];
            match &record.outcome {
                // A task or a change of before may be known there by its id.
                Outcome::Accounted { position, .. } | Outcome::Changed { position, .. }
                    if first >= side.from =>
                {
                    let text = format!(
                        "{name} was accounted for at {position} by process {}, on a side that \
                         could store nothing",
                        record.process
                    );
                    found.push(Violation::new("I1", Harm::Other, text));
                }
                // What is sent again later may overtake others on another way.
                Outcome::Queued { server } if count == 1 => {
                    let queue = queued.entry((account, server)).or_default();
                    queue.push((record, name));
                }
                _ => {}
            }
        }
        for queue in queued.into_values() {
            in_order(queue, rest, found);
        }
    }
}

/// Who sends or changes something, and its name.
fn asked(call: &Call) -> Option<(&str, &str)> {
    match call {
        Call::Send {
            account, payload, ..
        } => Some((account, payload)),
        Call::Change { account, id, .. } => Some((account, id)),
        _ => None,
    }
}

/// When each task or change was first asked, and how often.
fn tries(records: &[Record]) -> HashMap<&str, (Duration, usize)> {
    let mut tries = HashMap::new();
    for record in records {
        if let Some((_, name)) = asked(&record.call) {
            let (_, count) = tries.entry(name).or_insert((record.invoked, 0));
            *count += 1;
        }
    }
    tries
}

/// Whether all of an operation was on the side.
fn is_on(side: &Side, record: &Record) -> bool {
    let within = record.invoked >= side.from && record.ended <= side.until;
    within && side.processes.contains(&record.process)
}

/// What one server had queued of an account before it was asked for more stands before
/// that. A send with a try that had no answer may overtake others: that try may have
/// waited on its way until the side was opened, and reached another home.
fn in_order(mut queue: Vec<(&Record, &str)>, rest: &Rest, found: &mut Vec<Violation>) {
    queue.sort_by_key(|(record, _)| record.invoked);
    for (name, server) in &rest.message_servers {
        let rows = server.tasks.iter().map(|row| (&*row.payload, row.number));
        let numbers: HashMap<&str, u64> = rows.collect();
        let is_answered =
            |(_, (later, _)): &(usize, &(&Record, &str))| later.ended - later.invoked < TRY_WITHIN;
        for (at, (later, payload)) in queue.iter().enumerate().filter(is_answered) {
            let number = numbers.get(payload);
            let before = queue[..at]
                .iter()
                .filter(|(one, _)| one.ended < later.invoked)
                .find(|(_, one)| numbers.get(one) > number);
            if let (Some(number), Some((_, first))) = (number, before) {
                let text = format!(
                    "{name}: {payload} was queued after {first}, and has number {number} before it"
                );
                found.push(Violation::new("I5", Harm::Reordered, text));
            }
        }
    }
}
