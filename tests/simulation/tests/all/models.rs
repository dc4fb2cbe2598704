//! The models, exhaustively in small bounds, and the mistakes that they find.

use std::hash::Hash;
use std::time::{Duration, Instant};

use stateright::report::WriteReporter;
use stateright::{Checker, Expectation, HasDiscoveries, Model};
use yoshi_simulation::model::election::{Election, Flaw as ElectionFlaw};
use yoshi_simulation::model::propagation::{Flaw, Propagation};

/// The bounds of the normal run.
const PROPAGATION: Propagation = Propagation {
    servers: 3,
    tasks: &[0, 1],
    crashes: 1,
    suspicions: 1,
    requests: 1,
    flaw: None,
};
const ELECTION: Election = Election {
    candidates: 3,
    ticks: 6,
    writes: 1,
    flaw: None,
};

/// How long a search of larger bounds may take before it ends where it is.
const LARGER_MAX: Duration = Duration::from_secs(570);

/// Visits every state, and holds every property.
fn holds<M>(model: M)
where
    M: Model + std::fmt::Debug + Send + Sync + 'static,
    M::State: Clone + Hash + Send + Sync + std::fmt::Debug + PartialEq,
    M::Action: std::fmt::Debug + Clone + PartialEq,
{
    let (name, begun) = (format!("{model:?}"), Instant::now());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = model.checker().threads(threads).spawn_bfs().join();
    println!(
        "{name}: {} states, {:.1} s",
        checker.unique_state_count(),
        begun.elapsed().as_secs_f64()
    );
    checker.assert_properties();
}

/// Visits states in order of their depth for [`LARGER_MAX`] at most, tells every
/// second how many there were, and holds that none breaks a property.
fn holds_for_a_while<M>(model: M)
where
    M: Model + std::fmt::Debug + Send + Sync + 'static,
    M::State: Clone + Hash + Send + Sync + std::fmt::Debug + PartialEq,
    M::Action: std::fmt::Debug + Clone + PartialEq,
{
    println!("{model:?}");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let search = model.checker().threads(threads).timeout(LARGER_MAX);
    let begun = Instant::now();
    let checker = search
        .spawn_bfs()
        .report(&mut WriteReporter::new(&mut std::io::stdout()));
    let whole = if begun.elapsed() < LARGER_MAX {
        "every state"
    } else {
        "ended by its time"
    };
    println!(
        "{} states, depth {}, {:.1} s: {whole}",
        checker.unique_state_count(),
        checker.max_depth(),
        begun.elapsed().as_secs_f64()
    );
    for property in checker.model().properties() {
        if property.expectation == Expectation::Always {
            checker.assert_no_discovery(property.name);
        }
    }
}

/// Finds a state that breaks a property, and how few steps lead there.
fn breaks<M>(model: M, property: &'static str) -> usize
where
    M: Model + Send + Sync + 'static,
    M::State: Hash + Send + Sync + std::fmt::Debug + PartialEq + Clone,
    M::Action: std::fmt::Debug + Clone + PartialEq,
{
    let enough = HasDiscoveries::AnyOf([property].into());
    let checker = model
        .checker()
        .threads(1)
        .finish_when(enough)
        .spawn_bfs()
        .join();
    checker
        .discovery(property)
        .map_or(0, |path| path.into_actions().len())
}

#[test]
fn tasks_reach_every_serving_server_whoever_fails() {
    holds(PROPAGATION);
    let again = Propagation {
        tasks: &[0],
        requests: 2,
        ..PROPAGATION
    };
    holds(again);
}

#[test]
fn one_primary_at_a_time_and_in_an_epoch() {
    holds(ELECTION);
}

#[test]
#[ignore = "larger bounds: not for every run"]
fn tasks_reach_every_serving_server_in_larger_bounds() {
    holds_for_a_while(Propagation {
        tasks: &[0, 0, 1],
        ..PROPAGATION
    });
}

#[test]
#[ignore = "larger bounds: not for every run"]
fn one_primary_at_a_time_in_larger_bounds() {
    holds_for_a_while(Election {
        ticks: 9,
        writes: 2,
        ..ELECTION
    });
}

#[test]
fn planted_mistakes_of_propagation_are_found() {
    const MISSING: &str = "no acknowledged task is missing at a serving server";
    let one_task = Propagation {
        tasks: &[0],
        ..PROPAGATION
    };
    let again = Propagation {
        tasks: &[0, 0],
        ..PROPAGATION
    };
    for (flaw, bounds, property) in [
        (Flaw::AccountsOnReceipt, one_task, MISSING),
        (Flaw::DropsWhoServes, one_task, MISSING),
        (Flaw::ServesUnheard, one_task, MISSING),
        (
            Flaw::AnyEpoch,
            again,
            "a lower epoch adds nothing after a higher one",
        ),
        (
            Flaw::AssignsBlindly,
            again,
            "an account has one accepted home in an epoch",
        ),
    ] {
        let steps = breaks(
            Propagation {
                flaw: Some(flaw),
                ..bounds
            },
            property,
        );
        println!("{flaw:?}: \"{property}\" breaks after {steps} steps");
        assert!(steps > 0, "{flaw:?} is not found");
    }
}

#[test]
fn planted_mistakes_of_the_election_are_found() {
    for (flaw, property) in [
        (ElectionFlaw::NeverStops, "one primary at a time"),
        (ElectionFlaw::CountsFromAnswer, "one primary at a time"),
        (ElectionFlaw::TakesBlindly, "one primary at a time"),
        (
            ElectionFlaw::ClaimsTwice,
            "one primary accepted in an epoch",
        ),
        (ElectionFlaw::AnyEpoch, "epochs only rise"),
    ] {
        let steps = breaks(
            Election {
                flaw: Some(flaw),
                ..ELECTION
            },
            property,
        );
        println!("{flaw:?}: \"{property}\" breaks after {steps} steps");
        assert!(steps > 0, "{flaw:?} is not found");
    }
}
