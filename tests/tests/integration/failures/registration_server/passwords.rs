//! Somebody guesses passwords: he is slowed down, and its owner keeps working.

use std::time::Duration;

use yoshi_client::Error;
use yoshi_protocol::{AccountName, ErrorCode, Password};
use yoshi_tests::person::{fresh_name, refusal};
use yoshi_tests::{Person, System, SystemSettings};

const GUESSES: usize = 100;
const WAIT: Duration = Duration::from_secs(1);

async fn guess(client: &yoshi_client::Client, name: &AccountName, number: usize) -> ErrorCode {
    let wrong = Password::new(format!("a guess, number {number}"));
    refusal(client.log_in(name, &wrong).await)
}

#[tokio::test]
async fn a_guesser_is_slowed_down_and_locks_nobody_out() {
    let system = System::start(SystemSettings::single()).await;
    // Too short for the client to ask again by itself when it is told to wait.
    let guesser = system.client().await.with_deadline(WAIT / 2);
    let client = system.client().await;
    let person = Person::register(&client, "guessed").await;
    let nobody = fresh_name("nobody");
    for name in [&person.name, &nobody] {
        for number in 0..GUESSES {
            let code = guess(&client, name, number).await;
            assert_eq!(code, ErrorCode::Unauthenticated, "guess {number} of {name}");
        }
        // The same answer whether there is such an account or not.
        let wrong = Password::new("one guess more".to_owned());
        match guesser.log_in(name, &wrong).await {
            Err(Error::Deadline { last, .. }) => {
                assert!(
                    last.to_string().contains("too many wrong"),
                    "{name}: {last}"
                );
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    // The token is not asked about passwords, and the right one is let in after the wait.
    person.send(&client, "still here", &[&person]).await;
    client.log_in(&person.name, &person.password).await.unwrap();
    for number in 0..3 {
        let code = guess(&client, &person.name, number).await;
        assert_eq!(code, ErrorCode::Unauthenticated, "the count began anew");
    }
}

#[tokio::test]
async fn passwords_that_are_tried_first_are_refused() {
    let system = System::start(SystemSettings::single()).await;
    let client = system.client().await;
    let person = Person::register(&client, "careful").await;
    for weak in [
        "password1",
        "Qwertyuiop",
        "1234567890",
        person.name.as_str(),
    ] {
        let weak = Password::new(weak.to_owned());
        let name = fresh_name("careless");
        if weak.expose() != person.name.as_str() {
            let created = client.create_account(&name, &weak).await;
            assert_eq!(refusal(created), ErrorCode::WeakPassword);
        }
        let changed = client
            .change_password(&person.name, &person.password, &weak)
            .await;
        assert_eq!(refusal(changed), ErrorCode::WeakPassword);
    }
    client.log_in(&person.name, &person.password).await.unwrap();
}
