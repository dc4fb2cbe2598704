//! The bucket of affinity is restored to an older state, or lost and made anew:
//! accounts that have moved since are served all the same.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use yoshi_client::Client;
use yoshi_protocol::cbor;
use yoshi_protocol::message::roster::{Affinity, MsState};
use yoshi_protocol::{Epoch, ServerId, subject};
use yoshi_tests::{Nats, Person, Scratch, System, SystemSettings, User, eventually};

use super::draining::seen;

const MOVED_WITHIN: Duration = Duration::from_secs(30);

/// The folder in which the only node of NATS keeps the bucket.
fn bucket_folder(nats: &Nats) -> PathBuf {
    let streams = nats.store(0).join("jetstream/YOSHI/streams");
    streams.join(format!("KV_{}", subject::AFFINITY_BUCKET))
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.expect("cp can be started").success());
}

/// What the bucket says.
async fn entry(nats: &Nats, person: &Person) -> Affinity {
    let jetstream = async_nats::jetstream::new(nats.connect(User::LoadBalancer).await);
    let store = jetstream.get_key_value(subject::AFFINITY_BUCKET).await;
    let value = store.unwrap().get(person.name.as_str()).await.unwrap();
    cbor::decode(&value.expect("it has a home"), cbor::Bound::REQUEST).unwrap()
}

/// Puts the bucket away as it is, or as it was put away before in its place.
async fn replace(system: &mut System, act: impl FnOnce(&Path)) {
    system.nats.kill_node(0);
    act(&bucket_folder(&system.nats));
    system.nats.start_node(0);
    system.nats.ready().await;
}

/// Kills the server, and waits until its accounts have moved; then starts it again.
async fn move_away(system: &mut System, client: &Client, home: &str, person: &Person) {
    let old = entry(&system.nats, person).await;
    system.server(home).kill();
    eventually("the account has moved", MOVED_WITHIN, async || {
        let now = entry(&system.nats, person).await;
        (now.epoch > old.epoch).then_some(()).ok_or("not yet")
    })
    .await;
    // The log learns of the new home.
    person.send(client, "from the new home", &[person]).await;
    system.server(home).start();
    system.ready().await;
    serving(system, old.server).await;
}

/// Waits until the load balancers hear that the server serves.
async fn serving(system: &System, id: ServerId) {
    eventually("it serves", MOVED_WITHIN, async || {
        let state = seen(system, id).await?.ping.state;
        (state == MsState::Serving)
            .then_some(())
            .ok_or(format!("{state:?}"))
    })
    .await;
}

/// The server that is the account's home.
async fn home(system: &System, person: &Person) -> String {
    let home = entry(&system.nats, person).await.server;
    for name in system.names() {
        if name.starts_with("ms") && system.id(&name).await == home {
            return name;
        }
    }
    panic!("{home} is nobody");
}

#[tokio::test]
async fn accounts_that_moved_since_the_backup_get_a_home_above_it() {
    let mut system = System::start(SystemSettings::default()).await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    ana.send(&client, "before", &[&ana]).await;
    let backup = Scratch::new("bucket");
    let kept = backup.path().join("kept");
    replace(&mut system, |bucket| copy(bucket, &kept)).await;
    system.ready().await;
    let old = entry(&system.nats, &ana).await;
    let first = home(&system, &ana).await;
    move_away(&mut system, &client, &first, &ana).await;
    let moved = entry(&system.nats, &ana).await;
    assert!(moved.epoch > old.epoch && moved.server != old.server);

    let balancers = ["lb1", "lb2"];
    for name in balancers {
        system.server(name).kill();
    }
    replace(&mut system, |bucket| {
        std::fs::remove_dir_all(bucket).unwrap();
        copy(&kept, bucket);
    })
    .await;
    assert_eq!(entry(&system.nats, &ana).await, old, "an older state");
    for name in balancers {
        system.server(name).start();
    }
    system.ready().await;
    serving(&system, old.server).await;
    for title in ["once", "twice", "thrice"] {
        ana.send(&client, title, &[&ana]).await;
    }
    let now = entry(&system.nats, &ana).await;
    assert!(now.epoch > moved.epoch, "{now:?} is not above {moved:?}");
}

#[tokio::test]
async fn running_load_balancers_move_accounts_in_an_older_bucket() {
    let mut system = System::start(SystemSettings::default()).await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    ana.send(&client, "before", &[&ana]).await;
    let backup = Scratch::new("bucket");
    let kept = backup.path().join("kept");
    replace(&mut system, |bucket| copy(bucket, &kept)).await;
    system.ready().await;
    let first = home(&system, &ana).await;
    move_away(&mut system, &client, &first, &ana).await;
    let moved = entry(&system.nats, &ana).await;
    let second = home(&system, &ana).await;

    replace(&mut system, |bucket| {
        std::fs::remove_dir_all(bucket).unwrap();
        copy(&kept, bucket);
    })
    .await;
    system.ready().await;
    system.server(&second).kill();
    eventually("the account has moved again", MOVED_WITHIN, async || {
        let now = entry(&system.nats, &ana).await;
        (now.epoch > moved.epoch).then_some(()).ok_or("not yet")
    })
    .await;
    ana.send(&client, "from the third home", &[&ana]).await;
}

#[tokio::test]
async fn running_load_balancers_follow_a_bucket_made_anew() {
    let mut system = System::start(SystemSettings {
        load_balancers: 1,
        ..SystemSettings::default()
    })
    .await;
    let client = system.client().await;
    let people = Person::register_all(&client, ["ana", "ben", "cleo", "dana"]).await;
    for person in &people {
        person.send(&client, "before", &[person]).await;
    }
    replace(&mut system, |bucket| {
        std::fs::remove_dir_all(bucket).unwrap();
    })
    .await;
    system.nats.provision().await;
    system.ready().await;

    // What another load balancer writes, at the first revision of the new bucket.
    let id = system.id("ms1").await;
    let before = seen(&system, id).await.unwrap().accounts;
    let jetstream = async_nats::jetstream::new(system.nats.connect(User::LoadBalancer).await);
    let store = jetstream.get_key_value(subject::AFFINITY_BUCKET).await;
    let written = Affinity {
        epoch: Epoch(7),
        server: id,
    };
    let written = cbor::encode(&written).into();
    let revision = store.unwrap().create("zoe", written).await.unwrap();
    assert_eq!(revision, 1);
    eventually("the new bucket is followed", MOVED_WITHIN, async || {
        let now = seen(&system, id).await?.accounts;
        (now == before + 1)
            .then_some(())
            .ok_or(format!("{now} accounts"))
    })
    .await;
    for person in &people {
        person.send(&client, "after", &[person]).await;
    }
}
