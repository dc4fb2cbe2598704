//! What this server hears of the others: who is there at its start, their pings,
//! and reports about servers that are down or destroyed.

use std::time::{Duration, Instant};

use async_nats::{Client, Message, Subscriber};
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::roster::{DownReason, MessageServers, MsDown, PingMs, QueryLbForMs};
use yoshi_protocol::{Position, subject};
use yoshi_service::request;

use super::place::Place;
use super::{Destroyed, Membership};

const LB_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a starting server asks for a load balancer that is not there yet.
const LB_TRIES: u32 = 5;

/// What a server must do about a message from the others.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Nothing,
    /// Somebody waited β for this server in vain.
    TooSlow,
    /// An operator destroyed this server.
    Destroyed,
}

/// Subscriptions made before the first ping goes out.
pub struct Ears {
    pub(super) pings: Subscriber,
    pub(super) downs: Subscriber,
}

impl Ears {
    /// Listens to the other message servers.
    ///
    /// # Errors
    /// If NATS refuses a subscription.
    pub async fn open(nats: &Client) -> Result<Self, async_nats::SubscribeError> {
        let pings = nats.subscribe(subject::MS_PING).await?;
        Ok(Self {
            pings,
            downs: nats.subscribe(subject::MS_DOWN).await?,
        })
    }
}

impl Membership {
    /// QUERY_LB_FOR_MS: who is there already (§4.2.2). Without a load balancer
    /// the pings tell the same within a second.
    ///
    /// # Errors
    /// [`Destroyed`], if this server was destroyed and must not come back.
    pub async fn join(&self, nats: &Client) -> Result<(), Destroyed> {
        for _ in 0..LB_TRIES {
            let subject = subject::LB_QUERY_MS.to_owned();
            let answer =
                request::request::<_, MessageServers>(nats, subject, &QueryLbForMs {}, LB_TIMEOUT);
            match answer.await {
                Ok(known) if known.destroyed.contains(&self.id) => return Err(Destroyed(self.id)),
                Ok(known) => {
                    let now = Instant::now();
                    let others = known
                        .servers
                        .into_iter()
                        .filter(|server| server.ping.id != self.id);
                    for server in others {
                        self.roster().heard(server.ping, Position::ZERO, now);
                    }
                    self.publish_peers();
                    return Ok(());
                }
                Err(error) => tracing::info!(%error, "no load balancer yet"),
            }
            tokio::time::sleep(LB_TIMEOUT / 2).await;
        }
        Ok(())
    }

    pub(super) fn heard_ping(&self, message: &Message, place: &mut Place) {
        match cbor::decode::<PingMs>(&message.payload, Bound::REQUEST) {
            Ok(ping) if ping.id == self.id && ping.incarnation != self.incarnation => {
                tracing::error!(
                    host = ping.host,
                    "another process announces this server's identity"
                );
            }
            Ok(ping) if ping.id == self.id => place.echo = Some(Instant::now()),
            Ok(ping) => {
                self.roster().heard(ping, place.tail, Instant::now());
                self.publish_peers();
            }
            Err(error) => tracing::warn!(%error, "a ping cannot be read"),
        }
    }

    pub(super) fn heard_down(&self, message: &Message) -> Heard {
        let down = match cbor::decode::<MsDown>(&message.payload, Bound::REQUEST) {
            Ok(down) => down,
            Err(error) => {
                tracing::warn!(%error, "a report cannot be read");
                return Heard::Nothing;
            }
        };
        self.roster().down(down);
        self.publish_peers();
        let this_life = down.incarnation.is_none_or(|life| life == self.incarnation);
        match down.reason {
            _ if down.id != self.id || !this_life => Heard::Nothing,
            DownReason::Timeout => Heard::TooSlow,
            DownReason::Destroyed => Heard::Destroyed,
        }
    }
}
