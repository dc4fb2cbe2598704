//! Whether this server's database answers. A primary whose database does not can
//! serve nobody, and its lease keeps others from it; a backup whose database does
//! not would have every change wait for it.

use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use tokio::sync::watch;

use crate::limit::{PULSE_INTERVAL, PULSE_PROMPT_MAX};
use crate::store::query;

/// When the database answered last.
#[derive(Debug, Clone)]
pub(crate) struct Pulse {
    answered: watch::Receiver<Instant>,
    silence_max: Duration,
}

impl Pulse {
    /// Asks the database now and then, for as long as anybody wants to know. After
    /// `silence_max` without an answer it beats no more.
    pub(crate) fn follow(pool: Pool, silence_max: Duration) -> Self {
        let (answers, answered) = watch::channel(Instant::now());
        tokio::spawn(ask(pool, answers));
        Self {
            answered,
            silence_max,
        }
    }

    /// Whether it has answered lately.
    pub(crate) fn beats(&self, now: Instant) -> bool {
        self.silent_for(now) <= self.silence_max
    }

    /// Whether it has answered so lately that a primary may wait for its commits.
    pub(crate) fn is_prompt(&self, now: Instant) -> bool {
        self.silent_for(now) <= PULSE_PROMPT_MAX
    }

    fn silent_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.answered.borrow())
    }
}

async fn ask(pool: Pool, answered: watch::Sender<Instant>) {
    loop {
        match query::primary(&pool).await {
            Ok(_) => drop(answered.send_replace(Instant::now())),
            Err(error) => tracing::warn!(%error, "the database does not answer"),
        }
        tokio::select! {
            () = tokio::time::sleep(PULSE_INTERVAL) => {}
            () = answered.closed() => return,
        }
    }
}
