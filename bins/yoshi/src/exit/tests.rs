//! What failures say, in words and as JSON.

use super::*;
use std::time::Duration;
use yoshi_client::Last;

fn refused(code: ErrorCode) -> Failure {
    Error::Refused(ErrorReply::new(code, "no\x1b[2J").about(vec!["bo".into()])).into()
}

#[test]
fn codes_of_failures() {
    assert_eq!(refused(ErrorCode::NotFound).exit(), Exit::Refused);
    assert_eq!(
        refused(ErrorCode::Unauthenticated).exit(),
        Exit::NotAuthenticated
    );
    let unclear = |may_have_happened| {
        Failure::from(Error::Deadline {
            within: Duration::from_secs(1),
            tries: 2,
            may_have_happened,
            last: Last::NoAnswer(NoAnswer::TimedOut),
            answer: None,
        })
    };
    assert_eq!(unclear(false).exit(), Exit::Unclear);
    assert!(
        unclear(true)
            .advise_if_unclear(|| "use --id".into())
            .words()
            .contains("--id")
    );
    assert!(
        !unclear(false)
            .advise_if_unclear(|| "use --id".into())
            .words()
            .contains("--id")
    );
}

#[test]
fn json_names_the_code_and_the_names() {
    let value = refused(ErrorCode::UnknownRecipients).as_json();
    assert_eq!(value["error"]["code"], "unknown_recipients");
    assert_eq!(value["error"]["names"][0], "bo");
    assert_eq!(value["error"]["exit"], 1);
}

#[test]
fn what_a_server_said_last_is_what_is_told() {
    let late = |may_have_happened| {
        Failure::from(Error::Deadline {
            within: Duration::from_secs(3),
            tries: 4,
            may_have_happened,
            last: Last::NoAnswer(NoAnswer::TimedOut),
            answer: Some(ErrorReply::new(ErrorCode::Behind, "only up to 7").into()),
        })
    };
    let behind = late(false).advise_if_behind("begin anew");
    assert_eq!(
        behind.words(),
        "only up to 7 (asked 4 times within 3 s)\n  begin anew"
    );
    assert_eq!(behind.as_json()["error"]["code"], "behind");
    assert_eq!(late(true).as_json()["error"]["code"], "timeout");
    assert!(late(true).words().contains("may have happened"));
}

#[test]
fn every_failure_has_a_code() {
    for (failure, code) in [
        (Failure::usage("x", ""), "usage"),
        (Failure::settings("x", ""), "settings"),
        (Failure::input("x"), "input"),
        (
            Failure::here(Exit::NotAuthenticated, "x", ""),
            "not_logged_in",
        ),
        (Failure::here(Exit::Differs, "x", ""), "differs"),
    ] {
        assert_eq!(failure.as_json()["error"]["code"], code);
    }
    let rule = InvalidTask::Field {
        field: "due",
        rule: "x".into(),
    };
    assert_eq!(
        Failure::from(rule).as_json()["error"]["code"],
        "invalid_task"
    );
}

#[test]
fn a_servers_words_cannot_drive_the_terminal() {
    assert!(!refused(ErrorCode::NotFound).words().contains('\x1b'));
}

#[test]
fn what_is_no_address_is_wrong_usage_and_what_is_out_of_reach_is_not() {
    let connect = |kind| {
        Failure::from(Error::Connect {
            urls: "here:1".to_owned(),
            source: async_nats::ConnectError::new(kind),
        })
    };
    let malformed = connect(async_nats::ConnectErrorKind::ServerParse);
    assert_eq!((malformed.exit(), malformed.code()), (Exit::Usage, "usage"));
    assert!(malformed.words().contains("for example nats://"));
    let away = connect(async_nats::ConnectErrorKind::Io).advise_also("logged in: ana at there:2");
    assert_eq!(
        (away.exit(), away.code()),
        (Exit::NoConnection, "unreachable")
    );
    let words = away.words();
    assert!(
        words.contains("its address?\n  logged in: ana at there:2"),
        "{words}"
    );
}
