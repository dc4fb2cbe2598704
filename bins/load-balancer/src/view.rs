//! What this load balancer knows: the roster, the homes and the primary. All of
//! it comes from buckets and fan-out, so that every load balancer knows the same.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use yoshi_planted::Fault;
use yoshi_protocol::message::roster::{Affinity, MessageServer, MessageServers, MsState};
use yoshi_protocol::{AccountName, Epoch, Millis, ServerId};

use crate::affinity::Homes;
use crate::registration::Primary;
use crate::roster::{Live, Roster};

/// What this load balancer knows.
#[derive(Debug)]
pub struct View {
    /// Who is there.
    pub roster: Roster,
    /// Which account lives where.
    pub homes: Homes,
    pub(crate) primary: Primary,
    /// Whether the bucket of affinity has been out of reach for a while.
    pub bucket_lost: bool,
}

/// The view, shared by the tasks of the process.
#[derive(Debug, Clone)]
pub(crate) struct SharedView(Arc<Mutex<View>>);

impl SharedView {
    pub(crate) fn new(silence: Duration) -> Self {
        Self(Arc::new(Mutex::new(View::new(Instant::now(), silence))))
    }

    /// Looks at the view, or changes it. A closure, so that the lock cannot be
    /// held while anything is awaited.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut View) -> R) -> R {
        look(&mut self.0.lock().expect("nobody panics with the view in hand"))
    }
}

/// What an account needs before its request can be forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: this is its home.
    Keep(Affinity),
    /// This home. The server counts one account more until
    /// [`Homes::discount`] is called.
    Assign {
        /// To be written.
        next: Affinity,
        /// To be expected.
        revision: u64,
    },
    /// A server that serves, and there is none.
    NoneServing,
    /// A load balancer that knows what its entry in the bucket says: a later
    /// release wrote it.
    Unreadable,
}

impl View {
    /// A load balancer that has heard nothing yet. `silence`: as of [`Roster::new`].
    #[must_use]
    pub fn new(now: Instant, silence: Duration) -> Self {
        Self {
            roster: Roster::new(now, silence),
            homes: Homes::default(),
            primary: Primary::default(),
            bucket_lost: false,
        }
    }

    /// The account's home, if requests can go there.
    pub fn route(&self, account: &AccountName) -> Option<Affinity> {
        let home = self.homes.get(account)?;
        if self.roster.is_serving(home.server) {
            return Some(home);
        }
        // Behind, and nobody is better: it says itself what it can still do.
        let behind = self.roster.state(home.server) == Some(MsState::Behind);
        (behind && self.roster.serving().next().is_none()).then_some(home)
    }

    /// What the account needs, at wall-clock time `now`.
    pub fn plan(&mut self, account: &AccountName, now: Millis) -> Plan {
        if let Some(home) = self.route(account) {
            return Plan::Keep(home);
        }
        if self.homes.is_unreadable(account) {
            return Plan::Unreadable;
        }
        let Some(server) = self.least_loaded() else {
            return Plan::NoneServing;
        };
        let standing = self.homes.standing(account);
        self.homes.count(server);
        let is_blind = yoshi_planted::is(Fault::AssignWithoutCompare);
        let next = Epoch::after(standing.epoch, if is_blind { Millis(0) } else { now });
        let kept = standing.epoch;
        let kept = kept.filter(|_| yoshi_planted::is(Fault::SameEpochOnMove));
        Plan::Assign {
            next: Affinity {
                epoch: kept.unwrap_or(next),
                server,
            },
            revision: standing.revision,
        }
    }

    /// The serving server with the fewest accounts; of those the one with the
    /// least to do; of those the first by id.
    fn least_loaded(&self) -> Option<ServerId> {
        self.roster
            .serving()
            .min_by_key(|ping| (self.homes.accounts_of(ping.id), ping.load, ping.id))
            .map(|ping| ping.id)
    }

    /// Some accounts whose home is lost, at most `max`; none while nobody
    /// serves, who could take them.
    pub fn stranded(&self, max: usize) -> Vec<AccountName> {
        let lost = |server| self.roster.is_lost(server);
        if self.roster.serving().next().is_none() || !self.homes.servers().any(lost) {
            return Vec::new();
        }
        self.homes.homed_at(lost, max)
    }

    /// The answer to `QUERY_LB_FOR_MS`.
    pub fn message_servers(&self, now: Instant) -> MessageServers {
        let seen = |live: &Live| MessageServer {
            ping: live.ping.clone(),
            accounts: self.homes.accounts_of(live.ping.id),
            silent_millis: u64::try_from(now.saturating_duration_since(live.heard_at).as_millis())
                .unwrap_or(u64::MAX),
        };
        MessageServers {
            silent: self.roster.silent().map(seen).collect(),
            servers: self.roster.live().map(seen).collect(),
            destroyed: self.roster.destroyed().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use yoshi_protocol::message::roster::PingMs;
    use yoshi_protocol::{Incarnation, Position};
    use yoshi_service::liveness::SILENT_MAX;

    use super::*;

    fn name(text: &str) -> AccountName {
        AccountName::new(text).unwrap()
    }

    fn id(number: u128) -> ServerId {
        ServerId(uuid::Uuid::from_u128(number))
    }

    fn view(servers: &[(u128, MsState, u32)]) -> View {
        let mut view = View {
            roster: Roster::new(Instant::now(), SILENT_MAX),
            homes: Homes::default(),
            primary: Primary::default(),
            bucket_lost: false,
        };
        for server in servers {
            ping(&mut view, *server);
        }
        view
    }

    fn ping(view: &mut View, (server, state, load): (u128, MsState, u32)) {
        let ping = PingMs {
            id: id(server),
            host: "here".to_owned(),
            load,
            state,
            lost: false,
            stream: None,
            applied: Position::ZERO,
            stopped: false,
            incarnation: Incarnation(uuid::Uuid::nil()),
            silence_seconds: None,
        };
        view.roster.ping(ping, Instant::now());
    }

    fn assigned(view: &mut View, account: &str) -> Affinity {
        match view.plan(&name(account), Millis(1_000)) {
            Plan::Assign { next, .. } => next,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn accounts_go_to_the_server_with_the_fewest_counting_those_in_flight() {
        let serving = MsState::Serving;
        let mut view = view(&[(1, serving, 9), (2, serving, 1), (3, serving, 1)]);
        ping(&mut view, (4, MsState::Behind, 0));
        let order = ["a", "b", "c", "d"].map(|account| assigned(&mut view, account).server);
        assert_eq!(order, [id(2), id(3), id(1), id(2)]);
    }

    #[test]
    fn a_home_stays_while_it_serves_and_moves_with_a_higher_epoch_when_not() {
        let mut view = view(&[(1, MsState::Serving, 0)]);
        let home = Affinity {
            epoch: Epoch(5_000),
            server: id(1),
        };
        view.homes.stored(name("ana"), home, 7);
        ping(&mut view, (2, MsState::Serving, 0));
        assert_eq!(view.plan(&name("ana"), Millis(1_000)), Plan::Keep(home));
        for state in [MsState::Joining, MsState::Behind, MsState::Draining] {
            ping(&mut view, (1, state, 0));
            assert_eq!(view.route(&name("ana")), None, "{state:?}");
        }
        let next = Affinity {
            epoch: Epoch(5_001),
            server: id(2),
        };
        let plan = view.plan(&name("ana"), Millis(1_000));
        assert_eq!(plan, Plan::Assign { next, revision: 7 });
    }

    #[test]
    fn an_entry_of_a_later_release_is_left_as_it_is() {
        let mut view = view(&[(1, MsState::Serving, 0)]);
        view.homes.unreadable(name("ana"), 3);
        assert_eq!(view.plan(&name("ana"), Millis(1_000)), Plan::Unreadable);
        view.homes.deleted(&name("ana"), 4);
        assert_eq!(assigned(&mut view, "ana").server, id(1));
    }

    #[test]
    fn with_nobody_serving_only_a_home_that_is_behind_is_asked() {
        let mut view = view(&[(1, MsState::Behind, 0)]);
        let plan = view.plan(&name("ana"), Millis(1_000));
        assert_eq!(plan, Plan::NoneServing);
        let home = Affinity {
            epoch: Epoch(5),
            server: id(1),
        };
        view.homes.stored(name("ana"), home, 1);
        assert_eq!(view.route(&name("ana")), Some(home));
        ping(&mut view, (1, MsState::Joining, 0));
        assert_eq!(view.route(&name("ana")), None);
    }

    #[test]
    fn accounts_of_lost_servers_are_stranded_while_somebody_serves() {
        let mut view = view(&[(1, MsState::Draining, 0), (2, MsState::Behind, 0)]);
        for (account, server) in [("a", 1), ("b", 2), ("c", 3)] {
            let home = Affinity {
                epoch: Epoch(5),
                server: id(server),
            };
            view.homes.stored(name(account), home, 1);
        }
        assert_eq!(view.stranded(10), []);
        ping(&mut view, (4, MsState::Serving, 0));
        let mut stranded = view.stranded(10);
        stranded.sort();
        assert_eq!(stranded, [name("a"), name("c")]);
    }
}
