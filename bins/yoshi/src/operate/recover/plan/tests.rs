//! When a log is made anew, and from where.

use super::*;
use yoshi_protocol::message::operate::{LastBlock, ServerState};

const END: fn(u64) -> Position = Position::end_of_block;

fn report(id: ServerId, stream: Incarnation, applied: Position) -> ServerReport {
    ServerReport {
        id,
        host: "here".to_owned(),
        load: 0,
        block: None,
        known: Vec::new(),
        state: ServerState::Behind,
        outbox: 0,
        stream,
        applied,
        lineage: Vec::new(),
        refusal: None,
        release: String::new(),
        compared_at: None,
        incarnation: Incarnation::random(),
    }
}

fn server(stream: Incarnation, sequence: u64) -> ServerReport {
    report(ServerId::random(), stream, END(sequence))
}

fn stream(incarnation: Incarnation, last: u64) -> Stream {
    Stream {
        incarnation: Some(incarnation),
        lineage: Vec::new(),
        last,
    }
}

fn plan(reports: &[ServerReport], stream: Option<&Stream>) -> Result<Plan, No> {
    Plan::of(reports, &BTreeSet::new(), stream)
}

#[test]
fn a_log_goes_on_after_the_most_advanced_server() {
    let log = Incarnation::random();
    let reports = [server(log, 7), server(log, 9), server(log, 2)];
    for there in [
        None,
        Some(stream(Incarnation::random(), 50)),
        Some(stream(log, 8)),
    ] {
        let plan = plan(&reports, there.as_ref()).unwrap();
        assert_eq!(
            (plan.through(), plan.first_sequence),
            (END(9), 10),
            "{there:?}"
        );
        assert_eq!(plan.continues[0].incarnation, log);
        assert!(plan.left_out.is_empty());
    }
}

#[test]
fn a_log_does_not_go_by_a_server_whose_rows_are_wrong() {
    let log = Incarnation::random();
    let stopped = |sequence| {
        let mut report = server(log, sequence);
        report.refusal = Some("it differs. Run `yoshi resync-server x`".to_owned());
        report
    };
    let reports = [server(log, 9), stopped(7)];
    let made = plan(&reports, None).unwrap();
    assert_eq!(
        (made.through(), made.stopped),
        (END(9), vec![reports[1].id])
    );
    // Equally far is no loss; further may be one, which an operator must accept.
    assert_eq!(
        plan(&[server(log, 9), stopped(9)], None).unwrap().through(),
        END(9)
    );
    let reports = [server(log, 9), stopped(12)];
    let ahead = vec![reports[1].id];
    assert_eq!(plan(&reports, None), Err(No::Stopped(ahead.clone())));
    let without = ahead.iter().copied().collect();
    let made = Plan::of(&reports, &without, None).unwrap();
    assert_eq!(made.through(), END(9));
    assert_eq!(plan(&reports[1..], None), Err(No::Stopped(ahead)));
    assert_eq!(plan(&reports, Some(&stream(log, 12))), Err(No::Healthy));
}

#[test]
fn a_whole_log_is_left_alone() {
    let log = Incarnation::random();
    let mut reports = [server(log, 7), server(log, 9)];
    assert_eq!(plan(&reports, Some(&stream(log, 9))), Err(No::Healthy));
    assert_eq!(plan(&reports, Some(&stream(log, 30))), Err(No::Healthy));
    reports[0].refusal = Some("a fork; run `yoshi resync-server x`".to_owned());
    assert_eq!(plan(&reports, Some(&stream(log, 9))), Err(No::Healthy));
    reports[0].refusal = Some("it was lost; run `yoshi recover-log tasks`".to_owned());
    let rewritten = plan(&reports, Some(&stream(log, 12))).unwrap();
    assert_eq!(
        (rewritten.through(), rewritten.first_sequence),
        (END(9), 13)
    );
}

#[test]
fn servers_that_take_up_a_recovered_log_are_left_alone_until_they_cannot() {
    let log = Incarnation::random();
    let mut there = stream(Incarnation::random(), 9);
    there.lineage = vec![Continued {
        through: END(9),
        incarnation: log,
    }];
    let all = [server(log, 9), server(log, 3)];
    assert_eq!(plan(&all, Some(&there)), Err(No::Adopting));
    // The only one that held everything is gone for good.
    let again = plan(&all[1..], Some(&there)).unwrap();
    assert_eq!((again.through(), again.first_sequence), (END(3), 10));
}

#[test]
fn nobody_that_is_known_may_be_missing_unless_it_is_named() {
    let log = Incarnation::random();
    let mut reports = [server(log, 7), server(log, 9)];
    let missing = ServerId::random();
    reports[0].known = vec![reports[1].id, missing];
    assert_eq!(
        plan(&reports, None),
        Err(No::Missing(BTreeSet::from([missing])))
    );
    let without = BTreeSet::from([missing]);
    assert!(Plan::of(&reports, &without, None).is_ok());
    let without = BTreeSet::from([missing, reports[1].id]);
    let plan = Plan::of(&reports, &without, None).unwrap();
    assert_eq!(plan.through(), END(7));
}

#[test]
fn the_latest_log_is_continued_and_what_it_left_out_stays_out() {
    let (old, log) = (Incarnation::random(), Incarnation::random());
    let lineage = vec![Continued {
        through: END(5),
        incarnation: old,
    }];
    let mut head = server(log, 8);
    head.lineage.clone_from(&lineage);
    let (behind, extra) = (server(old, 4), server(old, 20));
    let plan = plan(&[behind, head, extra.clone()], None).unwrap();
    assert_eq!(plan.through(), END(8));
    assert_eq!(plan.continues[1..], lineage);
    assert_eq!(plan.left_out, [extra.id]);
    assert_eq!(plan.first_sequence, 21, "no position is used twice");
}

#[test]
fn logs_without_a_common_end_are_for_a_person_to_judge() {
    let reports = [
        server(Incarnation::random(), 4),
        server(Incarnation::random(), 4),
    ];
    assert!(matches!(plan(&reports, None), Err(No::Strangers(logs)) if logs.len() == 2));
    let empty = report(ServerId::random(), Incarnation::random(), Position::ZERO);
    assert!(plan(&[reports[0].clone(), empty.clone()], None).is_ok());
    assert_eq!(plan(&[empty], None), Err(No::Empty));
    assert_eq!(plan(&[], None), Err(No::Nobody));
}

fn with_block(mut report: ServerReport, id: &str) -> ServerReport {
    report.block = Some(LastBlock {
        id: Some(id.to_owned()),
        sequence: report.applied.sequence(),
    });
    report
}

#[test]
fn only_the_last_block_at_the_same_place_shows_one_history() {
    let log = Incarnation::random();
    let leader = with_block(server(log, 9), "a-9");
    let same = with_block(server(log, 9), "a-9");
    let other = with_block(server(log, 9), "b-4");
    let behind = with_block(server(log, 7), "a-7");
    let silent = server(log, 9);
    let empty = report(ServerId::random(), log, Position::ZERO);
    let (level, unproven) = (vec![same.id], vec![other.id, behind.id, silent.id]);
    let made = plan(&[leader.clone(), same, other, behind, silent, empty], None).unwrap();
    assert_eq!((made.leader, made.level), (leader.id, level));
    assert_eq!(made.unproven, unproven);
    // Without the word of the leader nobody is proven, and who takes no part need not be.
    let leader = server(log, 9);
    let mut stopped = with_block(server(log, 8), "a-8");
    stopped.refusal = Some("Run `yoshi resync-server x`".to_owned());
    let reports = [leader.clone(), with_block(server(log, 9), "a-9"), stopped];
    let made = plan(&reports, None).unwrap();
    assert_eq!(
        (made.leader, made.unproven),
        (leader.id, vec![reports[1].id])
    );
}

#[test]
fn the_new_log_begins_beyond_those_that_are_given_up() {
    let log = Incarnation::random();
    let reports = [server(log, 7), server(log, 20)];
    let without = BTreeSet::from([reports[1].id]);
    let plan = Plan::of(&reports, &without, None).unwrap();
    assert_eq!((plan.through(), plan.first_sequence), (END(7), 21));
}
