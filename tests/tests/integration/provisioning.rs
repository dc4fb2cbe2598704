//! `yoshi provision` creates what `nats/definitions` says, once, on one node and on three.

use std::collections::BTreeSet;

use async_nats::jetstream::{self, stream};
use futures::TryStreamExt;
use yoshi_protocol::subject;
use yoshi_tests::nats::definitions;
use yoshi_tests::{Nats, User};

async fn provisioned(nats: &Nats, replicas: usize) {
    nats.provision().await;
    // Again: what exists is left alone.
    nats.provision().await;
    let operator = jetstream::new(nats.connect(User::Operator).await);
    let streams: Vec<stream::Info> = operator.streams().try_collect().await.unwrap();
    let names: BTreeSet<_> = streams
        .iter()
        .map(|info| info.config.name.as_str())
        .collect();
    let expected = [
        subject::TASKS_STREAM,
        subject::ACCOUNTS_STREAM,
        "KV_yoshi-affinity",
        "KV_yoshi-registration",
        "KV_yoshi-destroyed",
    ];
    assert_eq!(names, BTreeSet::from(expected));
    for info in &streams {
        assert_eq!(info.config.num_replicas, replicas, "{}", info.config.name);
        assert_eq!(info.config.storage, stream::StorageType::File);
        assert!(info.config.deny_delete, "{}", info.config.name);
    }
    let balancer = jetstream::new(nats.connect(User::LoadBalancer).await);
    for bucket in [
        subject::AFFINITY_BUCKET,
        subject::REGISTRATION_BUCKET,
        subject::DESTROYED_BUCKET,
    ] {
        balancer.get_key_value(bucket).await.unwrap();
    }
}

#[tokio::test]
async fn one_node_is_provisioned() {
    provisioned(&Nats::single().await, 1).await;
}

#[tokio::test]
async fn a_cluster_of_three_is_provisioned_with_three_replicas() {
    provisioned(&Nats::cluster(3).await, 3).await;
}

#[test]
fn the_definitions_are_stream_configurations() {
    for text in definitions() {
        let config: stream::Config = serde_json::from_str(&text).unwrap();
        assert!(config.name.starts_with("YOSHI_") || config.name.starts_with("KV_yoshi-"));
        assert_eq!(config.retention, stream::RetentionPolicy::Limits);
        assert!(config.allow_direct && config.deny_delete, "{}", config.name);
        let log = config.name.starts_with("YOSHI_");
        assert_eq!(config.deny_purge, log, "{}", config.name);
    }
}
