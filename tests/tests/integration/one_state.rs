//! What is shown of a task stood so at one moment: the task and what became of
//! its asks are of one state of the database.

use std::time::Duration;

use yoshi_client::{AskState, TaskStatus, View};
use yoshi_tests::{Person, System, SystemSettings};

/// Ben begins, while the answer to a poll is being read: the transaction waits until
/// the poll has come as far as the asks. Done by hand, because a server that applied
/// it would not wait.
const BEGIN_DURING_A_POLL: &str = "DO $$
    BEGIN
        LOCK TABLE ask IN ACCESS EXCLUSIVE MODE;
        FOR attempt IN 1..500 LOOP
            PERFORM pg_stat_clear_snapshot();
            IF EXISTS (
                SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
                WHERE relation = 'ask'::regclass AND NOT granted AND query LIKE '-- poll%'
            ) THEN
                UPDATE task SET status = 1;
                UPDATE ask SET state = 2;
                RETURN;
            END IF;
            PERFORM pg_sleep(0.01);
        END LOOP;
        RAISE 'nobody polls';
    END
$$";

#[tokio::test]
async fn a_poll_shows_a_task_as_it_stood_at_one_moment() {
    let settings = SystemSettings::single();
    let system = System::start(settings).await;
    let client = system.client().await;
    let [ana, ben] = Person::register_all(&client, ["ana", "ben"]).await;
    ana.send(&client, "Ship 1.2", &[&ben]).await;
    let stands = async || {
        let tasks = ana.read(&client, View::Sent, 10).await;
        (tasks[0].status, tasks[0].asks[0].state)
    };
    let before = (TaskStatus::NeedsAction, AskState::NeedsAction);
    let after = (TaskStatus::InProcess, AskState::InProcess);
    assert_eq!(stands().await, before);
    let database = system.database("ms1").clone();
    let change = tokio::spawn(async move { database.rows(BEGIN_DURING_A_POLL).await });
    while !change.is_finished() {
        let shown = stands().await;
        assert!(shown == before || shown == after, "{shown:?} never was");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    change.await.unwrap();
    assert_eq!(stands().await, after);
}
