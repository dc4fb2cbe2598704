//! The user of a website's pages for administrators.

use yoshi_protocol::ServerId;
use yoshi_protocol::subject::{self, ClientVerb, MsVerb, Role, RsVerb};
use yoshi_tests::User;

use super::{Watched, ana, provisioned};

#[tokio::test]
async fn administration_sees_accounts_and_overhears_nobody() {
    let nats = provisioned(1).await;
    let id = ServerId::random();
    let mut administration = Watched::connect(&nats, User::Administration).await;
    for subject in [
        subject::LB_QUERY_MS.to_owned(),
        subject::LB_QUERY_RS.to_owned(),
        subject::SERVER_STATUS.to_owned(),
        subject::rs(id, RsVerb::ListAccounts),
        subject::rs(id, RsVerb::SetAccount),
    ] {
        assert!(administration.may_publish(&subject).await, "{subject}");
    }
    for subject in [
        subject::LB_DESTROY_MS.to_owned(),
        subject::ms(id, MsVerb::Drain),
        subject::ms(id, MsVerb::Resync),
        subject::rs(id, RsVerb::Auth),
        subject::rs(id, RsVerb::LookupAccounts),
        subject::client(&ana(), ClientVerb::Poll),
        subject::block(Role::Rs, id),
        "$JS.API.INFO".to_owned(),
        "$KV.yoshi-affinity.ana".to_owned(),
    ] {
        assert!(!administration.may_publish(&subject).await, "{subject}");
    }
    for subject in [
        "yoshi.>",
        subject::CLIENT_ALL,
        "_INBOX.>",
        "_INBOX_operator.>",
        "$SRV.>",
    ] {
        assert!(!administration.may_subscribe(subject).await, "{subject}");
    }
    // Those that it asks may answer it.
    for user in [
        User::LoadBalancer,
        User::MessageServer,
        User::RegistrationServer,
    ] {
        let mut server = Watched::connect(&nats, user).await;
        let inbox = "_INBOX_administration.a.b";
        assert!(server.may_publish(inbox).await, "{user:?}");
    }
}
