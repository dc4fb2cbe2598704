//! What people type, and what it means on the clock of a Monday in Berlin.

use super::*;

fn now() -> Zoned {
    "2026-11-23T10:00:00+01:00[Europe/Berlin]".parse().unwrap()
}

fn meant(text: &str) -> Option<String> {
    parse(text, &now()).map(|when| when.to_string())
}

#[test]
fn days() {
    for (text, day) in [
        ("today", "2026-11-23"),
        ("Tomorrow", "2026-11-24"),
        ("mon", "2026-11-30"),
        ("FRIDAY", "2026-11-27"),
        ("next friday", "2026-12-04"),
        ("2026-12-24", "2026-12-24"),
        ("24 dec", "2026-12-24"),
        ("dec 24", "2026-12-24"),
        ("1. feb", "2027-02-01"),
        ("in 3 days", "2026-11-26"),
        ("in 2 weeks", "2026-12-07"),
    ] {
        assert_eq!(meant(text).as_deref(), Some(day), "{text}");
    }
}

#[test]
fn moments_on_the_writers_clock() {
    for (text, moment) in [
        ("fri 16:00", "2026-11-27T16:00:00"),
        ("mon 16:00:30", "2026-11-30T16:00:30"),
        ("friday at 4pm", "2026-11-27T16:00:00"),
        ("next fri 4 pm", "2026-12-04T16:00:00"),
        ("24 dec 12am", "2026-12-24T00:00:00"),
        ("16:30", "2026-11-23T16:30:00"),
        ("9:00", "2026-11-24T09:00:00"),
        ("noon", "2026-11-23T12:00:00"),
        ("2026-11-27 16:00", "2026-11-27T16:00:00"),
    ] {
        let expected = format!("{moment}[Europe/Berlin]");
        assert_eq!(meant(text), Some(expected), "{text}");
    }
    let noon = |zone: TimeZone| parse("noon", &now().with_time_zone(zone)).unwrap();
    assert_eq!(noon(TimeZone::UTC).to_string(), "2026-11-23T12:00:00Z");
    // A machine that does not know where it is.
    let nowhere = noon(TimeZone::unknown());
    assert_eq!(nowhere.to_string(), "2026-11-23T12:00:00");
}

#[test]
fn what_is_written_as_on_the_wire_means_what_it_means_there() {
    for (text, expected) in [
        ("2026-11-27T16:00", "2026-11-27T16:00:00"),
        ("2026-11-27t16:00:05", "2026-11-27T16:00:05"),
        (" 2026-11-27T16:00Z ", "2026-11-27T16:00:00Z"),
        ("2026-11-27 16:00 z", "2026-11-27T16:00:00Z"),
        (
            "2026-11-27 16:00 [Asia/Tokyo]",
            "2026-11-27T16:00:00[Asia/Tokyo]",
        ),
    ] {
        assert_eq!(meant(text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn what_is_neither_is_nothing() {
    for text in [
        "",
        "soon",
        "at",
        "2026-02-30",
        "2026-11-27T25:00",
        "2026-11-27Z",
        "2026-11-27T16:00+05:00",
        "2026-11-27 16:00 [No Zone]",
        "27.11.2026",
        "20261127",
        "friday friday",
        "31 nov",
        "in -1 days",
        "in 99999999999999999999 weeks",
        "13pm",
        "16",
        "16:0",
        "16:+1",
        "ü".repeat(20).as_str(),
    ] {
        assert_eq!(meant(text), None, "{text}");
    }
}

#[test]
fn every_example_is_read() {
    for text in EXAMPLES.split(", ") {
        assert!(meant(text).is_some(), "{text}");
    }
}

#[test]
fn the_past_is_over() {
    for (text, past) in [
        ("2026-11-22", true),
        ("2026-11-23", false),
        ("2026-11-23T09:59:00", true),
        ("2026-11-23T10:01:00", false),
        ("2026-11-23T08:59:00Z", true),
        ("2026-11-23T09:01:00Z", false),
        ("2026-11-23T17:59:00[Asia/Tokyo]", true),
        ("2026-11-23T18:01:00[Asia/Tokyo]", false),
        ("2026-11-23T09:59:00[Mars/Base]", true),
    ] {
        assert_eq!(is_past(&text.parse().unwrap(), &now()), past, "{text}");
    }
}
