//! By how a task stands, and by what one has noted for oneself.

use yoshi_client::{AskState, Filter, TaskStatus};
use yoshi_protocol::Verb;

use super::{SHIP, Scene, TIDY, TOKYO, WHICH, text};

#[tokio::test]
async fn tasks_are_found_by_how_they_stand() {
    let scene = Scene::set().await;
    let Scene {
        client, ben, tasks, ..
    } = &scene;
    let none = Filter::default;
    let states = |states: &[AskState]| Filter {
        states: states.to_vec(),
        ..none()
    };
    let statuses = |statuses: &[TaskStatus]| Filter {
        statuses: statuses.to_vec(),
        ..none()
    };
    ben.change(client, tasks[0], Verb::Accept).await;
    scene.finds(states(&[AskState::Accepted]), &[SHIP]).await;
    scene
        .finds(states(&[AskState::NeedsAction]), &[WHICH, TOKYO, TIDY])
        .await;
    scene
        .asked(statuses(&[TaskStatus::InProcess]), &[SHIP])
        .await;
    let reason = "on leave".to_owned();
    ben.change(client, tasks[1], Verb::Decline { reason }).await;
    scene.asked(states(&[AskState::Declined]), &[WHICH]).await;
    let either = Filter {
        statuses: vec![TaskStatus::InProcess],
        ..states(&[AskState::Declined])
    };
    scene.asked(either, &[SHIP, WHICH]).await;
    // Somebody else's ask is not one's own.
    let answered = Verb::Complete(yoshi_protocol::Answer::Acknowledged);
    scene.cleo.change(client, tasks[2], answered).await;
    scene.finds(states(&[AskState::Completed]), &[]).await;
    scene.finds(states(&[AskState::Closed]), &[TOKYO]).await;
    scene
        .finds(statuses(&[TaskStatus::Completed]), &[TOKYO])
        .await;
    let with_words = Filter {
        states: vec![AskState::Accepted, AskState::Closed],
        ..text("m")
    };
    scene.finds(with_words, &[SHIP, TOKYO]).await;

    let labels = vec!["mine".to_owned(), "später".to_owned()];
    ben.change(client, tasks[3], Verb::Label { labels }).await;
    let label = |labels: &[&str]| Filter {
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        ..none()
    };
    scene.finds(label(&["mine"]), &[TIDY]).await;
    scene.finds(label(&["mine", "später"]), &[TIDY]).await;
    scene.finds(label(&["mine", "release"]), &[]).await;
    scene.asked(label(&["mine"]), &[]).await;

    for (task, until) in [
        (0, "2026-11-27"),
        (1, "2026-11-27T16:00:00"),
        (3, "2030-01-01T00:00:00Z"),
    ] {
        let until = until.parse().ok();
        ben.change(client, tasks[task], Verb::Snooze { until })
            .await;
    }
    let snoozed = |now: &str, snoozed| Filter {
        now: Some(now.parse().unwrap()),
        snoozed: Some(snoozed),
        ..none()
    };
    scene
        .finds(snoozed("2026-11-26T23:59:59", true), &[SHIP, WHICH, TIDY])
        .await;
    scene
        .finds(snoozed("2026-11-27T00:00:00", true), &[WHICH, TIDY])
        .await;
    scene
        .finds(snoozed("2026-11-27T16:00:00", true), &[TIDY])
        .await;
    scene
        .finds(snoozed("2026-11-27T16:00:00", false), &[SHIP, WHICH, TOKYO])
        .await;
    // What Ben puts out of his sight is not out of Ana's.
    scene.asked(snoozed("2026-11-26T00:00:00", true), &[]).await;
    scene
        .ana
        .change(
            client,
            tasks[0],
            Verb::Withdraw {
                reason: String::new(),
                recipients: vec![],
            },
        )
        .await;
    scene
        .finds(statuses(&[TaskStatus::Cancelled]), &[SHIP])
        .await;
    scene.finds(states(&[AskState::Withdrawn]), &[SHIP]).await;
}
