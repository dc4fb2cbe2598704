//! Waiting for what must become true, with a bound and the last reason why not.

use std::fmt::Display;
use std::time::Duration;

use tokio::time::Instant;

/// The pause between two checks.
const PAUSE: Duration = Duration::from_millis(50);

/// Checks until the check succeeds, and answers what it found.
///
/// # Panics
/// If it has not succeeded `within` the time; with the last reason why not.
pub async fn eventually<T, E: Display>(
    what: &str,
    within: Duration,
    mut check: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let end = Instant::now() + within;
    let mut last = "the first check did not end".to_owned();
    loop {
        match tokio::time::timeout_at(end, check()).await {
            Ok(Ok(value)) => return value,
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => panic!(
                "{what}: not within {within:?}; the last check did not end; before that: {last}"
            ),
        }
        assert!(
            Instant::now() < end,
            "{what}: not within {within:?}: {last}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}
