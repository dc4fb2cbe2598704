//! What operators ask of one message server.

use yoshi_protocol::ServerId;
use yoshi_protocol::message::Done;
use yoshi_protocol::message::operate::{DrainMs, ResyncMs};
use yoshi_protocol::subject::{self, MsVerb};

use super::Operator;
use crate::error::Error;
use crate::retry::Effect;

impl Operator {
    /// `DRAIN_MS`: the server takes nothing new, and its accounts move to others;
    /// or, without `drain`, it serves again. It forgets this when it starts
    /// again. `force` drains also the last server that serves.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn drain_server(&self, id: ServerId, drain: bool, force: bool) -> Result<(), Error> {
        let subject = subject::ms(id, MsVerb::Drain);
        let Done {} = self
            .call(&subject, Effect::Changes, &DrainMs { drain, force })
            .await?;
        Ok(())
    }

    /// `RESYNC_MS`: the server forgets its rows and fills its database anew, from
    /// the log or from a neighbour; `force` also if nobody else holds them.
    /// Answers once it has begun.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn resync_server(&self, id: ServerId, force: bool) -> Result<(), Error> {
        let request = ResyncMs { keep: false, force };
        self.begin_anew(id, &request).await
    }

    /// `RESYNC_MS`: the server forgets nothing, and takes back that its rows are
    /// wrong. For the one of two servers that the operator knows to be right.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn trust_server(&self, id: ServerId) -> Result<(), Error> {
        let request = ResyncMs {
            keep: true,
            force: false,
        };
        self.begin_anew(id, &request).await
    }

    async fn begin_anew(&self, id: ServerId, request: &ResyncMs) -> Result<(), Error> {
        let subject = subject::ms(id, MsVerb::Resync);
        let Done {} = self.call(&subject, Effect::Changes, request).await?;
        Ok(())
    }
}
