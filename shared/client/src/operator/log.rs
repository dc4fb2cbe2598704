//! `POLL_MS` and `POLL_RS`: a server's copy of a log, for whoever holds copies against
//! each other before a lost log is made anew.

use yoshi_protocol::message::log::{LogPage, PollLog};
use yoshi_protocol::subject::{self, Role};
use yoshi_protocol::{Incarnation, Position, ServerId};

use super::Operator;
use crate::error::Error;
use crate::retry::Effect;

impl Operator {
    /// What a server's copy of its log holds after a position, as much as fits.
    /// Only the NATS user `recovery` may ask.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn log_page(
        &self,
        (role, server): (Role, ServerId),
        stream: Incarnation,
        since: Position,
    ) -> Result<LogPage, Error> {
        let subject = subject::poll_log(role, server);
        let request = PollLog { since, stream };
        self.call(&subject, Effect::Reads, &request).await
    }
}
