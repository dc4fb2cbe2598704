//! The log is put back from an older backup and written on by a server that was
//! behind: there are two histories of it, and positions do not tell which server
//! holds which. `recover-log` chooses none of them by itself.

use std::time::Duration;

use yoshi_client::Receipt;
use yoshi_protocol::message::roster::MsState;
use yoshi_protocol::subject::Role;
use yoshi_tests::contents::{self, OF_MESSAGE_SERVERS};
use yoshi_tests::scratch::Scratch;
use yoshi_tests::{Person, System, SystemSettings, eventually};

use super::draining;
use super::lost_log::{
    SEEN_WITHIN, all_ready, all_refuse, copy, done, nothing_is_lost, refused, sends, tasks_in,
};

const REPORTS_WITHIN: Duration = Duration::from_secs(3);
/// The servers that have applied what the log loses.
const OTHERS: [&str; 2] = ["ms1", "ms2"];

/// The command that gives up what this server alone holds.
fn without(server: &str) -> [&str; 6] {
    [
        "--json",
        "recover-log",
        "tasks",
        "--yes",
        "--without",
        server,
    ]
}

/// A system whose servers hold two histories of the log.
struct Parted {
    system: System,
    people: (Person, Person),
    /// What both hold.
    shared: Vec<Receipt>,
    /// What only the first two servers hold.
    of_two: Vec<Receipt>,
    /// What only the third holds.
    of_third: Vec<Receipt>,
}

impl Parted {
    /// The first two servers hold `of_two` tasks that the log has lost; the third has
    /// written `of_third` others in their place.
    async fn begin(of_two: usize, of_third: usize) -> Self {
        let mut system = System::start(SystemSettings::default()).await;
        let client = system.client().await;
        let ana = Person::register(&client, "ana").await;
        let ben = Person::register(&client, "ben").await;
        let shared = sends(&system, &ana, &ben, 3).await;
        system.server("ms3").kill();
        let backup = Scratch::new("backup");
        system.nats.kill_node(0);
        let stream = tasks_in(system.nats.store(0));
        copy(&stream, &backup.path().join("stream"));
        system.nats.start_node(0);
        system.nats.ready().await;
        let of_two = sends(&system, &ana, &ben, of_two).await;
        assert_eq!(of_two[0].accounted_for.len(), 2);
        for name in OTHERS {
            system.server(name).kill();
        }
        system.nats.kill_node(0);
        std::fs::remove_dir_all(&stream).unwrap();
        copy(&backup.path().join("stream"), &stream);
        system.nats.start_node(0);
        system.nats.ready().await;
        // Nobody is there who could tell it that the log was longer.
        system.server("ms3").start();
        system.server("ms3").ready().await;
        let of_third = sends(&system, &ana, &ben, of_third).await;
        assert_eq!(of_third[0].accounted_for.len(), 1);
        assert_eq!(
            of_third[0].position, of_two[0].position,
            "in the same place"
        );
        for name in OTHERS {
            system.server(name).start();
        }
        all_refuse_but(&system, OTHERS.len()).await;
        Self {
            system,
            people: (ana, ben),
            shared,
            of_two,
            of_third,
        }
    }

    async fn id(&self, name: &str) -> String {
        self.system.id(name).await.to_string()
    }

    /// The command refuses, and says all that one must know to choose.
    async fn is_refused(&self) {
        let words = refused(&self.system, &["recover-log", "tasks", "--yes"]).await;
        let shared = self.shared.last().unwrap().position;
        let [ms1, ms2, ms3] = [
            self.id("ms1").await,
            self.id("ms2").await,
            self.id("ms3").await,
        ];
        let (lost, written) = (self.of_two.len(), self.of_third.len());
        let at = |receipts: &[Receipt]| {
            let sequence = receipts.last().unwrap().position.sequence();
            yoshi_protocol::Position::end_of_block(sequence)
        };
        for part in [
            "2 histories".to_owned(),
            format!("(block {})", shared.sequence()),
            format!("{ms1} (position {})", at(&self.of_two)),
            format!("{ms2} (position {})", at(&self.of_two)),
            format!("{ms3} (position {})", at(&self.of_third)),
            format!("`--without {ms3}`"),
            format!("{lost} tasks and 0 changes"),
            format!("{written} tasks and 0 changes"),
        ] {
            assert!(words.contains(&part), "{part}: {words}");
        }
    }

    /// Goes on without the third server, which is filled anew afterwards.
    async fn go_on_without_the_third(mut self) {
        let third = self.id("ms3").await;
        let before = contents::of(self.system.database("ms3"), OF_MESSAGE_SERVERS).await;
        let line = without(&third);
        let recovered = done(&self.system, &line).await;
        assert_eq!(recovered["waiting"], serde_json::json!([]), "{recovered}");
        let (ana, ben) = &self.people;
        let mut receipts = [self.shared, self.of_two].concat();
        let more = sends(&self.system, ana, ben, 3).await;
        // Neither its position nor what it says of the lost log makes it a holder.
        let third_id = self.system.id("ms3").await;
        for receipt in &more {
            assert!(!receipt.accounted_for.contains(&third_id), "{receipt:?}");
        }
        receipts.extend(more);
        refuses_for_good(&self.system).await;
        // Its database is as it was: nothing was put on top of it.
        let after = contents::of(self.system.database("ms3"), OF_MESSAGE_SERVERS).await;
        assert_eq!(after, before);
        draining::yoshi(&self.system, &["resync-server", &third], 0).await;
        all_ready(&mut self.system).await;
        receipts.extend(sends(&self.system, ana, ben, 2).await);
        assert_eq!(receipts.last().unwrap().accounted_for.len(), 3);
        nothing_is_lost(&self.system, ben, &receipts).await;
    }
}

/// Waits until at least so many servers name the command: the third does so, too, if
/// it hears of others that are further.
async fn all_refuse_but(system: &System, count: usize) {
    let operator = system.operator().await;
    let what = format!("{count} servers refuse the log");
    eventually(&what, SEEN_WITHIN, async || {
        let reports = operator.server_reports([], REPORTS_WITHIN).await;
        let reports = reports.map_err(|error| error.to_string())?;
        let of_tasks = reports
            .iter()
            .filter(|report| yoshi_client::role(report) == Role::Ms);
        let refuse = of_tasks.filter(|report| {
            let refusal = report.refusal.as_deref();
            refusal.is_some_and(|words| words.contains("yoshi recover-log tasks"))
        });
        match refuse.count() {
            refuse if refuse >= count => Ok(()),
            _ => Err(format!("{reports:?}")),
        }
    })
    .await;
}

/// The third server says that it is to be filled anew, and does not serve.
async fn refuses_for_good(system: &System) {
    let operator = system.operator().await;
    let id = system.id("ms3").await;
    eventually("the third server stays out", SEEN_WITHIN, async || {
        let reports = operator.server_reports([id], REPORTS_WITHIN).await;
        let reports = reports.map_err(|error| error.to_string())?;
        let refusal = reports.into_iter().find(|report| report.id == id);
        let refusal = refusal.and_then(|report| report.refusal);
        let command = format!("yoshi resync-server {id}");
        match refusal {
            Some(words) if words.contains(&command) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let seen = draining::seen(system, id).await.unwrap();
    assert_ne!(seen.ping.state, MsState::Serving);
}

/// The server that wrote on has come further than the others.
#[tokio::test]
async fn of_two_histories_the_longer_one_is_not_taken_without_being_asked_for() {
    let parted = Parted::begin(3, 5).await;
    parted.is_refused().await;
    parted.go_on_without_the_third().await;
}

/// It has not: by its position it would only be behind.
#[tokio::test]
async fn a_server_of_another_history_is_not_levelled_on_top_of_it() {
    let parted = Parted::begin(5, 2).await;
    parted.is_refused().await;
    parted.go_on_without_the_third().await;
}

/// One that has been told what it lacks holds the beginning of the others' history: it
/// is levelled, also if it was not there when the log was recovered.
#[tokio::test]
async fn a_server_that_is_only_behind_shows_so_and_is_levelled() {
    let mut system = System::start(SystemSettings::default()).await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    let ben = Person::register(&client, "ben").await;
    let mut receipts = sends(&system, &ana, &ben, 3).await;
    let third = system.id("ms3").await.to_string();
    system.server("ms3").kill();
    receipts.extend(sends(&system, &ana, &ben, 3).await);
    system.nats.kill_node(0);
    std::fs::remove_dir_all(tasks_in(system.nats.store(0))).unwrap();
    system.nats.start_node(0);
    system.nats.ready().await;
    all_refuse(&system, Role::Ms, 2, "yoshi recover-log tasks").await;
    let line = without(&third);
    done(&system, &line).await;
    receipts.extend(sends(&system, &ana, &ben, 2).await);
    system.server("ms3").start();
    all_ready(&mut system).await;
    receipts.extend(sends(&system, &ana, &ben, 2).await);
    assert_eq!(receipts.last().unwrap().accounted_for.len(), 3);
    nothing_is_lost(&system, &ben, &receipts).await;
}
