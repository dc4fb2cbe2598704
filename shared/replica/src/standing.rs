//! Whether this server has applied what was in the log a moment ago: the
//! stream's leader is asked every second.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use yoshi_protocol::{Incarnation, Position};

use crate::Standing;
use crate::applier::next_sequence;
use crate::stream::Log;

/// How often the stream's leader is asked, and how long the applying side may
/// take to reach what was its tail when it was asked.
const ASK_EVERY: Duration = Duration::from_secs(1);
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a server that is catching up looks again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Watches until the replica is stopped. `confirmed` is the time of the latest
/// question whose answer this server has reached.
pub(crate) async fn watch(
    log: Log,
    incarnation: Incarnation,
    applied: watch::Receiver<Position>,
    standing: watch::Sender<Standing>,
    confirmed: watch::Sender<Option<Instant>>,
) {
    loop {
        let asked = Instant::now();
        let now = stand(&log, incarnation, applied.clone()).await;
        if now == Some(Standing::AtTail) {
            confirmed.send_replace(Some(asked));
        }
        let pause = if now == Some(Standing::CatchingUp) {
            ASK_AGAIN
        } else {
            ASK_EVERY
        };
        // `Lost` is the applying side's finding, and only it takes it back.
        standing.send_if_modified(|standing| match now {
            Some(now) if !matches!(standing, Standing::Lost(_)) && *standing != now => {
                *standing = now;
                true
            }
            _ => false,
        });
        tokio::time::sleep(pause).await;
    }
}

/// None if the stream is not the one that is followed.
async fn stand(
    log: &Log,
    incarnation: Incarnation,
    mut applied: watch::Receiver<Position>,
) -> Option<Standing> {
    let view = match tokio::time::timeout(ASK_TIMEOUT, log.view()).await {
        Ok(Ok(view)) => view,
        Ok(Err(_)) | Err(_) => return Some(Standing::OutOfReach),
    };
    if view.incarnation != incarnation {
        return None;
    }
    let reached = applied.wait_for(|applied| next_sequence(*applied) > view.last);
    match tokio::time::timeout(ASK_EVERY, reached).await {
        Ok(Ok(_)) => Some(Standing::AtTail),
        Ok(Err(_)) | Err(_) => Some(Standing::CatchingUp),
    }
}
