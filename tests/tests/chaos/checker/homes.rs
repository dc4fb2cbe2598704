//! Homes: never two message servers accepted for an account in one epoch (I11).

use std::collections::HashMap;

use yoshi_protocol::Position;

use super::{Harm, Violation};
use crate::rest::Rest;

pub(crate) fn check(rest: &Rest, found: &mut Vec<Violation>) {
    for (name, server) in &rest.message_servers {
        let mut epochs: HashMap<&str, u64> = HashMap::new();
        let mut homes: HashMap<(&str, u64), &str> = HashMap::new();
        for row in &server.tasks {
            let latest = epochs.entry(&row.sender).or_default();
            if row.epoch < *latest {
                let text = format!(
                    "{name}: {} numbered in epoch {} after {latest}, at {}",
                    row.sender, row.epoch, row.position
                );
                found.push(Violation::new("I11", Harm::Other, text));
            }
            *latest = row.epoch.max(*latest);
            let Some(root) = rest.roots.get(&Position(row.position).sequence()) else {
                continue;
            };
            let home = homes.entry((&row.sender, row.epoch)).or_insert(root);
            if home != root {
                let text = format!(
                    "{name}: {home} and {root} both numbered {} in epoch {}",
                    row.sender, row.epoch
                );
                found.push(Violation::new("I11", Harm::Other, text));
            }
        }
    }
}
