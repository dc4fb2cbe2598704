//! What a new password must be like.

use yoshi_protocol::{ErrorCode, ErrorReply, Password};

/// Checks a new password's length. No rule of composition: they make passwords
/// worse (NIST SP 800-63B).
pub(super) fn check(password: &Password, chars_min: usize) -> Result<(), ErrorReply> {
    let text = password.expose();
    if text.chars().count() < chars_min {
        let words = format!("a password must have at least {chars_min} characters");
        return Err(ErrorReply::new(ErrorCode::WeakPassword, words));
    }
    if text.chars().any(char::is_control) {
        let words = "a password must not hold control characters such as a line feed";
        return Err(ErrorReply::new(ErrorCode::WeakPassword, words));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_count_and_not_bytes() {
        let check = |text: &str| check(&Password::new(text.to_owned()), 8);
        assert!(check("pässwör!").is_ok());
        assert!(check("a long sentence is fine").is_ok());
        for weak in ["", "short", "päßwört", "password\n"] {
            let refusal = check(weak).unwrap_err();
            assert_eq!(refusal.code, ErrorCode::WeakPassword, "{weak:?}");
        }
        assert!(check("short").unwrap_err().message.contains("8 characters"));
    }
}
