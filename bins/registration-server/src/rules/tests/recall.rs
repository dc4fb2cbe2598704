//! What is told of entries whose commit had no answer: what became of them, or nothing.

use super::*;

fn at(first: u64, entries: Vec<Entry>) -> Vec<(Position, Entry)> {
    (first..).map(Position).zip(entries).collect()
}

#[test]
fn a_refusal_is_not_told_as_applied_because_of_what_came_after_it() {
    let mut database = World::new().database;
    let batch = at(
        2,
        vec![
            entry(1, 10, set("ana", true)),
            entry(2, 10, create("ana", "one")),
        ],
    );
    let outcomes = database.apply(&batch);
    assert_eq!(outcomes, [rejected(ErrorCode::UnknownAccount), applied(3)]);
    assert_eq!(database.recall(&batch), [None, Some(applied(3))]);
}

#[test]
fn an_id_that_was_used_later_is_not_what_refused_an_entry() {
    let mut database = World::new().database;
    let batch = at(
        2,
        vec![
            entry(1, 10, set("ana", true)),
            entry(1, 10, create("ana", "one")),
            entry(1, 10, set("ana", true)),
        ],
    );
    database.apply(&batch);
    let reused = Some(rejected(ErrorCode::IdReused));
    assert_eq!(database.recall(&batch), [None, Some(applied(3)), reused]);
}

#[test]
fn what_cannot_be_read_is_known_to_be_refused() {
    let set = World::new().database.working_set();
    let told = recall(&set, Position(2), None);
    assert_eq!(told, Some(rejected(ErrorCode::Malformed)));
}

proptest! {
    #[test]
    fn whatever_is_told_is_what_became_of_it(
        entries in prop::collection::vec(any_entry(), 1..40),
        later in prop::collection::vec(any_entry(), 0..10),
    ) {
        let mut database = Database::default();
        let batch = numbered(entries);
        let outcomes = database.apply(&batch);
        database.apply(&at(1 + batch.len() as u64, later));
        for ((told, outcome), (position, entry)) in
            database.recall(&batch).into_iter().zip(outcomes).zip(&batch)
        {
            let kept = database.events.values().any(|(id, _)| *id == entry.id);
            match told {
                // A later entry with this id did what this one was to do.
                Some(Outcome::Applied(at)) if at > *position => prop_assert!(kept),
                Some(told) => prop_assert_eq!(told, outcome),
                None => prop_assert!(!database.events.contains_key(position)),
            }
        }
    }
}
