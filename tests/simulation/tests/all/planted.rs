//! A checker that has caught no planted mistake proves nothing: each must be
//! caught within a bounded number of seeds.

use yoshi_simulation::bug::Bug;
use yoshi_simulation::run::{System, run};

/// Seeds within which each must be caught.
const SEEDS_MAX: u64 = 600;

/// How many seeds it takes to catch it, and what it was caught by.
fn caught(system: System, bug: Bug) -> Option<(u64, String)> {
    (0..SEEDS_MAX).find_map(|seed| {
        let verdict = run(system, seed, Some(bug));
        verdict
            .violations
            .first()
            .map(|first| (seed + 1, first.clone()))
    })
}

fn all_are_caught(system: System, bugs: &[Bug]) {
    let mut missed = Vec::new();
    for bug in bugs {
        match caught(system, *bug) {
            Some((seeds, by)) => println!("{bug:?}: caught by seed {seeds}, {by}"),
            None => missed.push(*bug),
        }
    }
    assert!(
        missed.is_empty(),
        "not caught within {SEEDS_MAX} seeds: {missed:?}"
    );
}

#[test]
fn every_planted_mistake_of_the_tasks_log_is_caught() {
    all_are_caught(System::Tasks, &Bug::TASKS);
}

#[test]
fn every_planted_mistake_of_the_accounts_log_is_caught() {
    all_are_caught(System::Accounts, &Bug::ACCOUNTS);
}
