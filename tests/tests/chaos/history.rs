//! What was asked, and what came of it: in memory for the checker, and as
//! JSON lines for people.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// No operation of a worker takes longer than this.
const LONGEST: Duration = Duration::from_secs(60);

/// What an operation asks for. Passwords are the test's own, and open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Call {
    /// A new account.
    Create { account: String, password: String },
    /// A new password instead of the old one.
    ChangePassword {
        account: String,
        old: String,
        new: String,
    },
    /// A token.
    LogIn { account: String, password: String },
    /// A task. The same payload again is a retry of the same task, byte for byte.
    Send {
        account: String,
        payload: String,
        to: Vec<String>,
    },
    /// A change of a task, which is named by its payload. The same id again is a
    /// retry of the same change, byte for byte.
    Change {
        account: String,
        task: String,
        id: String,
        what: String,
    },
    /// A page of an inbox. Pages of one session continue each other.
    Poll {
        account: String,
        session: u64,
        since: u64,
    },
    /// Two recipients' inboxes on one server, the first before the second.
    Pair {
        server: String,
        first: String,
        second: String,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Nothing yet.
    Pending,
    /// It was done.
    Done,
    /// A task is accounted for.
    Accounted {
        number: u64,
        position: u64,
        hash: String,
    },
    /// A change is accounted for. Changes are never queued.
    Changed {
        number: u64,
        position: u64,
        hash: String,
    },
    /// A task waits in one server's outbox.
    Queued { server: String },
    /// A page of tasks.
    Page {
        tasks: Vec<Seen>,
        cursor: u64,
        more: bool,
        behind: bool,
    },
    /// The first inbox, then the second.
    Both { first: Inbox, second: Inbox },
    /// It was refused, and nothing happened.
    Fail { code: String },
    /// It may have happened, or may still happen.
    Unknown { reason: String },
}

impl Outcome {
    /// Whether what was asked for was done.
    pub(crate) fn is_ok(&self) -> bool {
        match self {
            Self::Done
            | Self::Accounted { .. }
            | Self::Changed { .. }
            | Self::Page { .. }
            | Self::Both { .. } => true,
            Self::Pending | Self::Queued { .. } | Self::Fail { .. } | Self::Unknown { .. } => false,
        }
    }

    /// The number, position and hash of a success that has a place in the log.
    pub(crate) fn receipt(&self) -> Option<(u64, u64, &str)> {
        match self {
            Self::Accounted {
                number,
                position,
                hash,
            }
            | Self::Changed {
                number,
                position,
                hash,
            } => Some((*number, *position, hash)),
            _ => None,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Fail { .. } => "fail",
            Self::Pending | Self::Queued { .. } | Self::Unknown { .. } => "info",
            _ => "ok",
        }
    }
}

/// An inbox, from somewhere to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Inbox {
    /// When its last page was asked for.
    pub(crate) asked: Duration,
    pub(crate) tasks: Vec<Seen>,
    pub(crate) cursor: u64,
    pub(crate) behind: bool,
}

/// A task as somebody read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Seen {
    pub(crate) payload: String,
    pub(crate) sender: String,
    pub(crate) number: u64,
    pub(crate) position: u64,
    pub(crate) hash: String,
    pub(crate) recipients: Vec<String>,
}

/// An operation with its times since the run began.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) process: u32,
    pub(crate) invoked: Duration,
    pub(crate) ended: Duration,
    pub(crate) call: Call,
    pub(crate) outcome: Outcome,
}

/// Everything that was asked in one run.
pub(crate) struct History {
    began: Instant,
    inner: Mutex<Inner>,
}

struct Inner {
    records: Vec<Record>,
    lines: BufWriter<File>,
}

/// An operation that has not ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    index: usize,
    process: u32,
}

#[derive(Serialize)]
struct Line<'a, T> {
    i: usize,
    t: f64,
    #[serde(rename = "proc")]
    process: u32,
    #[serde(rename = "type")]
    kind: &'a str,
    value: T,
}

impl History {
    /// Begins, and writes to this file as well.
    pub(crate) fn begin(file: &Path) -> Self {
        let file = File::create(file).expect("the history can be written");
        Self {
            began: Instant::now(),
            inner: Mutex::new(Inner {
                records: Vec::new(),
                lines: BufWriter::new(file),
            }),
        }
    }

    /// The time since the run began.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Somebody asks for something.
    pub(crate) fn invoke(&self, process: u32, call: Call) -> Ticket {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let invoked = self.began.elapsed();
        let index = inner.records.len();
        inner.write(index, invoked, process, "invoke", &call);
        inner.records.push(Record {
            process,
            invoked,
            ended: Duration::MAX,
            call,
            outcome: Outcome::Pending,
        });
        Ticket { index, process }
    }

    /// It has ended.
    pub(crate) fn end(&self, ticket: Ticket, outcome: Outcome) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = self.began.elapsed();
        inner.write(
            ticket.index,
            ended,
            ticket.process,
            outcome.word(),
            &outcome,
        );
        let record = &mut inner.records[ticket.index];
        record.ended = ended;
        record.outcome = outcome;
    }

    /// Something happened that nobody asked for: a fault.
    pub(crate) fn note(&self, kind: &str, what: &str) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (index, now) = (inner.records.len(), self.began.elapsed());
        inner.write(index, now, 0, kind, &what);
    }

    /// Which of so many processes, from 0, have had a task accounted for since a moment.
    pub(crate) fn sent_since(&self, processes: u32, moment: Duration) -> Vec<bool> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sent = vec![false; processes as usize];
        // Operations that end after a moment began at most a deadline before it.
        for record in inner.records.iter().rev() {
            if record.ended < moment && record.invoked + LONGEST < moment {
                break;
            }
            let accounted = matches!(record.outcome, Outcome::Accounted { .. });
            if accounted && record.ended >= moment && record.process < processes {
                sent[record.process as usize] = true;
            }
        }
        sent
    }

    /// How many sends were accounted for between two moments.
    pub(crate) fn accounted_within(&self, from: Duration, to: Duration) -> usize {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let within = |record: &&Record| {
            let accounted = matches!(record.outcome, Outcome::Accounted { .. });
            accounted && (from..to).contains(&record.ended)
        };
        inner.records.iter().filter(within).count()
    }

    /// When the first send was accounted for after a moment.
    pub(crate) fn first_accounted(&self, after: Duration) -> Option<Duration> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let accounted = inner.records.iter().filter(|record| {
            record.ended > after && matches!(record.outcome, Outcome::Accounted { .. })
        });
        accounted.map(|record| record.ended).min()
    }

    /// How many sends of these processes were queued between two moments.
    pub(crate) fn queued_within(&self, processes: &[u32], from: Duration, to: Duration) -> usize {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let queued = inner.records.iter().filter(|record| {
            processes.contains(&record.process)
                && (from..to).contains(&record.ended)
                && matches!(record.outcome, Outcome::Queued { .. })
        });
        queued.count()
    }

    /// Everything so far.
    pub(crate) fn records(&self) -> Vec<Record> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.lines.flush().expect("the history can be written");
        inner.records.clone()
    }
}

impl Inner {
    fn write<T: Serialize>(&mut self, i: usize, at: Duration, process: u32, kind: &str, value: &T) {
        let line = Line {
            i,
            t: at.as_secs_f64(),
            process,
            kind,
            value,
        };
        serde_json::to_writer(&mut self.lines, &line).expect("the history can be written");
        self.lines
            .write_all(b"\n")
            .expect("the history can be written");
    }
}
