//! `SERVER_STATUS`: every server that keeps a log answers for itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use tokio::time::Instant;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::operate::{ServerReport, ServerState, ServerStatus};
use yoshi_protocol::subject::{self, Role};
use yoshi_protocol::{Reply, ServerId};

use super::Operator;
use crate::error::Error;

/// Reports taken at most; an organisation runs a handful of servers.
const REPORTS_MAX: usize = 2_000;
/// How long everybody may take to answer, even if nobody seems to be missing: a
/// server that nobody knows yet is not missed.
const STRANGERS_WITHIN: Duration = Duration::from_millis(400);

/// The kind of a server that reports.
#[must_use]
pub fn role(report: &ServerReport) -> Role {
    match report.state {
        ServerState::Primary | ServerState::Backup => Role::Rs,
        ServerState::Joining
        | ServerState::Serving
        | ServerState::Behind
        | ServerState::Draining => Role::Ms,
    }
}

impl Operator {
    /// `SERVER_STATUS`: the reports of every message server and registration
    /// server that answers, by id. Waits until `expected` have answered and all
    /// that any of them knows, but no longer than `within`.
    ///
    /// # Errors
    /// [`Error::Unheard`], if the request could not be made. That nobody answers is no error.
    pub async fn server_reports(
        &self,
        expected: impl IntoIterator<Item = ServerId>,
        within: Duration,
    ) -> Result<Vec<ServerReport>, Error> {
        let unheard = |error: &dyn std::fmt::Display| Error::Unheard(error.to_string());
        let begun = Instant::now();
        let inbox = self.nats.new_inbox();
        let subscribed = self.nats.subscribe(inbox.clone()).await;
        let mut answers = subscribed.map_err(|error| unheard(&error))?;
        let request = Bytes::from(cbor::encode(&ServerStatus {}));
        let subject = subject::SERVER_STATUS;
        let published = self.nats.publish_with_reply(subject, inbox, request).await;
        published.map_err(|error| unheard(&error))?;

        let mut missing: BTreeSet<ServerId> = expected.into_iter().collect();
        let mut reports = BTreeMap::new();
        while reports.len() < REPORTS_MAX {
            let wait = if missing.is_empty() && !reports.is_empty() {
                within.min(STRANGERS_WITHIN)
            } else {
                within
            };
            let Ok(Some(answer)) = tokio::time::timeout_at(begun + wait, answers.next()).await
            else {
                break;
            };
            // Nobody listens at all.
            if answer.status == Some(async_nats::StatusCode::NO_RESPONDERS) {
                break;
            }
            let reply = cbor::decode::<Reply<ServerReport>>(&answer.payload, Bound::ANSWER);
            match reply.map(Reply::into_result) {
                Ok(Ok(report)) => {
                    reports.insert(report.id, report);
                }
                Ok(Err(error)) => tracing::warn!(%error, "a server refuses to report"),
                Err(error) => tracing::warn!(%error, "a report cannot be read"),
            }
            missing.extend(reports.values().flat_map(|report| report.known.clone()));
            missing.retain(|id| !reports.contains_key(id));
        }
        Ok(reports.into_values().collect())
    }
}
