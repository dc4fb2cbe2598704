//! By how a task stands, and by what one has noted for oneself.

use yoshi_client::{AskState, Filter, TaskStatus};
use yoshi_protocol::{Answer, Verb};

use super::{SHIP, Scene, TIDY, TOKYO, WHICH, text};

fn states(states: &[AskState]) -> Filter {
    Filter {
        states: states.to_vec(),
        ..Filter::default()
    }
}

fn statuses(statuses: &[TaskStatus]) -> Filter {
    Filter {
        statuses: statuses.to_vec(),
        ..Filter::default()
    }
}

fn labels(labels: &[&str]) -> Filter {
    Filter {
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        ..Filter::default()
    }
}

#[tokio::test]
async fn tasks_are_found_by_how_they_stand() {
    let scene = Scene::set().await;
    let Scene {
        client, ben, tasks, ..
    } = &scene;
    ben.change(client, tasks[0], Verb::Accept).await;
    let untouched = states(&[AskState::NeedsAction]);
    scene.finds(states(&[AskState::Accepted]), &[SHIP]).await;
    scene.finds(untouched, &[WHICH, TOKYO, TIDY]).await;
    let begun = statuses(&[TaskStatus::InProcess]);
    scene.asked(begun.clone(), &[SHIP]).await;
    let reason = "on leave".to_owned();
    ben.change(client, tasks[1], Verb::Decline { reason }).await;
    scene.asked(states(&[AskState::Declined]), &[WHICH]).await;
    let either = Filter {
        statuses: begun.statuses,
        ..states(&[AskState::Declined])
    };
    scene.asked(either, &[SHIP, WHICH]).await;
    // Somebody else's ask is not one's own.
    let answered = Verb::Complete(Answer::Acknowledged);
    scene.cleo.change(client, tasks[2], answered).await;
    scene.finds(states(&[AskState::Completed]), &[]).await;
    scene.finds(states(&[AskState::Closed]), &[TOKYO]).await;
    let done = statuses(&[TaskStatus::Completed]);
    scene.finds(done, &[TOKYO]).await;
    let with_words = Filter {
        states: vec![AskState::Accepted, AskState::Closed],
        ..text("m")
    };
    scene.finds(with_words, &[SHIP, TOKYO]).await;
    let withdraw = Verb::Withdraw {
        reason: String::new(),
        recipients: vec![],
    };
    scene.ana.change(client, tasks[0], withdraw).await;
    let withdrawn = statuses(&[TaskStatus::Cancelled]);
    scene.finds(withdrawn, &[SHIP]).await;
    scene.finds(states(&[AskState::Withdrawn]), &[SHIP]).await;
}

#[tokio::test]
async fn tasks_are_found_by_ones_own_labels() {
    let scene = Scene::set().await;
    let own = |own: &[&str]| Verb::Label {
        labels: labels(own).labels,
    };
    let (ship, tidy) = (scene.tasks[0], scene.tasks[3]);
    let mine = own(&["mine", "später"]);
    scene.ben.change(&scene.client, tidy, mine).await;
    scene.finds(labels(&["mine"]), &[TIDY]).await;
    scene.finds(labels(&["mine", "später"]), &[TIDY]).await;
    scene.finds(labels(&["mine", "release"]), &[]).await;
    scene.asked(labels(&["mine"]), &[]).await;
    // One of the sender's and one's own, on one task.
    scene.ben.change(&scene.client, ship, own(&["mine"])).await;
    scene.finds(labels(&["mine", "release"]), &[SHIP]).await;
    scene.finds(labels(&["mine"]), &[SHIP, TIDY]).await;
    let with_words = Filter {
        text: Some("tidy".to_owned()),
        ..labels(&["mine"])
    };
    scene.finds(with_words, &[TIDY]).await;
}

#[tokio::test]
async fn tasks_are_found_by_whether_one_has_snoozed_them() {
    let scene = Scene::set().await;
    for (task, until) in [
        (0, "2026-11-27"),
        (1, "2026-11-27T16:00:00"),
        (3, "2030-01-01T00:00:00Z"),
    ] {
        let snooze = Verb::Snooze {
            until: until.parse().ok(),
        };
        let task = scene.tasks[task];
        scene.ben.change(&scene.client, task, snooze).await;
    }
    let snoozed = |now: &str, snoozed| Filter {
        now: Some(now.parse().unwrap()),
        snoozed: Some(snoozed),
        ..Filter::default()
    };
    for (now, asleep, awake) in [
        (
            "2026-11-26T23:59:59",
            &[SHIP, WHICH, TIDY][..],
            &[TOKYO][..],
        ),
        ("2026-11-27T00:00:00", &[WHICH, TIDY], &[SHIP, TOKYO]),
        ("2026-11-27T16:00:00", &[TIDY], &[SHIP, WHICH, TOKYO]),
    ] {
        scene.finds(snoozed(now, true), asleep).await;
        scene.finds(snoozed(now, false), awake).await;
    }
    let with_words = Filter {
        text: Some("tidy".to_owned()),
        ..snoozed("2026-11-27T16:00:00", true)
    };
    scene.finds(with_words, &[TIDY]).await;
    // What Ben puts out of his sight is not out of Ana's.
    scene.asked(snoozed("2026-11-26T00:00:00", true), &[]).await;
}
