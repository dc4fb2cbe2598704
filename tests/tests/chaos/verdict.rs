//! Whether a run passed, failed, or proves nothing.

use std::time::Duration;

use crate::checker::{Harm, Violation};
use crate::fault::{Fault, Side};
use crate::history::{Outcome, Record};
use crate::run::WORKERS;

/// Successful operations of a run that proves something, for each second in
/// which no fault was at work: some faults leave nothing that could succeed.
const OK_PER_SECOND_MIN: f64 = 20.0;
/// The share of operations that must succeed before the first fault.
const OK_SHARE_MIN: f64 = 0.9;

/// A fault that was injected.
#[derive(Debug, Clone)]
pub(crate) struct Bite {
    pub(crate) fault: Fault,
    pub(crate) targets: String,
    /// Which workers it left without a quorum, if it did.
    pub(crate) side: Option<Side>,
    /// What shows that it did something, or that nothing does.
    pub(crate) shown: Result<String, String>,
}

/// Faults that were at work at once, one or two.
#[derive(Debug, Clone)]
pub(crate) struct Bitten {
    /// Their names.
    pub(crate) label: String,
    pub(crate) bites: Vec<Bite>,
    /// Sends that were accounted for meanwhile.
    pub(crate) during: usize,
    pub(crate) recovery: Recovery,
}

/// How long after a heal tasks were accounted for again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Recovery {
    /// One of any worker.
    pub(crate) first: Option<Duration>,
    /// One of each worker.
    pub(crate) all: Option<Duration>,
}

/// What was measured in a run.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) bitten: Vec<Bitten>,
    /// When the workload began, the first fault came, and the workload ended.
    pub(crate) span: (Duration, Duration, Duration),
    /// How long faults were at work, together.
    pub(crate) faulty: Duration,
    /// How long after a heal every worker must be able to send.
    pub(crate) recovered_within: Duration,
    pub(crate) records: Vec<Record>,
    pub(crate) incomplete: Vec<String>,
    /// Servers that were not ready at the end.
    pub(crate) unready: Vec<String>,
    pub(crate) last_sent: bool,
    /// Processes that grew too much.
    pub(crate) memory: Vec<String>,
    /// Servers that ended by themselves.
    pub(crate) restarts: Vec<String>,
}

impl Measured {
    /// Successful operations of the workload.
    pub(crate) fn ok(&self) -> usize {
        self.work().filter(|record| record.outcome.is_ok()).count()
    }

    /// Successful changes of tasks.
    pub(crate) fn changed(&self) -> usize {
        let changed = |record: &&Record| matches!(record.outcome, Outcome::Changed { .. });
        self.work().filter(changed).count()
    }

    fn work(&self) -> impl Iterator<Item = &Record> {
        self.records
            .iter()
            .filter(|record| record.process < WORKERS)
    }

    /// Why the run proves nothing; empty if it does.
    pub(crate) fn invalid(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let (began, quiet_until, ended) = self.span;
        let whole = (ended - began).saturating_sub(self.faulty);
        let rate = self.ok() as f64 / whole.as_secs_f64();
        if rate < OK_PER_SECOND_MIN {
            reasons.push(format!(
                "only {rate:.1} successful operations per second without a fault"
            ));
        }
        let quiet: Vec<_> = self
            .work()
            .filter(|record| record.ended <= quiet_until)
            .collect();
        let ok = quiet.iter().filter(|record| record.outcome.is_ok()).count();
        if (ok as f64) < OK_SHARE_MIN * quiet.len() as f64 || ok == 0 {
            reasons.push(format!(
                "only {ok} of {} succeeded before the first fault",
                quiet.len()
            ));
        }
        if self.changed() == 0 {
            reasons.push("no change of a task succeeded".to_owned());
        }
        for bite in self.bitten.iter().flat_map(|bitten| &bitten.bites) {
            if let Err(reason) = &bite.shown {
                reasons.push(format!("{} did nothing: {reason}", bite.fault));
            }
        }
        let pending = self
            .records
            .iter()
            .filter(|record| record.outcome == Outcome::Pending)
            .count();
        if pending > 0 {
            reasons.push(format!("{pending} operations never ended"));
        }
        reasons.extend(self.incomplete.iter().cloned());
        reasons
    }

    /// Every broken promise, those that the run itself measured among them.
    pub(crate) fn failures(&self, violations: &[Violation]) -> Vec<String> {
        let mut failures: Vec<String> = violations
            .iter()
            .map(|violation| format!("{}: {}", violation.invariant, violation.text))
            .collect();
        for bitten in &self.bitten {
            if bitten.recovery.all.is_none() {
                failures.push(format!(
                    "I12: {}: not every worker could send within {:?} of healing ({:?})",
                    bitten.label, self.recovered_within, bitten.recovery
                ));
            }
        }
        if !self.last_sent {
            failures.push("I12: the last send was not accounted for".to_owned());
        }
        failures.extend(
            self.unready
                .iter()
                .map(|text| format!("I12: not ready at the end: {text}")),
        );
        failures.extend(self.memory.iter().map(|text| format!("I14: {text}")));
        failures
    }
}

/// How many violations did this harm.
pub(crate) fn count(violations: &[Violation], harm: Harm) -> usize {
    violations
        .iter()
        .filter(|violation| violation.harm == harm)
        .count()
}
