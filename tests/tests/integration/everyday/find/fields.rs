//! By what a task is.

use yoshi_client::{Filter, Levels};
use yoshi_protocol::Kind;

use super::{SHIP, Scene, TIDY, TOKYO, WHICH, text};

#[tokio::test]
async fn tasks_are_found_by_what_they_are() {
    let scene = Scene::set().await;
    let none = Filter::default;
    let when = |text: &str| text.parse().ok();
    let levels = |from, to| Some(Levels { to, from });
    for (filter, expected) in [
        (none(), &[SHIP, WHICH, TOKYO, TIDY][..]),
        (
            Filter {
                kinds: vec![Kind::Decide, Kind::Read],
                ..none()
            },
            &[WHICH, TOKYO],
        ),
        (
            Filter {
                importance: levels(1, 5),
                ..none()
            },
            &[SHIP, WHICH],
        ),
        (
            Filter {
                importance: levels(0, 0),
                ..none()
            },
            &[TOKYO],
        ),
        (
            Filter {
                due_before: when("2026-11-28"),
                ..none()
            },
            &[SHIP, WHICH],
        ),
        (
            Filter {
                due_before: when("2026-11-27"),
                ..none()
            },
            &[],
        ),
        (
            Filter {
                due_before: when("2026-11-27T17:00:00"),
                ..none()
            },
            &[WHICH],
        ),
        (
            Filter {
                due_after: when("2026-11-27T15:00:00"),
                ..none()
            },
            &[WHICH, TOKYO],
        ),
        (
            Filter {
                due_after: when("2026-11-27"),
                ..none()
            },
            &[TOKYO],
        ),
        (
            Filter {
                due_after: when("2026-11-26"),
                due_before: when("2026-12-24T09:00:00Z"),
                ..none()
            },
            &[SHIP, WHICH],
        ),
        (
            Filter {
                people: vec![scene.ana.name.clone()],
                ..none()
            },
            &[SHIP, WHICH, TOKYO, TIDY],
        ),
        (
            Filter {
                people: vec![scene.cleo.name.clone()],
                ..none()
            },
            &[],
        ),
        (
            Filter {
                labels: vec!["release".to_owned()],
                ..none()
            },
            &[SHIP],
        ),
        (
            Filter {
                labels: vec!["Release".to_owned()],
                ..none()
            },
            &[],
        ),
        (
            Filter {
                kinds: vec![Kind::Do],
                importance: levels(1, 3),
                ..text("ship")
            },
            &[SHIP],
        ),
        (
            Filter {
                kinds: vec![Kind::Do],
                ..text("minutes")
            },
            &[],
        ),
    ] {
        scene.finds(filter, expected).await;
    }
    scene.asked(none(), &[SHIP, WHICH, TOKYO, TIDY]).await;
    let (ben, cleo) = (&scene.ben.name, &scene.cleo.name);
    scene
        .asked(
            Filter {
                people: vec![cleo.clone()],
                ..none()
            },
            &[TOKYO],
        )
        .await;
    let both = vec![ben.clone(), cleo.clone()];
    scene
        .asked(
            Filter {
                people: both,
                ..none()
            },
            &[SHIP, WHICH, TOKYO, TIDY],
        )
        .await;
}
