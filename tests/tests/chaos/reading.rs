//! Reads the whole system at rest, from every server, for the checker.

mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use futures::{StreamExt, TryStreamExt};
use tokio::time::Instant;
use yoshi_client::{Client, Position, View};
use yoshi_protocol::limit::POLL_TASKS_MAX;
use yoshi_protocol::message::task::ClientPoll;
use yoshi_protocol::{AccountName, Password, ServerId, subject};
use yoshi_tests::contents::{OF_MESSAGE_SERVERS, OF_REGISTRATION_SERVERS};
use yoshi_tests::{Database, Direct, Person, System, User};

use crate::checker::EQUAL_WITHIN;
use crate::history::{Call, History, Outcome, Record, Seen};
use crate::rest::{MessageServer, Rest};
use crate::run::{MESSAGE_SERVERS, REGISTRATION_SERVERS};
use crate::worker::{done, seen_view};

/// The process of the history that reads at rest.
const READER: u32 = 1_001;
/// How long one page may take.
const PAGE_WITHIN: Duration = Duration::from_secs(10);
/// How often the log is read that could not be read.
const TRIES_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);
/// Blocks that are read from the stream at once.
const BLOCKS_AT_ONCE: usize = 1_000;
/// Log-ins at once: each costs a core some 25 ms.
const LOG_INS_AT_ONCE: usize = 4;

/// Reads everything. `healed` is when the last fault was; what the system has not
/// shown by `until` is out of reach.
pub(crate) async fn read(
    system: &System,
    history: &History,
    people: &[Person],
    client: &Client,
    (healed, until): (Instant, Instant),
) -> Rest {
    let mut rest = Rest {
        messages_equal: equal_after(system, &MESSAGE_SERVERS, OF_MESSAGE_SERVERS, healed).await,
        accounts_equal: equal_after(
            system,
            &REGISTRATION_SERVERS,
            OF_REGISTRATION_SERVERS,
            healed,
        )
        .await,
        ..Rest::default()
    };
    rest.log_ins = log_ins(history, client, until, &mut rest.unreachable).await;
    for attempt in 1..=TRIES_MAX {
        match roots(system).await {
            Ok(roots) => {
                rest.roots = roots;
                break;
            }
            // A consumer that was created just now may not be heard of yet.
            Err(_) if attempt < TRIES_MAX => tokio::time::sleep(PAUSE).await,
            Err(error) => rest
                .incomplete
                .push(format!("the log cannot be read: {error}")),
        }
    }
    for name in REGISTRATION_SERVERS {
        rest.events
            .insert(name.to_owned(), tables::events(system.database(name)).await);
    }
    let direct = Direct::connect(&system.nats).await;
    for name in MESSAGE_SERVERS {
        let id = system.id(name).await;
        let mut server = MessageServer {
            tasks: tables::tasks(system.database(name)).await,
            changes: tables::changes(system.database(name)).await,
            ..MessageServer::default()
        };
        for person in people {
            match inbox(&direct, id, person, until).await {
                Ok(list) => {
                    server.inboxes.insert(person.name.to_string(), list);
                }
                Err(reason) => {
                    let text = format!("{name} does not show {}'s inbox: {reason}", person.name);
                    rest.unreachable.push(text);
                    // It would refuse the others as well.
                    break;
                }
            }
        }
        rest.message_servers.insert(name.to_owned(), server);
    }
    rest
}

/// Waits until nothing waits in any outbox, or the time is up: what was queued and is
/// not in by then is missed in the lists.
pub(crate) async fn outboxes_empty(system: &System, until: Instant) {
    const WAITING: &str = "SELECT count(*) FROM outbox WHERE refused IS NULL";
    loop {
        let mut empty = true;
        for name in MESSAGE_SERVERS {
            let rows = system.database(name).try_rows(WAITING).await;
            empty &= rows.is_ok_and(|rows| rows[0].get::<_, i64>(0) == 0);
        }
        if empty || Instant::now() > until {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// How long after a moment these databases are equal; none if they are not in time.
async fn equal_after(
    system: &System,
    names: &[&str],
    queries: &[&str],
    since: Instant,
) -> Option<Duration> {
    // What was done at rest, a last send for example, comes a little later.
    let end = (since + EQUAL_WITHIN).max(Instant::now() + EQUAL_WITHIN / 4);
    loop {
        let mut contents = BTreeSet::new();
        for name in names {
            contents.insert(rows(system.database(name), queries).await);
        }
        if contents.len() == 1 && contents.iter().all(Result::is_ok) {
            return Some(since.elapsed());
        }
        if Instant::now() > end {
            return None;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The rows that these queries answer, as text.
pub(crate) async fn rows(database: &Database, queries: &[&str]) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for query in queries {
        let rows = database.try_rows(query).await?;
        all.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    Ok(all)
}

/// Tries every password that may have been set.
async fn log_ins(
    history: &History,
    client: &Client,
    until: Instant,
    unreachable: &mut Vec<String>,
) -> BTreeMap<(String, String), bool> {
    let mut given = BTreeSet::new();
    for Record { call, .. } in history.records() {
        match call {
            Call::Create { account, password } => given.insert((account, password)),
            Call::ChangePassword { account, new, .. } => given.insert((account, new)),
            _ => false,
        };
    }
    let tried = futures::stream::iter(given).map(|(account, password)| async move {
        let opened = log_in(history, client, until, &account, &password).await;
        ((account, password), opened)
    });
    let tried: Vec<_> = tried.buffer_unordered(LOG_INS_AT_ONCE).collect().await;
    let (mut opened, mut unanswered) = (BTreeMap::new(), Vec::new());
    for (key, answer) in tried {
        match answer {
            Ok(opens) => drop(opened.insert(key, opens)),
            Err(reason) => unanswered.push((key.0, reason)),
        }
    }
    if let Some((account, reason)) = unanswered.first() {
        unreachable.push(format!(
            "{} passwords cannot be tried, {account}'s for example: {reason}",
            unanswered.len()
        ));
    }
    opened
}

/// Whether a password opens an account. Tried until that is answered or the time is up.
async fn log_in(
    history: &History,
    client: &Client,
    until: Instant,
    account: &str,
    password: &str,
) -> Result<bool, String> {
    let name = AccountName::new(account).expect("the test gave it");
    let mut last = "the time was up before".to_owned();
    while Instant::now() < until {
        let call = Call::LogIn {
            account: account.to_owned(),
            password: password.to_owned(),
        };
        let ticket = history.invoke(READER, call);
        let secret = Password::new(password.to_owned());
        let outcome = done(client.log_in(&name, &secret).await);
        history.end(ticket, outcome.clone());
        match outcome {
            Outcome::Done => return Ok(true),
            Outcome::Fail { code } if code == "unauthenticated" => return Ok(false),
            other => last = format!("{other:?}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(last)
}

/// Everything in a person's inbox on one server. Tried until it is all there, or the time is up.
async fn inbox(
    direct: &Direct,
    server: ServerId,
    person: &Person,
    until: Instant,
) -> Result<Vec<Seen>, String> {
    let (mut all, mut cursor) = (Vec::new(), Position::ZERO);
    loop {
        let request = ClientPoll {
            view: View::Inbox,
            limit: POLL_TASKS_MAX,
            since: cursor,
            credential: person.credential.clone(),
        };
        match direct
            .ask(server, &person.name, &request, PAGE_WITHIN)
            .await
        {
            Some(Ok(page)) => {
                all.extend(page.tasks.iter().map(seen_view));
                cursor = page.cursor;
                if !page.more {
                    return Ok(all);
                }
            }
            refused => {
                if Instant::now() >= until {
                    return Err(format!("{refused:?}"));
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Who published each block that the stream holds.
async fn roots(system: &System) -> Result<BTreeMap<u64, String>, async_nats::Error> {
    let nats = system.nats.connect(User::MessageServer).await;
    let mut stream = async_nats::jetstream::new(nats)
        .get_stream(subject::TASKS_STREAM)
        .await?;
    let last = stream.info().await?.state.last_sequence;
    let consumer = stream
        .create_consumer(pull::Config {
            ack_policy: AckPolicy::None,
            deliver_policy: DeliverPolicy::All,
            headers_only: true,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        })
        .await?;
    let mut roots = BTreeMap::new();
    while roots
        .last_key_value()
        .is_none_or(|(until, _)| *until < last)
    {
        let fetch = consumer.fetch().max_messages(BLOCKS_AT_ONCE);
        let batch: Vec<_> = fetch.messages().await?.try_collect().await?;
        if batch.is_empty() {
            return Err(
                format!("nothing comes after {:?} of {last}", roots.last_key_value()).into(),
            );
        }
        for message in &batch {
            let sequence = message.info()?.stream_sequence;
            let root = message.subject.rsplit('.').next().unwrap_or_default();
            roots.insert(sequence, root.to_owned());
        }
    }
    Ok(roots)
}
