//! Wall clocks that are wrong, and clocks that jump.

use std::time::{Duration, Instant};

use yoshi_tests::System;

/// How long a clock that jumps stays as it is.
const STAYS: Duration = Duration::from_millis(2_500);
/// Where it jumps, in turn.
const JUMPS: [&str; 4] = ["+3600s", "+0s", "-3600s", "+0s"];
/// A clock that is wrong is at least so far from ours.
const APART_MIN: Duration = Duration::from_secs(10 * 60);
/// How long it may take until a process, and the date of its answers, follow its clock.
const SEEN_WITHIN: Duration = Duration::from_secs(4);
const PAUSE: Duration = Duration::from_millis(200);

/// How wrong a server's clock is made: each of a kind by another time, so that
/// they differ from each other as well.
pub(super) fn offset(target: &str) -> &'static str {
    match target.chars().last() {
        Some('1') => "+3600s x1.2",
        Some('2') => "+7200s",
        _ => "+1800s",
    }
}

/// Where jumping clocks are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Jump {
    next: usize,
    since: Instant,
}

impl Jump {
    /// Clocks that were put off just now.
    pub(super) fn begin() -> Self {
        Self {
            next: 0,
            since: Instant::now(),
        }
    }

    /// Where they jump, if it is time to.
    pub(super) fn next(&mut self) -> Option<&'static str> {
        if self.since.elapsed() < STAYS {
            return None;
        }
        let offset = JUMPS[self.next % JUMPS.len()];
        self.next += 1;
        self.since = Instant::now();
        Some(offset)
    }
}

/// Whether the clock of one of these servers is seen to be wrong.
pub(super) async fn bite(system: &mut System, targets: &[String]) -> Result<String, String> {
    let end = Instant::now() + SEEN_WITHIN;
    for target in targets {
        // Also those that jump: an answer's date is never put back.
        system.clock(target).set(offset(target));
    }
    let mut last = "nobody was asked".to_owned();
    while Instant::now() < end {
        for target in targets {
            match system.server(target).clock_apart().await {
                Ok(apart) if apart >= APART_MIN => {
                    return Ok(format!("{target}'s clock is {} s off", apart.as_secs()));
                }
                Ok(apart) => last = format!("{target}'s clock is {} s off", apart.as_secs()),
                Err(reason) => last = reason,
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(last)
}
