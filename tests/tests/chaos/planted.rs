//! Faults that are planted in the servers' own code (`shared/planted`): the
//! campaign must find each. `deploy/chaos --planted` builds them in and runs
//! `planted`, one process per fault; without the feature there is nothing to run.

/// The one that is not in the servers' code: NATS acknowledges what is not on disk yet.
pub(crate) const NATS_WITHOUT_SYNC: &str = "nats-without-sync";

/// The setting of a server that gives it a planted fault.
pub(crate) fn variable(fault: &'static str) -> (String, String) {
    ("YOSHI_PLANTED_FAULT".to_owned(), fault.to_owned())
}

#[cfg(feature = "planted-faults")]
mod search {
    use std::collections::BTreeMap;
    use std::panic::AssertUnwindSafe;
    use std::time::Duration;

    use futures::FutureExt;
    use yoshi_planted::Fault as Planted;
    use yoshi_tests::scratch::Scratch;

    use crate::campaign::{any_seed, block_on, chosen_faults, variable};
    use crate::fault::Fault;
    use crate::plan::Plan;
    use crate::run;

    /// Runs that may pass until a fault counts as not caught.
    const RUNS_MAX: u64 = 5;
    const QUIET: Duration = Duration::from_secs(4);
    /// How long each fault of the environment lasts: longer than silence (3 s),
    /// β (3 s) and the lease (6 s).
    const LASTS: Duration = Duration::from_secs(8);

    /// What should bring a planted fault to light, unless others are asked for.
    const fn plan(planted: Planted) -> &'static [Fault] {
        match planted {
            Planted::AcknowledgeBeforeCommit
            | Planted::DedupeInMemory
            | Planted::FirstRecipientOnly
            | Planted::PollCursorLate
            | Planted::PasswordNotLogged
            | Planted::FreshIdOnRetry => &[Fault::KillLb],
            Planted::AccountedOnReceipt
            | Planted::SuccessWithoutPeers
            | Planted::NoEpochCheck
            | Planted::EpochNotStored => &[Fault::HangPostgres, Fault::HangPostgres],
            Planted::CatchUpSkips | Planted::NumberInMemory | Planted::SameEpochOnMove => {
                &[Fault::KillMs]
            }
            Planted::AssignWithoutCompare => &[Fault::KillMs, Fault::KillMs],
            Planted::DeposedPrimaryWrites => &[Fault::PauseRs, Fault::PauseRs],
            Planted::NatsWithoutSync => &[Fault::PowerAll],
            Planted::AccountReportedEarly => &[Fault::KillRsAfterAck],
        }
    }

    /// How long workers try: who tries for longer than a home needs to move finds
    /// the new one, and the task that waits at the old one is known by its id.
    const fn operation_within(planted: Planted) -> Duration {
        match planted {
            Planted::NoEpochCheck | Planted::EpochNotStored => Duration::from_millis(1_500),
            _ => Duration::from_secs(6),
        }
    }

    /// The broken promises of one run, each with the first words about it and how
    /// often it was broken; none if the run broke down.
    async fn look(plan: &Plan) -> Option<BTreeMap<String, (usize, String)>> {
        let mut folder = Scratch::new(&format!("planted-{}", plan.seed));
        let ran = AssertUnwindSafe(run::run(plan, folder.path())).catch_unwind();
        let Ok(Ok(ran)) = tokio::time::timeout(plan.within(), ran).await else {
            folder.keep();
            return None;
        };
        let mut found = BTreeMap::new();
        for text in ran.measured.failures(&ran.violations) {
            let (invariant, words) = text.split_once(": ").unwrap_or((&text, ""));
            // Memory is measured, roughly: it convicts nobody.
            if invariant != "I14" {
                let found = found
                    .entry(invariant.to_owned())
                    .or_insert_with(|| (0, words.to_owned()));
                found.0 += 1;
            }
        }
        Some(found)
    }

    #[test]
    #[ignore = "needs a planted fault: deploy/chaos --planted runs it"]
    fn planted() {
        let name: String = variable(yoshi_planted::VARIABLE).expect("a fault is named");
        let fault = Planted::ALL.iter().find(|fault| fault.name() == name);
        let fault = *fault.expect("the fault is known");
        let seed = variable("YOSHI_CHAOS_SEED").unwrap_or_else(any_seed);
        let chosen = chosen_faults();
        let faults = if chosen.is_empty() {
            plan(fault)
        } else {
            &chosen
        };
        let words: Vec<_> = faults.iter().map(|fault| fault.name()).collect();
        let runs = variable("YOSHI_CHAOS_RUNS").unwrap_or(RUNS_MAX);
        block_on(async {
            for run in 0..runs {
                let plan = Plan {
                    control: false,
                    planted: Some(fault.name()),
                    operation_within: operation_within(fault),
                    ..Plan::each(seed + run, faults, QUIET, LASTS).lasting(LASTS)
                };
                let Some(found) = look(&plan).await else {
                    eprintln!("{name}: run {} (seed {}) broke down", run + 1, plan.seed);
                    continue;
                };
                for (invariant, (count, words)) in &found {
                    eprintln!("{name}: {invariant}, {count} times, first: {words}");
                }
                if !found.is_empty() {
                    let broken: Vec<_> = found.into_keys().collect();
                    let (broken, words) = (broken.join(", "), words.join(", "));
                    println!("| {name} | {words} | {broken} | {} |", run + 1);
                    return;
                }
            }
            println!("| {name} | {} | not caught | {runs} |", words.join(", "));
            panic!("{name} was not caught in {runs} runs");
        });
    }
}

#[cfg(not(feature = "planted-faults"))]
mod tests {
    use yoshi_tests::place;

    /// What a program with planted faults reads, and no other contains.
    const MARK: &[u8] = b"YOSHI_PLANTED_FAULT";

    #[test]
    fn no_program_of_the_default_features_has_planted_faults() {
        for name in ["load-balancer", "message-server", "registration-server"] {
            let program = std::fs::read(place::binary(name)).unwrap();
            let mut left = program.as_slice();
            while let Some(at) = left.iter().position(|byte| *byte == MARK[0]) {
                left = &left[at..];
                assert!(!left.starts_with(MARK), "{name} has planted faults");
                left = &left[1..];
            }
        }
    }
}
