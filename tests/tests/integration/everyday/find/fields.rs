//! By what a task is.

use yoshi_client::{Filter, Levels};
use yoshi_protocol::{AccountName, Kind};

use super::{SHIP, Scene, TIDY, TOKYO, WHICH, text};

fn kinds(kinds: &[Kind]) -> Filter {
    Filter {
        kinds: kinds.to_vec(),
        ..Filter::default()
    }
}

fn levels(from: u8, to: u8) -> Filter {
    Filter {
        importance: Some(Levels { to, from }),
        ..Filter::default()
    }
}

fn due_after(when: &str) -> Filter {
    Filter {
        due_after: Some(when.parse().unwrap()),
        ..Filter::default()
    }
}

fn due_before(when: &str) -> Filter {
    Filter {
        due_before: Some(when.parse().unwrap()),
        ..Filter::default()
    }
}

fn people(names: &[&AccountName]) -> Filter {
    Filter {
        people: names.iter().copied().cloned().collect(),
        ..Filter::default()
    }
}

fn label(label: &str) -> Filter {
    Filter {
        labels: vec![label.to_owned()],
        ..Filter::default()
    }
}

#[tokio::test]
async fn tasks_are_found_by_what_they_are() {
    let scene = Scene::set().await;
    for (filter, expected) in [
        (Filter::default(), &[SHIP, WHICH, TOKYO, TIDY][..]),
        (kinds(&[Kind::Decide, Kind::Read]), &[WHICH, TOKYO]),
        (levels(1, 5), &[SHIP, WHICH]),
        (levels(0, 0), &[TOKYO]),
        (label("release"), &[SHIP]),
        (label("Release"), &[]),
    ] {
        scene.finds(filter, expected).await;
    }
    // All that is given must fit.
    let both = |words: &str| Filter {
        kinds: vec![Kind::Do],
        importance: levels(1, 3).importance,
        ..text(words)
    };
    scene.finds(both("ship"), &[SHIP]).await;
    scene.finds(both("minutes"), &[]).await;
}

#[tokio::test]
async fn tasks_are_found_by_when_they_are_due() {
    let scene = Scene::set().await;
    for (filter, expected) in [
        (due_before("2026-11-28"), &[SHIP, WHICH][..]),
        // A day is all of its seconds.
        (due_before("2026-11-27"), &[]),
        (due_before("2026-11-27T17:00:00"), &[WHICH]),
        (due_after("2026-11-27T15:00:00"), &[WHICH, TOKYO]),
        (due_after("2026-11-27"), &[TOKYO]),
        // What clocks show is compared, whatever their zones.
        (due_after("2026-12-24T08:59:59Z"), &[TOKYO]),
        (due_after("2026-12-24T09:00:00Z"), &[]),
    ] {
        scene.finds(filter, expected).await;
    }
    let between = Filter {
        due_before: due_before("2026-12-24T09:00:00Z").due_before,
        ..due_after("2026-11-26")
    };
    scene.finds(between, &[SHIP, WHICH]).await;
}

#[tokio::test]
async fn tasks_are_found_by_who_is_at_the_other_end() {
    let scene = Scene::set().await;
    let (ana, ben, cleo) = (&scene.ana.name, &scene.ben.name, &scene.cleo.name);
    let all = [SHIP, WHICH, TOKYO, TIDY];
    scene.finds(people(&[ana]), &all).await;
    // Whoever is asked, too, is at the same end.
    scene.finds(people(&[ben, cleo]), &[]).await;
    scene.asked(Filter::default(), &all).await;
    scene.asked(people(&[cleo]), &[TOKYO]).await;
    scene.asked(people(&[ben, cleo]), &all).await;
    scene.asked(people(&[ana]), &[]).await;
}
