//! The words of a task, and of a text that is looked for. Pure, and the same on
//! every machine: no locale of the database has a part in it.
//!
//! A word is a run of letters and digits. Case, accents and compatibility forms
//! make no difference: Unicode NFKD, without its marks, in small letters. In
//! writing without blanks between words each character is a word of its own.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use yoshi_protocol::limit::FIND_WORDS_MAX;
use yoshi_protocol::message::find::InvalidQuery;
use yoshi_protocol::{AccountName, NewTask};

/// Characters by which a word counts.
const WORD_CHARS_MAX: usize = 64;
/// Bytes of the distinct words of one task, far below what a `tsvector` holds.
/// Only a body of many compatibility forms comes near.
const TASK_WORDS_BYTES_MAX: usize = 256 * 1024;

/// The words of a task, each once, with a blank between two.
pub(super) fn of_task(sender: &AccountName, task: &NewTask) -> String {
    let mut words = Words::default();
    words.add(&task.title);
    words.add(sender.as_str());
    let names = task.recipients.iter().map(AccountName::as_str);
    names.for_each(|name| words.add(name));
    for texts in [&task.labels, &task.options, &task.links] {
        texts.iter().for_each(|text| words.add(text));
    }
    words.add(&task.body);
    words.joined()
}

/// A text that is looked for, as a `tsquery`: all of its words, the last one as
/// the beginning of a word.
///
/// # Errors
/// [`InvalidQuery`], if it has no word, or too many.
pub(super) fn query(text: &str) -> Result<String, InvalidQuery> {
    let mut all = Vec::new();
    split(text, |word| all.push(word.to_owned()));
    let Some(last) = all.pop() else {
        return Err(InvalidQuery::new("text", "holds no word to look for"));
    };
    if all.len() >= FIND_WORDS_MAX {
        return Err(InvalidQuery::new(
            "text",
            format!("at most {FIND_WORDS_MAX} words"),
        ));
    }
    // Nothing in a word could end the quotes.
    let whole = all.iter().map(|word| format!("'{word}'"));
    let parts: Vec<_> = whole.chain([format!("'{last}':*")]).collect();
    Ok(parts.join(" & "))
}

/// Distinct words, up to a bound.
#[derive(Debug, Default)]
struct Words {
    words: BTreeSet<String>,
    bytes: usize,
}

impl Words {
    fn add(&mut self, text: &str) {
        split(text, |word| {
            let fits = self.bytes + word.len() < TASK_WORDS_BYTES_MAX;
            if fits && !self.words.contains(word) {
                self.bytes += word.len() + 1;
                self.words.insert(word.to_owned());
            }
        });
    }

    fn joined(self) -> String {
        let mut joined = String::with_capacity(self.bytes);
        for word in self.words {
            if !joined.is_empty() {
                joined.push(' ');
            }
            joined.push_str(&word);
        }
        joined
    }
}

/// Hands out each word of a text, in order.
fn split(text: &str, mut take: impl FnMut(&str)) {
    for part in text.split_ascii_whitespace() {
        // Most of what most people write needs no tables.
        match part.is_ascii() {
            true => split_ascii(part, &mut take),
            false => split_any(part, &mut take),
        }
    }
}

fn split_ascii(text: &str, take: &mut impl FnMut(&str)) {
    for word in text.split(|char: char| !char.is_ascii_alphanumeric()) {
        if !word.is_empty() {
            let word = &word[..word.len().min(WORD_CHARS_MAX)];
            take(&word.to_ascii_lowercase());
        }
    }
}

fn split_any(text: &str, take: &mut impl FnMut(&str)) {
    let plain = text.nfkd().filter(|char| !is_accent(*char)).nfc();
    let mut word = String::new();
    let mut chars = 0;
    let mut stands_alone = false;
    let mut end = |word: &mut String, chars: &mut usize| {
        if !word.is_empty() {
            take(word);
            word.clear();
        }
        *chars = 0;
    };
    for char in plain.flat_map(char::to_lowercase) {
        // A mark that is no accent belongs to the letter before it.
        let is_mark = is_combining_mark(char) && !word.is_empty();
        if !char.is_alphanumeric() && !is_mark {
            end(&mut word, &mut chars);
            continue;
        }
        let alone = is_mark && stands_alone || is_unspaced(char);
        if !is_mark && (alone || stands_alone) {
            end(&mut word, &mut chars);
        }
        stands_alone = alone;
        chars += 1;
        if chars <= WORD_CHARS_MAX {
            word.push(char);
        }
    }
    end(&mut word, &mut chars);
}

/// The marks of Latin, Greek and Cyrillic letters.
fn is_accent(char: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&char)
}

/// Whether it is of a script that puts no blanks between words.
fn is_unspaced(char: char) -> bool {
    matches!(char,
        '\u{e00}'..='\u{eff}' // Thai, Lao
        | '\u{1000}'..='\u{109f}' // Burmese
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' // kana
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' // Han
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        split(text, |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn words_without_case_accents_and_forms() {
        for (text, expected) in [
            (
                "Ship 1.2, on Monday!",
                &["ship", "1", "2", "on", "monday"][..],
            ),
            ("Über den Fluß", &["uber", "den", "fluß"]),
            ("cafe\u{301} CAFÉ", &["cafe", "cafe"]),
            ("ﬁle ① Ｗｉｄｅ", &["file", "1", "wide"]),
            ("Ещё Й", &["еще", "и"]),
            ("東京 へ行く", &["東", "京", "へ", "行", "く"]),
            ("v2東x", &["v2", "東", "x"]),
            ("한국어 test", &["한국어", "test"]),
            ("हिन्दी", &["हिन्दी"]),
            ("がパ", &["が", "パ"]),
            ("İstanbul", &["istanbul"]),
            (" \n'&|!:*\\ ", &[]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
        assert_eq!(words(&"x".repeat(100)), ["x".repeat(WORD_CHARS_MAX)]);
    }

    proptest! {
        #[test]
        fn what_is_written_in_ascii_makes_no_difference(
            text in "([ -~]{0,80}|[ \t\n]|[éß東ｗ\u{301}\u{a0}\u{93f}x]){0,9}"
        ) {
            let mut expected = Vec::new();
            split_any(&text, &mut |word: &str| expected.push(word.to_owned()));
            prop_assert_eq!(words(&text), expected);
        }
    }

    #[test]
    fn a_query_holds_all_words_and_the_beginning_of_the_last() {
        assert_eq!(query("ship").unwrap(), "'ship':*");
        assert_eq!(query("Ship it, mon").unwrap(), "'ship' & 'it' & 'mon':*");
        assert_eq!(query("'; DROP \\ :*").unwrap(), "'drop':*");
        assert_eq!(
            query(&"a ".repeat(FIND_WORDS_MAX))
                .unwrap()
                .matches('a')
                .count(),
            FIND_WORDS_MAX
        );
        for text in ["", "?!", &"a ".repeat(FIND_WORDS_MAX + 1), &"東".repeat(33)] {
            assert_eq!(query(text).unwrap_err().field, "text", "{text}");
        }
    }

    #[test]
    fn a_task_is_found_by_all_that_it_says() {
        let name = |text: &str| AccountName::new(text).unwrap();
        let task = NewTask {
            body: "See *page* 3; see!".to_owned(),
            labels: vec!["Release".to_owned()],
            options: vec!["wait a week".to_owned()],
            links: vec!["https://example.org/x".to_owned()],
            ..NewTask::new("Ship", vec![name("ben")])
        };
        let words = of_task(&name("ana-1"), &task);
        assert_eq!(
            words,
            "1 3 a ana ben example https org page release see ship wait week x"
        );
    }

    #[test]
    fn the_words_of_the_longest_task_are_bounded() {
        // Each of these letters stands for eighteen, in four words.
        let body: String = (0..20_000)
            .map(|number| format!("\u{fdfa}{number}"))
            .collect();
        let task = NewTask {
            body,
            ..NewTask::new("last", vec![AccountName::new("ben").unwrap()])
        };
        let words = of_task(&AccountName::new("ana").unwrap(), &task);
        assert!(
            words.len() <= TASK_WORDS_BYTES_MAX && words.contains("last"),
            "{}",
            words.len()
        );
    }
}
