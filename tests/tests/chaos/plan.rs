//! What a run does when: derived from its seed alone, so that it can be replayed.

use std::ops::Range;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::fault::{Fault, Need, Step};
use crate::operation::derived;

/// The part of the seed that decides the plan; workers have the ones after 0.
const PART: u64 = 0;

/// The servers' timeouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timeouts {
    /// β of 3 s, and a lease of 6 s.
    Short,
    /// The lease is short, β is the paper's 30 s.
    LongBeta,
    /// All as a server has them that is told none: the paper's.
    Defaults,
}

/// Which faults a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// One after the other.
    Alone,
    /// Two different ones at a time.
    Overlapping,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Time without faults at first.
    pub(crate) quiet: Duration,
    /// One after the other, with time to heal between them, or at once.
    pub(crate) steps: Vec<Step>,
    pub(crate) timeouts: Timeouts,
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
                lasts: length(fault, &mut random, LASTS_MIN..lasts),
                after: None,
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
    pub(crate) fn mix(
        seed: u64,
        faults: &[Fault],
        (quiet, total): (Duration, Duration),
        timeouts: Timeouts,
        order: Order,
    ) -> Self {
        let mut random = SmallRng::seed_from_u64(derived(seed, PART));
        let lengths = match timeouts {
            Timeouts::Short | Timeouts::LongBeta => LASTS_MIN..LASTS_MAX,
            Timeouts::Defaults => DEFAULTS_LASTS_MIN..DEFAULTS_LASTS_MAX,
        };
        let mut steps = Vec::new();
        let mut left = total.saturating_sub(quiet);
        loop {
            let mut phase = vec![Step {
                fault: faults[random.random_range(0..faults.len())],
                target: random.random_range(0..1_000),
                lasts: Duration::ZERO,
                after: None,
            }];
            let first = length(phase[0].fault, &mut random, lengths.clone());
            phase[0].lasts = first;
            if order == Order::Overlapping {
                let second = second(&mut phase[0], faults, &mut random, lengths.clone());
                phase.extend(second);
            }
            let ends = phase
                .iter()
                .map(|step| step.after.unwrap_or_default() + step.lasts);
            let lasts = ends.max().unwrap_or_default();
            // The first one always fits.
            if !steps.is_empty() && lasts + BETWEEN > left {
                break;
            }
            left = left.saturating_sub(lasts + BETWEEN);
            steps.extend(phase);
        }
        let mut plan = Self::of(seed, quiet, steps);
        match timeouts {
            // One run in ten has the real β.
            Timeouts::Short
                if plan.steps.len() == 1 && derived(seed, u64::MAX).is_multiple_of(10) =>
            {
                plan.timeouts = Timeouts::LongBeta;
            }
            _ => plan.timeouts = timeouts,
        }
        if timeouts == Timeouts::Defaults {
            plan.operation_within = DEFAULTS_OPERATION_WITHIN;
        }
        plan
    }

    fn of(seed: u64, quiet: Duration, steps: Vec<Step>) -> Self {
        Self {
            seed,
            quiet,
            steps,
            timeouts: Timeouts::Short,
            control: false,
            operation_within: OPERATION_WITHIN,
            planted: None,
        }
    }

    /// Steps that are at work at once, in their order.
    pub(crate) fn phases(&self) -> impl Iterator<Item = &[Step]> {
        self.steps.chunk_by(|_, next| next.after.is_some())
    }

    /// Whether a step needs this of the machine.
    pub(crate) fn needs(&self, need: Need) -> bool {
        self.steps
            .iter()
            .any(|step| step.fault.need() == Some(need))
    }

    /// How long after a heal every worker must have had a task accounted for (I12).
    pub(crate) fn recovered_within(&self) -> Duration {
        match self.timeouts {
            Timeouts::Short | Timeouts::LongBeta => RECOVERED_WITHIN,
            // Each may have begun to wait for β just before.
            Timeouts::Defaults => RECOVERED_WITHIN + DEFAULTS_OPERATION_WITHIN,
        }
    }

    /// How long the whole run may take. One that takes longer has broken down.
    pub(crate) fn within(&self) -> Duration {
        let faulty: Duration = self
            .steps
            .iter()
            .map(|step| step.lasts + self.recovered_within())
            .sum();
        self.quiet + faulty + AROUND_MAX
    }
}

/// A fault that is at work while the first one is. One that has to ask the
/// system first becomes the first one.
fn second(
    first: &mut Step,
    faults: &[Fault],
    random: &mut SmallRng,
    lengths: Range<Duration>,
) -> Option<Step> {
    let meeting: Vec<_> = faults
        .iter()
        .filter(|fault| fault.may_meet(first.fault))
        .collect();
    let choice = random.random_range(0..meeting.len().max(1));
    let mut second = Step {
        fault: **meeting.get(choice)?,
        target: random.random_range(0..1_000),
        lasts: Duration::ZERO,
        after: Some(
            first
                .lasts
                .mul_f64(random.random_range(0.0..AFTER_SHARE_MAX)),
        ),
    };
    second.lasts = length(second.fault, random, lengths);
    if second.fault == Fault::KillRsAfterAck {
        std::mem::swap(&mut first.fault, &mut second.fault);
    }
    Some(second)
}

/// How long an operation may try.
const OPERATION_WITHIN: Duration = Duration::from_secs(6);
/// The same with the default timeouts: longer than β.
const DEFAULTS_OPERATION_WITHIN: Duration = Duration::from_secs(40);
/// How long after a heal every worker must have had a task accounted for (I12).
const RECOVERED_WITHIN: Duration = Duration::from_secs(60);
/// The lengths of faults: shorter and longer than silence (3 s), β (3 s) and the lease (6 s).
const LASTS_MIN: Duration = Duration::from_secs(1);
const LASTS_MAX: Duration = Duration::from_secs(15);
/// The same with the default timeouts: longer than β (30 s) and the lease (10 s).
const DEFAULTS_LASTS_MIN: Duration = Duration::from_secs(40);
const DEFAULTS_LASTS_MAX: Duration = Duration::from_secs(70);
/// What a fault that changes, or that has to be written to, lasts at least.
const CHANGING_LASTS_MIN: Duration = Duration::from_secs(5);
/// What a fault lasts at least that cuts a leader off: 4 to 9 s pass until there is another.
const LEADER_LASTS_MIN: Duration = Duration::from_secs(16);
/// And one under which a side is to queue: its node has to notice, then its servers wait for 10 s.
const QUEUEING_LASTS_MIN: Duration = Duration::from_secs(26);
/// How much longer either may last.
const SIDE_LASTS_MORE: Duration = Duration::from_secs(8);
/// When a second fault comes at the latest, as a share of what the first one lasts.
const AFTER_SHARE_MAX: f64 = 0.7;
/// About how long healing takes.
const BETWEEN: Duration = Duration::from_secs(6);
/// How long setting up, and everything at rest, may take.
const AROUND_MAX: Duration = Duration::from_secs(420);

fn length(fault: Fault, random: &mut SmallRng, lengths: Range<Duration>) -> Duration {
    let min = match fault {
        // A flap has to come and go; a full disk has to be written to; so has a clock to be read.
        Fault::FlapMs | Fault::FullPostgres | Fault::FullNats => CHANGING_LASTS_MIN,
        Fault::SkewMs | Fault::SkewRs | Fault::SkewLb | Fault::JumpAll => CHANGING_LASTS_MIN,
        // The others elect a leader, and go on, before it ends.
        Fault::IsolateLeader => LEADER_LASTS_MIN,
        Fault::IsolateMinority => QUEUEING_LASTS_MIN,
        _ => lengths.start,
    };
    let min = min.max(lengths.start);
    let millis = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let max = match fault {
        Fault::IsolateLeader | Fault::IsolateMinority => min + SIDE_LASTS_MORE,
        _ => lengths.end.max(min),
    };
    Duration::from_millis(random.random_range(millis(min)..=millis(max)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_plan_each_time() {
        let (quiet, total) = (Duration::from_secs(10), Duration::from_secs(90));
        let of = |seed, order| Plan::mix(seed, Fault::ALL, (quiet, total), Timeouts::Short, order);
        let plan = |seed| of(seed, Order::Alone);
        assert_eq!(plan(5), plan(5));
        assert_ne!(plan(5).steps, plan(6).steps);
        assert!((1..40).contains(&plan(5).steps.len()));
        assert_eq!(plan(5).phases().count(), plan(5).steps.len());
        for seed in 0..200 {
            let overlapping = of(seed, Order::Overlapping);
            assert_eq!(overlapping, of(seed, Order::Overlapping));
            for phase in overlapping.phases() {
                let [first, second] = phase else {
                    panic!("{phase:?}");
                };
                assert!(first.fault.may_meet(second.fault), "{phase:?}");
                assert!(second.after < Some(first.lasts), "{phase:?}");
            }
        }
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
