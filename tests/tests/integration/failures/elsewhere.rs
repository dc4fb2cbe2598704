//! A message server comes back on another host: who it is stands in its database,
//! not in its label or address.

use std::time::Duration;

use yoshi_protocol::message::roster::MsState;
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::{Person, System, SystemSettings, eventually};

use super::draining::seen;

const BACK_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_server_under_another_label_and_address_is_the_same_one() {
    let mut system = System::start(SystemSettings::default()).await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    ana.send(&client, "first", &[&ana]).await;
    let id = system.id("ms2").await;
    let server = system.server("ms2");
    server.kill();
    ana.send(&client, "without it", &[&ana]).await;
    let server = system.server("ms2");
    server.set("YOSHI_HOST_LABEL", "elsewhere");
    // Its HTTP port is another one at each start.
    server.start();
    eventually("it serves from there", BACK_WITHIN, async || {
        let ping = seen(&system, id).await?.ping;
        match (ping.state, &*ping.host) {
            (MsState::Serving, "elsewhere") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert_eq!(system.id("ms2").await, id);
    eventually("it is counted again", BACK_WITHIN, async || {
        let receipt = ana.send(&client, "with it", &[&ana]).await;
        match receipt.accounted_for.contains(&id) {
            true => Ok(()),
            false => Err(format!("{receipt:?}")),
        }
    })
    .await;
    let databases = ["ms1", "ms2", "ms3"].map(|name| system.database(name));
    contents::equal(&databases, OF_MESSAGE_SERVERS).await;
}
