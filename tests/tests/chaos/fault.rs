//! The faults: what each is called, and how it is injected, told from one
//! that did nothing, and healed.

mod clocks;
mod databases;
mod inject;
mod links;
mod side;
mod targets;

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

pub(crate) use inject::Injected;
pub(crate) use side::Side;
pub(crate) use targets::choose;

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// What goes wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Fault {
            $($(#[$doc])* $variant,)*
        }

        impl Fault {
            /// Every one.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// What `--faults` calls it.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

faults! {
    /// One message server is killed.
    KillMs = "kill-ms";
    /// All message servers are killed at once.
    KillAllMs = "kill-all-ms";
    /// One load balancer is killed, and starts with nothing in memory.
    KillLb = "kill-lb";
    /// All load balancers are.
    KillAllLb = "kill-all-lb";
    /// The primary registration server is killed.
    KillRs = "kill-rs";
    /// The same, right after it has reported an account.
    KillRsAfterAck = "kill-rs-after-ack";
    /// One message server's Postgres is killed.
    KillPostgres = "kill-postgres";
    /// The Postgres of the primary registration server is.
    KillRsPostgres = "kill-rs-postgres";
    /// One node of NATS of three is killed.
    KillNats = "kill-nats";
    /// Two are.
    KillNatsTwo = "kill-nats-two";
    /// All are.
    KillNatsAll = "kill-nats-all";
    /// One message server halts, and goes on later.
    PauseMs = "pause-ms";
    /// The primary registration server does.
    PauseRs = "pause-rs";
    /// One node of NATS does.
    PauseNats = "pause-nats";
    /// One message server's Postgres does.
    PausePostgres = "pause-postgres";
    /// Nothing passes between one message server and NATS, and nobody is told.
    IsolateMs = "isolate-ms";
    /// What one message server says is not heard.
    MuteMs = "mute-ms";
    /// One message server hears nothing.
    DeafMs = "deaf-ms";
    /// One message server's connections break, and it gets no new ones.
    CutMs = "cut-ms";
    /// One message server comes and goes.
    FlapMs = "flap-ms";
    /// What one message server says and hears is late.
    DelayMs = "delay-ms";
    /// The primary registration server is isolated.
    IsolateRs = "isolate-rs";
    /// Nothing passes between one message server and its Postgres.
    HangPostgres = "hang-postgres";
    /// Nothing passes between one node of NATS and all others, and servers.
    IsolateNats = "isolate-nats";
    /// Nothing passes between two nodes of NATS, which both reach the third.
    CutRoute = "cut-route";
    /// The node that leads the log of tasks is cut off from the others, and with it one
    /// server of each kind, a quarter of the workers, and a reader.
    IsolateLeader = "isolate-leader";
    /// Any node is cut off with such a side, for so long that its servers queue.
    IsolateMinority = "isolate-minority";
    /// One message server's wall clock is an hour ahead and fast.
    SkewMs = "skew-ms";
    /// The registration servers' wall clocks are hours ahead, each by another time, and one is fast.
    SkewRs = "skew-rs";
    /// The load balancers' wall clocks are.
    SkewLb = "skew-lb";
    /// Every server's wall clock jumps an hour ahead and back, behind and back.
    JumpAll = "jump-all";
    /// No worker's connection carries anything, while all servers are well.
    IsolateClients = "isolate-clients";
    /// Half of the workers' connections carry nothing.
    IsolateHalf = "isolate-half";
    /// Half of the workers' connections break, and there are no new ones.
    CutHalf = "cut-half";
    /// One message server's Postgres has no room left.
    FullPostgres = "full-postgres";
    /// One node of NATS has no room left.
    FullNats = "full-nats";
    /// One message server and its Postgres lose their power.
    PowerMs = "power-ms";
    /// One node of NATS does.
    PowerNats = "power-nats";
    /// All nodes of NATS do, and all message servers with their Postgres.
    PowerAll = "power-all";
    /// One message server starts again with an empty database.
    WipeMs = "wipe-ms";
    /// One registration server does.
    WipeRs = "wipe-rs";
    /// One message server starts again with a database from an old backup.
    RestoreMs = "restore-ms";
    /// One registration server does.
    RestoreRs = "restore-rs";
}

/// What a fault needs that not every machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Disks of their own: root.
    Disks,
    /// libfaketime.
    ClockLibrary,
    /// `pg_basebackup`.
    Backups,
}

/// Of which parts a fault hits some, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    MessageServers,
    RegistrationServers,
    LoadBalancers,
    Nodes,
    Clocks,
    Clients,
}

impl Fault {
    /// What it needs, if anything.
    pub(crate) const fn need(self) -> Option<Need> {
        match self {
            Self::FullPostgres
            | Self::FullNats
            | Self::PowerMs
            | Self::PowerNats
            | Self::PowerAll => Some(Need::Disks),
            Self::SkewMs | Self::SkewRs | Self::SkewLb | Self::JumpAll => Some(Need::ClockLibrary),
            Self::RestoreMs | Self::RestoreRs => Some(Need::Backups),
            _ => None,
        }
    }

    /// Which parts it hits.
    const fn parts(self) -> &'static [Part] {
        match self {
            Self::KillLb | Self::KillAllLb => &[Part::LoadBalancers],
            Self::KillRs
            | Self::KillRsAfterAck
            | Self::KillRsPostgres
            | Self::PauseRs
            | Self::IsolateRs
            | Self::WipeRs
            | Self::RestoreRs => &[Part::RegistrationServers],
            Self::KillNats
            | Self::KillNatsTwo
            | Self::KillNatsAll
            | Self::PauseNats
            | Self::IsolateNats
            | Self::CutRoute
            | Self::FullNats
            | Self::PowerNats => &[Part::Nodes],
            Self::PowerAll => &[Part::MessageServers, Part::Nodes],
            Self::IsolateLeader | Self::IsolateMinority => &[
                Part::MessageServers,
                Part::RegistrationServers,
                Part::LoadBalancers,
                Part::Nodes,
                Part::Clients,
            ],
            Self::SkewMs | Self::SkewRs | Self::SkewLb | Self::JumpAll => &[Part::Clocks],
            Self::IsolateClients | Self::IsolateHalf | Self::CutHalf => &[Part::Clients],
            _ => &[Part::MessageServers],
        }
    }

    /// Whether it leaves nothing of its parts to another fault.
    fn is_whole(self) -> bool {
        let several = |part: &Part| matches!(part, Part::MessageServers | Part::Nodes);
        matches!(self, Self::KillAllMs | Self::KillNatsAll | Self::PowerAll)
            || !self.parts().iter().all(several)
    }

    /// Whether two faults can be at work at once, each by itself.
    pub(crate) fn may_meet(self, other: Self) -> bool {
        let shared = self.parts().iter().any(|part| other.parts().contains(part));
        self != other && !(shared && (self.is_whole() || other.is_whole()))
    }

    /// The same, if this machine lacks it.
    pub(crate) fn lack(self) -> Option<&'static str> {
        match self.need()? {
            Need::Disks if !yoshi_tests::disk::available() => {
                Some("this machine does not let us mount a disk in a file")
            }
            Need::ClockLibrary if yoshi_tests::clock::library().is_none() => {
                Some("libfaketime.so.1 is not installed (Debian: apt-get install faketime)")
            }
            Need::Backups if !yoshi_tests::Postgres::can_back_up() => {
                Some("there is no pg_basebackup beside this Postgres")
            }
            Need::Disks | Need::ClockLibrary | Need::Backups => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fault {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|fault| fault.name() == text);
        found.copied().ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|fault| fault.name()).collect();
            format!(
                "no fault is called {text:?}; there are {}",
                names.join(", ")
            )
        })
    }
}

/// A fault at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) fault: Fault,
    /// Chooses the target among those that fit.
    pub(crate) target: u64,
    /// How long it lasts.
    pub(crate) lasts: Duration,
    /// So long after the one before it was injected, and while that is at work;
    /// none: after everything has healed.
    pub(crate) after: Option<Duration>,
}

/// When a flapping link last changed.
#[derive(Debug, Clone, Copy)]
struct Flap {
    changed: Instant,
    held: bool,
}
