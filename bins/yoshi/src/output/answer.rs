//! An answer, for programs and for people.

use serde::Serialize;
use yoshi_protocol::{Answer, Verdict};

use super::clean_line;

/// An answer as JSON: always the same fields.
#[derive(Debug, Serialize)]
pub(crate) struct PrintedAnswer<'a> {
    /// `done`, `decided`, `answered`, `reviewed` or `acknowledged`.
    answer: &'static str,
    text: &'a str,
    option: Option<&'a str>,
    verdict: Option<Verdict>,
}

impl<'a> From<&'a Answer> for PrintedAnswer<'a> {
    fn from(answer: &'a Answer) -> Self {
        let (name, text, option, verdict) = match answer {
            Answer::Done { text } => ("done", text.as_str(), None, None),
            Answer::Decided { text, option } => ("decided", text.as_str(), Some(option), None),
            Answer::Answered { text } => ("answered", text.as_str(), None, None),
            Answer::Reviewed { text, verdict } => ("reviewed", text.as_str(), None, Some(*verdict)),
            Answer::Acknowledged => ("acknowledged", "", None, None),
        };
        Self {
            answer: name,
            text,
            option: option.map(String::as_str),
            verdict,
        }
    }
}

/// An answer in words, on one line.
pub(super) fn words(answer: &Answer) -> String {
    let (what, text) = match answer {
        Answer::Done { text } | Answer::Answered { text } => (String::new(), text.as_str()),
        Answer::Decided { text, option } => (clean_line(option), text.as_str()),
        Answer::Reviewed {
            text,
            verdict: Verdict::Approve,
        } => ("approved".to_owned(), text.as_str()),
        Answer::Reviewed {
            text,
            verdict: Verdict::Changes,
        } => ("changes wanted".to_owned(), text.as_str()),
        Answer::Acknowledged => ("seen".to_owned(), ""),
    };
    let text = clean_line(text.trim());
    [what, text]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_in_words() {
        let text = "two\nlines".to_owned();
        let option = "ship".to_owned();
        let verdict = Verdict::Approve;
        for (answer, expected) in [
            (
                Answer::Done {
                    text: String::new(),
                },
                "",
            ),
            (
                Answer::Decided {
                    text: text.clone(),
                    option,
                },
                "ship: two lines",
            ),
            (
                Answer::Reviewed {
                    text: String::new(),
                    verdict,
                },
                "approved",
            ),
            (Answer::Acknowledged, "seen"),
        ] {
            assert_eq!(words(&answer), expected);
        }
    }
}
