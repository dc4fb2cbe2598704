//! How long a server tries to begin while something that it stands on is away:
//! one rule for all of them. Once it has begun, it mends such things by itself.

use std::error::Error as StdError;
use std::time::{Duration, Instant};

use crate::limit::{BEGIN_PAUSE_MILLIS, BEGIN_SECONDS};
use crate::shutdown::Shutdown;

/// The beginning of a server, try after try.
#[derive(Debug)]
pub struct Beginning {
    shutdown: Shutdown,
    /// When the first of the tries in a row has failed.
    failing_since: Option<Instant>,
}

impl Beginning {
    /// Before the first try.
    #[must_use]
    pub fn new(shutdown: &Shutdown) -> Self {
        Self {
            shutdown: shutdown.clone(),
            failing_since: None,
        }
    }

    /// A try has failed. Waits a moment, and answers whether the server is to try
    /// again: not if it was asked to stop meanwhile. `is_passing` says that
    /// nothing is wrong with the server itself.
    ///
    /// # Errors
    /// The error is given back if it does not pass by itself, or if tries have
    /// failed for [`BEGIN_SECONDS`]: whoever watches over the process decides then.
    pub async fn again<E: StdError + 'static>(
        &mut self,
        error: E,
        is_passing: bool,
    ) -> Result<bool, E> {
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        if !is_passing || since.elapsed() >= Duration::from_secs(BEGIN_SECONDS) {
            return Err(error);
        }
        let why = &error as &dyn StdError;
        tracing::warn!(error = why, "the server could not begin; trying again");
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(BEGIN_PAUSE_MILLIS)) => Ok(true),
            () = self.shutdown.requested() => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, thiserror::Error)]
    #[error("it is away")]
    struct Away;

    #[tokio::test]
    async fn what_passes_is_waited_for_within_a_bound() {
        let mut beginning = Beginning::new(&Shutdown::new());
        assert_eq!(beginning.again(Away, true).await, Ok(true));
        assert_eq!(beginning.again(Away, true).await, Ok(true));
        beginning.failing_since = Instant::now().checked_sub(Duration::from_secs(BEGIN_SECONDS));
        assert_eq!(beginning.again(Away, true).await, Err(Away));
    }

    #[tokio::test]
    async fn what_does_not_pass_is_not_waited_for() {
        let mut beginning = Beginning::new(&Shutdown::new());
        assert_eq!(beginning.again(Away, false).await, Err(Away));
    }

    #[tokio::test]
    async fn a_server_that_is_to_stop_begins_no_more() {
        let shutdown = Shutdown::new();
        shutdown.request();
        assert_eq!(Beginning::new(&shutdown).again(Away, true).await, Ok(false));
    }
}
