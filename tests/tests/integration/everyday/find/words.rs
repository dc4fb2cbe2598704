//! By the words of a task, as it was sent or last revised.

use yoshi_client::{Filter, Levels};
use yoshi_protocol::{Kind, Revise, Verb};

use super::{SHIP, Scene, TIDY, TOKYO, WHICH, text, titles};

#[tokio::test]
async fn tasks_are_found_by_their_words() {
    let scene = Scene::set().await;
    for (words, expected) in [
        ("monday", &[SHIP, WHICH][..]),
        ("MOND", &[SHIP, WHICH]),
        ("ship monday", &[SHIP]),
        ("mond ship", &[]),
        ("1.2", &[SHIP]),
        ("uberflug", &[SHIP]),
        ("ÜBERFL", &[SHIP]),
        ("pru\u{308}fen", &[SHIP]),
        ("release", &[SHIP]),
        ("京", &[TOKYO]),
        ("東京", &[TOKYO]),
        ("大阪", &[]),
        (scene.cleo.name.as_str(), &[TOKYO]),
        (scene.ana.name.as_str(), &[SHIP, WHICH, TOKYO, TIDY]),
        ("'; DROP TABLE task; --", &[]),
        ("monday | tidy", &[]),
        ("!ship:*", &[SHIP]),
    ] {
        scene.finds(text(words), expected).await;
    }
    // Everybody finds their own alone.
    assert_eq!(
        titles(&scene.client, &scene.cleo, text("monday")).await,
        [""; 0]
    );
    assert_eq!(
        titles(&scene.client, &scene.cleo, text("minutes")).await,
        [TOKYO]
    );
    scene.asked(text("mond"), &[SHIP, WHICH]).await;
    assert_eq!(
        titles(&scene.client, &scene.ana, text("mond")).await,
        [""; 0]
    );

    let revise = Revise {
        title: Some("Ship 1.3 on Tuesday".to_owned()),
        labels: Some(vec!["later".to_owned()]),
        kind: Some(Kind::Review),
        due: Some(None),
        importance: Some(2),
        ..Revise::default()
    };
    let revise = Verb::Revise(Box::new(revise));
    scene
        .ana
        .change(&scene.client, scene.tasks[0], revise)
        .await;
    let ship = "Ship 1.3 on Tuesday";
    scene.finds(text("monday"), &[WHICH]).await;
    scene.finds(text("tuesd"), &[ship]).await;
    scene.finds(text("uberflug"), &[ship]).await;
    let label = |label: &str| Filter {
        labels: vec![label.to_owned()],
        ..Filter::default()
    };
    scene.finds(label("release"), &[]).await;
    scene.finds(label("later"), &[ship]).await;
    let reviews = Filter {
        kinds: vec![Kind::Review],
        importance: Some(Levels { to: 2, from: 2 }),
        ..Filter::default()
    };
    scene.finds(reviews.clone(), &[ship]).await;
    scene.asked(reviews, &[ship]).await;
    let due = Filter {
        due_before: "2026-11-28".parse().ok(),
        ..Filter::default()
    };
    scene.finds(due, &[WHICH]).await;
}
