//! Whether this server has applied what was in the log a moment ago: the
//! stream's leader is asked every second.

use std::time::Duration;

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

/// Watches until the replica is stopped.
pub(crate) async fn watch(
    log: Log,
    incarnation: Incarnation,
    applied: watch::Receiver<Position>,
    standing: watch::Sender<Standing>,
) {
    loop {
        let now = stand(&log, incarnation, applied.clone()).await;
        let at_tail = now == Some(Standing::AtTail);
        // `Lost` is the applying side's finding, and only it takes it back.
        standing.send_if_modified(|standing| match now {
            Some(now) if !matches!(standing, Standing::Lost(_)) && *standing != now => {
                *standing = now;
                true
            }
            _ => false,
        });
        tokio::time::sleep(if at_tail { ASK_EVERY } else { ASK_AGAIN }).await;
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
