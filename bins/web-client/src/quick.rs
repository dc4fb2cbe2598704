//! The one-line entry: `@colleague decide: ship 1.2? by fri !high #label`. Pure.
//!
//! What is not understood stays in the title; nothing is ever dropped.

use yoshi_client::moment;
use yoshi_protocol::{AccountName, Kind, When};

use crate::clock::Clock;

/// Words of a date after `by`, at most: `by next friday 4 pm`.
const MOMENT_WORDS_MAX: usize = 4;

/// What a line says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Understood {
    /// Who is asked, each once.
    pub recipients: Vec<AccountName>,
    /// What kind of answer is wanted, if the line says.
    pub kind: Option<Kind>,
    /// What is wanted.
    pub title: String,
    /// When.
    pub due: Option<When>,
    /// 0 to 9, if the line says.
    pub importance: Option<u8>,
    /// Labels, each once.
    pub labels: Vec<String>,
    /// What to choose between, in brackets: `[ship / wait]`.
    pub options: Vec<String>,
    /// Words that look like a name, and are none.
    pub not_names: Vec<String>,
}

/// The words that begin a kind, and the kind.
const KINDS: [(&str, Kind); 8] = [
    ("do", Kind::Do),
    ("decide", Kind::Decide),
    ("answer", Kind::Answer),
    ("ask", Kind::Answer),
    ("question", Kind::Answer),
    ("review", Kind::Review),
    ("read", Kind::Read),
    ("note", Kind::Note),
];

/// The words for importance.
pub(crate) const IMPORTANCE: [(&str, u8); 4] =
    [("critical", 1), ("high", 3), ("normal", 5), ("low", 9)];

/// What a line says, on the writer's clock. A word after a backslash is only a word.
pub(crate) fn understand(line: &str, clock: &Clock) -> Understood {
    let mut found = Understood::default();
    let line = take_options(line, &mut found);
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut title: Vec<&str> = Vec::new();
    let mut rest = &words[..];
    while let Some((word, after)) = rest.split_first() {
        rest = after;
        if let Some(plain) = word.strip_prefix('\\') {
            title.push(plain);
        } else if let Some(length) = take_due(word, after, clock, &mut found) {
            rest = &after[length..];
        } else if !take(word, title.is_empty(), &mut found) {
            title.push(word);
        }
    }
    found.title = title.join(" ");
    if found.kind == Some(Kind::Decide) && found.options.is_empty() {
        found.options = vec!["yes".to_owned(), "no".to_owned()];
    }
    found
}

/// Takes `[a / b]` out of the line.
fn take_options(line: &str, found: &mut Understood) -> String {
    let bracketed = || {
        let (before, after) = line.split_once('[')?;
        let (inside, after) = after.split_once(']')?;
        let options: Vec<_> = inside.split(['/', '|']).map(str::trim).collect();
        let good = options.len() >= 2 && options.iter().all(|option| !option.is_empty());
        good.then(|| {
            let options: Vec<String> = options.into_iter().map(str::to_owned).collect();
            (format!("{before} {after}"), options)
        })
    };
    match bracketed() {
        Some((line, options)) => {
            found.options = options;
            found.kind = Some(Kind::Decide);
            line
        }
        None => line.to_owned(),
    }
}

/// Takes `by friday` and the like; how many words after `by`.
fn take_due(word: &str, after: &[&str], clock: &Clock, found: &mut Understood) -> Option<usize> {
    if found.due.is_some() || !(word.eq_ignore_ascii_case("by") || word == "due") {
        return None;
    }
    let longest = after.len().min(MOMENT_WORDS_MAX);
    let (length, due) = (1..=longest).rev().find_map(|length| {
        let due = moment::parse(&after[..length].join(" "), clock.now())?;
        Some((length, due))
    })?;
    found.due = Some(due);
    Some(length)
}

/// Takes one word that means something by itself.
fn take(word: &str, begins: bool, found: &mut Understood) -> bool {
    if let Some(name) = word.strip_prefix('@') {
        return take_name(name.trim_end_matches([',', ';']), found);
    }
    if let Some(label) = word.strip_prefix('#') {
        // `#1` is a number of something, and no label.
        if label.is_empty() || label.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
        if !found.labels.iter().any(|known| known == label) {
            found.labels.push(label.to_owned());
        }
        return true;
    }
    if let Some(level) = word.strip_prefix('!') {
        let importance = importance(level);
        found.importance = importance.or(found.importance);
        return importance.is_some();
    }
    // Options in brackets say already that it is to be decided.
    let open =
        found.kind.is_none() || (found.kind == Some(Kind::Decide) && !found.options.is_empty());
    match word.strip_suffix(':').and_then(kind) {
        Some(kind) if begins && open => {
            found.kind = Some(kind);
            if kind != Kind::Decide {
                found.options.clear();
            }
            true
        }
        _ => false,
    }
}

fn take_name(text: &str, found: &mut Understood) -> bool {
    if text.is_empty() {
        return false;
    }
    match AccountName::new(&text.to_lowercase()) {
        Ok(name) if !found.recipients.contains(&name) => found.recipients.push(name),
        Ok(_) => {}
        Err(_) => found.not_names.push(text.to_owned()),
    }
    true
}

/// A kind by the word for it.
fn kind(word: &str) -> Option<Kind> {
    KINDS
        .iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name))
        .map(|(_, kind)| *kind)
}

/// An importance by its word or number.
fn importance(level: &str) -> Option<u8> {
    let named = IMPORTANCE
        .iter()
        .find(|(name, _)| level.eq_ignore_ascii_case(name))
        .map(|(_, importance)| *importance);
    named.or_else(|| level.parse().ok().filter(|number| (1..=9).contains(number)))
}

#[cfg(test)]
mod tests;
