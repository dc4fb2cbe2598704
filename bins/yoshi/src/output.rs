//! What is printed: tables and sentences for people, JSON for programs.

mod answer;
mod step;
mod table;
mod task;
mod time;

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::exit::{Exit, Failure};

pub(crate) use answer::PrintedAnswer;
pub(crate) use step::{done_with, happened};
pub(crate) use table::{Columns, Layout, Table};
pub(crate) use task::{PrintedTask, details, importance, status, word};
pub(crate) use time::{has_come, local, moment, note_past, rfc3339};

/// Prints text for people, and ends it with a line feed.
pub(crate) fn lines(text: &str) -> Result<Exit, Failure> {
    let mut out = anstream::stdout().lock();
    written(writeln!(out, "{text}").and_then(|()| out.flush()))
}

/// Tells people, beside the output proper: on standard error, so that it is
/// seen when the output is piped, and never read as a row.
pub(crate) fn note(text: &str) {
    // Where it cannot be written, nobody reads it.
    writeln!(anstream::stderr().lock(), "yoshi: {text}").unwrap_or_default();
}

/// The same, if a person is there to read it: what a program does not wait for.
pub(crate) fn hint(text: &str) {
    if io::stderr().is_terminal() {
        note(text);
    }
}

/// Prints a value on one line of JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<Exit, Failure> {
    let text = serde_json::to_string(value)
        .map_err(|error| Failure::input(format!("cannot be shown as JSON: {error}")))?;
    let mut out = io::stdout().lock();
    written(writeln!(out, "{text}").and_then(|()| out.flush()))
}

/// Whether a person reads what is printed.
pub(crate) fn to_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Other people's text, unable to drive the terminal or to reorder what stands
/// around it. Line feeds and tabs stay.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '\n' | '\t' => char,
            char if char.is_control() => '\u{fffd}',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => {
                '\u{fffd}'
            }
            char => char,
        })
        .collect()
}

/// The same, on one line.
pub(crate) fn clean_line(text: &str) -> String {
    clean(text).replace(['\n', '\t'], " ")
}

/// `1 server`, `3 servers`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    if number == 1 {
        format!("1 {thing}")
    } else {
        format!("{number} {thing}s")
    }
}

fn written(result: io::Result<()>) -> Result<Exit, Failure> {
    match result {
        Ok(()) => Ok(Exit::Done),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::OutputClosed),
        Err(error) => Err(Failure::local("standard output", &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_tamed() {
        assert_eq!(
            clean("a\x1b[2J\u{9b}b\r\u{202e}c\nd"),
            "a\u{fffd}[2J\u{fffd}b\u{fffd}\u{fffd}c\nd"
        );
        assert_eq!(clean_line("a\nb\tc"), "a b c");
        assert_eq!(
            (count(1, "server"), count(0, "server")),
            ("1 server".into(), "0 servers".into())
        );
    }
}
