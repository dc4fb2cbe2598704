//! Where requests go while the bucket of affinity is out of reach and no message
//! server serves: this side of a partition has no log. The home is asked if it
//! is here, else whoever is, which may answer polls and queue tasks, no more.

use std::time::Duration;

use async_nats::jetstream::kv::Store;
use tokio::time::{sleep, timeout};
use yoshi_protocol::message::roster::{Affinity, MsState};
use yoshi_protocol::{AccountName, Epoch, ServerId};

use crate::limit;
use crate::view::{SharedView, View};

impl View {
    /// The server to ask without the log: the home if it is here, else the same
    /// one for the account at every load balancer, so that its tasks stay in
    /// order. None while the log is in reach, or somebody serves, or nobody is there.
    #[must_use]
    pub fn stopgap(&self, account: &AccountName, polls: bool) -> Option<Affinity> {
        if !self.bucket_lost || self.roster.serving().next().is_some() {
            return None;
        }
        // One that has not served since it started takes no tasks.
        let answers = |state| state == MsState::Behind || (polls && state == MsState::Joining);
        let home = self.homes.get(account);
        if let Some(home) = home
            && self.roster.state(home.server).is_some_and(answers)
        {
            return Some(home);
        }
        let candidates = self.roster.live().map(|live| &live.ping);
        let candidates = candidates.filter(|ping| answers(ping.state) && !ping.stopped);
        let best = candidates.max_by_key(|ping| {
            let was_there = ping.state == MsState::Behind;
            (was_there, score(account, ping.id), ping.id)
        })?;
        Some(Affinity {
            epoch: Epoch::NOT_HOME,
            server: best.id,
        })
    }
}

/// How well a server suits an account: any number that every load balancer
/// computes alike (FNV-1a). The highest wins, so that an account moves only if
/// its own server leaves.
fn score(account: &AccountName, server: ServerId) -> u64 {
    let bytes = account.as_str().bytes().chain(*server.0.as_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Asks the bucket's leader again and again whether it is there, for ever. It may
/// take so long to answer.
pub(crate) async fn watch(store: Store, view: SharedView, within: Duration) {
    let mut failures = 0;
    loop {
        let answer = timeout(within, store.stream.get_info()).await;
        // A node without a quorum answers, too, and names no leader (nats-server 2.15).
        let has_leader = answer.ok().and_then(Result::ok).is_some_and(|info| {
            let cluster = info.cluster;
            cluster.is_none_or(|cluster| cluster.leader.is_some())
        });
        failures = match has_leader {
            true => 0,
            false => (failures + 1).min(limit::BUCKET_FAILURES_MAX),
        };
        let lost = failures == limit::BUCKET_FAILURES_MAX;
        let changed = view.with(|view| std::mem::replace(&mut view.bucket_lost, lost) != lost);
        if changed {
            let bucket = &store.name;
            tracing::warn!(bucket, lost, "the bucket {bucket} is out of reach: {lost}");
            metrics::gauge!("yoshi_lb_bucket_out_of_reach").set(f64::from(u8::from(lost)));
        }
        sleep(Duration::from_millis(limit::BUCKET_ASK_MILLIS)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use yoshi_protocol::message::roster::PingMs;
    use yoshi_protocol::{Incarnation, Position};
    use yoshi_service::liveness::SILENT_MAX;

    use super::*;

    fn name(text: &str) -> AccountName {
        AccountName::new(text).unwrap()
    }

    fn ping(view: &mut View, number: u128, state: MsState) -> ServerId {
        let id = ServerId(uuid::Uuid::from_u128(number));
        let ping = PingMs {
            id,
            host: "here".to_owned(),
            load: 0,
            state,
            lost: false,
            stream: None,
            applied: Position::ZERO,
            stopped: false,
            incarnation: Incarnation(uuid::Uuid::nil()),
            silence_seconds: None,
        };
        view.roster.ping(ping, Instant::now());
        id
    }

    #[test]
    fn without_the_log_the_home_is_asked_or_else_one_that_is_there() {
        let mut view = View::new(Instant::now(), SILENT_MAX);
        let here = ping(&mut view, 1, MsState::Behind);
        let home = Affinity {
            epoch: Epoch(7),
            server: ServerId::random(),
        };
        view.homes.stored(name("ana"), home, 1);
        assert_eq!(view.stopgap(&name("ana"), true), None, "the log is there");
        view.bucket_lost = true;
        let stopgap = Affinity {
            epoch: Epoch::NOT_HOME,
            server: here,
        };
        assert_eq!(view.stopgap(&name("ana"), false), Some(stopgap));
        assert_eq!(view.stopgap(&name("new"), false), Some(stopgap));
        let back = Affinity {
            epoch: Epoch(8),
            server: ping(&mut view, 2, MsState::Behind),
        };
        view.homes.stored(name("ana"), back, 2);
        assert_eq!(view.stopgap(&name("ana"), false), Some(back));
        ping(&mut view, 3, MsState::Serving);
        assert_eq!(view.stopgap(&name("ana"), false), None);
    }

    #[test]
    fn one_that_has_not_served_is_asked_for_polls_only() {
        let mut view = View::new(Instant::now(), SILENT_MAX);
        view.bucket_lost = true;
        assert_eq!(view.stopgap(&name("ana"), true), None);
        ping(&mut view, 1, MsState::Joining);
        ping(&mut view, 2, MsState::Draining);
        assert!(view.stopgap(&name("ana"), true).is_some());
        assert_eq!(view.stopgap(&name("ana"), false), None);
    }

    #[test]
    fn accounts_spread_and_stay_where_they_are() {
        let mut view = View::new(Instant::now(), SILENT_MAX);
        view.bucket_lost = true;
        for number in 1..=3 {
            ping(&mut view, number, MsState::Behind);
        }
        let names: Vec<_> = (0..60).map(|index| name(&format!("a{index}"))).collect();
        let place = |view: &View| -> Vec<_> {
            let places = names.iter().map(|name| view.stopgap(name, false));
            places.map(|place| place.unwrap().server).collect()
        };
        let before = place(&view);
        for number in 1..=3_u128 {
            let id = ServerId(uuid::Uuid::from_u128(number));
            assert!(before.iter().filter(|server| **server == id).count() > 5);
        }
        let gone = ping(&mut view, 3, MsState::Draining);
        for (before, after) in before.iter().zip(place(&view)) {
            assert!(*before == gone || *before == after);
        }
    }
}
