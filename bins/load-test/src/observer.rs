//! Observers: they measure how long it takes until a recipient sees a task.
//!
//! Each follows one task at a time, and asks only from when it is sent until it
//! is seen: a handful of polls per sample, so that measuring costs little.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use yoshi_client::View;
use yoshi_protocol::limit::POLL_TASKS_MAX;
use yoshi_protocol::{Position, TaskId};

use crate::load::Load;

/// The least time between two samples of one observer.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);
/// The pause between two polls for one task.
const POLL_PAUSE: Duration = Duration::from_millis(1);
/// A task that is not seen for so long is given up.
const GIVE_UP: Duration = Duration::from_secs(60);
/// An observer that is busy takes no sample before this, which is never.
const BUSY: u64 = u64::MAX;

/// How a send ended, for whoever looks for the task meanwhile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) at: Instant,
    pub(crate) accounted: bool,
}

/// A task to look for.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) id: TaskId,
    pub(crate) due: Instant,
    pub(crate) ended: Arc<OnceLock<Ended>>,
}

/// What the observers saw.
#[derive(Debug, Default)]
pub(crate) struct Sighting {
    /// From when each sampled task was due until it was seen, in microseconds.
    pub(crate) micros: Vec<u64>,
    /// Tasks that a poll lacked, although it began after their success was reported.
    pub(crate) invisible: Vec<TaskId>,
}

/// The senders' side of the observers.
#[derive(Debug)]
pub(crate) struct Observers {
    /// When each takes its next sample, in microseconds since the start.
    free_at: Vec<Arc<AtomicU64>>,
    samples: Vec<mpsc::Sender<Sample>>,
}

impl Observers {
    /// Starts the observers. They end when the senders' side is dropped.
    pub(crate) fn start(load: &Arc<Load>) -> (Self, Vec<tokio::task::JoinHandle<Sighting>>) {
        let mut observers = Self {
            free_at: Vec::new(),
            samples: Vec::new(),
        };
        let mut running = Vec::new();
        for index in 0..load.workload.plan().observers {
            let free_at = Arc::new(AtomicU64::new(0));
            let (sender, samples) = mpsc::channel(1);
            observers.free_at.push(Arc::clone(&free_at));
            observers.samples.push(sender);
            running.push(tokio::spawn(observe(
                Arc::clone(load),
                index,
                samples,
                free_at,
            )));
        }
        (observers, running)
    }

    /// An observer that is free at this time: it is the caller's now.
    pub(crate) fn take(&self, now: u64) -> Option<u32> {
        let index = self.free_at.iter().position(|free_at| {
            let free = free_at.load(Ordering::Relaxed);
            free <= now
                && free_at
                    .compare_exchange(free, BUSY, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok()
        })?;
        u32::try_from(index).ok()
    }

    pub(crate) fn look_for(&self, observer: u32, sample: Sample) {
        // It is free, so there is room; if it has ended, there is nobody to look.
        self.samples[observer as usize]
            .try_send(sample)
            .unwrap_or_default();
    }
}

async fn observe(
    load: Arc<Load>,
    observer: u32,
    mut samples: mpsc::Receiver<Sample>,
    free_at: Arc<AtomicU64>,
) -> Sighting {
    let mut sighting = Sighting::default();
    let mut cursor = Position::ZERO;
    while let Some(sample) = samples.recv().await {
        look_for(&load, observer, &sample, &mut cursor, &mut sighting).await;
        let next = load.micros(Instant::now() + SAMPLE_EVERY);
        free_at.store(next, Ordering::Relaxed);
    }
    sighting
}

async fn look_for(
    load: &Load,
    observer: u32,
    sample: &Sample,
    cursor: &mut Position,
    sighting: &mut Sighting,
) {
    let index = load.workload.plan().ring + observer;
    let (account, credential) = (load.workload.name(index), load.accounts.credential(index));
    let client = load.client(index);
    let give_up = Instant::now() + GIVE_UP;
    while Instant::now() < give_up {
        let began = Instant::now();
        let polled = client.poll(account, credential, View::Inbox, *cursor, POLL_TASKS_MAX);
        if let Ok(page) = polled.await {
            *cursor = page.cursor;
            if page.tasks.iter().any(|task| task.new_task.id == sample.id) {
                let took = sample.due.elapsed().as_micros();
                sighting
                    .micros
                    .push(u64::try_from(took).unwrap_or(u64::MAX));
                return;
            }
            if page.more {
                continue;
            }
            match sample.ended.get() {
                Some(ended) if ended.accounted && ended.at < began && !page.behind => {
                    sighting.invisible.push(sample.id);
                    return;
                }
                // It may never come.
                Some(ended) if !ended.accounted => return,
                _ => {}
            }
        }
        tokio::time::sleep(POLL_PAUSE).await;
    }
}
