//! Two of three nodes of NATS are gone: nothing is called sent that is not, and
//! administrators see what is wrong.

use std::time::Duration;

use yoshi_tests::{SystemSettings, eventually};

use crate::browser::Browser;
use crate::hostile::is_unharmed;
use crate::website::Website;

/// How long it may take until a task is queued: NATS takes its time to notice.
const QUEUED_WITHIN: Duration = Duration::from_secs(90);
/// How long it may take until it is sent, once the nodes are back.
const SENT_WITHIN: Duration = Duration::from_secs(90);
/// What every server calls its host here: text, whatever it looks like.
const HOST: &str = "<img src=x onerror=window.hit=1>";

#[tokio::test]
async fn a_queued_task_is_not_called_sent() {
    let settings = SystemSettings {
        nats_nodes: 3,
        variables: vec![
            ("YOSHI_QUEUE_AFTER_SECONDS".into(), "2".into()),
            ("YOSHI_HOST_LABEL".into(), HOST.into()),
        ],
        ..SystemSettings::default()
    };
    let Some(website) = Website::alone(settings).await else {
        return;
    };
    let mut browser = Browser::open(&website).await;
    browser.register(&Website::name("ana")).await;
    browser.is_appointed().await;
    browser.go("/").await;
    {
        let mut system = website.system.lock().await;
        system.nats.kill_node(1);
        system.nats.kill_node(2);
    }
    let line = format!("@{} survive this", browser.name);
    browser.write("#quick", &line).await;
    browser.click(".quick button[value=send]").await;
    eventually("the task is queued", QUEUED_WITHIN, async || {
        match browser.text("h1").await?.as_str() {
            "Not sent yet" => return Ok(()),
            // The form keeps the task's id: another try sends no other task.
            "New task" => browser.click(".actions button").await,
            _ => {}
        }
        Err(browser.path().await)
    })
    .await;
    browser.sees("main", "waits in the outbox").await;
    let task = browser.path().await;
    browser.go("/admin/servers").await;
    browser.sees(".servers", HOST).await;
    browser.sees("#list", "that the log did not take yet").await;
    is_unharmed(&browser, "the servers").await;

    {
        let mut system = website.system.lock().await;
        system.nats.start_node(1);
        system.nats.start_node(2);
        system.nats.ready().await;
    }
    eventually("the task is sent", SENT_WITHIN, async || {
        browser.go(&task).await;
        match browser.text("h1").await?.as_str() {
            "survive this" => Ok(()),
            other => Err(other.to_owned()),
        }
    })
    .await;
    browser.go("/").await;
    assert_eq!(browser.titles().await, ["survive this"]);
    browser.close().await;
}
