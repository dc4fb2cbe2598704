//! What a new password must be like: long enough, and not one of those that
//! are tried first. No rule of composition: they make passwords worse (NIST
//! SP 800-63B).
//!
//! `rule/passwords.txt` holds the passwords of at least 8 characters from the
//! list `PASSWORDS` of the crate zxcvbn 3.1.1 (MIT licence), which ranks the
//! most frequent ones in published leaks; in lower case, sorted by bytes.

use yoshi_protocol::{AccountName, ErrorCode, ErrorReply, Password};

const OFTEN_USED: &str = include_str!("rule/passwords.txt");

/// Checks a new password of an account.
pub(super) fn check(
    account: &AccountName,
    password: &Password,
    chars_min: usize,
) -> Result<(), ErrorReply> {
    let weak = |words: String| Err(ErrorReply::new(ErrorCode::WeakPassword, words));
    let text = password.expose();
    if text.chars().count() < chars_min {
        return weak(format!(
            "a password must have at least {chars_min} characters"
        ));
    }
    if text.chars().any(char::is_control) {
        return weak("a password must not hold control characters such as a line feed".to_owned());
    }
    let lower = text.to_lowercase();
    if lower == account.as_str() || is_often_used(&lower) {
        return weak("this password is among the first that are tried; take another".to_owned());
    }
    Ok(())
}

/// By halves: the list is sorted, and no line is looked at twice.
fn is_often_used(lower: &str) -> bool {
    let mut rest = OFTEN_USED;
    while !rest.is_empty() {
        let middle = rest.len() / 2;
        let begin = rest[..middle].rfind('\n').map_or(0, |at| at + 1);
        let end = rest[middle..]
            .find('\n')
            .map_or(rest.len(), |at| middle + at);
        match rest[begin..end].cmp(lower) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => rest = rest.get(end + 1..).unwrap_or_default(),
            std::cmp::Ordering::Greater => rest = &rest[..begin],
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), ErrorReply> {
        let account = AccountName::new("bartholomew").unwrap();
        super::check(&account, &Password::new(text.to_owned()), 8)
    }

    #[test]
    fn characters_count_and_not_bytes() {
        assert!(check("pässwör!").is_ok());
        assert!(check("a long sentence is fine").is_ok());
        for weak in ["", "short", "päßwört", "pass phrase\n"] {
            let refusal = check(weak).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::WeakPassword, "{weak:?}");
        }
        assert!(check("short").unwrap_err().message.contains("8 characters"));
    }

    #[test]
    fn what_is_tried_first_is_refused() {
        for weak in [
            "password",
            "Password1",
            "QWERTYUIOP",
            "12345678",
            "Bartholomew",
        ] {
            let refusal = check(weak).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::WeakPassword, "{weak:?}");
        }
    }

    #[test]
    fn every_line_of_the_list_is_found() {
        let lines: Vec<&str> = OFTEN_USED.lines().collect();
        assert!(lines.len() >= 3_000, "{}", lines.len());
        assert!(lines.is_sorted() && OFTEN_USED.is_ascii());
        for line in lines {
            assert!(line.len() >= 8 && is_often_used(line), "{line}");
            assert!(!is_often_used(&format!("{line}\u{7f}")), "{line}");
        }
        for other in ["", "\n", "correct horse", "zzzzzzzzzzzzz", "!", "passwor"] {
            assert!(!is_often_used(other), "{other:?}");
        }
    }
}
