//! The log is put back from an older backup and grows again, by the blocks of a
//! server that was down, until it is longer than what the others had applied. They
//! were down meanwhile, and come back with nothing but their databases; or they were
//! halted, and go on with everything that they had in memory.

use std::path::PathBuf;
use std::time::Duration;

use yoshi_client::{Receipt, View};
use yoshi_protocol::message::roster::MsState;
use yoshi_protocol::message::task::{ClientPoll, TaskView};
use yoshi_protocol::{Position, ServerId};
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::scratch::Scratch;
use yoshi_tests::{Direct, Person, System, SystemSettings, eventually};

use super::lost_log::{SEEN_WITHIN, copy, sends, tasks_in};

const REPORTS_WITHIN: Duration = Duration::from_secs(3);
/// The servers that have applied what the log loses.
const OTHERS: [&str; 2] = ["ms1", "ms2"];
const ASKED_WITHIN: Duration = Duration::from_secs(1);

/// A system whose log has lost its end and grown again.
struct Regrown {
    system: System,
    backup: Scratch,
    stream: PathBuf,
    people: (Person, Person),
    /// The last task of the end that is lost.
    lost: Receipt,
}

impl Regrown {
    /// Three servers, a backup of the log, and more tasks, which the third has not seen.
    async fn begin() -> Self {
        let mut system = System::start(SystemSettings::default()).await;
        let client = system.client().await;
        let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
        sends(&system, &ana, &ben, 3).await;
        system.server("ms3").kill();
        let backup = Scratch::new("backup");
        system.nats.kill_node(0);
        let stream = tasks_in(system.nats.store(0));
        copy(&stream, &backup.path().join("stream"));
        system.nats.start_node(0);
        system.nats.ready().await;
        let lost = sends(&system, &ana, &ben, 3).await.pop().unwrap();
        assert_eq!(lost.accounted_for.len(), 2);
        Self {
            system,
            backup,
            stream,
            people: (ana, ben),
            lost,
        }
    }

    /// The backup is put back, and the third server goes on from it: nobody is there
    /// who could tell it that the log was longer.
    async fn grow(&mut self) {
        let system = &mut self.system;
        system.nats.kill_node(0);
        std::fs::remove_dir_all(&self.stream).unwrap();
        copy(&self.backup.path().join("stream"), &self.stream);
        system.nats.start_node(0);
        system.nats.ready().await;
        system.server("ms3").start();
        system.server("ms3").ready().await;
        let (ana, ben) = &self.people;
        let grown = sends(system, ana, ben, 4).await.pop().unwrap();
        assert_eq!(grown.accounted_for.len(), 1);
        let (grown, lost) = (grown.position.sequence(), self.lost.position.sequence());
        assert!(grown > lost, "{grown}");
    }

    async fn contents(&self) -> [Vec<String>; 2] {
        let [first, second] = OTHERS.map(|name| self.system.database(name));
        [
            contents::of(first, OF_MESSAGE_SERVERS).await,
            contents::of(second, OF_MESSAGE_SERVERS).await,
        ]
    }

    /// Waits until a server refuses the log, and says how it is recovered.
    async fn is_refused(&self, name: &str) {
        let operator = self.system.operator().await;
        let id = self.system.id(name).await;
        let what = format!("{name} refuses the log");
        eventually(&what, SEEN_WITHIN, async || {
            let reports = operator.server_reports([id], REPORTS_WITHIN).await;
            let reports = reports.map_err(|error| error.to_string())?;
            let own = reports.into_iter().find(|report| report.id == id);
            match own.and_then(|report| report.refusal) {
                Some(words)
                    if words.contains("another block than this server has applied")
                        && words.contains("yoshi recover-log tasks") =>
                {
                    Ok(())
                }
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_shortened_log_that_has_grown_again_is_refused_after_a_restart() {
    let mut log = Regrown::begin().await;
    for name in OTHERS {
        log.system.server(name).kill();
    }
    let before = log.contents().await;
    log.grow().await;
    for name in OTHERS {
        log.system.server(name).start();
    }
    for name in OTHERS {
        log.is_refused(name).await;
    }
    assert_eq!(log.contents().await, before, "what is not their log");
}

#[tokio::test]
async fn servers_that_were_halted_meanwhile_neither_consume_nor_show_what_has_grown() {
    let mut log = Regrown::begin().await;
    let direct = Direct::connect(&log.system.nats).await;
    let (_, ben) = &log.people.clone();
    let mut held = Vec::new();
    for name in OTHERS {
        let id = log.system.id(name).await;
        held.push((id, direct.inbox(id, ben).await));
        log.system.server(name).pause();
    }
    let before = log.contents().await;
    log.grow().await;
    // Asked all the while: from before they go on, until they refuse.
    let asking = tokio::spawn(shows_only_its_own(direct, ben.clone(), held.clone()));
    for name in OTHERS {
        log.system.server(name).resume();
    }
    for name in OTHERS {
        log.is_refused(name).await;
    }
    asking.abort();
    if let Err(ended) = asking.await {
        assert!(ended.is_cancelled(), "{ended}");
    }
    let servers = log.system.operator().await.message_servers().await;
    for server in servers.unwrap().servers {
        let is_other = held.iter().any(|(id, _)| *id == server.ping.id);
        assert_eq!(
            server.ping.state == MsState::Serving,
            !is_other,
            "{server:?}"
        );
    }
    // The third goes on alone, and nobody who refuses accounts for anything.
    let (ana, ben) = &log.people;
    let client = log.system.client().await.with_deadline(SEEN_WITHIN);
    let later = ana.send(&client, "later", &[ben]).await;
    assert_eq!(later.accounted_for, [log.system.id("ms3").await]);
    assert_eq!(log.contents().await, before, "what is not their log");
}

/// Asks servers for a list again and again. What they show is what they held, all of
/// it; they may refuse at any time.
async fn shows_only_its_own(direct: Direct, reader: Person, held: Vec<(ServerId, Vec<TaskView>)>) {
    let request = ClientPoll {
        view: View::Inbox,
        limit: 100,
        since: Position::ZERO,
        credential: reader.credential.clone(),
    };
    loop {
        for (id, list) in &held {
            let answer = direct.ask(*id, &reader.name, &request, ASKED_WITHIN).await;
            if let Some(Ok(page)) = answer {
                assert_eq!(&page.tasks, list, "{id} shows what is not its log");
            }
        }
    }
}
