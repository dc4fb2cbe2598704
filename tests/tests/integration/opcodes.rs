//! Every opcode, end to end, seen on its subject by an operator who listens to all of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use yoshi_client::{Filter, Query, View};
use yoshi_protocol::opcode::Opcode;
use yoshi_protocol::{Credential, Password, Verb, subject};
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS, OF_REGISTRATION_SERVERS};
use yoshi_tests::{Nats, Person, System, SystemSettings, User, eventually};

use crate::failures::joining::short_logs;

const SEEN_WITHIN: Duration = Duration::from_secs(20);

/// The subjects of all messages since it began to listen.
#[derive(Clone)]
struct Listener(Arc<Mutex<BTreeSet<String>>>);

impl Listener {
    async fn listen(nats: &Nats) -> Self {
        let operator = nats.connect(User::Operator).await;
        let mut messages = operator.subscribe("yoshi.>").await.unwrap();
        operator.flush().await.unwrap();
        let heard = Self(Arc::default());
        let hearing = heard.clone();
        tokio::spawn(async move {
            while let Some(message) = messages.next().await {
                hearing
                    .0
                    .lock()
                    .unwrap()
                    .insert(message.subject.to_string());
            }
            drop(operator);
        });
        heard
    }

    /// Whether a message came on a subject as `nats/SUBJECTS.md` writes it.
    fn has_heard(&self, pattern: &str) -> bool {
        let heard = self.0.lock().unwrap();
        heard.iter().any(|subject| {
            let mut tokens = subject.split('.');
            let fits = pattern.split('.').all(|expected| match tokens.next() {
                Some(token) => expected.starts_with('<') || expected == token,
                None => false,
            });
            fits && tokens.next().is_none()
        })
    }

    fn missing(&self) -> Vec<String> {
        let further = [
            "yoshi.v1.ms.<id>.accounted.<life>",
            "yoshi.v1.rs.<id>.accounted.<life>",
        ];
        // OUTBOX_TO_HOME needs a NATS that has lost its quorum: `failures::degraded`;
        // STALE_HOME a bucket of an older state: `failures::older_bucket`.
        let opcodes = Opcode::ALL
            .into_iter()
            .filter(|opcode| !matches!(opcode, Opcode::OutboxToHome | Opcode::StaleHome));
        let patterns = opcodes
            .map(|opcode| (opcode.name(), subject::pattern(opcode)))
            .chain(further.map(|pattern| ("accounted for", pattern)));
        patterns
            .filter(|(_, pattern)| !self.has_heard(pattern))
            .map(|(name, pattern)| format!("{name} on {pattern}"))
            .collect()
    }
}

/// What clients and operators can ask.
async fn ask_everything(system: &System) {
    let (client, operator) = (system.client().await, system.operator().await);
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    // More blocks than the streams keep: who comes later must ask a neighbour.
    for number in 1..=12 {
        let receipt = ana.send(&client, "listen", &[&ben]).await;
        assert_eq!(receipt.number, number);
    }
    let inbox = ben.read(&client, View::Inbox, 5).await;
    assert_eq!(inbox.len(), 12);
    let task = inbox[0].new_task.id;
    let accepted = client
        .change(&ben.name, &ben.credential, task, Verb::Accept)
        .await;
    assert_eq!(accepted.unwrap().number, 1);
    let history = client.history(&ben.name, &ben.credential, task).await;
    assert_eq!(history.unwrap().len(), 2);
    let listen = Query::new(Filter {
        text: Some("listen".to_owned()),
        ..Filter::default()
    });
    let found = client.find(&ben.name, &ben.credential, &listen).await;
    assert_eq!(found.unwrap().tasks.len(), 12);
    let new = Password::new("an entirely new secret".to_owned());
    client
        .change_password(&ana.name, &ana.password, &new)
        .await
        .unwrap();
    let logged_in = client.log_in(&ana.name, &new).await.unwrap();
    client.log_out(&ana.name, &logged_in.token).await.unwrap();
    for disabled in [true, false] {
        operator.set_account(&ana.name, disabled).await.unwrap();
    }
    let page = operator.accounts(None, 1).await.unwrap();
    assert!(page.more && page.accounts[0].name == ana.name);
    let rest = operator.accounts(Some(ana.name.clone()), 10).await.unwrap();
    assert!(!rest.more && rest.accounts.len() == 1);
    assert_eq!(operator.message_servers().await.unwrap().servers.len(), 2);
    let mut servers = Vec::new();
    for name in ["ms1", "ms2", "rs1", "rs2"] {
        servers.push(system.id(name).await);
    }
    let reports = operator.server_reports(servers, SEEN_WITHIN).await;
    assert_eq!(reports.unwrap().len(), 4);
    let primary = operator
        .primary_rs()
        .await
        .unwrap()
        .expect("there is a primary");
    assert!([system.id("rs1").await, system.id("rs2").await].contains(&primary.id));
    let credential = Credential::Password(new);
    client
        .retrieve(&ana.name, &credential, yoshi_client::Position::ZERO)
        .await
        .unwrap();
}

#[tokio::test]
async fn every_opcode_is_seen_on_its_subject() {
    let (_folder, definitions) = short_logs(3);
    let settings = SystemSettings {
        definitions,
        message_servers: 2,
        ..SystemSettings::default()
    };
    let mut system = System::prepare(&settings).await;
    let listener = Listener::listen(&system.nats).await;
    for (name, role) in [
        ("lb1", User::LoadBalancer),
        ("lb2", User::LoadBalancer),
        ("rs1", User::RegistrationServer),
        ("rs2", User::RegistrationServer),
        ("ms1", User::MessageServer),
        ("ms2", User::MessageServer),
    ] {
        system.add(name, role).await;
    }
    system.ready().await;
    ask_everything(&system).await;
    // Who comes later: POLL_MS and POLL_RS, as the streams begin too late by now.
    system.add("ms3", User::MessageServer).await;
    system.add("rs3", User::RegistrationServer).await;
    system.ready().await;
    let servers = ["ms1", "ms2", "ms3"].map(|name| system.database(name));
    assert!(
        !contents::equal(&servers, OF_MESSAGE_SERVERS)
            .await
            .is_empty()
    );
    let servers = ["rs1", "rs2", "rs3"].map(|name| system.database(name));
    assert!(
        !contents::equal(&servers, OF_REGISTRATION_SERVERS)
            .await
            .is_empty()
    );

    let operator = system.operator().await;
    let refilled = system.id("ms2").await;
    operator.resync_server(refilled, false).await.unwrap();
    let destroyed = system.id("ms1").await;
    operator.drain_server(destroyed, true, true).await.unwrap();
    operator.destroy_server(destroyed).await.unwrap();
    eventually(
        "every opcode was seen",
        SEEN_WITHIN,
        async || match listener.missing() {
            missing if missing.is_empty() => Ok(()),
            missing => Err(missing.join(", ")),
        },
    )
    .await;
    let left = operator.message_servers().await.unwrap();
    assert_eq!(left.destroyed, [destroyed]);
    assert!(
        left.servers
            .iter()
            .all(|server| server.ping.id != destroyed)
    );
    // The one that was filled anew counts again once it serves.
    for name in ["ms2", "ms3"] {
        system.server(name).ready().await;
    }
    let client = system.client().await;
    let cleo = Person::register(&client, "cleo").await;
    let receipt = cleo.send(&client, "after", &[&cleo]).await;
    assert!(!receipt.accounted_for.contains(&destroyed));
    assert_eq!(receipt.accounted_for.len(), 2);
}
