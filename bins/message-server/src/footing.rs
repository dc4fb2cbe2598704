//! What this server goes by: the log, or, once that has been out of reach for a
//! while, only what it has. Pure: time is passed in.

use std::time::{Duration, Instant};

use yoshi_protocol::message::roster::MsState;

/// What this server goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Footing {
    /// The log, or it cannot be missed yet.
    Log,
    /// The log is out of reach: this server answers polls, and takes nothing.
    Reading,
    /// The log is out of reach, and this server takes tasks into its outbox.
    Queueing,
}

/// Watches how long the log has been out of reach.
#[derive(Debug)]
pub struct LogWatch {
    /// How long it must be so: an election among the nodes of NATS is over by then.
    settle: Duration,
    out_of_reach_since: Option<Instant>,
    has_served: bool,
}

impl LogWatch {
    /// A server that has just started, and takes a log for out of reach once it
    /// has been so for `settle`.
    #[must_use]
    pub fn new(settle: Duration) -> Self {
        Self {
            settle,
            out_of_reach_since: None,
            has_served: false,
        }
    }

    /// What the server goes by now, in this state. Only one that has served in
    /// this life queues: it has proved that it is not a stranger to the log.
    pub fn look(&mut self, out_of_reach: bool, state: MsState, now: Instant) -> Footing {
        self.has_served |= state == MsState::Serving;
        if !out_of_reach {
            self.out_of_reach_since = None;
            return Footing::Log;
        }
        let since = *self.out_of_reach_since.get_or_insert(now);
        if now.saturating_duration_since(since) < self.settle {
            return Footing::Log;
        }
        match state {
            MsState::Behind if self.has_served => Footing::Queueing,
            MsState::Serving | MsState::Behind | MsState::Joining | MsState::Draining => {
                Footing::Reading
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(10);

    #[test]
    fn a_server_that_has_served_queues_once_the_log_is_out_of_reach_for_long() {
        let (mut watch, start) = (LogWatch::new(SETTLE), Instant::now());
        assert_eq!(watch.look(false, MsState::Serving, start), Footing::Log);
        assert_eq!(watch.look(true, MsState::Behind, start), Footing::Log);
        let later = start + SETTLE;
        assert_eq!(watch.look(true, MsState::Behind, later), Footing::Queueing);
        assert_eq!(watch.look(true, MsState::Draining, later), Footing::Reading);
        assert_eq!(watch.look(false, MsState::Behind, later), Footing::Log);
        assert_eq!(watch.look(true, MsState::Behind, later), Footing::Log);
    }

    #[test]
    fn a_server_that_has_not_served_only_reads() {
        let (mut watch, start) = (LogWatch::new(SETTLE), Instant::now());
        assert_eq!(watch.look(true, MsState::Joining, start), Footing::Log);
        let later = start + SETTLE;
        assert_eq!(watch.look(true, MsState::Joining, later), Footing::Reading);
        assert_eq!(watch.look(true, MsState::Behind, later), Footing::Reading);
    }
}
