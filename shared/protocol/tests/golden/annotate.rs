//! Bytes as commented hex, one CBOR item per line, and back.

use std::fmt::Write;

/// Bytes of a long string that stand on one line.
const LINE_BYTES: usize = 24;

/// The bytes of commented hex: everything after a `#` is a comment.
pub(crate) fn parse_hex(text: &str) -> Vec<u8> {
    let digits: String = text
        .lines()
        .filter_map(|line| line.split('#').next())
        .flat_map(str::chars)
        .filter(|char| !char.is_whitespace())
        .collect();
    assert!(digits.len().is_multiple_of(2), "half a byte");
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits"))
        .collect()
}

/// The bytes with a comment for each item. Whatever is not CBOR stands at the
/// end, without comments.
pub(crate) fn annotate(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut at = 0;
    item(bytes, &mut at, 0, &mut text);
    for rest in bytes[at.min(bytes.len())..].chunks(LINE_BYTES) {
        line(&mut text, rest, 0, "not read");
    }
    text
}

fn line(text: &mut String, bytes: &[u8], depth: usize, comment: &str) {
    let mut hex = "  ".repeat(depth);
    for byte in bytes {
        write!(hex, "{byte:02x}").expect("writing to memory does not fail");
    }
    writeln!(text, "{hex:<60} # {comment}").expect("writing to memory does not fail");
}

/// Writes one item and what is in it; false at bytes that it does not know.
fn item(bytes: &[u8], at: &mut usize, depth: usize, text: &mut String) -> bool {
    let start = *at;
    let Some(&first) = bytes.get(start) else {
        return false;
    };
    let (major, short) = (first >> 5, first & 0x1f);
    let width = match short {
        0..=23 => 0,
        24..=27 => 1_usize << (short - 24),
        _ => return false,
    };
    let Some(raw) = bytes.get(start + 1..start + 1 + width) else {
        return false;
    };
    let argument = raw
        .iter()
        .fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    let argument = if width == 0 {
        u64::from(short)
    } else {
        argument
    };
    *at = start + 1 + width;
    let head = &bytes[start..*at];
    match major {
        0 => line(text, head, depth, &argument.to_string()),
        1 => line(text, head, depth, &format!("-1 - {argument}")),
        2 | 3 => return string(bytes, at, head, argument, depth, text),
        4 | 5 => {
            let (kind, items) = if major == 4 { ("array", 1) } else { ("map", 2) };
            line(text, head, depth, &format!("{kind} of {argument}"));
            if depth > 20 {
                return false;
            }
            return (0..argument.saturating_mul(items)).all(|_| item(bytes, at, depth + 1, text));
        }
        6 => {
            line(text, head, depth, &format!("tag {argument}"));
            return item(bytes, at, depth + 1, text);
        }
        _ => line(text, head, depth, &simple(short, width)),
    }
    true
}

fn simple(short: u8, width: usize) -> String {
    match (short, width) {
        (20, 0) => "false".to_owned(),
        (21, 0) => "true".to_owned(),
        (22, 0) => "null".to_owned(),
        (25..=27, _) => "a floating-point number".to_owned(),
        _ => "another simple value".to_owned(),
    }
}

fn string(
    bytes: &[u8],
    at: &mut usize,
    head: &[u8],
    length: u64,
    depth: usize,
    text: &mut String,
) -> bool {
    let body = usize::try_from(length)
        .ok()
        .and_then(|length| bytes.get(*at..at.checked_add(length)?));
    let Some(body) = body else {
        line(text, head, depth, &format!("a string of {length} bytes"));
        return false;
    };
    *at += body.len();
    let is_text = head[0] >> 5 == 3;
    let words = std::str::from_utf8(body).ok().filter(|_| is_text);
    if body.len() <= LINE_BYTES {
        let comment = match words {
            Some(words) => format!("{words:?}"),
            None => format!("{length} bytes"),
        };
        line(text, &[head, body].concat(), depth, &comment);
        return true;
    }
    let kind = if is_text { "text" } else { "byte string" };
    line(text, head, depth, &format!("{kind} of {length} bytes"));
    for part in body.chunks(LINE_BYTES) {
        let comment = words.map(|_| format!("{:?}", String::from_utf8_lossy(part)));
        line(text, part, depth + 1, &comment.unwrap_or_default());
    }
    true
}
