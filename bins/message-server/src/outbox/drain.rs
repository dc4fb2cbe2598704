//! Sends what waits in the outbox to the accounts' homes (`OUTBOX_TO_HOME`): many
//! accounts at once, the entries of each one by one and in order.

use std::time::{Duration, Instant};

use async_nats::Client;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_bytes::ByteBuf;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use yoshi_protocol::message::task::{OutboxToHome, Sent};
use yoshi_protocol::{AccountName, ErrorCode, Millis, subject};
use yoshi_replica::Standing;
use yoshi_service::request::{self, request};

use super::Outbox;
use crate::store::outbox::{self, Entry, Refusal};

/// Accounts that are sent at once.
const ACCOUNTS_AT_ONCE: usize = 64;
/// The pause after an account's first failure is at most this; each later one doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
/// No pause is longer: a healed system must have everything within seconds.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How often the gauges are set, and the database is asked for entries that an
/// interrupted commit left unnoticed.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Why an account is not being sent any more.
enum End {
    /// Nothing of it waits.
    Emptied(AccountName),
    /// Its first entry did not go in this time.
    Failed(AccountName),
}

impl Outbox {
    /// Sends whatever waits, for ever. `standing` is this server's own; while
    /// its log is out of reach nothing is tried. `answer_within` is how long a
    /// home may take over one entry.
    pub async fn drain(
        self,
        nats: Client,
        mut standing: watch::Receiver<Standing>,
        answer_within: Duration,
    ) {
        let mut sending = FuturesUnordered::new();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut has_log = false;
        loop {
            let had_log = has_log;
            has_log = *standing.borrow_and_update() != Standing::OutOfReach;
            if has_log && !had_log {
                self.ledger().hurry(Instant::now());
            }
            while has_log && sending.len() < ACCOUNTS_AT_ONCE {
                let Some(account) = self.ledger().take_due(Instant::now()) else {
                    break;
                };
                let (this, nats) = (self.clone(), nats.clone());
                sending.push(async move { this.send_all(&nats, account, answer_within).await });
            }
            let due = self.ledger().next_due().filter(|_| has_log);
            tokio::select! {
                Some(end) = sending.next(), if !sending.is_empty() => self.note(end),
                () = self.shared.news.notified() => {}
                () = sleep_until(due), if sending.len() < ACCOUNTS_AT_ONCE => {}
                changed = standing.changed() => if changed.is_err() { return },
                _ = look.tick() => self.observe().await,
            }
        }
    }

    /// Sends the entries of one account until none waits, or one fails.
    async fn send_all(&self, nats: &Client, account: AccountName, within: Duration) -> End {
        loop {
            match outbox::next(&self.shared.pool, &account).await {
                Ok(None) => return End::Emptied(account),
                Ok(Some(entry)) => {
                    if !self.send(nats, &account, entry, within).await {
                        return End::Failed(account);
                    }
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "the outbox cannot be read");
                    return End::Failed(account);
                }
            }
        }
    }

    /// Sends one entry; answers whether it has left the outbox.
    async fn send(
        &self,
        nats: &Client,
        account: &AccountName,
        entry: Entry,
        within: Duration,
    ) -> bool {
        let Entry {
            place,
            task,
            content,
        } = entry;
        let bytes = content.len() as u64;
        let question = OutboxToHome {
            task: ByteBuf::from(content),
        };
        let subject = subject::lb_outbox(account);
        let answer = request::<_, Sent>(nats, subject, &question, within).await;
        let pool = &self.shared.pool;
        let (settled, left) = match answer {
            Ok(Sent::Accounted(receipt)) => {
                let left = outbox::remove(pool, place).await;
                (Ok(Sent::Accounted(receipt)), left)
            }
            Err(request::Error::Refused(refusal)) if is_final(refusal.code) => {
                tracing::warn!(%account, %task, code = %refusal.code, "a queued task is refused");
                let kept = Refusal {
                    code: refusal.code.to_string(),
                    names: refusal.names.clone(),
                    message: refusal.message.clone(),
                };
                let left = outbox::refuse(pool, place, &kept, Millis::now()).await;
                (Err(refusal), left)
            }
            // A home never queues it anew: whatever this is, it is no receipt.
            Ok(Sent::Queued(_)) => return false,
            Err(error) => {
                tracing::debug!(%account, %task, %error, "a queued task does not go in yet");
                return false;
            }
        };
        if let Err(error) = left {
            // The row may still be there: it is sent again, and answered the same.
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "a task that is settled could not leave the outbox");
            return false;
        }
        let outcome = if settled.is_ok() { "sent" } else { "refused" };
        metrics::counter!("yoshi_outbox_left_total", "outcome" => outcome).increment(1);
        self.ledger().left(account, bytes);
        self.settle(task, &settled);
        true
    }

    fn note(&self, end: End) {
        let (mut ledger, now) = (self.ledger(), Instant::now());
        match end {
            End::Emptied(account) => ledger.emptied(&account, now),
            End::Failed(account) => {
                let failures = ledger.failed(&account);
                ledger.put_off(&account, now + pause(failures, rand::random()));
            }
        }
    }

    async fn observe(&self) {
        if let Err(error) = self.look().await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the outbox cannot be read");
        }
        let (entries, bytes) = {
            let ledger = self.ledger();
            (ledger.entries(), ledger.bytes())
        };
        let oldest = match entries {
            0 => None,
            _ => outbox::oldest(&self.shared.pool).await.ok().flatten(),
        };
        let age = oldest.map_or(0, |since| Millis::now().0.saturating_sub(since.0).max(0));
        metrics::gauge!("yoshi_outbox_entries").set(entries as f64);
        metrics::gauge!("yoshi_outbox_bytes").set(bytes as f64);
        metrics::gauge!("yoshi_outbox_oldest_seconds").set(age as f64 / 1_000.0);
    }
}

/// Whether no later try of the same task could end otherwise.
#[must_use]
pub fn is_final(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::IdReused
            | ErrorCode::UnknownRecipients
            | ErrorCode::Unauthenticated
            | ErrorCode::InvalidTask
            | ErrorCode::TooLarge
            | ErrorCode::Malformed
    )
}

/// The pause after so many failures in a row: exponential, and between half of
/// it and all of it by `jitter` (0 to 1), so that accounts do not come in step.
#[must_use]
pub fn pause(failures: u32, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let full = PAUSE_FIRST.saturating_mul(1 << doublings).min(PAUSE_MAX);
    full.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_are_jittered() {
        assert_eq!(pause(1, 1.0), PAUSE_FIRST);
        assert_eq!(pause(1, 0.0), PAUSE_FIRST / 2);
        assert_eq!(pause(3, 1.0), PAUSE_FIRST * 4);
        assert_eq!(pause(u32::MAX, 1.0), PAUSE_MAX);
    }

    #[test]
    fn only_what_cannot_change_is_final() {
        let last = ErrorCode::ALL.iter().filter(|code| is_final(**code));
        assert!(last.into_iter().all(|code| !code.is_retryable()));
        assert!(!is_final(ErrorCode::Internal), "a bug loses no task");
    }
}
