//! The closed and the open loop.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use yoshi_client::{Client, Error, Outgoing, Sent};

use crate::accounts::Accounts;
use crate::arguments::Arguments;
use crate::observer::{Ended, Observers, Sample, Sighting};
use crate::record::{Outcome, RECORDS_MAX, Record};
use crate::report::progress;
use crate::workload::Workload;

/// Sends of the open loop that wait for their answers. When there are so many,
/// the next one waits, and its latency counts from when it was due.
const IN_FLIGHT_MAX: usize = 20_000;
/// How often the open loop looks what is due.
const TICK: Duration = Duration::from_millis(1);
/// How often the progress is shown.
const SHOW_EVERY: Duration = Duration::from_millis(250);
/// A sender whose send failed waits so long before the next.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// Kinds of errors that are counted one by one.
const ERRORS_MAX: usize = 50;

/// What all senders share.
#[derive(Debug)]
pub(crate) struct Load {
    clients: Vec<Client>,
    pub(crate) accounts: Accounts,
    pub(crate) workload: Workload,
    started: Instant,
    accounted: AtomicU64,
    others: AtomicU64,
    records: Mutex<Vec<Record>>,
    errors: Mutex<std::collections::BTreeMap<String, u64>>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    pub(crate) records: Vec<Record>,
    /// Begin and end of the measurement, in microseconds since the start.
    pub(crate) window: (u64, u64),
    pub(crate) sighting: Sighting,
    /// How often each error came.
    pub(crate) errors: std::collections::BTreeMap<String, u64>,
}

/// The times of a run, in microseconds since its start.
#[derive(Debug, Clone, Copy)]
struct Window {
    begin: u64,
    end: u64,
}

impl Load {
    pub(crate) fn new(clients: Vec<Client>, accounts: Accounts, workload: Workload) -> Self {
        Self {
            clients,
            accounts,
            workload,
            started: Instant::now(),
            accounted: AtomicU64::new(0),
            others: AtomicU64::new(0),
            records: Mutex::default(),
            errors: Mutex::default(),
        }
    }

    /// The connection of an account.
    pub(crate) fn client(&self, account: u32) -> &Client {
        &self.clients[account as usize % self.clients.len()]
    }

    /// Microseconds from the start until a time.
    pub(crate) fn micros(&self, at: Instant) -> u64 {
        let micros = at.saturating_duration_since(self.started).as_micros();
        u64::try_from(micros).unwrap_or(u64::MAX)
    }

    fn at(&self, micros: u64) -> Instant {
        self.started + Duration::from_micros(micros)
    }

    fn is_full(&self) -> bool {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.len() >= RECORDS_MAX
    }

    /// Sends a sender's next task, and remembers how it ended.
    async fn send(&self, observers: &Observers, sender: u32, sequence: u64, due: u64) -> Outcome {
        let issued = Instant::now();
        let observer = observers.take(self.micros(issued));
        let first = self.workload.first_recipient(sender, sequence);
        let task = self.workload.task(sequence, first, observer);
        let id = task.id;
        let ended = Arc::new(OnceLock::new());
        if let Some(observer) = observer {
            let sample = Sample {
                id,
                due: self.at(due),
                ended: Arc::clone(&ended),
            };
            observers.look_for(observer, sample);
        }
        let outcome = match Outgoing::new(task) {
            Ok(task) => self.ask(sender, &task).await,
            Err(error) => self.failed(&error.into()),
        };
        let at = Instant::now();
        let accounted = matches!(outcome, Outcome::Accounted { .. });
        ended.get_or_init(|| Ended { at, accounted });
        let counter = if accounted {
            &self.accounted
        } else {
            &self.others
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let record = Record {
            id,
            sender,
            first,
            observer,
            due,
            issued: self.micros(issued),
            ended: self.micros(at),
            outcome,
        };
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(record);
        outcome
    }

    async fn ask(&self, sender: u32, task: &Outgoing) -> Outcome {
        let (account, credential) = (self.workload.name(sender), self.accounts.credential(sender));
        match self
            .client(sender)
            .send_outgoing(account, credential, task)
            .await
        {
            Ok(Sent::Accounted(receipt)) => Outcome::Accounted {
                number: receipt.number,
                position: receipt.position,
            },
            Ok(Sent::Queued(_)) => Outcome::Queued,
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&self, error: &Error) -> Outcome {
        let name = match error {
            Error::Refused(reply) | Error::RefusedLater(reply) => reply.code.to_string(),
            other => other.to_string(),
        };
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let known = errors.contains_key(&name) || errors.len() < ERRORS_MAX;
        *errors
            .entry(if known { name } else { "others".to_owned() })
            .or_default() += 1;
        if error.may_have_happened() {
            Outcome::Unclear
        } else {
            Outcome::Refused
        }
    }
}

/// Sends until the time is over, and waits for the last answers.
pub(crate) async fn run(load: &Arc<Load>, arguments: &Arguments) -> Measured {
    let second = 1_000_000;
    let begin = load.micros(Instant::now()) + u64::from(arguments.warm_up_seconds) * second;
    let window = Window {
        begin,
        end: begin + u64::from(arguments.seconds) * second,
    };
    let (observers, observing) = Observers::start(load);
    let shown = tokio::spawn(show(Arc::clone(load), window, arguments.json));
    let observers = Arc::new(observers);
    match arguments.rate {
        None => closed(load, &observers, window).await,
        Some(rate) => open(load, &observers, window, rate).await,
    }
    // The observers end once nobody can send them samples any more.
    drop(observers);
    let mut sighting = Sighting::default();
    for observer in observing {
        if let Ok(one) = observer.await {
            sighting.micros.extend(one.micros);
            sighting.invisible.extend(one.invisible);
        }
    }
    shown.abort();
    let taken = |records: &Mutex<Vec<Record>>| {
        std::mem::take(&mut *records.lock().unwrap_or_else(PoisonError::into_inner))
    };
    Measured {
        records: taken(&load.records),
        window: (window.begin, window.end),
        sighting,
        errors: std::mem::take(&mut *load.errors.lock().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// Each sender sends its next task when it knows what became of the last one.
async fn closed(load: &Arc<Load>, observers: &Arc<Observers>, window: Window) {
    let mut senders = JoinSet::new();
    for sender in 0..load.workload.plan().senders {
        let (load, observers) = (Arc::clone(load), Arc::clone(observers));
        senders.spawn(async move {
            let mut sequence = 0;
            loop {
                let now = load.micros(Instant::now());
                if now >= window.end || load.is_full() {
                    return;
                }
                let outcome = load.send(&observers, sender, sequence, now).await;
                sequence += 1;
                if matches!(outcome, Outcome::Unclear | Outcome::Refused) {
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        });
    }
    while senders.join_next().await.is_some() {}
}

/// Tasks are due at even intervals, whatever becomes of those before.
async fn open(load: &Arc<Load>, observers: &Arc<Observers>, window: Window, rate: u32) {
    let senders = u64::from(load.workload.plan().senders);
    let room = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let begin = load.micros(Instant::now());
    let mut sending = JoinSet::new();
    for arrival in 0.. {
        let due = begin + arrival * 1_000_000 / u64::from(rate);
        if due >= window.end || load.is_full() {
            break;
        }
        if due > load.micros(Instant::now()) {
            // Whole ticks: the timer is no finer, and every wake-up costs.
            tokio::time::sleep_until(load.at(due).max(Instant::now() + TICK)).await;
        }
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            break;
        };
        let (load, observers) = (Arc::clone(load), Arc::clone(observers));
        let sender =
            u32::try_from(arrival % senders).expect("less than the senders, which are a u32");
        sending.spawn(async move {
            load.send(&observers, sender, arrival / senders, due).await;
            drop(permit);
        });
        while sending.try_join_next().is_some() {}
    }
    while sending.join_next().await.is_some() {}
}

/// Shows how far it is, and the rate of the last moment.
async fn show(load: Arc<Load>, window: Window, quiet: bool) {
    let begin = load.micros(Instant::now());
    let length = Duration::from_micros(window.end.saturating_sub(begin)).as_secs();
    let progress = progress(quiet, length, "seconds");
    let mut previous = (Instant::now(), load.accounted.load(Ordering::Relaxed));
    loop {
        tokio::time::sleep(SHOW_EVERY).await;
        let now = Instant::now();
        let accounted = load.accounted.load(Ordering::Relaxed);
        let rate = (accounted - previous.1) as f64 / now.duration_since(previous.0).as_secs_f64();
        previous = (now, accounted);
        let micros = load.micros(now);
        let phase = match micros {
            _ if micros < window.begin => "warming up",
            _ if micros < window.end => "measuring",
            _ => "waiting for the last answers",
        };
        let others = load.others.load(Ordering::Relaxed);
        progress.set_position(Duration::from_micros(micros - begin).as_secs().min(length));
        progress.set_message(format!(
            "{phase}: {rate:.0} tasks/s, {accounted} accounted for, {others} not"
        ));
    }
}
