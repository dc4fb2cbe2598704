//! A whole system starts, shows itself, and ends in order.

use std::time::Duration;

use yoshi_protocol::message::roster::MsState;
use yoshi_tests::{System, SystemSettings, eventually};

const SHOWN_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_system_starts_and_every_server_ends_cleanly() {
    let mut system = System::start(SystemSettings::default()).await;
    let operator = system.operator().await;
    eventually("all message servers serve", SHOWN_WITHIN, async || {
        let roster = operator
            .message_servers()
            .await
            .map_err(|error| error.to_string())?;
        let serving = roster
            .servers
            .iter()
            .filter(|server| server.ping.state == MsState::Serving);
        match serving.count() {
            3 => Ok(()),
            count => Err(format!("{count} serve")),
        }
    })
    .await;
    assert!(operator.primary_rs().await.unwrap().is_some());
    for name in ["lb1", "lb2", "ms1", "ms2", "ms3", "rs1", "rs2"] {
        let metrics = system.server(name).metrics().await.unwrap();
        assert!(metrics.contains("# TYPE "), "{name}: {metrics}");
        let status = system.server(name).terminate().await;
        assert!(status.success(), "{name}: {status}");
    }
}

#[tokio::test]
async fn a_killed_server_comes_back_with_its_database() {
    let mut system = System::start(SystemSettings::default()).await;
    let operator = system.operator().await;
    let ids = async || -> Vec<_> {
        let roster = operator.message_servers().await.unwrap();
        roster.servers.iter().map(|server| server.ping.id).collect()
    };
    let before = ids().await;
    system.server("ms2").kill();
    eventually("the killed one is missed", SHOWN_WITHIN, async || {
        if ids().await.len() == 2 {
            Ok(())
        } else {
            Err("it is still listed")
        }
    })
    .await;
    system.server("ms2").start();
    system.server("ms2").ready().await;
    eventually("it is the same server", SHOWN_WITHIN, async || {
        if ids().await == before {
            Ok(())
        } else {
            Err("the roster is another one")
        }
    })
    .await;
}
