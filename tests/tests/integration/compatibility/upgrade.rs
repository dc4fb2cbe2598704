//! A system of release 0.1.0 goes on in this release: its databases at the old
//! schema, its logs with old blocks beyond them, its buckets, and the files of
//! its command line. What it had acknowledged is there, and numbers go on.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use yoshi_client::{Client, Options, Outgoing, Task, View};
use yoshi_protocol::{AccountName, Credential, ErrorCode, Password, Token};
use yoshi_tests::person::refusal;
use yoshi_tests::place;
use yoshi_tests::scratch::Scratch;
use yoshi_tests::{Database, Nats, Person, Postgres, Server, User, contents};

use super::sample::{self, Account, Expected, STREAMS};

/// The tables that follow from the tasks log, but for what a row of 0.1.0 does
/// not say: which entry of the account came before it, and which is its latest.
const TASKS: &[&str] = &[
    "SELECT (to_jsonb(account) - 'latest')::text FROM account ORDER BY name",
    "SELECT (to_jsonb(task) - 'previous')::text FROM task ORDER BY position",
    "SELECT to_jsonb(ask)::text FROM ask ORDER BY task, place",
];
/// The tables that follow from the accounts log, but for `account_event`: what
/// had ended is not noted in its rows of before.
const ACCOUNTS: &[&str] = &[
    "SELECT to_jsonb(account)::text FROM account ORDER BY name",
    "SELECT to_jsonb(token)::text FROM token ORDER BY hash",
    "SELECT to_jsonb(primary_epoch)::text FROM primary_epoch",
];

/// The first task's sender in the samples, whose session file is kept.
const SESSION_OF: &str = "ana";
/// The system of the samples, as its files call it.
const OLD_URL: &str = "nats://127.0.0.1:37385";
const OLD_PASSWORD_FILE: &str = "/srv/yoshi/.run/secrets/nats-client";

/// The old system, started in this release.
struct Upgraded {
    // In this order: servers end first, then what they stand on.
    servers: Vec<Server>,
    databases: BTreeMap<&'static str, Database>,
    nats: Nats,
    /// It ends when nobody holds it any more.
    _postgres: Arc<Postgres>,
    scratch: Scratch,
}

impl Upgraded {
    /// `ms1` and `rs1` have the databases of then; `ms2` and `rs2` are new, and
    /// have only the logs.
    async fn start() -> Self {
        let nats = Nats::single().await;
        for (name, writer) in STREAMS {
            sample::restore_stream(&nats, name, writer).await;
        }
        // Finds that nothing differs from today's definitions.
        nats.provision().await;
        let postgres = Postgres::start().await;
        let mut upgraded = Self {
            servers: Vec::new(),
            databases: BTreeMap::new(),
            nats,
            _postgres: Arc::clone(&postgres),
            scratch: Scratch::new("servers"),
        };
        upgraded.add("lb1", User::LoadBalancer, None);
        for (name, role, dump) in [
            ("rs1", User::RegistrationServer, "registration-server.dump"),
            ("ms1", User::MessageServer, "message-server.dump"),
            ("rs2", User::RegistrationServer, ""),
            ("ms2", User::MessageServer, ""),
        ] {
            let database = postgres.database().await;
            if !dump.is_empty() {
                sample::restore_database(&database, dump).await;
            }
            upgraded.add(name, role, Some(&database));
            upgraded.databases.insert(name, database);
        }
        for server in &mut upgraded.servers {
            server.ready().await;
        }
        upgraded
    }

    fn add(&mut self, name: &str, role: User, database: Option<&Database>) {
        let mut server = Server::new(name, role, &self.nats, database, self.scratch.path());
        server.start();
        self.servers.push(server);
    }

    async fn client(&self) -> Client {
        let password = self.nats.password().to_owned();
        let options = Options::new(self.nats.urls(), User::Client.name(), password);
        Client::connect(options)
            .await
            .expect("a client can connect")
    }

    /// Today's command line with the session and the env file of then, and its answer.
    fn run_old_session(&self) -> Value {
        let state = self.scratch.path().join("state");
        let sessions = state.join("yoshi/sessions");
        std::fs::create_dir_all(&sessions).unwrap();
        let url = self.nats.urls();
        let escaped = |url: &str| url.replace(':', "%3a").replace('/', "%2f");
        let session = format!("{SESSION_OF}@{}", escaped(OLD_URL));
        let moved = format!("{SESSION_OF}@{}", escaped(&url));
        std::fs::copy(sample::folder().join(session), sessions.join(moved)).unwrap();
        let password_file = self.nats.password_file().display().to_string();
        let settings = sample::text("yoshi.env")
            .replace(OLD_URL, &url)
            .replace(OLD_PASSWORD_FILE, &password_file);
        let env_file = self.scratch.path().join("yoshi.env");
        std::fs::write(&env_file, settings).unwrap();
        let output = Command::new(place::binary("yoshi"))
            .args(["inbox", "--account", SESSION_OF, "--json"])
            .env_clear()
            .env("XDG_STATE_HOME", state)
            .env("YOSHI_ENV_FILE", env_file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn person(account: &Account) -> Person {
    let password = Password::new(account.password.clone());
    let token = account.token.as_ref().map(|digits| {
        let token = Token::from_slice(&sample::bytes(digits)).expect("it is a token");
        Credential::Token(token)
    });
    Person {
        name: AccountName::new(&account.name).expect("it is a name"),
        credential: token.unwrap_or(Credential::Password(password.clone())),
        password,
    }
}

fn ids(tasks: &[Task]) -> Vec<String> {
    tasks
        .iter()
        .map(|task| task.new_task.id.to_string())
        .collect()
}

/// Accounts, their log-ins, and every task, as the receipts said.
async fn holds_everything(client: &Client, expected: &Expected) -> BTreeMap<String, Task> {
    let mut sent_tasks = BTreeMap::new();
    for account in &expected.accounts {
        let person = person(account);
        let inbox = person.inbox(client).await;
        assert_eq!(ids(&inbox), account.inbox, "{}", account.name);
        let sent = person.read(client, View::Sent, 2).await;
        assert_eq!(ids(&sent), account.sent, "{}", account.name);
        let logged_in = client.log_in(&person.name, &person.password).await;
        assert!(logged_in.is_ok(), "{}: {logged_in:?}", account.name);
        sent_tasks.extend(ids(&sent).into_iter().zip(sent));
    }
    assert_eq!(sent_tasks.len(), expected.receipts.len());
    for receipt in &expected.receipts {
        let task = &sent_tasks[&receipt.task];
        assert_eq!(task.sender.as_str(), receipt.sender);
        let told = (task.number, task.position.0, task.hash.as_slice());
        assert_eq!(told, (receipt.number, receipt.position, &receipt.hash[..]));
    }
    for name in &expected.disabled {
        let name = AccountName::new(name).unwrap();
        let password = Password::new(format!("the secret of {name}"));
        let logged_in = client.log_in(&name, &password).await;
        assert_eq!(refusal(logged_in), ErrorCode::Unauthenticated, "{name}");
    }
    // Her password of before, which the dump still has; the log has the change.
    let carla = AccountName::new("carla").unwrap();
    let before = Password::new("the secret of carla".to_owned());
    let logged_in = client.log_in(&carla, &before).await;
    assert_eq!(refusal(logged_in), ErrorCode::Unauthenticated);
    sent_tasks
}

#[tokio::test]
async fn what_the_first_release_stored_is_there_and_goes_on() {
    let upgraded = Upgraded::start().await;
    let client = upgraded.client().await;
    let expected = sample::expected();
    let sent = holds_everything(&client, &expected).await;
    let inbox = upgraded.run_old_session();
    let shown = inbox["tasks"].as_array().expect("it shows tasks");
    assert_eq!(shown.len(), expected.accounts[0].inbox.len());

    // A send of then, again: the first receipt.
    let first = &expected.receipts[0];
    let people: Vec<_> = expected.accounts.iter().map(person).collect();
    let again = Outgoing::new(sent[&first.task].new_task.clone()).unwrap();
    let receipt = people[0].send_outgoing(&client, &again).await;
    assert_eq!(
        (receipt.number, receipt.position.0),
        (first.number, first.position)
    );
    assert_eq!(receipt.hash.as_slice(), first.hash);

    // And new ones.
    let last = expected
        .receipts
        .iter()
        .map(|receipt| receipt.position)
        .max();
    for (account, sender) in expected.accounts.iter().zip(&people) {
        let receipt = sender
            .send(&client, "after the upgrade", &[&people[0]])
            .await;
        assert_eq!(
            receipt.number,
            account.sent.len() as u64 + 1,
            "{}",
            account.name
        );
        assert!(Some(receipt.position.0) > last, "{}", receipt.position);
    }

    // A new server makes the same rows of the old blocks.
    let of = |name| &upgraded.databases[name];
    contents::equal(&[of("ms1"), of("ms2")], TASKS).await;
    contents::equal(&[of("rs1"), of("rs2")], ACCOUNTS).await;
}
