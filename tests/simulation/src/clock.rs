//! Virtual time: the order of events, and what each node's clocks show.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use yoshi_protocol::Millis;
use yoshi_protocol::limit::SILENCE_SECONDS;

/// Virtual microseconds since the start of the run.
pub(crate) type Micros = u64;

/// A millisecond of virtual time.
pub(crate) const MILLI: Micros = 1_000;
/// A second of virtual time.
pub(crate) const SECOND: Micros = 1_000_000;

/// How long a message server may be silent before it counts as gone.
pub(crate) const SILENT_MAX: Duration = Duration::from_secs(SILENCE_SECONDS);

/// The wall clock at the start of every run.
const START: i64 = 1_790_000_000_000;

/// What is to happen, in order of time, and of its making among equals.
#[derive(Debug)]
pub(crate) struct Schedule<E> {
    now: Micros,
    made: u64,
    heap: BinaryHeap<Slot<E>>,
}

#[derive(Debug)]
struct Slot<E> {
    at: Micros,
    made: u64,
    event: E,
}

impl<E> Ord for Slot<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives its greatest first.
        (other.at, other.made).cmp(&(self.at, self.made))
    }
}

impl<E> PartialOrd for Slot<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Slot<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Slot<E> {}

impl<E> Default for Schedule<E> {
    fn default() -> Self {
        Self {
            now: 0,
            made: 0,
            heap: BinaryHeap::new(),
        }
    }
}

impl<E> Schedule<E> {
    /// Now.
    #[must_use]
    pub(crate) fn now(&self) -> Micros {
        self.now
    }

    /// Something happens after a while.
    pub(crate) fn after(&mut self, delay: Micros, event: E) {
        self.made += 1;
        let (at, made) = (self.now + delay, self.made);
        self.heap.push(Slot { at, made, event });
    }

    /// The next event, if it comes before `end`; time is then its time.
    pub(crate) fn pop(&mut self, end: Micros) -> Option<E> {
        if self.heap.peek()?.at > end {
            self.now = end;
            return None;
        }
        let slot = self.heap.pop()?;
        self.now = slot.at;
        Some(slot.event)
    }
}

/// The clocks of one machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// How fast its monotonic clock runs, in parts per thousand of true time.
    pub(crate) permille: u64,
    /// How far off its wall clock is, in milliseconds.
    pub(crate) wall_off: i64,
}

impl Clock {
    /// The monotonic clock: it goes on while the process is paused.
    #[must_use]
    pub(crate) fn instant(&self, now: Micros) -> Instant {
        static BASE: OnceLock<Instant> = OnceLock::new();
        // Well past zero, so that nothing can be before the clock's beginning.
        let base = *BASE.get_or_init(|| Instant::now() + Duration::from_secs(3_600));
        base + Duration::from_micros(now * self.permille / 1_000)
    }

    /// How long its timer of `delay` takes in true time.
    #[must_use]
    pub(crate) fn true_delay(&self, delay: Micros) -> Micros {
        delay * 1_000 / self.permille
    }

    /// The wall clock.
    #[must_use]
    pub(crate) fn wall(&self, now: Micros) -> Millis {
        let passed = i64::try_from(now / MILLI).expect("a run takes minutes");
        Millis(START + passed + self.wall_off)
    }
}
