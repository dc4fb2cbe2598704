//! The primary registration server dies: a backup takes over, and no account is lost.

mod backup;
mod creators;
mod passwords;
mod primary;

use std::time::{Duration, Instant};

use yoshi_protocol::Credential;
use yoshi_tests::contents::{self, OF_REGISTRATION_SERVERS};
use yoshi_tests::{Person, System, SystemSettings};

const BACK_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_backup_takes_over_from_a_killed_primary() {
    let mut system = System::start(SystemSettings::default()).await;
    let client = system.client().await.with_deadline(BACK_WITHIN);
    let operator = system.operator().await;
    let mut people = Vec::new();
    for _ in 0..5 {
        people.push(Person::register(&client, "before").await);
    }
    let primary = operator
        .primary_rs()
        .await
        .unwrap()
        .expect("there is a primary");
    let killed = if primary.id == system.id("rs1").await {
        "rs1"
    } else {
        "rs2"
    };
    system.server(killed).kill();

    let dead_since = Instant::now();
    let after = Person::register(&client, "after").await;
    assert!(
        dead_since.elapsed() < BACK_WITHIN,
        "{:?}",
        dead_since.elapsed()
    );
    let next = operator
        .primary_rs()
        .await
        .unwrap()
        .expect("there is a primary");
    assert!(
        next.id != primary.id && next.epoch > primary.epoch,
        "{primary:?} → {next:?}"
    );
    for person in &people {
        client.log_in(&person.name, &person.password).await.unwrap();
        // The token of before, which no server had seen yet, and the password.
        let receipt = person.send(&client, "still here", &[&after]).await;
        assert_eq!(receipt.number, 1);
        let by_password = Person {
            credential: person.by_password(),
            ..person.clone()
        };
        by_password.send(&client, "by password", &[&after]).await;
    }
    assert_eq!(after.inbox(&client).await.len(), 10);
    let Credential::Token(token) = &after.credential else {
        panic!("registering logs in");
    };
    client.log_out(&after.name, token).await.unwrap();

    system.server(killed).start();
    system.server(killed).ready().await;
    Person::register(&client, "later").await;
    let databases = ["rs1", "rs2"].map(|name| system.database(name));
    contents::equal(&databases, OF_REGISTRATION_SERVERS).await;
    let still = operator
        .primary_rs()
        .await
        .unwrap()
        .expect("there is a primary");
    assert_eq!(still, next, "who comes back is a backup");
}
