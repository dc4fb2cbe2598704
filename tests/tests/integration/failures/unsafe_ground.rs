//! Servers that keep a log refuse storage that may lose it, and say what to
//! change; exit code 64. `YOSHI_UNSAFE_STORAGE` lets it pass, and is not forgotten.

use std::io::Write;
use std::time::Duration;

use serde_json::Value;
use yoshi_protocol::subject;
use yoshi_tests::nats::definitions;
use yoshi_tests::postgres::Database;
use yoshi_tests::scratch::Scratch;
use yoshi_tests::server::Server;
use yoshi_tests::{Nats, Postgres, User};

const ENDS_WITHIN: Duration = Duration::from_secs(30);
const EXIT_CONFIGURATION: i32 = 64;
const ROLES: [User; 2] = [User::MessageServer, User::RegistrationServer];

/// Starts a server, and waits until it ends with words that say all of this.
async fn refuses(mut server: Server, words: &[&str]) {
    server.start();
    let process = server.process().expect("it was started");
    let status = process.end(ENDS_WITHIN).await;
    let said = process.log_end();
    assert_eq!(status.code(), Some(EXIT_CONFIGURATION), "{said}");
    for words in words.iter().chain(&["--unsafe-storage"]) {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
}

/// Starts a server that may, and looks whether its metrics tell of it.
async fn allows(server: Server, of: &str) {
    let mut server = server.with("YOSHI_UNSAFE_STORAGE", "true");
    server.start();
    server.ready().await;
    let metrics = server.metrics().await.unwrap();
    let told = format!("yoshi_unsafe_storage{{of=\"{of}\"}} 1");
    assert!(metrics.contains(&told), "{told} is not in: {metrics}");
    assert!(server.terminate().await.success());
}

/// Restarts a node with another line in its `server.conf`.
async fn sync_now_and_then(nats: &mut Nats, node: usize) {
    let (from, to) = ("sync_interval: always", "sync_interval: \"30s\"");
    nats.rewrite(node, "server.conf", from, to);
    nats.kill_node(node);
    nats.start_node(node);
    nats.ready().await;
}

#[tokio::test]
async fn a_node_that_does_not_sync_always_is_refused() {
    let mut nats = Nats::single().await;
    nats.provision().await;
    sync_now_and_then(&mut nats, 0).await;
    let (postgres, folder) = (Postgres::start().await, Scratch::new("servers"));
    for role in ROLES {
        let database = postgres.database().await;
        let server = || Server::new(role.name(), role, &nats, Some(&database), folder.path());
        refuses(server(), &["yoshi-1", "sync_interval: always"]).await;
        allows(server(), "nats").await;
    }
}

#[tokio::test]
async fn one_such_node_of_three_is_found() {
    let mut nats = Nats::cluster(3).await;
    nats.provision().await;
    sync_now_and_then(&mut nats, 1).await;
    let (postgres, folder) = (Postgres::start().await, Scratch::new("servers"));
    let database = postgres.database().await;
    let role = User::MessageServer;
    let server = || Server::new(role.name(), role, &nats, Some(&database), folder.path());
    refuses(server(), &["node yoshi-2", "sync_interval: always"]).await;
    nats.rewrite(
        1,
        "server.conf",
        "sync_interval: \"30s\"",
        "sync_interval: always",
    );
    nats.kill_node(1);
    nats.start_node(1);
    nats.ready().await;
    let mut good = Server::new(role.name(), role, &nats, Some(&database), folder.path());
    good.start();
    good.ready().await;
    let metrics = good.metrics().await.unwrap();
    assert!(
        metrics.contains("yoshi_unsafe_storage{of=\"nats\"} 0"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_node_that_does_not_tell_is_refused() {
    let mut nats = Nats::single().await;
    nats.provision().await;
    let line = "subject: \"$SYS.REQ.SERVER.PING.STATSZ\"";
    let other = "subject: \"$SYS.REQ.SERVER.PING.IDZ\"";
    nats.rewrite(0, "accounts.conf", line, other);
    nats.rewrite(
        0,
        "accounts.conf",
        "service: \"$SYS.REQ.SERVER.PING.STATSZ\"",
        "service: \"$SYS.REQ.SERVER.PING.IDZ\"",
    );
    nats.kill_node(0);
    nats.start_node(0);
    nats.ready().await;
    let (postgres, folder) = (Postgres::start().await, Scratch::new("servers"));
    let database = postgres.database().await;
    let role = User::RegistrationServer;
    let server = || Server::new(role.name(), role, &nats, Some(&database), folder.path());
    refuses(server(), &[subject::NATS_STATUS, "nats/accounts.conf"]).await;
}

/// The definitions with one setting of the logs changed.
fn changed(setting: &str, value: &Value) -> Scratch {
    let folder = Scratch::new("definitions");
    for text in definitions() {
        let mut definition: Value = serde_json::from_str(&text).unwrap();
        let name = definition["name"].as_str().unwrap().to_owned();
        if [subject::TASKS_STREAM, subject::ACCOUNTS_STREAM].contains(&&*name) {
            definition[setting] = value.clone();
            // A log in memory must fit into it.
            definition["max_bytes"] = (64 << 20).into();
        }
        let path = folder.path().join(format!("{name}.json"));
        std::fs::write(path, definition.to_string()).unwrap();
    }
    folder
}

#[tokio::test]
async fn a_log_that_may_be_lost_is_refused() {
    let (postgres, folder) = (Postgres::start().await, Scratch::new("servers"));
    for (setting, value, words) in [
        ("storage", "memory".into(), "storage is memory"),
        ("discard", "new".into(), "discard is not old"),
        ("retention", "interest".into(), "retention is not limits"),
        ("deny_delete", false.into(), "deny_delete is off"),
        ("deny_purge", false.into(), "deny_purge is off"),
    ] {
        let definitions = changed(setting, &value);
        let nats = Nats::single().await;
        nats.provision_from(definitions.path()).await;
        for (role, log) in ROLES.into_iter().zip(["YOSHI_TASKS", "YOSHI_ACCOUNTS"]) {
            let database = postgres.database().await;
            let server = || Server::new(role.name(), role, &nats, Some(&database), folder.path());
            refuses(server(), &[log, words, "yoshi provision"]).await;
            // A log of interest keeps nothing that nobody waits for: no server can work with it.
            if setting != "retention" {
                allows(server(), "nats").await;
            }
        }
    }
}

async fn refuses_database(nats: &Nats, database: &Database, setting: &str) {
    let folder = Scratch::new("servers");
    for role in ROLES {
        let server = || Server::new(role.name(), role, nats, Some(database), folder.path());
        refuses(server(), &[&format!("{setting} = "), "postgresql.conf"]).await;
    }
    let role = User::RegistrationServer;
    let server = Server::new(role.name(), role, nats, Some(database), folder.path());
    allows(server, "postgres").await;
}

#[tokio::test]
async fn a_postgres_that_forgets_is_refused() {
    let nats = Nats::single().await;
    nats.provision().await;
    let mut postgres = Postgres::start_private().await;
    for (what, setting) in [("ROLE", "off"), ("DATABASE", "local")] {
        // Whoever owns a database may weaken it for itself alone.
        let database = postgres.database().await;
        let alter = format!("ALTER {what} CURRENT SET synchronous_commit = {setting}");
        let name = database.url.rsplit('/').next().unwrap();
        database.rows(&alter.replace("CURRENT", name)).await;
        refuses_database(&nats, &database, "synchronous_commit").await;
    }
    let mut through_url = postgres.database().await;
    through_url.url += "?options=-c%20synchronous_commit%3Doff";
    refuses_database(&nats, &through_url, "synchronous_commit").await;
    for setting in ["fsync", "full_page_writes"] {
        let file = postgres.data().join("postgresql.conf");
        let mut file = std::fs::File::options().append(true).open(file).unwrap();
        writeln!(file, "{setting} = off").unwrap();
        postgres.run_again();
        postgres.ready().await;
        let database = postgres.database().await;
        refuses_database(&nats, &database, setting).await;
    }
}
