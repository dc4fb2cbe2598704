//! Diagnostic notation, after RFC 8949 §8: byte strings that hold messages are
//! opened (`<< >>`, RFC 8610), ids are shown as ids, and secrets not at all.

use std::fmt::Write;

use ciborium::Value;
use jiff::Timestamp;
use uuid::Uuid;

/// Values under these keys are never shown.
const SECRET: [&str; 6] = [
    "credential",
    "password",
    "new_password",
    "password_hash",
    "token",
    "token_hash",
];
/// Byte strings under these keys hold encoded values.
const NESTED: [&str; 4] = ["task", "entries", "entry", "send"];
/// Integers under these keys are milliseconds since the Unix epoch.
const TIMES: [&str; 4] = ["at", "sent_at", "created_at", "expires_at"];
/// What stands in place of a secret.
const HIDDEN: &str = "\"***\"";
/// A value that fits is written on one line.
const LINE_CHARS: usize = 100;
/// Byte strings within byte strings: a block's entry's task.
const NESTING_MAX: usize = 4;
/// Bytes of a byte string that are shown.
const BYTES_SHOWN: usize = 256;

/// The text of a value.
pub(super) fn text(value: &Value, one_line: bool) -> String {
    let width = if one_line { usize::MAX } else { LINE_CHARS };
    Writer { width }.value(value, "", 0, 0)
}

struct Writer {
    width: usize,
}

impl Writer {
    /// A value that stands under `key`, at a depth of indentation, within so
    /// many opened byte strings.
    fn value(&self, value: &Value, key: &str, depth: usize, nesting: usize) -> String {
        if SECRET.contains(&key) {
            return HIDDEN.to_owned();
        }
        match value {
            Value::Bytes(bytes) => self.bytes(bytes, key, depth, nesting),
            Value::Array(values) => {
                let parts = values.iter();
                let parts = parts.map(|value| self.value(value, key, depth + 1, nesting));
                self.enclosed("[", parts.collect(), "]", depth)
            }
            Value::Map(pairs) => {
                let parts = pairs.iter().map(|(name, value)| {
                    let key = name.as_text().unwrap_or_default();
                    let name = self.value(name, "", depth + 1, nesting);
                    format!("{name}: {}", self.value(value, key, depth + 1, nesting))
                });
                self.enclosed("{", parts.collect(), "}", depth)
            }
            Value::Tag(tag, value) => format!("{tag}({})", self.value(value, key, depth, nesting)),
            scalar => plain(scalar, key),
        }
    }

    fn bytes(&self, bytes: &[u8], key: &str, depth: usize, nesting: usize) -> String {
        if NESTED.contains(&key)
            && nesting < NESTING_MAX
            && let Ok(value @ (Value::Map(_) | Value::Array(_))) = super::parse(bytes)
        {
            let inner = self.value(&value, "", depth + 1, nesting + 1);
            return self.enclosed("<<", vec![inner], ">>", depth);
        }
        if let Ok(uuid) = Uuid::from_slice(bytes) {
            return format!("uuid'{uuid}'");
        }
        let mut text = String::from("h'");
        for byte in bytes.iter().take(BYTES_SHOWN) {
            write!(text, "{byte:02x}").unwrap_or_default();
        }
        text.push('\'');
        if bytes.len() > BYTES_SHOWN {
            write!(text, " / and {} more bytes /", bytes.len() - BYTES_SHOWN).unwrap_or_default();
        }
        text
    }

    /// Parts on one line if they fit, else on one each.
    fn enclosed(&self, open: &str, parts: Vec<String>, close: &str, depth: usize) -> String {
        let spaced = if open == "<<" { " " } else { "" };
        let length: usize = parts.iter().map(|part| part.len() + 2).sum();
        let fits =
            depth * 2 + length + 2 <= self.width && !parts.iter().any(|part| part.contains('\n'));
        if fits || parts.is_empty() {
            return format!("{open}{spaced}{}{spaced}{close}", parts.join(", "));
        }
        let indent = "  ".repeat(depth + 1);
        let parts: Vec<_> = parts.iter().map(|part| format!("{indent}{part}")).collect();
        format!(
            "{open}\n{}\n{}{close}",
            parts.join(",\n"),
            "  ".repeat(depth)
        )
    }
}

fn plain(value: &Value, key: &str) -> String {
    match value {
        Value::Integer(number) => {
            let number = i128::from(*number);
            match time(number).filter(|_| TIMES.contains(&key)) {
                Some(time) => format!("{number} / {time} /"),
                None => number.to_string(),
            }
        }
        Value::Text(text) => quoted(text),
        Value::Bool(value) => value.to_string(),
        Value::Null => "null".to_owned(),
        Value::Float(number) => format!("{number:?}"),
        _ => "simple".to_owned(),
    }
}

fn time(millis: i128) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()
}

/// Text as JSON writes it; and without anything that a terminal would obey.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            char if char.is_control()
                || matches!(char, '\u{200e}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                write!(quoted, "\\u{:04x}", u32::from(char)).unwrap_or_default();
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use yoshi_protocol::cbor;
    use yoshi_protocol::message::task::TaskFromClient;
    use yoshi_protocol::{AccountName, Credential, NewTask, Password, Token};

    fn shown<T: serde::Serialize>(message: &T, one_line: bool) -> String {
        text(
            &super::super::parse(&cbor::encode(message)).unwrap(),
            one_line,
        )
    }

    fn send(credential: Credential) -> TaskFromClient {
        let task = NewTask::new("Ship \u{1b}[2J", vec![AccountName::new("ana").unwrap()]);
        TaskFromClient {
            task: cbor::encode(&task).into(),
            credential,
        }
    }

    #[test]
    fn secrets_are_hidden_and_tasks_are_opened() {
        let password = Credential::Password(Password::new("sesame".into()));
        let text = shown(&send(password), true);
        assert!(
            !text.contains("sesame") && !text.contains('\u{1b}'),
            "{text}"
        );
        assert!(text.contains(r#""credential": "***""#), "{text}");
        assert!(
            text.contains("<< {") && text.contains("\"title\": \"Ship \\u001b[2J\""),
            "{text}"
        );
        assert!(text.contains("uuid'") && !text.contains('\n'), "{text}");

        let token = Credential::Token(Token::new([0xab; 32]));
        assert!(!shown(&send(token), true).contains("abab"));
    }

    #[test]
    fn every_secret_of_the_wire_is_hidden() {
        for key in SECRET {
            let map = Value::Map(vec![(
                Value::Text(key.into()),
                Value::Array(vec![Value::Text("sesame".into())]),
            )]);
            assert_eq!(text(&map, true), format!("{{\"{key}\": \"***\"}}"));
        }
    }

    #[test]
    fn long_values_are_indented() {
        let password = Credential::Password(Password::new("x".into()));
        let text = shown(&send(password), false);
        assert!(text.starts_with("{\n  \"task\": <<\n    {\n"), "{text}");
    }

    #[test]
    fn scalars() {
        for (bytes, expected) in [
            (&b"\x20"[..], "-1"),
            (b"\xf6", "null"),
            (b"\xf5", "true"),
            (b"\xf9\x3c\x00", "1.0"),
            (b"\xc1\x0a", "1(10)"),
            (b"\x43\x01\x02\x03", "h'010203'"),
            (b"\x80", "[]"),
            (b"\xa1\x62at\x00", r#"{"at": 0 / 1970-01-01T00:00:00Z /}"#),
            (b"\xa1\x64task\x43\x01\x02\x03", r#"{"task": h'010203'}"#),
        ] {
            let value = super::super::parse(bytes).unwrap();
            assert_eq!(text(&value, false), expected);
        }
    }
}
