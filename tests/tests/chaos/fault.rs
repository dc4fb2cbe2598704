//! The faults: what each is called, and how it is injected, told from one
//! that did nothing, and healed.

mod inject;
mod links;
mod targets;

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

pub(crate) use inject::Injected;

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
    /// One message server's clock is an hour ahead and fast.
    SkewMs = "skew-ms";
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
}

/// What a fault needs that not every machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Disks of their own: root.
    Disks,
    /// libfaketime.
    ClockLibrary,
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
            Self::SkewMs => Some(Need::ClockLibrary),
            _ => None,
        }
    }

    /// The same, if this machine lacks it.
    pub(crate) fn lack(self) -> Option<&'static str> {
        match self.need()? {
            Need::Disks if !yoshi_tests::disk::available() => {
                Some("this machine does not let us mount a disk in a file")
            }
            Need::ClockLibrary if clock_library().is_none() => {
                Some("libfaketime.so.1 is not installed")
            }
            Need::Disks | Need::ClockLibrary => None,
        }
    }
}

/// Where libfaketime is, if it is installed.
pub(crate) fn clock_library() -> Option<&'static str> {
    const PLACES: [&str; 4] = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib64/faketime/libfaketime.so.1",
        "/usr/local/lib/faketime/libfaketime.so.1",
    ];
    PLACES
        .into_iter()
        .find(|path| std::path::Path::new(path).is_file())
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
}

/// When a flapping link last changed.
#[derive(Debug, Clone, Copy)]
struct Flap {
    changed: Instant,
    held: bool,
}
