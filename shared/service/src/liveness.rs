//! When silence means that a server is gone: the one rule of every roster.
//! Pure: the clock is passed in.

use std::time::{Duration, Instant};

use yoshi_protocol::limit::SILENCE_SECONDS;

/// How long a server that announces itself every second may be silent, if no setting says otherwise.
pub const SILENT_MAX: Duration = Duration::from_secs(SILENCE_SECONDS);

/// What a process knows of its own hearing, and whose silence proves something.
///
/// A server is gone when it has been silent for longer than the bound, counted
/// from when it was heard last, or from when this process could not hear last,
/// whichever is later: nobody is dropped for a silence that this process could
/// not hear, and one that was paused, or has just begun, first listens.
#[derive(Debug, Clone)]
pub struct Hearing {
    silence_max: Duration,
    looked_at: Option<Instant>,
    deaf_at: Option<Instant>,
}

impl Default for Hearing {
    fn default() -> Self {
        Self::new(SILENT_MAX)
    }
}

impl Hearing {
    /// The hearing of a process that has not listened yet.
    #[must_use]
    pub const fn new(silence_max: Duration) -> Self {
        Self {
            silence_max,
            looked_at: None,
            deaf_at: None,
        }
    }

    /// This process looks at the clock: `listening` tells whether it could hear
    /// the others just now. To be called at least every third of the bound, at
    /// which the others should announce themselves too; a look that comes later
    /// than two thirds after the one before means that the process was paused.
    pub fn look(&mut self, now: Instant, listening: bool) {
        let gap_max = self.silence_max * 2 / 3;
        let paused = self
            .looked_at
            .is_none_or(|looked| now.saturating_duration_since(looked) > gap_max);
        self.looked_at = Some(now);
        if paused || !listening {
            self.deaf_at = Some(now);
        }
    }

    /// Whether a server that was heard last at `heard_at` is gone, by the
    /// latest look.
    #[must_use]
    pub fn is_gone(&self, heard_at: Instant) -> bool {
        self.has_been_silent(heard_at, self.silence_max)
    }

    /// The same of a server that goes by a silence of its own: the longer one
    /// counts, because it serves on for as long as it believes to be waited for.
    #[must_use]
    pub fn is_gone_by(&self, heard_at: Instant, its_silence_max: Duration) -> bool {
        self.has_been_silent(heard_at, self.silence_max.max(its_silence_max))
    }

    fn has_been_silent(&self, heard_at: Instant, longest: Duration) -> bool {
        let (Some(now), Some(deaf_at)) = (self.looked_at, self.deaf_at) else {
            return false;
        };
        now.saturating_duration_since(heard_at.max(deaf_at)) > longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(500);

    struct Case {
        hearing: Hearing,
        now: Instant,
        heard_at: Instant,
    }

    impl Case {
        fn begun() -> Self {
            let now = Instant::now();
            let mut hearing = Hearing::default();
            hearing.look(now, true);
            Self {
                hearing,
                now,
                heard_at: now,
            }
        }

        /// Looks every half second for so long; whether the other is gone then.
        fn gone_after(&mut self, time: Duration, listening: bool) -> bool {
            let end = self.now + time;
            while self.now < end {
                self.now += STEP;
                self.hearing.look(self.now, listening);
            }
            self.hearing.is_gone(self.heard_at)
        }
    }

    #[test]
    fn three_seconds_of_silence_are_the_end() {
        let mut case = Case::begun();
        assert!(!case.gone_after(SILENT_MAX, true));
        assert!(case.gone_after(STEP, true));
        case.heard_at = case.now;
        assert!(!case.gone_after(SILENT_MAX, true));
    }

    #[test]
    fn whoever_goes_by_a_longer_silence_is_granted_it() {
        let mut case = Case::begun();
        assert!(case.gone_after(SILENT_MAX + STEP, true));
        let gone_by = |case: &Case, silence| case.hearing.is_gone_by(case.heard_at, silence);
        assert!(gone_by(&case, STEP), "a shorter one changes nothing");
        assert!(!gone_by(&case, 2 * SILENT_MAX));
        case.gone_after(SILENT_MAX, true);
        assert!(gone_by(&case, 2 * SILENT_MAX));
    }

    #[test]
    fn a_silence_that_could_not_be_heard_proves_nothing() {
        let mut case = Case::begun();
        assert!(!case.gone_after(20 * SILENT_MAX, false));
        assert!(!case.gone_after(SILENT_MAX, true), "it first listens");
        assert!(case.gone_after(STEP, true));
    }

    #[test]
    fn a_paused_process_first_listens() {
        let mut case = Case::begun();
        case.now += 20 * SILENT_MAX;
        case.hearing.look(case.now, true);
        assert!(!case.hearing.is_gone(case.heard_at));
        assert!(!case.gone_after(SILENT_MAX, true));
        assert!(case.gone_after(STEP, true));
    }

    #[test]
    fn a_process_that_has_just_begun_first_listens() {
        let heard_at = Instant::now();
        let mut hearing = Hearing::default();
        assert!(!hearing.is_gone(heard_at), "nobody has looked yet");
        hearing.look(heard_at + 20 * SILENT_MAX, true);
        assert!(!hearing.is_gone(heard_at));
    }

    #[test]
    fn looks_a_second_apart_are_no_pause() {
        let mut case = Case::begun();
        for second in 1..=4 {
            let now = case.now + Duration::from_secs(second);
            case.hearing.look(now, true);
            assert_eq!(case.hearing.is_gone(case.heard_at), second > 3);
        }
    }
}
