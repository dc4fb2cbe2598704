//! Accounts: who may do what, and from which moment on.

use yoshi_client::{Client, Position, View};
use yoshi_protocol::{Credential, ErrorCode, Password};
use yoshi_tests::person::{fresh_name, refusal};
use yoshi_tests::{Direct, Person};

use super::{MESSAGE_SERVERS, system};

fn password(text: &str) -> Password {
    Password::new(text.to_owned())
}

async fn poll(
    client: &Client,
    person: &Person,
    credential: &Credential,
) -> Result<(), yoshi_client::Error> {
    let polled = client
        .poll(&person.name, credential, View::Inbox, Position::ZERO, 1)
        .await;
    polled.map(drop)
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_look_the_same() {
    let system = system().await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    let wrong = Credential::Password(password("not the secret"));
    let nobody = fresh_name("nobody");
    let known = client.retrieve(&ana.name, &wrong, Position::ZERO).await;
    let unknown = client.retrieve(&nobody, &wrong, Position::ZERO).await;
    assert_eq!(
        known.unwrap_err().to_string(),
        unknown.unwrap_err().to_string()
    );
    assert_eq!(
        refusal(poll(&client, &ana, &wrong).await),
        ErrorCode::Unauthenticated
    );
    let known = client
        .log_in(&ana.name, &password("not the secret"))
        .await
        .unwrap_err();
    let unknown = client
        .log_in(&nobody, &password("not the secret"))
        .await
        .unwrap_err();
    assert_eq!(known.to_string(), unknown.to_string());
    let refused = client.log_in(&nobody, &password("not the secret")).await;
    assert_eq!(refusal(refused), ErrorCode::Unauthenticated);
    // A token is its owner's alone.
    let ben = Person::register(&client, "ben").await;
    assert_eq!(
        refusal(poll(&client, &ana, &ben.credential).await),
        ErrorCode::Unauthenticated
    );
}

#[tokio::test]
async fn a_new_password_ends_the_old_one_and_every_token_everywhere() {
    let system = system().await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    let direct = Direct::connect(&system.nats).await;
    // Each server now remembers the token and the password.
    let by_password = Person {
        credential: ana.by_password(),
        ..ana.clone()
    };
    let mut ids = Vec::new();
    for name in MESSAGE_SERVERS {
        let id = system.id(name).await;
        for person in [&ana, &by_password] {
            direct.page(id, person, View::Inbox, Position::ZERO).await;
        }
        ids.push(id);
    }
    let new = password("an entirely new secret");
    client
        .change_password(&ana.name, &ana.password, &new)
        .await
        .unwrap();
    for id in &ids {
        for person in [&ana, &by_password] {
            let answer = direct
                .try_page(*id, person, View::Inbox, Position::ZERO)
                .await;
            assert_eq!(answer.unwrap_err().code, ErrorCode::Unauthenticated, "{id}");
        }
        let changed = Person {
            credential: Credential::Password(new.clone()),
            ..ana.clone()
        };
        direct
            .page(*id, &changed, View::Inbox, Position::ZERO)
            .await;
    }
    let old = client.log_in(&ana.name, &ana.password).await;
    assert_eq!(refusal(old), ErrorCode::Unauthenticated);
    client.log_in(&ana.name, &new).await.unwrap();
    let again = client.change_password(&ana.name, &ana.password, &new).await;
    assert_eq!(refusal(again), ErrorCode::Unauthenticated);
}

#[tokio::test]
async fn a_log_out_ends_its_token_alone() {
    let system = system().await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    let other = client.log_in(&ana.name, &ana.password).await.unwrap();
    poll(&client, &ana, &ana.credential).await.unwrap();
    let Credential::Token(token) = &ana.credential else {
        panic!("registering logs in");
    };
    client.log_out(&ana.name, token).await.unwrap();
    assert_eq!(
        refusal(poll(&client, &ana, &ana.credential).await),
        ErrorCode::Unauthenticated
    );
    poll(&client, &ana, &Credential::Token(other.token))
        .await
        .unwrap();
    // Once more does no harm.
    client.log_out(&ana.name, token).await.unwrap();
}

#[tokio::test]
async fn a_disabled_account_can_do_nothing_until_it_is_enabled() {
    let system = system().await;
    let (client, operator) = (system.client().await, system.operator().await);
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    ben.send(&client, "before", &[&ana]).await;
    poll(&client, &ana, &ana.by_password()).await.unwrap();
    operator.set_account(&ana.name, true).await.unwrap();
    for credential in [&ana.credential, &ana.by_password()] {
        assert_eq!(
            refusal(poll(&client, &ana, credential).await),
            ErrorCode::Unauthenticated
        );
    }
    let refused = client.log_in(&ana.name, &ana.password).await;
    assert_eq!(refusal(refused), ErrorCode::Unauthenticated);
    let task = yoshi_protocol::NewTask::new("to nobody", vec![ana.name.clone()]);
    let sent = client.send(&ben.name, &ben.credential, task).await;
    assert_eq!(refusal(sent), ErrorCode::UnknownRecipients);
    let page = operator.accounts(None, 1_000).await.unwrap();
    let listed = page
        .accounts
        .iter()
        .find(|account| account.name == ana.name);
    assert!(listed.is_some_and(|account| account.disabled));
    operator.set_account(&ana.name, false).await.unwrap();
    poll(&client, &ana, &ana.by_password()).await.unwrap();
    // Its tokens stay ended.
    assert_eq!(
        refusal(poll(&client, &ana, &ana.credential).await),
        ErrorCode::Unauthenticated
    );
    ben.send(&client, "after", &[&ana]).await;
    let nobody = operator.set_account(&fresh_name("nobody"), true).await;
    assert_eq!(refusal(nobody), ErrorCode::UnknownAccount);
}

#[tokio::test]
async fn names_are_taken_once_and_weak_passwords_refused() {
    let system = system().await;
    let client = system.client().await;
    let ana = Person::register(&client, "ana").await;
    for secret in [ana.password.clone(), password("another good secret")] {
        let again = client.create_account(&ana.name, &secret).await;
        assert_eq!(refusal(again), ErrorCode::AccountExists);
    }
    let name = fresh_name("weak");
    for weak in ["", "short", "seven77"] {
        let refused = client.create_account(&name, &password(weak)).await;
        assert_eq!(refusal(refused), ErrorCode::WeakPassword, "{weak:?}");
        let refused = client
            .change_password(&ana.name, &ana.password, &password(weak))
            .await;
        assert_eq!(refusal(refused), ErrorCode::WeakPassword, "{weak:?}");
    }
    let long = "x".repeat(1_025);
    let refused = client.create_account(&name, &password(&long)).await;
    assert_eq!(refusal(refused), ErrorCode::Malformed);
    // Of many at once, one gets the name.
    let name = fresh_name("raced");
    let tries = (0..6).map(|number| {
        let (client, name) = (client.clone(), name.clone());
        async move {
            client
                .create_account(&name, &password(&format!("the secret {number}")))
                .await
        }
    });
    let results = futures::future::join_all(tries).await;
    let created = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(created, 1, "{results:?}");
    for result in results.into_iter().filter(Result::is_err) {
        assert_eq!(refusal(result), ErrorCode::AccountExists);
    }
}
