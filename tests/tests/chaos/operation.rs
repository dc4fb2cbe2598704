//! Which operations there are, and how often each comes: a seed decides.

use rand::rngs::SmallRng;
use rand::{Rng, RngExt};

/// Accounts in all, the first of them hot.
pub(crate) const ACCOUNTS: usize = 24;
/// Accounts that every worker sends to, and from.
pub(crate) const HOT: usize = 3;

/// One thing that a worker does. Accounts by their number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Sends a task, from a hot account or one of its own.
    Send { hot: Option<usize>, to: Vec<usize> },
    /// Sends a task from an account with a password that changes.
    SendByPassword { to: Vec<usize> },
    /// Reads on, in a hot account's inbox or one of its own.
    Poll { hot: Option<usize> },
    /// Reads one of its own inboxes from the beginning.
    PollFromStart,
    /// Reads two hot inboxes on one server, past the load balancers.
    Pair { server: usize },
    /// Sends an old task again: the latest one, or one of some time ago.
    Retry { latest: bool },
    /// Sends a task from its changer to itself: one that changes.
    SendToSelf,
    /// Changes such a task.
    Change(Act),
    /// Makes an old change again: one that is unclear, else the latest one, or one of
    /// some time ago.
    ChangeAgain { latest: bool },
    /// Creates an account.
    Create,
    /// Changes the password of one that it has created.
    ChangePassword,
    /// Logs one in that it has created.
    LogIn,
}

/// What is done with a task. Some of it may not be done as the task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Comment,
    Accept,
    Start,
    Progress {
        percent: u8,
    },
    Complete,
    Undo,
    Reopen,
    /// One of the few that only the account itself sees.
    Label,
}

impl Operation {
    /// The next operation: 40 % sends, 5 % to several, 10 % changes (and the sends of
    /// tasks that change), 30 % polls, 5 % retries, 10 % accounts.
    pub(crate) fn draw(random: &mut SmallRng) -> Self {
        let hot = |random: &mut SmallRng| {
            let chosen = random.random_range(0..2 * HOT);
            (chosen < HOT).then_some(chosen)
        };
        match random.random_range(0..100) {
            0..=36 => Self::Send {
                hot: hot(random),
                to: recipients(random, 1),
            },
            37..=39 => Self::SendByPassword {
                to: recipients(random, 1),
            },
            40..=44 => {
                let count = random.random_range(2..=5);
                Self::Send {
                    hot: hot(random),
                    to: recipients(random, count),
                }
            }
            45 => Self::SendToSelf,
            46..=52 => Self::Change(Act::draw(random)),
            53..=54 => Self::ChangeAgain {
                latest: random.random_range(0..2) == 0,
            },
            55..=77 => Self::Poll { hot: hot(random) },
            78..=80 => Self::PollFromStart,
            81..=84 => Self::Pair {
                server: random.random_range(0..3),
            },
            85..=89 => Self::Retry {
                latest: random.random_range(0..2) == 0,
            },
            90..=91 => Self::Create,
            92..=94 => Self::ChangePassword,
            _ => Self::LogIn,
        }
    }
}

impl Act {
    /// The next one: most of them may be done with most tasks.
    fn draw(random: &mut SmallRng) -> Self {
        match random.random_range(0..20) {
            0..=6 => Self::Comment,
            7..=8 => Self::Accept,
            9..=10 => Self::Start,
            11..=13 => Self::Progress {
                percent: random.random_range(0..100),
            },
            14 => Self::Complete,
            15..=16 => Self::Undo,
            17 => Self::Reopen,
            _ => Self::Label,
        }
    }
}

/// Different accounts, half of the time a hot one first.
fn recipients(random: &mut SmallRng, count: usize) -> Vec<usize> {
    let mut chosen = Vec::new();
    while chosen.len() < count {
        let hot = random.random_range(0..2) == 0;
        let next = random.random_range(0..if hot { HOT } else { ACCOUNTS });
        if !chosen.contains(&next) {
            chosen.push(next);
        }
    }
    chosen
}

/// An independent seed for part `part` of a run.
pub(crate) fn derived(seed: u64, part: u64) -> u64 {
    use rand::SeedableRng;
    let mixed = seed ^ part.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    SmallRng::seed_from_u64(mixed).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_seed_gives_the_same_operations_each_time() {
        let draw = |seed| -> Vec<_> {
            let mut random = SmallRng::seed_from_u64(derived(seed, 3));
            (0..500).map(|_| Operation::draw(&mut random)).collect()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let several = |one: &&Operation| matches!(one, Operation::Send { to, .. } if to.len() > 1);
        assert!((5..=60).contains(&draw(7).iter().filter(several).count()));
        let changes = |one: &&Operation| {
            let again = matches!(one, Operation::ChangeAgain { .. });
            again || matches!(one, Operation::SendToSelf | Operation::Change(_))
        };
        assert!((25..=100).contains(&draw(7).iter().filter(changes).count()));
    }
}
