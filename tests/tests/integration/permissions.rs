//! `nats/accounts.conf` on a real NATS: each user can do what it must, and nothing else.

mod administration;

use std::time::Duration;

use async_nats::jetstream::{self, consumer, stream};
use async_nats::{Client, ConnectOptions, Event, HeaderMap, Message, RequestErrorKind};
use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::mpsc;
use yoshi_protocol::subject::{self, ClientVerb, Role, RsVerb};
use yoshi_protocol::{AccountName, Incarnation, ServerId, header};
use yoshi_tests::nats::definitions;
use yoshi_tests::{Nats, User};

/// Long enough for a message to arrive that must not.
const SILENCE: Duration = Duration::from_millis(300);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const TRY_WITHIN: Duration = Duration::from_secs(1);

/// A connection that tells what NATS denies it.
struct Watched {
    client: Client,
    denials: mpsc::Receiver<String>,
}

impl Watched {
    async fn connect(nats: &Nats, user: User) -> Self {
        let (sender, denials) = mpsc::channel(100);
        let options = ConnectOptions::new().event_callback(move |event| {
            let sender = sender.clone();
            async move {
                if let Event::ServerError(error) = event {
                    sender
                        .try_send(error.to_string())
                        .expect("the queue has room");
                }
            }
        });
        let client = nats.connect_with(user, options).await;
        Self { client, denials }
    }

    /// What was denied since the last call.
    async fn denied(&mut self) -> Vec<String> {
        // NATS answers in order: after this the denials before it have arrived,
        // and the callback runs soon after.
        self.client.flush().await.unwrap();
        let mut denied = Vec::new();
        while let Ok(Some(denial)) = tokio::time::timeout(SILENCE, self.denials.recv()).await {
            denied.push(denial);
        }
        denied
    }

    async fn may_publish(&mut self, subject: &str) -> bool {
        self.client
            .publish(subject.to_owned(), Bytes::new())
            .await
            .unwrap();
        self.denied().await.is_empty()
    }

    async fn may_subscribe(&mut self, subject: &str) -> bool {
        let _subscriber = self.client.subscribe(subject.to_owned()).await.unwrap();
        self.denied().await.is_empty()
    }
}

/// A NATS with the streams and buckets, created by the user whose work that is.
async fn provisioned(nodes: usize) -> Nats {
    let nats = Nats::cluster(nodes).await;
    let provisioner = jetstream::new(nats.connect(User::Provisioner).await);
    for text in definitions() {
        let config: stream::Config = serde_json::from_str(&text).unwrap();
        provisioner
            .create_stream(stream::Config {
                num_replicas: nodes,
                ..config
            })
            .await
            .unwrap();
    }
    nats
}

fn ana() -> AccountName {
    AccountName::new("ana").unwrap()
}

/// What a load balancer does: republishes requests to one message server.
async fn forward(balancer: Client, server: ServerId) -> tokio::task::JoinHandle<()> {
    let mut requests = balancer
        .queue_subscribe(subject::CLIENT_ALL, subject::LB_QUEUE_GROUP.to_owned())
        .await
        .unwrap();
    balancer.flush().await.unwrap();
    tokio::spawn(async move {
        while let Some(Message {
            subject: from,
            reply,
            payload,
            ..
        }) = requests.next().await
        {
            let (account, verb) = subject::parse_client(&from).expect("it is a client's request");
            let to = subject::ms_client(server, verb, &account);
            let mut headers = HeaderMap::new();
            headers.insert(header::EPOCH, "7");
            let reply = subject::forwarded_reply(&reply.expect("it wants an answer"));
            let reply = reply.expect("it crossed the accounts");
            let sent = balancer.publish_with_reply_and_headers(to, reply, headers, payload);
            sent.await.expect("it is connected");
        }
    })
}

/// What a message server does: answers whatever arrives.
async fn answer(message_server: Client, server: ServerId) -> tokio::task::JoinHandle<()> {
    let to = subject::ms_client_all(server, ClientVerb::Poll);
    let mut requests = message_server.subscribe(to).await.unwrap();
    message_server.flush().await.unwrap();
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            assert!(
                request
                    .headers
                    .is_some_and(|headers| headers.get(header::EPOCH).is_some())
            );
            let reply = request.reply.expect("it wants an answer");
            message_server
                .publish(reply, request.payload)
                .await
                .expect("it is connected");
        }
    })
}

async fn a_request_is_forwarded_and_answered(nodes: usize) {
    let nats = provisioned(nodes).await;
    let mut balancer = Watched::connect(&nats, User::LoadBalancer).await;
    let mut message_server = Watched::connect(&nats, User::MessageServer).await;
    let poll = subject::client(&ana(), ClientVerb::Poll);
    for user in [User::Client, User::WebClient] {
        let client = nats.connect(user).await;
        let error = client
            .request(poll.clone(), "early".into())
            .await
            .unwrap_err();
        assert_eq!(
            error.kind(),
            RequestErrorKind::NoResponders,
            "nobody serves yet"
        );
    }
    let server = ServerId::random();
    let answering = answer(message_server.client.clone(), server).await;
    let forwarding = forward(balancer.client.clone(), server).await;
    for user in [User::Client, User::WebClient] {
        let client = nats.connect(user).await;
        // In a cluster the servers' interest takes a moment to reach every
        // node; until then a request may be forwarded to nobody.
        let answer = yoshi_tests::eventually("an answer", ANSWER_WITHIN, async || {
            tokio::time::timeout(TRY_WITHIN, client.request(poll.clone(), "hello".into()))
                .await
                .map_err(|_| "no answer".to_owned())?
                .map_err(|error| error.to_string())
        })
        .await;
        assert_eq!(answer.payload, "hello");
    }
    assert_eq!(balancer.denied().await, [""; 0]);
    assert_eq!(message_server.denied().await, [""; 0]);
    forwarding.abort();
    answering.abort();
}

#[tokio::test]
async fn a_request_is_forwarded_and_answered_on_one_node() {
    a_request_is_forwarded_and_answered(1).await;
}

#[tokio::test]
async fn a_request_is_forwarded_and_answered_in_a_cluster() {
    a_request_is_forwarded_and_answered(3).await;
}

#[tokio::test]
async fn a_client_reaches_its_one_service_and_nothing_else() {
    let nats = provisioned(1).await;
    let id = ServerId::random();
    let mut client = Watched::connect(&nats, User::Client).await;
    for verb in ClientVerb::ALL {
        assert!(
            client.may_publish(&subject::client(&ana(), verb)).await,
            "{verb:?}"
        );
    }
    assert!(client.may_subscribe("_INBOX_client.x.>").await);
    for subject in [
        "$JS.API.INFO".to_owned(),
        "$JS.API.STREAM.DELETE.YOSHI_TASKS".to_owned(),
        "$KV.yoshi-affinity.ana".to_owned(),
        "$SYS.REQ.SERVER.PING".to_owned(),
        "$SRV.PING".to_owned(),
        subject::ms_client(id, ClientVerb::Poll, &ana()),
        subject::block(Role::Ms, id),
        subject::block(Role::Rs, id),
        subject::rs(id, RsVerb::Auth),
        subject::accounted(Role::Ms, id, Incarnation::random()),
        subject::MS_PING.to_owned(),
        subject::LB_QUERY_MS.to_owned(),
        subject::LB_DESTROY_MS.to_owned(),
        subject::LB_STALE_HOME.to_owned(),
        subject::NATS_STATUS.to_owned(),
        "yoshi.v1.reply.a.b".to_owned(),
        "_R_.a.b".to_owned(),
        "_INBOX_web-client.a".to_owned(),
        "_INBOX_message-server.a".to_owned(),
        "yoshi.v1.client.ana".to_owned(),
        "yoshi.v1.client.ana.poll.more".to_owned(),
    ] {
        assert!(!client.may_publish(&subject).await, "{subject}");
    }
    for subject in [
        ">",
        "*.>",
        "yoshi.>",
        subject::CLIENT_ALL,
        "_INBOX.>",
        "_INBOX_web-client.>",
        "_R_.>",
        "$SRV.>",
    ] {
        assert!(!client.may_subscribe(subject).await, "{subject}");
    }
}

#[tokio::test]
async fn a_forged_reply_subject_reaches_nobody_it_should_not() {
    let nats = provisioned(1).await;
    let server = ServerId::random();
    let answering = answer(nats.connect(User::MessageServer).await, server).await;
    let forwarding = forward(nats.connect(User::LoadBalancer).await, server).await;
    // The operator sees every subject of the servers' account that clients might aim at.
    let operator = nats.connect(User::Operator).await;
    let mut seen = operator.subscribe("yoshi.>").await.unwrap();
    operator.flush().await.unwrap();
    let client = nats.connect(User::Client).await;
    let poll = subject::client(&ana(), ClientVerb::Poll);
    for forged in [
        subject::MS_PING.to_owned(),
        subject::block(Role::Ms, server),
        subject::accounted(Role::Ms, server, Incarnation::random()),
        "$JS.API.STREAM.PURGE.YOSHI_TASKS".to_owned(),
        "$JS.API.STREAM.DELETE.YOSHI_TASKS".to_owned(),
        "$KV.yoshi-affinity.ana".to_owned(),
        "_INBOX_message-server.a".to_owned(),
    ] {
        client
            .publish_with_reply(poll.clone(), forged, "forged".into())
            .await
            .unwrap();
    }
    // All of them were forwarded and answered before this one is.
    let answer = client.request(poll.clone(), "honest".into()).await.unwrap();
    assert_eq!(answer.payload, "honest");
    let forwarded = subject::ms_client(server, ClientVerb::Poll, &ana());
    while let Ok(Some(message)) = tokio::time::timeout(SILENCE, seen.next()).await {
        let at = message.subject.as_str();
        assert!(at == poll || at == forwarded, "an answer went to {at}");
    }
    let jetstream = jetstream::new(operator);
    for stream in [subject::TASKS_STREAM, "KV_yoshi-affinity"] {
        let stream = jetstream.get_stream(stream).await.unwrap();
        assert_eq!(stream.cached_info().state.messages, 0);
    }
    forwarding.abort();
    answering.abort();
}

#[tokio::test]
async fn a_load_balancer_forwards_and_adds_nothing_to_the_logs() {
    let nats = provisioned(1).await;
    let id = ServerId::random();
    let mut balancer = Watched::connect(&nats, User::LoadBalancer).await;
    for verb in ClientVerb::ALL {
        let to = match verb.role() {
            Role::Ms => subject::ms_client(id, verb, &ana()),
            Role::Rs => subject::rs(id, RsVerb::Client(verb)),
        };
        assert!(balancer.may_publish(&to).await, "{to}");
    }
    assert!(!balancer.may_publish(&subject::block(Role::Ms, id)).await);
    assert!(!balancer.may_publish("$KV.yoshi-registration.primary").await);
    assert!(!balancer.may_publish(subject::NATS_STATUS).await);
    assert!(balancer.may_subscribe(subject::LB_STALE_HOME).await);
    assert!(!balancer.may_publish(subject::LB_STALE_HOME).await);
    assert!(
        !balancer.may_subscribe(subject::CLIENT_ALL).await,
        "outside of the queue group"
    );
}

#[tokio::test]
async fn a_message_server_can_hurt_no_stream() {
    let nats = provisioned(1).await;
    let id = ServerId::random();
    let mut message_server = Watched::connect(&nats, User::MessageServer).await;
    for subject in [
        subject::MS_PING.to_owned(),
        subject::MS_DOWN.to_owned(),
        subject::LB_QUERY_MS.to_owned(),
        subject::LB_QUERY_RS.to_owned(),
        subject::poll_log(Role::Ms, id),
        subject::block(Role::Ms, id),
        subject::accounted(Role::Ms, id, Incarnation::random()),
        subject::rs(id, RsVerb::Auth),
        subject::rs(id, RsVerb::LookupAccounts),
        subject::LB_STALE_HOME.to_owned(),
        subject::NATS_STATUS.to_owned(),
    ] {
        assert!(message_server.may_publish(&subject).await, "{subject}");
    }
    for subject in [
        "$JS.API.STREAM.PURGE.YOSHI_TASKS",
        "$JS.API.STREAM.DELETE.YOSHI_TASKS",
        "$JS.API.STREAM.UPDATE.YOSHI_TASKS",
        "$JS.API.STREAM.MSG.DELETE.YOSHI_TASKS",
        "$SYS.REQ.SERVER.PING.STATSZ",
        "$JS.API.STREAM.INFO.YOSHI_ACCOUNTS",
        "$JS.API.CONSUMER.CREATE.YOSHI_ACCOUNTS",
        "$KV.yoshi-affinity.ana",
        subject::LB_DESTROY_MS,
        subject::RS_NEW_PRIMARY,
    ] {
        assert!(!message_server.may_publish(subject).await, "{subject}");
    }
}

#[tokio::test]
async fn a_registration_server_serves_its_own_opcodes() {
    let nats = provisioned(1).await;
    let id = ServerId::random();
    let mut registration = Watched::connect(&nats, User::RegistrationServer).await;
    for subject in [
        subject::RS_NEW_PRIMARY.to_owned(),
        subject::RS_CHANGED.to_owned(),
        subject::block(Role::Rs, id),
        subject::poll_log(Role::Rs, id),
        subject::rs(id, RsVerb::Heartbeat),
        subject::accounted(Role::Rs, id, Incarnation::random()),
        format!(
            "$KV.{}.{}",
            subject::REGISTRATION_BUCKET,
            subject::PRIMARY_KEY
        ),
        subject::NATS_STATUS.to_owned(),
    ] {
        assert!(registration.may_publish(&subject).await, "{subject}");
    }
    assert!(
        !registration
            .may_publish(&subject::block(Role::Ms, id))
            .await
    );
    for verb in [
        RsVerb::Auth,
        RsVerb::LookupAccounts,
        RsVerb::ListAccounts,
        RsVerb::SetAccount,
        RsVerb::Heartbeat,
    ] {
        assert!(
            registration.may_subscribe(&subject::rs(id, verb)).await,
            "{verb:?}"
        );
    }
}

#[tokio::test]
async fn an_operator_looks_and_does_not_touch() {
    let nats = provisioned(1).await;
    let id = ServerId::random();
    let mut operator = Watched::connect(&nats, User::Operator).await;
    assert!(operator.may_publish(subject::LB_DESTROY_MS).await);
    assert!(
        operator
            .may_publish(&subject::rs(id, RsVerb::SetAccount))
            .await
    );
    assert!(!operator.may_publish(&subject::block(Role::Ms, id)).await);
    assert!(
        !operator
            .may_publish("$JS.API.STREAM.DELETE.YOSHI_TASKS")
            .await
    );
}

#[tokio::test]
async fn servers_use_their_logs_and_buckets() {
    let nats = provisioned(1).await;
    let mut message_server = Watched::connect(&nats, User::MessageServer).await;
    let mut registration = Watched::connect(&nats, User::RegistrationServer).await;
    for (watched, role, name) in [
        (&mut message_server, Role::Ms, subject::TASKS_STREAM),
        (&mut registration, Role::Rs, subject::ACCOUNTS_STREAM),
    ] {
        let jetstream = jetstream::new(watched.client.clone());
        let at = subject::block(role, ServerId::random());
        jetstream
            .publish(at.clone(), "block".into())
            .await
            .unwrap()
            .await
            .unwrap();
        let stream = jetstream.get_stream(name).await.unwrap();
        let last = stream.get_last_raw_message_by_subject(&at).await.unwrap();
        assert_eq!(last.payload, "block");
        let reader = stream
            .create_consumer(consumer::pull::Config {
                ack_policy: consumer::AckPolicy::None,
                memory_storage: true,
                num_replicas: 1,
                deliver_policy: consumer::DeliverPolicy::ByStartSequence { start_sequence: 1 },
                ..Default::default()
            })
            .await
            .unwrap();
        let mut messages = reader.messages().await.unwrap();
        assert_eq!(messages.next().await.unwrap().unwrap().payload, "block");
        assert_eq!(watched.denied().await, [""; 0]);
    }

    let mut balancer = Watched::connect(&nats, User::LoadBalancer).await;
    let jetstream = jetstream::new(balancer.client.clone());
    let bucket = jetstream
        .get_key_value(subject::AFFINITY_BUCKET)
        .await
        .unwrap();
    let mut changes = bucket.watch_all().await.unwrap();
    let revision = bucket.create("ana", "one".into()).await.unwrap();
    bucket.update("ana", "two".into(), revision).await.unwrap();
    assert!(
        bucket
            .update("ana", "three".into(), revision)
            .await
            .is_err()
    );
    assert_eq!(bucket.get("ana").await.unwrap().unwrap(), "two");
    for expected in ["one", "two"] {
        assert_eq!(changes.next().await.unwrap().unwrap().value, expected);
    }
    drop(changes);
    jetstream
        .get_key_value(subject::DESTROYED_BUCKET)
        .await
        .unwrap();
    let lease = jetstream
        .get_key_value(subject::REGISTRATION_BUCKET)
        .await
        .unwrap();
    assert!(lease.get(subject::PRIMARY_KEY).await.unwrap().is_none());
    assert_eq!(balancer.denied().await, [""; 0]);
}
