//! What a run does when: derived from its seed alone, so that it can be replayed.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::fault::{Fault, Step};
use crate::operation::derived;

/// The part of the seed that decides the plan; workers have the ones after 0.
const PART: u64 = 0;

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Time without faults at first.
    pub(crate) quiet: Duration,
    /// One after the other, with time to heal between them.
    pub(crate) steps: Vec<Step>,
    /// β, for all servers.
    pub(crate) beta: Duration,
    /// Whether parts have disks of their own.
    pub(crate) disks: bool,
    /// Whether rows are deleted at the end, which the checker must notice.
    pub(crate) control: bool,
    /// How long a worker tries each operation.
    pub(crate) operation_within: Duration,
    /// The fault that every server has in its code (`shared/planted`), for runs that look for it.
    pub(crate) planted: Option<&'static str>,
}

impl Plan {
    /// Each of these faults once, in an order that the seed decides; then the control.
    pub(crate) fn each(seed: u64, faults: &[Fault], quiet: Duration, lasts: Duration) -> Self {
        let mut random = SmallRng::seed_from_u64(derived(seed, PART));
        let mut left = faults.to_vec();
        let mut steps = Vec::new();
        while !left.is_empty() {
            let fault = left.remove(random.random_range(0..left.len()));
            steps.push(Step {
                fault,
                target: random.random_range(0..1_000),
                lasts: length(fault, &mut random, lasts),
            });
        }
        Self {
            control: true,
            ..Self::of(seed, quiet, steps)
        }
    }

    /// The same, with each fault lasting so long.
    #[cfg(feature = "planted-faults")]
    pub(crate) fn lasting(mut self, lasts: Duration) -> Self {
        for step in &mut self.steps {
            step.lasts = lasts;
        }
        self
    }

    /// Draws from these faults until the time is up.
    pub(crate) fn mix(seed: u64, faults: &[Fault], quiet: Duration, total: Duration) -> Self {
        let mut random = SmallRng::seed_from_u64(derived(seed, PART));
        let mut steps = Vec::new();
        let mut left = total.saturating_sub(quiet);
        loop {
            let fault = faults[random.random_range(0..faults.len())];
            let target = random.random_range(0..1_000);
            let lasts = length(fault, &mut random, LASTS_MAX);
            // The first one always fits.
            if !steps.is_empty() && lasts + BETWEEN > left {
                break;
            }
            left = left.saturating_sub(lasts + BETWEEN);
            steps.push(Step {
                fault,
                target,
                lasts,
            });
        }
        Self::of(seed, quiet, steps)
    }

    fn of(seed: u64, quiet: Duration, steps: Vec<Step>) -> Self {
        let disks = steps
            .iter()
            .any(|step| step.fault.need() == Some(crate::fault::Need::Disks));
        // One run in ten has the real β.
        let real = derived(seed, u64::MAX).is_multiple_of(10) && steps.len() == 1;
        Self {
            seed,
            quiet,
            steps,
            beta: if real { BETA_REAL } else { BETA_SHORT },
            disks,
            control: false,
            operation_within: OPERATION_WITHIN,
            planted: None,
        }
    }
}

/// How long an operation may try.
const OPERATION_WITHIN: Duration = Duration::from_secs(6);
const BETA_SHORT: Duration = Duration::from_secs(3);
const BETA_REAL: Duration = Duration::from_secs(30);
/// The lengths of faults: shorter and longer than silence (3 s), β (3 s) and the lease (6 s).
const LASTS_MIN: Duration = Duration::from_secs(1);
const LASTS_MAX: Duration = Duration::from_secs(15);
/// About how long healing takes.
const BETWEEN: Duration = Duration::from_secs(6);

fn length(fault: Fault, random: &mut SmallRng, max: Duration) -> Duration {
    let min = match fault {
        // A flap has to come and go; a full disk has to be written to.
        Fault::FlapMs | Fault::FullPostgres | Fault::FullNats | Fault::SkewMs => 5 * LASTS_MIN,
        _ => LASTS_MIN,
    };
    let millis = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random.random_range(millis(min)..=millis(max.max(min))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_plan_each_time() {
        let (quiet, total) = (Duration::from_secs(10), Duration::from_secs(90));
        let plan = |seed| Plan::mix(seed, Fault::ALL, quiet, total);
        assert_eq!(plan(5), plan(5));
        assert_ne!(plan(5).steps, plan(6).steps);
        assert!((1..40).contains(&plan(5).steps.len()));
        let each = Plan::each(5, Fault::ALL, quiet, LASTS_MAX);
        let mut faults: Vec<_> = each.steps.iter().map(|step| step.fault).collect();
        faults.sort_unstable();
        assert_eq!(faults, Fault::ALL);
        assert_eq!("pause-ms".parse(), Ok(Fault::PauseMs));
        assert!(
            "pause-all"
                .parse::<Fault>()
                .unwrap_err()
                .contains("pause-ms")
        );
    }
}
