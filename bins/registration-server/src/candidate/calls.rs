//! What an election's actions do to the world: heartbeats, the lease, the claim
//! in the log, the announcement. Each is bounded, and its result is an input.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::Client;
use tokio::sync::watch;
use uuid::Uuid;
use yoshi_protocol::message::log::{AccountEntry, AccountOp};
use yoshi_protocol::message::roster::{NewPrimReg, PrimaryLease, RsHeartbeat, StillAlive};
use yoshi_protocol::subject::{self, RsVerb};
use yoshi_protocol::{AccountName, Epoch, Incarnation, Millis, Position, ServerId, cbor};
use yoshi_replica::{Handle, SubmitError};
use yoshi_service::request;

use crate::election::{Input, Role, Written};
use crate::lease::{self, Lease};
use crate::limit::CLAIM_PAUSE;
use crate::rules::Outcome;

/// The entry of a primary belongs to no account. The replica wants a name to
/// keep an account's entries in order by; nothing else is made of it.
const CLAIM_ORDER: &str = "primary";

/// What the actions need. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Calls {
    /// The connection.
    pub nats: Client,
    /// The lease.
    pub lease: Lease,
    /// This server's replica.
    pub replica: Handle<Outcome>,
    /// This server.
    pub id: ServerId,
    /// This life of its process.
    pub incarnation: Incarnation,
    /// Where it runs, for people.
    pub host: String,
    /// How long a heartbeat may take to be answered.
    pub heartbeat: Duration,
    /// Which primary answered a heartbeat last, and how far it had applied the log.
    pub(crate) primary_applied: Arc<watch::Sender<Option<(ServerId, Position)>>>,
}

impl Calls {
    /// `RS_HEARTBEAT`: is that server alive, and primary?
    pub(super) async fn beat(&self, of: ServerId, applied: Position) -> Input {
        let beat = RsHeartbeat {
            id: self.id,
            host: self.host.clone(),
            lost: self.replica.has_lost_its_log(),
            stream: Some(self.replica.stream()),
            applied,
            incarnation: self.incarnation,
        };
        let subject = subject::rs(of, RsVerb::Heartbeat);
        let answer: Result<StillAlive, request::Error> =
            request::request(&self.nats, subject, &beat, self.heartbeat).await;
        let answered = match answer {
            Ok(alive) => {
                self.primary_applied.send_replace(Some((of, alive.applied)));
                Some(alive.epoch)
            }
            Err(error) => {
                tracing::debug!(server = %of, %error, "heartbeat to {of} not answered");
                metrics::counter!("yoshi_rs_heartbeats_missed_total").increment(1);
                None
            }
        };
        Input::Beat { of, answered }
    }

    pub(super) async fn read_lease(&self) -> Input {
        let view = self.lease.read().await;
        match &view {
            Ok(_) => {}
            // Nobody takes a lease that a later release may hold, so somebody must see this.
            Err(lease::Error::Value(error)) => {
                tracing::error!(%error, "the lease cannot be read, and is left as it is: {error}");
            }
            Err(error) => tracing::debug!(%error, "the lease was not read"),
        }
        Input::LeaseRead(view.ok())
    }

    pub(super) async fn write_lease(&self, expected: u64, lease: PrimaryLease) -> Input {
        let started = Instant::now();
        let result = match self.lease.write(expected, &lease).await {
            Ok(revision) => Written::At(revision),
            Err(error) => {
                tracing::info!(expected, epoch = %lease.epoch, %error, "the lease was not written");
                metrics::counter!("yoshi_rs_lease_failures_total").increment(1);
                Written::Failed
            }
        };
        Input::LeaseWritten {
            epoch: lease.epoch,
            started,
            result,
        }
    }

    pub(super) async fn release(&self, expected: u64) {
        match self.lease.release(expected).await {
            Ok(()) => tracing::info!("the lease is given up"),
            Err(error) => tracing::info!(%error, "the lease was not given up: it ends by itself"),
        }
    }

    /// Puts the claim into the log; none if this server no longer claims that epoch.
    pub(super) async fn claim(
        &self,
        epoch: Epoch,
        mut role: watch::Receiver<Role>,
    ) -> Option<Input> {
        // One id for all tries: whichever of them gets through, it is one claim.
        let id = Uuid::now_v7();
        let claiming = Role::Claiming { epoch };
        loop {
            let claimed = tokio::select! {
                claimed = self.submit_claim(id, epoch) => claimed,
                _ = role.wait_for(|role| *role != claiming) => return None,
            };
            match claimed {
                Ok(Outcome::Applied(position)) => {
                    tracing::info!(%epoch, %position, "primary in epoch {epoch}");
                    return Some(Input::Claimed(epoch));
                }
                Ok(Outcome::Rejected(code)) => {
                    tracing::info!(%epoch, %code, "the log refuses epoch {epoch}");
                    return Some(Input::ClaimRefused(epoch));
                }
                Err(SubmitError::Busy | SubmitError::Unknown) => {
                    tokio::time::sleep(CLAIM_PAUSE).await;
                }
                Err(SubmitError::Stopped) => return None,
            }
        }
    }

    async fn submit_claim(&self, id: Uuid, epoch: Epoch) -> Result<Outcome, SubmitError> {
        let entry = AccountEntry {
            at: Millis::now(),
            id,
            op: AccountOp::Primary(self.id),
            epoch,
        };
        let order = AccountName::new(CLAIM_ORDER).expect("it is a name");
        let accounted = self.replica.submit(order, cbor::encode(&entry)).await?;
        Ok(accounted.outcome)
    }

    /// `NEW_PRIM_REG`.
    pub(super) async fn announce(&self, primary: NewPrimReg) {
        let payload = cbor::encode(&primary);
        let sent = self.nats.publish(subject::RS_NEW_PRIMARY, payload.into());
        if let Err(error) = sent.await {
            tracing::warn!(%error, "NEW_PRIM_REG was not sent; it is repeated");
        }
    }
}
