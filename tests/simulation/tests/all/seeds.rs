//! Thousands of seeded runs: every one must hold, and enough of them must have
//! done enough to prove anything.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use yoshi_simulation::run::{System, Variety, Verdict, run};

/// Seeds of the normal test run, of each system.
const TASKS_SEEDS: u64 = 1_200;
const ACCOUNTS_SEEDS: u64 = 800;
/// Runs in a hundred in which too little may have succeeded.
const INVALID_PERCENT_MAX: u64 = 2;

/// What the environment asks for: one seed, or how many.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

/// Runs one seed twice: the second run must be the first again, to the bit.
fn replay(system: System, seed: u64) -> Verdict {
    let verdict = run(system, seed, None);
    assert_eq!(
        verdict,
        run(system, seed, None),
        "{system:?} seed {seed} does not replay"
    );
    verdict
}

/// Runs `count` seeds from `first` on all cores, some of them twice.
fn run_from(system: System, first: u64, count: u64) -> Vec<(u64, Verdict)> {
    let next = AtomicU64::new(first);
    let work = || {
        let mut verdicts = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return verdicts;
            }
            // So that a run that does not replay is found here.
            let twice = seed.is_multiple_of(50);
            let verdict = match twice {
                true => replay(system, seed),
                false => run(system, seed, None),
            };
            verdicts.push((seed, verdict));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("no worker panics"))
            .collect()
    })
}

/// Prints the first runs that broke a promise. Answers how many did.
fn failed(system: System, verdicts: &[(u64, Verdict)]) -> usize {
    let mut failed: Vec<_> = verdicts
        .iter()
        .filter(|(_, verdict)| !verdict.violations.is_empty())
        .collect();
    failed.sort_by_key(|(seed, _)| *seed);
    for (seed, verdict) in failed.iter().take(10) {
        println!("{system:?} seed {seed}: {:#?}", verdict.violations);
        println!("replay: YOSHI_SIM_SEED={seed} cargo test -p yoshi-simulation");
    }
    failed.len()
}

/// What all runs did beside sending.
fn variety(verdicts: &[(u64, Verdict)]) -> Variety {
    let of = |of: fn(&Variety) -> usize| -> usize {
        verdicts
            .iter()
            .map(|(_, verdict)| of(&verdict.variety))
            .sum()
    };
    Variety {
        changes: of(|variety| variety.changes),
        conflicts: of(|variety| variety.conflicts),
        refusals: of(|variety| variety.refusals),
        queued: of(|variety| variety.queued),
        recoveries: of(|variety| variety.recoveries),
        resyncs: of(|variety| variety.resyncs),
    }
}

fn seeds(system: System, count: u64) {
    if let Some(seed) = number("YOSHI_SIM_SEED") {
        let verdict = replay(system, seed);
        println!("{system:?} seed {seed}: {verdict:#?}");
        assert!(verdict.violations.is_empty(), "{system:?} seed {seed}");
        return;
    }
    let count = number("YOSHI_SIM_SEEDS").unwrap_or(count);
    let begun = Instant::now();
    let first = number("YOSHI_SIM_FROM").unwrap_or(0);
    let verdicts = run_from(system, first, count);
    let failed = failed(system, &verdicts);
    let sum =
        |of: fn(&Verdict) -> u64| verdicts.iter().map(|(_, verdict)| of(verdict)).sum::<u64>();
    let invalid = sum(|verdict| u64::from(!verdict.is_valid()));
    println!(
        "{system:?}: {count} seeds in {:.1} s, {} events, {} successes, {} reads, {invalid} invalid, {failed} failed",
        begun.elapsed().as_secs_f64(),
        sum(|verdict| verdict.events),
        sum(|verdict| verdict.successes as u64),
        sum(|verdict| verdict.reads as u64),
    );
    if system == System::Tasks {
        let variety = variety(&verdicts);
        println!("{variety:?}");
        let rarest = variety
            .conflicts
            .min(variety.queued)
            .min(variety.recoveries)
            .min(variety.resyncs);
        assert!(count < 100 || rarest > 0, "something was not tried");
    }
    assert!(failed == 0, "{failed} of {count} seeds failed");
    assert!(
        invalid * 100 <= count * INVALID_PERCENT_MAX,
        "{invalid} of {count} runs prove nothing"
    );
}

#[test]
fn message_servers_and_load_balancers_keep_every_promise() {
    seeds(System::Tasks, TASKS_SEEDS);
}

#[test]
fn registration_servers_keep_every_promise() {
    seeds(System::Accounts, ACCOUNTS_SEEDS);
}
