//! How to reach NATS, and how long to try.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::{ConnectOptions, Event, ServerAddr};
use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;
use crate::retry::Policy;

/// How long a call may take, all tries and pauses together, unless told otherwise.
pub const DEADLINE: Duration = Duration::from_secs(15);
/// How long one try of a call waits for its answer, unless told otherwise.
pub const TRY_WITHIN: Duration = Duration::from_secs(5);
/// How long connecting to one NATS server may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How often NATS is pinged. A node that has left two pings unanswered is left
/// at the third: soon enough for a call to succeed within its [`DEADLINE`].
const PING_EVERY: Duration = Duration::from_secs(3);

/// How to reach NATS, and how long to try.
#[derive(Debug, Clone)]
pub struct Options {
    urls: String,
    user: String,
    password: SecretString,
    certificates: Option<PathBuf>,
    deadline: Duration,
    try_within: Duration,
}

impl Options {
    /// Options for a NATS user. Several servers' addresses are separated by commas.
    #[must_use]
    pub fn new(
        urls: impl Into<String>,
        user: impl Into<String>,
        password: impl Into<SecretString>,
    ) -> Self {
        Self {
            urls: urls.into(),
            user: user.into(),
            password: password.into(),
            certificates: None,
            deadline: DEADLINE,
            try_within: TRY_WITHIN,
        }
    }

    /// Trusts the authorities in this PEM file, for TLS to NATS.
    #[must_use]
    pub fn certificates(mut self, file: impl Into<PathBuf>) -> Self {
        self.certificates = Some(file.into());
        self
    }

    /// How long a call may take, all its tries together; 15 s by default.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long one try waits for its answer; 5 s by default.
    #[must_use]
    pub fn try_within(mut self, within: Duration) -> Self {
        self.try_within = within;
        self
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy::new(self.deadline, self.try_within)
    }

    /// A bare connection, for what is no opcode (provisioning). Replies come to
    /// an inbox that only this NATS user may read.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub async fn connect(&self) -> Result<async_nats::Client, Error> {
        let failed = |source| Error::Connect {
            urls: for_people(&self.urls),
            source,
        };
        let servers = self
            .urls
            .split(',')
            .map(|url| url.trim().parse::<ServerAddr>())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| {
                failed(async_nats::ConnectError::with_source(
                    async_nats::ConnectErrorKind::ServerParse,
                    error,
                ))
            })?;
        let mut options = ConnectOptions::with_user_and_password(
            self.user.clone(),
            self.password.expose_secret().to_owned(),
        )
        .name(format!("yoshi-{}", self.user))
        .custom_inbox_prefix(format!("_INBOX_{}", self.user))
        .connection_timeout(CONNECT_WITHIN)
        .ping_interval(PING_EVERY)
        .event_callback(|event| async move { log(&event) });
        if let Some(file) = &self.certificates {
            options = options.add_root_certificates(file.clone());
        }
        options.connect(servers).await.map_err(failed)
    }
}

/// Addresses of NATS as they may be shown: without a password that somebody
/// put into one.
#[must_use]
pub fn for_people(urls: &str) -> String {
    let shown = urls.split(',').map(|url| match url.rsplit_once('@') {
        Some((_secret, address)) => address.trim(),
        None => url.trim(),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// A denied subject shows nowhere but here: its request merely times out.
fn log(event: &Event) {
    match event {
        Event::ServerError(error) => tracing::warn!(%error, "nats: the server reports an error"),
        Event::SlowConsumer(subscription) => {
            tracing::warn!(subscription, "nats: messages were dropped");
        }
        other => tracing::debug!(event = %other, "nats: event"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        let shown = for_people("nats://bo:secret@host:4222, other:4223");
        assert_eq!(shown, "host:4222, other:4223");
        assert!(!format!("{:?}", Options::new("host", "client", "hidden")).contains("hidden"));
    }
}
