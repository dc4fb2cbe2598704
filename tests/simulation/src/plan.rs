//! What a seed decides: the system's size and settings, and the faults, as data.

use crate::clock::{MILLI, Micros, SECOND};
use crate::message::Addr;
use crate::random::Random;
use crate::world::restore::WAITED_FOR;

/// How the network behaves between the faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// As TCP to one NATS: in order, soon, or not at all while a link is cut.
    Timely,
    /// Single messages are lost, doubled, overtaken, and late by seconds. What
    /// rests on hearing a ping in time (I7) is not promised then.
    Lossy,
}

/// A fault, and how long it lasts where it does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// A process is killed and started again; `late`: its last commit was on
    /// the way and happens all the same.
    Crash {
        node: Addr,
        down: Micros,
        late: bool,
    },
    /// The same, and its disk is empty. Not done while nobody else has everything.
    Wipe { node: Addr, down: Micros },
    /// A process stands still; its clocks go on.
    Pause { node: Addr, stands: Micros },
    /// A link to NATS is cut: from the node, to it, or both.
    Cut {
        node: Addr,
        from: bool,
        to: bool,
        lasts: Micros,
    },
    /// NATS is killed and started again.
    KillHub { down: Micros },
    /// NATS is killed, and its disk has lost the last blocks of the tasks log, or
    /// all of it. Somebody recovers it.
    LoseLog { tail: Option<usize>, down: Micros },
    /// The power fails when a server alone has committed a block of which it has told
    /// nobody. NATS comes back from an older backup, without it; the other servers write
    /// on, perhaps until the log no longer holds what stood before; then comes that one.
    RestoreLog {
        node: Addr,
        down: Micros,
        loses_head: bool,
    },
    /// Half of the stream's acknowledgements get lost.
    LoseAcks { lasts: Micros },
    /// NATS passes messages on, and has no leader for its logs and its bucket.
    LoseQuorum { lasts: Micros },
    /// Commits take longer.
    SlowDisk {
        node: Addr,
        commit: Micros,
        lasts: Micros,
    },
    /// The connection to Postgres breaks: what is open is undone, or done unheard.
    BreakDatabase { node: Addr },
    /// The wall clocks jump by milliseconds.
    Clocks { by: i64 },
}

/// A run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Message servers.
    pub(crate) servers: usize,
    /// Load balancers.
    pub(crate) balancers: usize,
    /// Clients, one account each.
    pub(crate) clients: usize,
    /// Registration servers.
    pub(crate) registrars: usize,
    /// β.
    pub(crate) beta: Micros,
    /// Blocks that a log keeps.
    pub(crate) keep: usize,
    /// Whether the log answers as a replicated one.
    pub(crate) replicated: bool,
    /// The network.
    pub(crate) network: Network,
    /// Faults by the time at which they begin.
    pub(crate) faults: Vec<(Micros, Fault)>,
    /// When everything works again.
    pub(crate) healed: Micros,
    /// When the run ends.
    pub(crate) end: Micros,
}

/// When the clients begin.
pub(crate) const BEGIN: Micros = 4 * SECOND;
/// How long after healing the last operations begin, which must succeed.
pub(crate) const LAST: Micros = 12 * SECOND;
const QUIET: Micros = 2 * SECOND;
const GAP_LONGEST: Micros = 5 * SECOND;
/// The same of registration servers: where single messages get lost, a primary is
/// found late, and each loss costs a client seconds.
const ACCOUNTS_QUIET: Micros = 8 * SECOND;
const ACCOUNTS_GAP_LONGEST: Micros = 8 * SECOND;
/// How long it takes to recover a log, once every server is there.
const RECOVERY: Micros = 12 * SECOND;

/// Runs in a hundred in which the log is put back from an older backup at the end.
const RESTORED_PERCENT: u64 = 15;

/// Lost ends of a log in a hundred that some server has not read.
const LAGGARD_PERCENT: u64 = 60;

/// What happens once in a run at most.
#[derive(Debug, Default)]
struct Once {
    wiped: bool,
    lost_log: bool,
}

impl Plan {
    /// A run of message servers, load balancers and senders.
    #[must_use]
    pub(crate) fn tasks(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let servers = random.index(3) + 3;
        let beta = match random.number() % 100 {
            0..2 => 30 * SECOND,
            2..80 => 3 * SECOND,
            _ => 6 * SECOND,
        };
        let mut plan = Self {
            servers,
            balancers: 2,
            clients: random.index(3) + 4,
            registrars: 0,
            beta,
            keep: if random.percent(40) {
                random.index(20) + 10
            } else {
                usize::MAX >> 1
            },
            replicated: random.percent(50),
            network: if random.percent(60) {
                Network::Timely
            } else {
                Network::Lossy
            },
            faults: Vec::new(),
            healed: 0,
            end: 0,
        };
        let nodes: Vec<_> = (0..servers).map(Addr::Ms).collect();
        plan.add_faults(random, &nodes);
        plan
    }

    /// A run of registration servers and their clients.
    #[must_use]
    pub(crate) fn accounts(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let registrars = random.index(2) + 2;
        let mut plan = Self {
            servers: 0,
            balancers: 0,
            clients: 5,
            registrars,
            beta: 3 * SECOND,
            keep: if random.percent(30) {
                random.index(20) + 10
            } else {
                usize::MAX >> 1
            },
            replicated: random.percent(50),
            network: if random.percent(60) {
                Network::Timely
            } else {
                Network::Lossy
            },
            faults: Vec::new(),
            healed: 0,
            end: 0,
        };
        let nodes: Vec<_> = (0..registrars).map(Addr::Rs).collect();
        plan.add_faults(random, &nodes);
        plan
    }

    fn add_faults(&mut self, random: &mut Random, nodes: &[Addr]) {
        let (quiet, gap_longest) = match self.registrars {
            0 => (QUIET, GAP_LONGEST),
            _ => (ACCOUNTS_QUIET, ACCOUNTS_GAP_LONGEST),
        };
        let mut at = BEGIN + quiet;
        let mut once = Once::default();
        let mut healed = at;
        for _ in 0..random.between(2, 7) {
            at += random.between(200 * MILLI, gap_longest);
            let mut fault = self.fault(random, nodes, &mut once);
            if let Fault::LoseLog {
                tail: Some(_),
                down,
            } = &mut fault
                && random.percent(LAGGARD_PERCENT)
            {
                *down = random.between(200 * MILLI, 700 * MILLI);
                self.faults.push(laggard(random, nodes, at));
            }
            healed = healed.max(at + fault.lasts());
            self.faults.push((at, fault));
            if let Fault::LoseQuorum { lasts } = fault
                && random.percent(50)
            {
                healed = healed.max(self.add_to_degraded(random, nodes, at, lasts));
            }
        }
        if self.servers > 0 && random.percent(RESTORED_PERCENT) {
            // When everything works: nobody else may lack what is lost.
            let restore = Fault::RestoreLog {
                node: nodes[random.index(nodes.len())],
                down: random.between(4 * SECOND, 8 * SECOND),
                loses_head: self.keep < usize::MAX >> 1,
            };
            let at = healed + RECOVERY;
            healed = at + restore.lasts();
            self.faults.push((at, restore));
        }
        // In the order of their beginnings, as they are read.
        self.faults.sort_by_key(|(begins, _)| *begins);
        self.healed = healed + SECOND;
        // β may have to pass once before the last operations can succeed.
        let last = LAST + if self.registrars > 0 { 10 * SECOND } else { 0 };
        self.end = self.healed + last + 10 * SECOND + self.beta;
    }

    /// While there is no log, a database is slow, and its server is killed: what
    /// is on its way into the outbox then is lost. Answers when that is healed.
    fn add_to_degraded(
        &mut self,
        random: &mut Random,
        nodes: &[Addr],
        at: Micros,
        lasts: Micros,
    ) -> Micros {
        let node = nodes[random.index(nodes.len())];
        let slow = Fault::SlowDisk {
            node,
            commit: random.between(100 * MILLI, SECOND),
            lasts,
        };
        let crash = Fault::Crash {
            node,
            down: random.between(500 * MILLI, 4 * SECOND),
            late: random.percent(50),
        };
        let killed = at + random.between(lasts / 2, lasts);
        self.faults.extend([(at, slow), (killed, crash)]);
        (at + slow.lasts()).max(killed + crash.lasts())
    }

    fn fault(&self, random: &mut Random, nodes: &[Addr], once: &mut Once) -> Fault {
        let mut node = nodes[random.index(nodes.len())];
        let lasts = match random.number() % 3 {
            0 => random.between(50 * MILLI, SECOND),
            1 => random.between(SECOND, 5 * SECOND),
            _ => random.between(3 * SECOND, 14 * SECOND),
        };
        match random.number() % 19 {
            0..3 => Fault::Crash {
                node,
                down: lasts,
                late: random.percent(50),
            },
            3 if !once.wiped => {
                once.wiped = true;
                Fault::Wipe { node, down: lasts }
            }
            3..6 => Fault::Pause {
                node,
                stands: lasts,
            },
            6..9 => {
                let (from, to) = [(true, true), (true, false), (false, true)][random.index(3)];
                Fault::Cut {
                    node,
                    from,
                    to,
                    lasts,
                }
            }
            9 => Fault::KillHub {
                down: lasts.min(6 * SECOND),
            },
            10 => Fault::LoseAcks { lasts },
            11 | 12 => {
                let commit = random.between(100 * MILLI, self.beta * 3 / 2);
                Fault::SlowDisk {
                    node,
                    commit,
                    lasts,
                }
            }
            17 if self.servers > 0 && !once.lost_log => {
                once.lost_log = true;
                let tail = random.percent(60).then(|| random.index(6) + 1);
                let down = lasts.min(4 * SECOND);
                Fault::LoseLog { tail, down }
            }
            13 => Fault::BreakDatabase { node },
            15 | 16 => Fault::LoseQuorum {
                lasts: random.between(SECOND, 14 * SECOND),
            },
            14 => {
                let hour = 3_600_000;
                let by = i64::try_from(random.between(0, 2 * hour)).expect("an hour") - 3_600_000;
                Fault::Clocks { by }
            }
            _ => {
                if self.balancers > 0 {
                    node = Addr::Lb(random.index(self.balancers));
                }
                passing(random, node, lasts)
            }
        }
    }
}

/// Shortly before a log loses its end, a server hears nothing more: it does not have
/// that end, and writes on as soon as NATS is back.
fn laggard(random: &mut Random, nodes: &[Addr], lost: Micros) -> (Micros, Fault) {
    let deaf = Fault::Cut {
        node: nodes[random.index(nodes.len())],
        from: false,
        to: true,
        lasts: 900 * MILLI,
    };
    (lost - 800 * MILLI, deaf)
}

/// What a process survives without a disk of its own.
fn passing(random: &mut Random, node: Addr, lasts: Micros) -> Fault {
    match random.index(3) {
        0 => Fault::Crash {
            node,
            down: lasts,
            late: false,
        },
        1 => Fault::Pause {
            node,
            stands: lasts,
        },
        _ => Fault::Cut {
            node,
            from: random.percent(50),
            to: true,
            lasts,
        },
    }
}

impl Fault {
    /// When it ends. What it has begun may last longer.
    #[must_use]
    pub(crate) fn heals(&self) -> Micros {
        match *self {
            Self::SlowDisk { lasts, .. } => lasts,
            _ => self.lasts(),
        }
    }

    /// How long it lasts.
    #[must_use]
    pub(crate) fn lasts(&self) -> Micros {
        match *self {
            Self::Crash { down, .. } | Self::Wipe { down, .. } | Self::KillHub { down } => down,
            // Whoever recovers it needs everybody, for some seconds.
            Self::LoseLog { down, .. } => down + RECOVERY,
            // Then it takes somebody to fill it anew.
            Self::RestoreLog { down, .. } => WAITED_FOR + down + RECOVERY,
            Self::Pause { stands, .. } => stands,
            Self::Cut { lasts, .. } | Self::LoseAcks { lasts } | Self::LoseQuorum { lasts } => {
                lasts
            }
            // The last slow commit may begin at the very end.
            Self::SlowDisk { commit, lasts, .. } => lasts + commit,
            Self::BreakDatabase { .. } | Self::Clocks { .. } => 0,
        }
    }
}
