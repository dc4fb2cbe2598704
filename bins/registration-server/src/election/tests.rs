//! Elections under a simulated clock: servers, a lease with a time to live, a
//! log of claims, and messages that arrive or do not.

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

use super::*;

mod greeting;

const STEP: Duration = Duration::from_millis(50);
/// How long every call takes.
const CALL: Duration = Duration::from_millis(20);
const LEASE: Duration = Duration::from_secs(10);

/// The bucket: the lease's revision, value and end.
#[derive(Default)]
struct Bucket {
    revision: u64,
    value: Option<(PrimaryLease, Instant)>,
}

impl Bucket {
    fn expire(&mut self, now: Instant) {
        if self.value.is_some_and(|(_, end)| now >= end) {
            self.value = None;
            self.revision += 1;
        }
    }

    fn view(&self) -> LeaseView {
        LeaseView {
            revision: self.revision,
            holder: self.value.map(|(lease, _)| lease),
        }
    }

    fn write(&mut self, now: Instant, expected: u64, lease: PrimaryLease) -> Written {
        if expected != self.revision {
            return Written::Failed;
        }
        self.revision += 1;
        self.value = Some((lease, now + LEASE));
        Written::At(self.revision)
    }
}

struct Node {
    election: Election,
    /// Nothing reaches it and it does nothing.
    paused: bool,
    /// It cannot reach the bucket.
    cut_off: bool,
    /// Its database does not answer.
    unable: bool,
    inbox: VecDeque<(Instant, Input)>,
}

struct World {
    now: Instant,
    nodes: BTreeMap<ServerId, Node>,
    bucket: Bucket,
    /// The highest epoch in the log, and whose it is.
    log: (Epoch, Option<ServerId>),
    /// Every epoch in which somebody was primary, and who.
    reigns: BTreeMap<Epoch, ServerId>,
}

fn id(number: u128) -> ServerId {
    ServerId(Uuid::from_u128(number))
}

fn settings() -> Settings {
    Settings {
        lease: LEASE,
        renew: Duration::from_secs(2),
        heartbeat: Duration::from_secs(1),
        missed_max: 3,
        takeover_delay: Duration::from_secs(1),
    }
}

impl World {
    fn new(servers: u128, seed: u64) -> Self {
        let now = Instant::now();
        let node = |number: u128| {
            let seed = seed ^ u64::try_from(number).unwrap();
            let election = Election::new(id(number), settings(), Epoch(0), None, seed, now);
            let node = Node {
                election,
                paused: false,
                cut_off: false,
                unable: false,
                inbox: VecDeque::new(),
            };
            (id(number), node)
        };
        Self {
            now,
            nodes: (1..=servers).map(node).collect(),
            bucket: Bucket::default(),
            log: (Epoch(0), None),
            reigns: BTreeMap::new(),
        }
    }

    fn node(&mut self, server: ServerId) -> &mut Node {
        self.nodes.get_mut(&server).unwrap()
    }

    fn is_primary(&self, server: ServerId) -> bool {
        let role = self.nodes[&server].election.role();
        role.primary_epoch(self.now).is_some()
    }

    fn primaries(&self) -> Vec<ServerId> {
        self.nodes
            .iter()
            .filter(|(server, node)| !node.paused && self.is_primary(**server))
            .map(|(server, _)| *server)
            .collect()
    }

    /// Runs for a time, and checks after each step that at most one of those
    /// that run is primary, and that an epoch has one primary.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += STEP;
            self.bucket.expire(self.now);
            for server in self.nodes.keys().copied().collect::<Vec<_>>() {
                self.wake(server);
            }
            let primaries = self.primaries();
            assert!(primaries.len() <= 1, "two primaries: {primaries:?}");
            for server in primaries {
                let role = self.nodes[&server].election.role();
                let epoch = role.primary_epoch(self.now).unwrap();
                let first = *self.reigns.entry(epoch).or_insert(server);
                assert_eq!(first, server, "two primaries of epoch {epoch}");
            }
        }
    }

    fn wake(&mut self, server: ServerId) {
        let now = self.now;
        let node = self.node(server);
        if node.paused {
            return;
        }
        let mut inputs = vec![match node.unable {
            true => Input::Unable,
            false => Input::Tick {
                eligible: true,
                prompt: true,
            },
        }];
        while let Some((_, input)) = node.inbox.pop_front_if(|(due, _)| *due <= now) {
            inputs.push(input);
        }
        for input in inputs {
            let actions = self.node(server).election.step(now, input);
            for action in actions {
                self.act(server, action);
            }
        }
    }

    fn act(&mut self, server: ServerId, action: Action) {
        let now = self.now;
        let reachable = !self.nodes[&server].cut_off;
        let answer = match action {
            Action::Beat(of) => {
                let alive = self.nodes.get(&of).is_some_and(|node| !node.paused);
                let role = alive.then(|| self.nodes[&of].election.role());
                let answered = role.and_then(|role| role.primary_epoch(now));
                Some(Input::Beat { of, answered })
            }
            Action::ReadLease => Some(Input::LeaseRead(reachable.then(|| self.bucket.view()))),
            Action::WriteLease { expected, lease } => {
                let result = if reachable {
                    self.bucket.write(now, expected, lease)
                } else {
                    Written::Failed
                };
                let epoch = lease.epoch;
                Some(Input::LeaseWritten {
                    epoch,
                    started: now,
                    result,
                })
            }
            Action::Claim(epoch) => {
                if epoch > self.log.0 {
                    self.log = (epoch, Some(server));
                    for node in self.nodes.values_mut() {
                        node.inbox.push_back((now + CALL, Input::Outranked(epoch)));
                    }
                    Some(Input::Claimed(epoch))
                } else {
                    let logged = Input::Outranked(self.log.0);
                    self.node(server).inbox.push_back((now + CALL, logged));
                    Some(Input::ClaimRefused(epoch))
                }
            }
            Action::Announce(primary) => {
                for node in self.nodes.values_mut() {
                    node.inbox.push_back((now + CALL, Input::Heard(primary)));
                }
                None
            }
            Action::Release { expected } => {
                if reachable && self.bucket.revision == expected {
                    self.bucket.revision += 1;
                    self.bucket.value = None;
                }
                None
            }
        };
        if let Some(input) = answer {
            self.node(server).inbox.push_back((now + CALL, input));
        }
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn three_backups_race_and_one_wins() {
    for seed in 0..200 {
        let mut world = World::new(3, seed);
        world.run(seconds(4));
        let primary = world.primaries();
        assert_eq!(primary.len(), 1, "seed {seed}");
        world.run(seconds(60));
        assert_eq!(world.primaries(), primary, "seed {seed}: it stays");
        assert_eq!(world.reigns.len(), 1, "seed {seed}");
        for node in world.nodes.values() {
            let followed = node.election.role().followed();
            assert!(followed.is_none_or(|followed| followed == primary[0]));
        }
    }
}

#[test]
fn a_dead_primary_is_replaced_once_its_lease_has_ended() {
    for seed in 0..100 {
        let mut world = World::new(3, seed);
        world.run(seconds(20));
        let dead = world.primaries()[0];
        world.nodes.remove(&dead);
        world.run(seconds(7));
        assert!(world.primaries().is_empty(), "the lease still holds");
        world.run(seconds(6));
        assert_eq!(world.primaries().len(), 1, "seed {seed}");
        assert_eq!(world.reigns.len(), 2);
    }
}

#[test]
fn a_primary_that_cannot_renew_stops_before_its_lease_ends() {
    let mut world = World::new(3, 7);
    world.run(seconds(20));
    let old = world.primaries()[0];
    world.node(old).cut_off = true;
    // `run` checks at each step that the next one comes only after it has stopped.
    world.run(seconds(8));
    assert!(!world.is_primary(old));
    world.run(seconds(6));
    let new = world.primaries();
    assert_eq!(new.len(), 1);
    assert_ne!(new[0], old);
    world.node(old).cut_off = false;
    world.run(seconds(20));
    assert_eq!(world.primaries(), new);
    let role = world.nodes[&old].election.role();
    assert_eq!(role.followed(), Some(new[0]));
}

#[test]
fn a_paused_primary_that_wakes_up_is_a_backup() {
    for seed in 0..50 {
        let mut world = World::new(3, seed);
        world.run(seconds(20));
        let old = world.primaries()[0];
        world.node(old).paused = true;
        world.run(seconds(30));
        let new = world.primaries();
        assert_eq!(new.len(), 1, "seed {seed}");
        // Before it has done a single step it does not answer any more.
        assert!(!world.is_primary(old));
        world.node(old).paused = false;
        world.run(seconds(20));
        assert_eq!(world.primaries(), new, "seed {seed}");
        assert!(world.log.1 == Some(new[0]));
    }
}

#[test]
fn a_lost_answer_to_a_renewal_does_no_harm() {
    let mut world = World::new(1, 3);
    world.run(seconds(5));
    assert_eq!(world.primaries().len(), 1);
    // The renewal is stored, but the answer says nothing of it.
    let node = world.nodes.get_mut(&id(1)).unwrap();
    for (_, input) in &mut node.inbox {
        if let Input::LeaseWritten { result, .. } = input {
            *result = Written::Failed;
        }
    }
    let held = world.bucket.view().holder.unwrap();
    let revision = world.bucket.revision;
    let renewed = world.bucket.write(world.now, revision, held);
    assert_eq!(renewed, Written::At(revision + 1));
    world.run(seconds(30));
    assert_eq!(world.primaries(), [id(1)]);
    assert_eq!(world.reigns.len(), 1);
}

#[test]
fn a_primary_that_leaves_is_replaced_at_once() {
    let mut world = World::new(2, 5);
    world.run(seconds(20));
    let old = world.primaries()[0];
    let now = world.now;
    for action in world.node(old).election.step(now, Input::Leave) {
        world.act(old, action);
    }
    world.run(seconds(3));
    let new = world.primaries();
    assert_eq!(new.len(), 1);
    assert_ne!(new[0], old);
}

#[test]
fn a_primary_whose_database_is_gone_lets_another_be_it() {
    for seed in 0..20 {
        let mut world = World::new(2, seed);
        world.run(seconds(20));
        let old = world.primaries()[0];
        world.node(old).unable = true;
        world.run(seconds(4));
        let new = world.primaries();
        assert!(new.len() == 1 && new[0] != old, "{new:?}");
        world.run(seconds(30));
        assert_eq!(world.primaries(), new);
        // Without anybody else it is primary again once its database is back.
        world.node(new[0]).paused = true;
        world.node(old).unable = false;
        world.run(seconds(20));
        assert!(world.is_primary(old));
    }
}

#[test]
fn epochs_rise_though_the_bucket_is_lost() {
    let mut world = World::new(2, 11);
    world.run(seconds(20));
    world.bucket = Bucket::default();
    world.run(seconds(30));
    assert_eq!(world.primaries().len(), 1);
    let epochs: Vec<Epoch> = world.reigns.keys().copied().collect();
    assert!(epochs.is_sorted(), "{epochs:?}");
    assert!(*epochs.last().unwrap() == world.log.0);
}

#[test]
fn a_claim_that_the_log_refuses_is_made_again_higher() {
    let mut world = World::new(2, 13);
    world.log = (Epoch(500), None);
    world.run(seconds(10));
    assert_eq!(world.primaries().len(), 1);
    assert!(world.log.0 > Epoch(500), "{:?}", world.log);
}

#[test]
fn a_higher_epoch_in_the_log_deposes() {
    let mut world = World::new(1, 17);
    world.run(seconds(5));
    assert!(world.is_primary(id(1)));
    let now = world.now;
    let node = world.node(id(1));
    let actions = node.election.step(now, Input::Outranked(Epoch(1_000)));
    assert!(matches!(actions[0], Action::Release { .. }), "{actions:?}");
    assert!(!world.is_primary(id(1)));
    world.log.0 = Epoch(1_000);
    for action in actions {
        world.act(id(1), action);
    }
    world.run(seconds(10));
    assert!(world.is_primary(id(1)), "nobody else is there");
    assert!(world.log.0 > Epoch(1_000));
}

#[test]
fn a_server_that_lags_behind_does_not_try() {
    let now = Instant::now();
    let mut election = Election::new(id(1), settings(), Epoch(0), None, 1, now);
    let view = LeaseView {
        revision: 0,
        holder: None,
    };
    for second in 0..60 {
        let now = now + seconds(second);
        let tick = Input::Tick {
            eligible: false,
            prompt: true,
        };
        election.step(now, tick);
        let actions = election.step(now, Input::LeaseRead(Some(view)));
        let writes = |action: &Action| matches!(action, Action::WriteLease { .. });
        assert!(!actions.iter().any(writes));
    }
}
