//! Postgres or NATS goes away in the middle of a server's start, and comes back: the
//! server waits for it.

use std::time::Duration;

use futures::StreamExt;
use yoshi_protocol::subject;
use yoshi_tests::scratch::Scratch;
use yoshi_tests::{Nats, Postgres, Server, User};

const ASKED_WITHIN: Duration = Duration::from_secs(30);
/// Longer than a server waits for the answers of load balancers that say nothing,
/// so that it meets the outage; shorter than it goes on trying to begin.
const AWAY: Duration = Duration::from_secs(12);

/// What goes away.
#[derive(Debug, Clone, Copy)]
enum Ground {
    Postgres,
    Nats,
}

/// Starts a server, takes away what it stands on while it asks the load balancers,
/// of which there is only this test, and brings it back.
async fn begins_in_spite_of(ground: Ground, role: User) {
    let mut nats = Nats::single().await;
    nats.provision().await;
    let (mut postgres, folder) = (Postgres::start_private().await, Scratch::new("servers"));
    let database = postgres.database().await;
    let balancer = nats.connect(User::LoadBalancer).await;
    let group = subject::LB_QUEUE_GROUP.to_owned();
    let mut questions = balancer
        .queue_subscribe(subject::LB_QUERY_MS, group)
        .await
        .unwrap();
    balancer.flush().await.unwrap();

    let mut server = Server::new(role.name(), role, &nats, Some(&database), folder.path());
    server.start();
    let asked = tokio::time::timeout(ASKED_WITHIN, questions.next()).await;
    assert!(asked.expect("it asks while it starts").is_some());
    match ground {
        Ground::Postgres => postgres.kill(),
        Ground::Nats => nats.kill_node(0),
    }
    tokio::time::sleep(AWAY).await;
    if let Some(status) = server.ended() {
        let said = server.process().map(|process| process.log_end());
        panic!(
            "{} ended without {ground:?}: {status}\n{said:?}",
            role.name()
        );
    }
    assert!(server.healthy().await.is_err(), "it cannot be ready");
    match ground {
        Ground::Postgres => {
            postgres.run_again();
            postgres.ready().await;
        }
        Ground::Nats => {
            nats.start_node(0);
            nats.ready().await;
        }
    }
    server.ready().await;
    assert!(server.terminate().await.success());
}

#[tokio::test]
async fn a_registration_server_waits_for_postgres() {
    begins_in_spite_of(Ground::Postgres, User::RegistrationServer).await;
}

#[tokio::test]
async fn a_registration_server_waits_for_nats() {
    begins_in_spite_of(Ground::Nats, User::RegistrationServer).await;
}

#[tokio::test]
async fn a_message_server_waits_for_postgres() {
    begins_in_spite_of(Ground::Postgres, User::MessageServer).await;
}

#[tokio::test]
async fn a_message_server_waits_for_nats() {
    begins_in_spite_of(Ground::Nats, User::MessageServer).await;
}
