//! Affinity: an account's first request gives it one home, for good.

use std::collections::{BTreeMap, BTreeSet};

use async_nats::{Client, jetstream};
use bytes::Bytes;
use yoshi_protocol::cbor::{self, Bound};
use yoshi_protocol::message::Done;
use yoshi_protocol::message::roster::Affinity;
use yoshi_protocol::subject::{self, ClientVerb};
use yoshi_protocol::{AccountName, Credential, ErrorCode, Password, Position, Reply, ServerId};
use yoshi_tests::User;
use yoshi_tests::person::fresh_name;

use super::{MESSAGE_SERVERS, system};

const ACCOUNTS: usize = 30;
/// Accounts that are created at once.
const TOGETHER: usize = 5;

/// A request that its home refuses unread, and that needs a home all the same.
async fn ask(client: &Client, name: &AccountName) {
    let subject = subject::client(name, ClientVerb::Poll);
    let answer = client.request(subject, Bytes::from_static(b"\xff")).await;
    match cbor::decode(&answer.unwrap().payload, Bound::ANSWER).unwrap() {
        Reply::<Done>::Error(reply) => assert_eq!(reply.code, ErrorCode::Malformed),
        Reply::Ok(done) => panic!("{done:?}"),
    }
}

#[tokio::test]
async fn two_load_balancers_give_each_account_one_home() {
    let system = system().await;
    let client = system.nats.connect(User::Client).await;
    let operator = jetstream::new(system.nats.connect(User::Operator).await);
    let bucket = operator
        .get_key_value(subject::AFFINITY_BUCKET)
        .await
        .unwrap();
    let homes = async |names: &[AccountName]| -> BTreeMap<AccountName, Affinity> {
        let mut homes = BTreeMap::new();
        for name in names {
            let value = bucket
                .get(name.to_string())
                .await
                .unwrap()
                .expect("it has a home");
            homes.insert(name.clone(), cbor::decode(&value, Bound::REQUEST).unwrap());
        }
        homes
    };
    let names: Vec<_> = (0..ACCOUNTS).map(|_| fresh_name("new")).collect();
    let (people, secret) = (
        system.client().await,
        Password::new("a secret of them all".to_owned()),
    );
    for some in names.chunks(TOGETHER) {
        let created = some.iter().map(|name| people.create_account(name, &secret));
        let created: Result<Vec<_>, _> = futures::future::join_all(created)
            .await
            .into_iter()
            .collect();
        created.expect("all are created");
    }
    // Both load balancers get first requests of each account, at the same time.
    let first = names
        .iter()
        .flat_map(|name| (0..4).map(|_| ask(&client, name)));
    futures::future::join_all(first).await;
    let given = homes(&names).await;
    let mut ids = BTreeSet::new();
    for name in MESSAGE_SERVERS {
        ids.insert(system.id(name).await);
    }
    let used: BTreeSet<ServerId> = given.values().map(|home| home.server).collect();
    assert_eq!(used, ids, "new accounts are spread over all servers");
    for _ in 0..2 {
        futures::future::join_all(names.iter().map(|name| ask(&client, name))).await;
        assert_eq!(homes(&names).await, given, "for good");
    }
}

/// Names cost nothing to make up: they would fill the bucket.
#[tokio::test]
async fn an_account_that_does_not_exist_gets_no_home() {
    let system = system().await;
    let client = system.client().await;
    let operator = jetstream::new(system.nats.connect(User::Operator).await);
    let bucket = operator
        .get_key_value(subject::AFFINITY_BUCKET)
        .await
        .unwrap();
    let nobody = fresh_name("nobody");
    let credential = Credential::Password(Password::new("the secret of nobody".to_owned()));
    let refused = client.retrieve(&nobody, &credential, Position::ZERO).await;
    match refused.unwrap_err() {
        yoshi_client::Error::Refused(reply) => assert_eq!(reply.code, ErrorCode::Unauthenticated),
        other => panic!("{other}"),
    }
    ask(&system.nats.connect(User::Client).await, &nobody).await;
    assert_eq!(bucket.get(nobody.to_string()).await.unwrap(), None);
    // Once it exists, it does.
    let Credential::Password(password) = &credential else {
        unreachable!()
    };
    client.create_account(&nobody, password).await.unwrap();
    client
        .retrieve(&nobody, &credential, Position::ZERO)
        .await
        .unwrap();
    assert!(bucket.get(nobody.to_string()).await.unwrap().is_some());
}
