//! One seed from the beginning to its verdict.

use yoshi_protocol::ErrorCode;

use crate::bug::Bug;
use crate::plan::Plan;
use crate::world::World;

/// Fewest successes, and answered reads, of a run that proves anything.
const SUCCESSES_MIN: usize = 12;
const READS_MIN: usize = 12;

/// Which system is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Message servers, load balancers and senders.
    Tasks,
    /// Registration servers and people with accounts.
    Accounts,
}

/// What was done beside sending, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Variety {
    /// Changes of tasks whose success was reported.
    pub changes: usize,
    /// Revisions that were refused because they saw an older one.
    pub conflicts: usize,
    /// Other changes that the rules refused.
    pub refusals: usize,
    /// Tasks that were reported queued.
    pub queued: usize,
    /// Logs that were lost and continued.
    pub recoveries: usize,
    /// Servers that were filled anew, as the log was put back from an older backup.
    pub resyncs: usize,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What was wrong.
    pub violations: Vec<String>,
    /// Operations whose success was reported; of accounts, before everything had healed.
    pub successes: usize,
    /// Polls and checks whose answers were held to everything acknowledged before.
    pub reads: usize,
    /// Whether reads had to show it at once.
    pub reads_count: bool,
    /// What was done beside sending.
    pub variety: Variety,
    /// Events.
    pub events: u64,
    /// What happened, in a number.
    pub fingerprint: u64,
}

impl Verdict {
    /// Whether enough succeeded for the run to prove anything.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.successes >= SUCCESSES_MIN && (self.reads >= READS_MIN || !self.reads_count)
    }
}

/// Runs a seed.
#[must_use]
pub fn run(system: System, seed: u64, bug: Option<Bug>) -> Verdict {
    let plan = match system {
        System::Tasks => Plan::tasks(seed),
        System::Accounts => Plan::accounts(seed),
    };
    let mut world = World::new(seed, plan, bug);
    world.run();
    let (history, ledger) = (&world.history, &world.ledger);
    let refused = |code| history.count(|deed| deed.change.is_some() && deed.refused == Some(code));
    let variety = Variety {
        changes: history.count(|deed| deed.change.is_some() && deed.done.is_some()),
        conflicts: refused(ErrorCode::Conflict),
        refusals: refused(ErrorCode::NotAllowed),
        queued: history.count(|deed| deed.queued.is_some()),
        recoveries: world.recoveries,
        resyncs: world.resyncs,
    };
    Verdict {
        violations: history
            .violations
            .iter()
            .chain(&ledger.violations)
            .cloned()
            .collect(),
        successes: history.successes() + ledger.changes,
        reads: history.polls + ledger.checks,
        reads_count: history.fresh || system == System::Accounts,
        variety,
        events: world.events(),
        fingerprint: world.fingerprint(),
    }
}
