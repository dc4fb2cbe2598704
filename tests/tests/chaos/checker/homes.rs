//! Homes: never two message servers accepted for an account in one epoch (I11).

use std::collections::HashMap;

use yoshi_protocol::Position;

use super::{Harm, Violation};
use crate::rest::Rest;

pub(crate) fn check(rest: &Rest, found: &mut Vec<Violation>) {
    for (name, server) in &rest.message_servers {
        let mut epochs: HashMap<&str, u64> = HashMap::new();
        let mut homes: HashMap<(&str, u64), &str> = HashMap::new();
        for place in server.places() {
            let latest = epochs.entry(place.account).or_default();
            if place.epoch < *latest {
                let text = format!(
                    "{name}: {} numbered in epoch {} after {latest}, at {}",
                    place.account, place.epoch, place.position
                );
                found.push(Violation::new("I11", Harm::Other, text));
            }
            *latest = place.epoch.max(*latest);
            let Some(root) = rest.roots.get(&Position(place.position).sequence()) else {
                continue;
            };
            let home = homes.entry((place.account, place.epoch)).or_insert(root);
            if home != root {
                let text = format!(
                    "{name}: {home} and {root} both numbered {} in epoch {}",
                    place.account, place.epoch
                );
                found.push(Violation::new("I11", Harm::Other, text));
            }
        }
    }
}
