//! What one line is understood as.

use proptest::prelude::*;

use super::*;

/// Monday.
fn clock() -> Clock {
    Clock::at("2026-11-23T10:00:00+01:00[Europe/Berlin]".parse().unwrap())
}

fn understood(line: &str) -> Understood {
    understand(line, &clock())
}

fn names(found: &Understood) -> Vec<&str> {
    found.recipients.iter().map(AccountName::as_str).collect()
}

#[test]
fn the_whole_of_a_line() {
    let found = understood("@ana @Ben decide: ship 1.2? by fri !high #release");
    assert_eq!(names(&found), ["ana", "ben"]);
    assert_eq!(found.kind, Some(Kind::Decide));
    assert_eq!(found.title, "ship 1.2?");
    assert_eq!(found.due, Some("2026-11-27".parse().unwrap()));
    assert_eq!(found.importance, Some(3));
    assert_eq!(found.labels, ["release"]);
    assert_eq!(found.options, ["yes", "no"]);
    assert!(found.not_names.is_empty());
}

#[test]
fn options_stand_in_brackets() {
    let found = understood("ship it? [ship / wait a week] @ana");
    assert_eq!(found.options, ["ship", "wait a week"]);
    assert_eq!(found.kind, Some(Kind::Decide));
    assert_eq!(found.title, "ship it?");
    let both = understood("@ana decide: ship it? [ship / wait]");
    assert_eq!((both.title.as_str(), both.options.len()), ("ship it?", 2));
    let plain = understood("fix the array [0] in main");
    assert_eq!(
        (plain.kind, plain.title.as_str()),
        (None, "fix the array [0] in main")
    );
}

#[test]
fn what_is_not_understood_stays_in_the_title() {
    for line in [
        "meet by the lake",
        "see #12 and !important",
        "wow!",
        "do this: now",
        "mail a@b.example",
        "a : b",
        "by",
        "@ # !",
    ] {
        assert_eq!(understood(line).title, line);
    }
    assert_eq!(understood("\\@ana said \\#this").title, "@ana said #this");
    assert_eq!(understood("@ana,@ben hi").not_names, ["ana,@ben"]);
    assert_eq!(understood("@añb hi").not_names, ["añb"]);
}

#[test]
fn dates_after_by() {
    for (words, due) in [
        ("today", "2026-11-23"),
        ("tomorrow", "2026-11-24"),
        ("mon", "2026-11-30"),
        ("friday", "2026-11-27"),
        ("next friday", "2026-12-04"),
        ("2026-12-24", "2026-12-24"),
        ("24 dec", "2026-12-24"),
        ("dec 24", "2026-12-24"),
        ("1 feb", "2027-02-01"),
        ("in 3 days", "2026-11-26"),
        ("in 2 weeks", "2026-12-07"),
        ("fri 16:00", "2026-11-27T16:00:00[Europe/Berlin]"),
        ("fri 4pm", "2026-11-27T16:00:00[Europe/Berlin]"),
        ("next fri 4 pm", "2026-12-04T16:00:00[Europe/Berlin]"),
        ("16:30", "2026-11-23T16:30:00[Europe/Berlin]"),
        ("9:00", "2026-11-24T09:00:00[Europe/Berlin]"),
        ("noon", "2026-11-23T12:00:00[Europe/Berlin]"),
    ] {
        let found = understood(&format!("ship by {words} @ana"));
        assert_eq!(found.due, Some(due.parse().unwrap()), "{words}");
        assert_eq!(found.title, "ship", "{words}");
        assert_eq!(names(&found), ["ana"], "{words}");
    }
}

proptest! {
    #[test]
    fn no_line_breaks_it(line in "\\PC{0,80}") {
        drop(understood(&line));
    }

    #[test]
    fn plain_words_are_the_title(words in proptest::collection::vec("[a-z]{3,9}", 1..6)) {
        prop_assume!(!words.iter().any(|word| word == "due"));
        let line = words.join(" ");
        prop_assert_eq!(understood(&line).title, line);
    }
}
