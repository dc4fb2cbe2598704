//! A message server is drained and destroyed while accounts send: nothing is
//! lost, and the others serve on.

use std::time::Duration;

use serde_json::Value;
use yoshi_protocol::ServerId;
use yoshi_protocol::message::roster::{MessageServer, MsState};
use yoshi_tests::command::operate;
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::{Direct, System, SystemSettings, eventually};

use super::senders::{Senders, holds_exactly};

const WORK_WITHIN: Duration = Duration::from_secs(30);

/// Runs an operator's command; answers its JSON, of an error too.
pub(super) async fn yoshi(system: &System, line: &[&str], exit: i32) -> Value {
    let line: Vec<_> = line.iter().copied().chain(["--json"]).collect();
    let output = operate(system, &line).await;
    assert_eq!(output.status.code(), Some(exit), "{output:?}");
    let text = if exit == 0 {
        &output.stdout
    } else {
        &output.stderr
    };
    serde_json::from_slice(text).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A server as the load balancers see it.
///
/// # Errors
/// If they do not see it.
pub(super) async fn seen(system: &System, id: ServerId) -> Result<MessageServer, String> {
    let operator = system.operator().await;
    let servers = operator.message_servers().await;
    let mut servers = servers.map_err(|error| error.to_string())?.servers;
    servers.retain(|server| server.ping.id == id);
    servers.pop().ok_or_else(|| "it is not there".to_owned())
}

#[tokio::test]
async fn a_drained_and_destroyed_server_loses_nothing() {
    let mut system = System::start(SystemSettings::default()).await;
    let mut senders = Senders::start(&system, 8).await;
    senders.go_on("all send", 3, WORK_WITHIN).await;
    let id = system.id("ms2").await;
    let server = id.to_string();

    let drained = yoshi(&system, &["drain-server", &server], 0).await;
    assert_eq!(drained["accounts"], 0);
    assert_eq!(drained["state"], "draining");
    senders.go_on("all send without it", 3, WORK_WITHIN).await;
    let now = seen(&system, id).await.unwrap();
    assert_eq!((now.accounts, now.ping.state), (0, MsState::Draining));

    let undone = yoshi(&system, &["drain-server", "--undo", &server], 0).await;
    assert_eq!(undone["state"], "serving");
    system.server("ms2").healthy().await.unwrap();
    senders.go_on("all send with it", 3, WORK_WITHIN).await;

    yoshi(&system, &["drain-server", &server], 0).await;
    // Without a terminal and --yes, nothing happens.
    let asked = yoshi(&system, &["destroy-server", &server], 2).await;
    assert_eq!(asked["error"]["code"], "usage");
    yoshi(&system, &["destroy-server", "--yes", &server], 0).await;
    senders
        .go_on("all send for ever after", 3, WORK_WITHIN)
        .await;
    eventually("it ends by itself", WORK_WITHIN, async || {
        system.server("ms2").ended().ok_or("it runs")
    })
    .await;
    let acknowledged = senders.stop().await;
    let databases = ["ms1", "ms3"].map(|name| system.database(name));
    let rows = contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    let sends: usize = acknowledged.values().map(Vec::len).sum();
    assert_eq!(rows.len(), 8 + 2 * sends);
}

#[tokio::test]
async fn a_server_that_serves_is_filled_anew_under_load() {
    let system = System::start(SystemSettings::default()).await;
    let mut senders = Senders::start(&system, 8).await;
    senders.go_on("all send", 5, WORK_WITHIN).await;
    let id = system.id("ms2").await;
    let before = seen(&system, id).await.unwrap().ping.incarnation;
    let mended = yoshi(&system, &["resync-server", &id.to_string()], 0).await;
    assert_eq!(mended["state"], "serving");
    assert_ne!(mended["incarnation"], before.to_string());
    senders.go_on("all send with it", 3, WORK_WITHIN).await;
    let acknowledged = senders.stop().await;
    let databases = ["ms1", "ms2", "ms3"].map(|name| system.database(name));
    contents::equal(&databases, OF_MESSAGE_SERVERS).await;
    let direct = Direct::connect(&system.nats).await;
    holds_exactly(&direct.inbox(id, &senders.reader).await, &acknowledged);
}

#[tokio::test]
async fn the_last_server_that_serves_is_not_drained_unless_forced() {
    let system = System::start(SystemSettings {
        message_servers: 1,
        ..SystemSettings::default()
    })
    .await;
    let id = system.id("ms1").await;
    let server = id.to_string();
    let refused = yoshi(&system, &["drain-server", &server], 1).await;
    assert_eq!(refused["error"]["code"], "unsafe", "{refused}");
    let refused = yoshi(&system, &["resync-server", &server], 1).await;
    assert_eq!(refused["error"]["code"], "unsafe", "{refused}");
    assert_eq!(
        seen(&system, id).await.unwrap().ping.state,
        MsState::Serving
    );
    yoshi(&system, &["drain-server", "--force", &server], 0).await;
    yoshi(&system, &["drain-server", "--undo", &server], 0).await;
}
