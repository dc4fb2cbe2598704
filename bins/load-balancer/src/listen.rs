//! Listens to the fan-out: `PING_MS`, `MS_DOWN`, `NEW_PRIM_REG` and `STALE_HOME`; and notices who
//! falls silent.

use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::jetstream::kv::Operation;
use async_nats::{Client, Message, Subscriber};
use futures::StreamExt;
use metrics::{counter, gauge};
use serde::de::DeserializeOwned;
use tokio::time::{MissedTickBehavior, interval};
use yoshi_planted::Fault;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::roster::{
    self, Affinity, DownReason, MsDown, NewPrimReg, PingMs, PrimaryLease, StaleHome, ValueError,
};
use yoshi_protocol::{AccountName, subject};

use crate::limit;
use crate::roster::Change;
use crate::synced::{Part, Synced};
use crate::view::SharedView;
use crate::watch::Heard;

/// Follows `PING_MS`.
pub(crate) async fn pings(mut messages: Subscriber, view: SharedView) {
    while let Some(message) = messages.next().await {
        let Some(ping) = decoded::<PingMs>(&message) else {
            continue;
        };
        let (id, host, state) = (ping.id, ping.host.clone(), ping.state);
        match view.with(|view| view.roster.ping(ping, Instant::now())) {
            Change::None => {}
            Change::Ignored => {
                tracing::debug!(server.id = %id, "ping of {id} ignored: it is down or destroyed");
            }
            Change::Came => {
                tracing::info!(server.id = %id, host, ?state, "message server {id} is there, {state:?}");
            }
            Change::State => {
                tracing::info!(server.id = %id, ?state, "message server {id} is {state:?}");
            }
        }
    }
}

/// Follows `MS_DOWN`.
pub(crate) async fn downs(mut messages: Subscriber, view: SharedView) {
    while let Some(message) = messages.next().await {
        let Some(down) = decoded::<MsDown>(&message) else {
            continue;
        };
        let known = match down.reason {
            DownReason::Timeout => view.with(|view| view.roster.down(&down)),
            // The bucket is the record of these; whoever sent this wrote there first.
            DownReason::Destroyed => false,
        };
        if known {
            let id = down.id;
            tracing::warn!(server.id = %id, "message server {id} is down: it accounted for nothing");
        }
    }
}

/// Follows `NEW_PRIM_REG`.
pub(crate) async fn primaries(mut messages: Subscriber, view: SharedView) {
    while let Some(message) = messages.next().await {
        let Some(primary) = decoded::<NewPrimReg>(&message) else {
            continue;
        };
        if view.with(|view| view.primary.announced(primary)) {
            note_primary(&primary);
        }
    }
}

/// Follows `STALE_HOME`.
pub(crate) async fn stale_homes(mut messages: Subscriber, view: SharedView) {
    while let Some(message) = messages.next().await {
        let Some(stale) = decoded::<StaleHome>(&message) else {
            continue;
        };
        let StaleHome { epoch, account } = stale;
        if view.with(|view| view.homes.outlived(account.clone(), epoch)) {
            counter!("yoshi_lb_homes_outlived_total").increment(1);
            tracing::warn!(
                account = %account, epoch = %epoch,
                "{account} had a later home than the bucket of affinity says: it gets another one"
            );
        }
    }
}

/// What the bucket with the primary's lease tells.
pub(crate) fn lease(view: &SharedView, heard: &Heard) {
    let Heard::Entry(entry) = heard else {
        return view.with(|view| view.primary.begin_anew());
    };
    if entry.key != subject::PRIMARY_KEY {
        return;
    }
    if entry.operation != Operation::Put {
        if view.with(|view| view.primary.ended(entry.revision)) {
            tracing::warn!("no registration server is primary");
        }
        return;
    }
    match roster::decode_value::<PrimaryLease>(&entry.value) {
        Ok(lease) => {
            if view.with(|view| view.primary.leased(lease, entry.revision)) {
                note_primary(&NewPrimReg {
                    id: lease.server,
                    epoch: lease.epoch,
                });
            }
        }
        Err(error) => tracing::error!(%error, "the primary's lease cannot be read"),
    }
}

/// What the bucket of affinity tells.
pub(crate) fn affinity(view: &SharedView, heard: &Heard) {
    if yoshi_planted::is(Fault::AssignWithoutCompare) {
        return;
    }
    let Heard::Entry(entry) = heard else {
        return view.with(|view| view.homes.begin_anew());
    };
    let Ok(account) = AccountName::new(&entry.key) else {
        tracing::error!(key = entry.key, "not an account: {:?}", entry.key);
        return;
    };
    if entry.operation != Operation::Put {
        return view.with(|view| view.homes.deleted(&account, entry.revision));
    }
    match roster::decode_value::<Affinity>(&entry.value) {
        Ok(home) => view.with(|view| view.homes.stored(account, home, entry.revision)),
        Err(error @ ValueError::Later(_)) => {
            tracing::error!(account = %account, %error, "home of {account} is left as it is: {error}");
            view.with(|view| view.homes.unreadable(account, entry.revision));
        }
        Err(error @ ValueError::Malformed(_)) => {
            tracing::error!(account = %account, %error, "home of {account} cannot be read");
            // As if there were none: the next request writes a good one.
            view.with(|view| view.homes.deleted(&account, entry.revision));
        }
    }
}

/// Notices who falls silent, and whether NATS is there at all: on the connection
/// that pings come by, and on that of the requests.
pub(crate) async fn silence(view: SharedView, connections: [Client; 2], synced: Synced) {
    let mut ticks = interval(Duration::from_millis(limit::SWEEP_MILLIS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let size = gauge!("yoshi_lb_roster_servers");
    let serving = gauge!("yoshi_lb_roster_serving_servers");
    loop {
        ticks.tick().await;
        let [listening, asked] = connections
            .each_ref()
            .map(|nats| nats.connection_state() == State::Connected);
        synced.set(Part::Nats, listening && asked);
        let (gone, all, able) = view.with(|view| {
            let gone = view.roster.sweep(Instant::now(), listening);
            (
                gone,
                view.roster.live().count(),
                view.roster.serving().count(),
            )
        });
        for id in gone {
            tracing::warn!(
                server.id = %id,
                "message server {id} is gone: silent for too long"
            );
        }
        size.set(u32::try_from(all).unwrap_or(u32::MAX));
        serving.set(u32::try_from(able).unwrap_or(u32::MAX));
    }
}

fn note_primary(primary: &NewPrimReg) {
    let NewPrimReg { id, epoch } = primary;
    tracing::info!(server.id = %id, epoch = %epoch, "registration server {id} is primary");
}

fn decoded<T: DeserializeOwned>(message: &Message) -> Option<T> {
    cbor::decode(&message.payload, Bound::REQUEST)
        .inspect_err(|error| {
            tracing::warn!(subject = %message.subject, %error, "bad message on {}", message.subject);
        })
        .ok()
}
