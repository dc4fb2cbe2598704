//! What accounts do has one order, sends and changes together: each account's
//! numbers are 1, 2, 3 … (I4), and what came first stands first (I5).

use std::collections::BTreeMap;

use super::changes::Changes;
use super::sends::Sends;
use super::{Harm, Violation};
use crate::rest::{MessageServer, Rest};

pub(crate) fn check(sends: &Sends, changes: &Changes, rest: &Rest, found: &mut Vec<Violation>) {
    for (name, server) in &rest.message_servers {
        numbers(name, server, found);
    }
    real_time(sends, changes, found);
}

fn numbers(name: &str, server: &MessageServer, found: &mut Vec<Violation>) {
    let mut next: BTreeMap<&str, u64> = BTreeMap::new();
    for place in server.places() {
        let expected = next.entry(place.account).or_insert(1);
        if place.number != *expected {
            let text = format!(
                "{name}: {} has number {} where {expected} was due, at {}",
                place.account, place.number, place.position
            );
            found.push(Violation::new("I4", Harm::Reordered, text));
        }
        *expected = place.number + 1;
    }
}

/// What was accounted for before something else was asked stands before it.
fn real_time(sends: &Sends, changes: &Changes, found: &mut Vec<Violation>) {
    let sends = sends
        .0
        .iter()
        .map(|(payload, send)| (payload, send.invoked, &send.accounted));
    let changes = changes
        .0
        .iter()
        .map(|(id, change)| (id, change.invoked, &change.accounted));
    let mut moments = Vec::new();
    for (name, invoked, accounted) in sends.chain(changes) {
        if let Some(ok) = accounted {
            // Ends sort after invocations of the same moment.
            moments.push((invoked, false, ok.position, name));
            moments.push((ok.at, true, ok.position, name));
        }
    }
    moments.sort_unstable();
    let mut highest = (0, None);
    for (_, ended, position, name) in moments {
        if ended {
            highest = highest.max((position, Some(name)));
        } else if position <= highest.0 {
            let text = format!(
                "{name} was asked after {:?} was accounted for at {}, but stands at {position}",
                highest.1, highest.0
            );
            found.push(Violation::new("I5", Harm::Reordered, text));
        }
    }
}
