//! Trying again: when, how often, and what is known at the end.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, Last};
use crate::transport::Failure;

/// The pause before the second try is at most this; each later one doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(40);
/// No pause is longer.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// A try shorter than this is not worth making.
const TRY_MIN: Duration = Duration::from_millis(5);

/// How long a call tries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) deadline: Duration,
    pub(crate) try_within: Duration,
}

/// Whether a call changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only reads: an unknown outcome does no harm.
    Reads,
    /// It changes something.
    Changes,
}

impl Policy {
    pub(crate) fn new(deadline: Duration, try_within: Duration) -> Self {
        Self {
            deadline,
            try_within,
        }
    }

    /// The pause after so many tries: exponential, and between half of it and
    /// all of it by `jitter` (0 to 1), so that clients do not come back in step.
    fn pause(tries: u32, jitter: f64) -> Duration {
        let doublings = tries.saturating_sub(1).min(16);
        let full = PAUSE_FIRST.saturating_mul(1 << doublings).min(PAUSE_MAX);
        full.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }

    /// Tries until there is a result, a refusal, or no time left. `attempt` is
    /// told how long it may take.
    pub(crate) async fn run<T, F>(
        self,
        effect: Effect,
        mut attempt: impl FnMut(Duration) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let end = Instant::now() + self.deadline;
        let mut tries = 0;
        let mut unclear = false;
        let mut last = Last::Never;
        let mut answer = None;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left < TRY_MIN {
                break;
            }
            tries += 1;
            match attempt(left.min(self.try_within)).await {
                Ok(result) => return Ok(result),
                Err(Failure::Refused(reply)) if unclear => return Err(Error::RefusedLater(reply)),
                Err(Failure::Refused(reply)) => return Err(Error::Refused(reply)),
                Err(Failure::Malformed(reason)) => {
                    return Err(Error::Malformed {
                        reason,
                        may_have_happened: effect == Effect::Changes,
                    });
                }
                Err(Failure::Retry {
                    last: reason,
                    may_have_happened,
                }) => {
                    unclear |= may_have_happened && effect == Effect::Changes;
                    tracing::debug!(tries, reason = %reason, "a try failed");
                    if let Last::Refused(reply) = &reason {
                        answer = Some(Box::new(reply.clone()));
                    }
                    last = reason;
                }
            }
            let pause = Self::pause(tries, rand::random());
            if pause >= end.saturating_duration_since(Instant::now()) {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        Err(Error::Deadline {
            within: self.deadline,
            tries,
            may_have_happened: unclear,
            last,
            answer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::NoAnswer;
    use std::cell::RefCell;
    use yoshi_protocol::{ErrorCode, ErrorReply};

    /// Tries that end as planned, one after the other; the last one repeats.
    async fn call(effect: Effect, ends: Vec<Result<u8, Failure>>) -> (Result<u8, Error>, usize) {
        let ends = RefCell::new(ends);
        let count = RefCell::new(0);
        let policy = Policy::new(Duration::from_millis(300), Duration::from_millis(50));
        let result = policy
            .run(effect, |_within| {
                *count.borrow_mut() += 1;
                let mut ends = ends.borrow_mut();
                let end = if ends.len() > 1 {
                    ends.remove(0)
                } else {
                    match &ends[0] {
                        Ok(value) => Ok(*value),
                        Err(Failure::Retry { .. }) => Err(timed_out()),
                        Err(other) => panic!("only a retry repeats: {other:?}"),
                    }
                };
                std::future::ready(end)
            })
            .await;
        (result, count.into_inner())
    }

    fn timed_out() -> Failure {
        Failure::no_answer(NoAnswer::TimedOut)
    }

    fn unheard() -> Failure {
        Failure::no_answer(NoAnswer::NoResponders)
    }

    fn refused(code: ErrorCode) -> ErrorReply {
        ErrorReply::new(code, "no")
    }

    #[test]
    fn pauses_grow_to_a_limit_and_are_jittered() {
        assert_eq!(Policy::pause(1, 1.0), PAUSE_FIRST);
        assert_eq!(Policy::pause(1, 0.0), PAUSE_FIRST / 2);
        assert_eq!(Policy::pause(3, 1.0), PAUSE_FIRST * 4);
        assert_eq!(Policy::pause(40, 1.0), PAUSE_MAX);
        assert_eq!(Policy::pause(u32::MAX, 0.0), PAUSE_MAX / 2);
    }

    #[tokio::test]
    async fn silence_is_tried_again() {
        let (result, count) = call(
            Effect::Changes,
            vec![Err(unheard()), Err(timed_out()), Ok(7)],
        )
        .await;
        assert_eq!((result.unwrap(), count), (7, 3));
    }

    #[tokio::test]
    async fn a_refusal_is_final() {
        let no = || Err(Failure::Refused(refused(ErrorCode::Unauthenticated)));
        let (result, count) = call(Effect::Changes, vec![no(), Ok(7)]).await;
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Refused(_)) && !error.may_have_happened());
        assert_eq!(count, 1);

        let (result, _) = call(Effect::Changes, vec![Err(timed_out()), no(), Ok(7)]).await;
        assert!(result.unwrap_err().may_have_happened());
        let (result, _) = call(Effect::Reads, vec![Err(timed_out()), no(), Ok(7)]).await;
        assert!(!result.unwrap_err().may_have_happened());
    }

    #[tokio::test]
    async fn the_deadline_ends_it_and_says_what_is_known() {
        let retry_later = || {
            Err(Failure::Retry {
                last: Last::Refused(refused(ErrorCode::Busy)),
                may_have_happened: false,
            })
        };
        let (result, count) = call(Effect::Changes, vec![retry_later(), Err(timed_out())]).await;
        let error = result.unwrap_err();
        assert!(matches!(
            &error,
            Error::Deadline {
                last: Last::NoAnswer(_),
                ..
            }
        ));
        assert!(error.may_have_happened());
        // What a server said is not lost when the tries after it are silent.
        let words = error.to_string();
        assert!(
            words.contains("no answer in time; before it, busy: no"),
            "{words}"
        );
        assert!((2..20).contains(&count), "{count}");

        let (result, _) = call(Effect::Reads, vec![Err(timed_out())]).await;
        assert!(!result.unwrap_err().may_have_happened());
    }
}
