//! What is printed: a line per run, and a table of all at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::checker::{Harm, Violation};
use crate::plan::Plan;
use crate::run::Ran;
use crate::verdict::{self, Bite, Bitten, Measured};

/// Violations that are printed of one run; the history tells the rest.
const SHOWN_MAX: usize = 12;

/// All runs so far.
#[derive(Default)]
pub(crate) struct Report {
    rows: BTreeMap<String, Row>,
    runs: usize,
    failed: usize,
    invalid: usize,
    recoveries: Vec<Duration>,
}

/// One fault, or two at once. A run of several faults counts for each of them.
#[derive(Default)]
struct Row {
    runs: usize,
    injected: usize,
    valid: usize,
    ok: usize,
    lost: usize,
    doubled: usize,
    reordered: usize,
    other: usize,
    worst: Duration,
}

impl Report {
    /// Adds a run, none if it broke down, and prints its line. If it is worth a
    /// look: everything that is wrong with it.
    pub(crate) fn add(&mut self, plan: &Plan, ran: Option<&Ran>) -> Option<Vec<String>> {
        self.runs += 1;
        let seed = plan.seed;
        let mut names: Vec<_> = plan.steps.iter().map(|step| step.fault.name()).collect();
        names.dedup();
        let label = format!("run {} (seed {seed}): {}", self.runs, names.join(", "));
        let Some(Ran {
            measured,
            violations,
        }) = ran
        else {
            self.invalid += 1;
            eprintln!("{label}: INVALID, the run broke down: see above");
            return Some(Vec::new());
        };
        let failures = measured.failures(violations);
        let invalid = measured.invalid();
        self.failed += usize::from(!failures.is_empty());
        self.invalid += usize::from(!invalid.is_empty());
        self.count(measured, violations, invalid.is_empty());
        let word = match (failures.is_empty(), invalid.is_empty()) {
            (false, _) => "FAILED",
            (true, false) => "INVALID",
            (true, true) => "passed",
        };
        let worst = measured.bitten.iter().map(|bitten| bitten.recovery.all);
        eprintln!(
            "{label}: {word}, {} faults, {} of {} operations ok, {} of them changes, worst recovery \
             {:.1} s",
            measured.bitten.len(),
            measured.ok(),
            measured.records.len(),
            measured.changed(),
            worst.max().flatten().unwrap_or_default().as_secs_f64(),
        );
        for Bitten { bites, during, .. } in &measured.bitten {
            for Bite {
                fault,
                targets,
                shown,
                side: _,
            } in bites
            {
                let shown = shown.as_ref().unwrap_or_else(|reason| reason);
                eprintln!(
                    "  {fault} of {targets}: {shown}; {during} sends accounted for meanwhile"
                );
            }
        }
        for restart in &measured.restarts {
            eprintln!("  ended by itself, and was started again: {restart}");
        }
        let mut wrong: Vec<_> = invalid
            .iter()
            .map(|text| format!("invalid: {text}"))
            .collect();
        wrong.extend(failures);
        for text in wrong.iter().take(SHOWN_MAX) {
            eprintln!("  {text}");
        }
        if wrong.len() > SHOWN_MAX {
            eprintln!("  and {} more", wrong.len() - SHOWN_MAX);
        }
        (!wrong.is_empty()).then_some(wrong)
    }

    /// Adds a run to the rows of its faults.
    fn count(&mut self, measured: &Measured, violations: &[Violation], valid: bool) {
        let other = measured.failures(violations).len() - violations.len();
        let mut seen = Vec::new();
        for bitten in &measured.bitten {
            let row = self.rows.entry(bitten.label.clone()).or_default();
            row.injected += 1;
            row.worst = row
                .worst
                .max(bitten.recovery.all.unwrap_or(measured.recovered_within));
            self.recoveries.extend(bitten.recovery.all);
            if seen.contains(&&*bitten.label) {
                continue;
            }
            seen.push(&*bitten.label);
            row.runs += 1;
            row.valid += usize::from(valid);
            row.ok += measured.ok();
            row.lost += verdict::count(violations, Harm::Lost);
            row.doubled += verdict::count(violations, Harm::Doubled);
            row.reordered += verdict::count(violations, Harm::Reordered);
            row.other += other + verdict::count(violations, Harm::Other);
        }
    }

    /// Runs so far.
    pub(crate) fn runs(&self) -> usize {
        self.runs
    }

    /// Runs that broke a promise.
    pub(crate) fn failed(&self) -> usize {
        self.failed
    }

    /// Runs that prove nothing.
    pub(crate) fn invalid(&self) -> usize {
        self.invalid
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        eprintln!(
            "| fault | injected | runs | valid | operations ok | lost | doubled | reordered | other | worst recovery |"
        );
        eprintln!("|---|---|---|---|---|---|---|---|---|---|");
        for (fault, row) in &self.rows {
            eprintln!(
                "| {fault} | {} | {} | {} | {} | {} | {} | {} | {} | {:.1} s |",
                row.injected,
                row.runs,
                row.valid,
                row.ok,
                row.lost,
                row.doubled,
                row.reordered,
                row.other,
                row.worst.as_secs_f64(),
            );
        }
        let mut recoveries = self.recoveries.clone();
        recoveries.sort_unstable();
        if let Some(last) = recoveries.last() {
            let p95 = recoveries[(recoveries.len() * 95).div_ceil(100) - 1];
            eprintln!(
                "{} runs, {} failed, {} invalid; recovery of all senders: p95 {:.1} s, max {:.1} s",
                self.runs,
                self.failed,
                self.invalid,
                p95.as_secs_f64(),
                last.as_secs_f64(),
            );
        }
    }
}
