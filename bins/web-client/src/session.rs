//! The secrets of a session, all derived from the random id in its cookie:
//! the name that the database knows it by, the key that seals its token, and
//! the proof that a form comes from one of its own pages. No I/O.

use std::fmt::Write;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};
use yoshi_protocol::{AccountName, Token};

/// Bytes of a session's id: 256 random bits.
const ID_BYTES: usize = 32;

/// A session's id, which only its browser and the running request know.
#[derive(Clone)]
pub(crate) struct SessionId([u8; ID_BYTES]);

/// A token that cannot be opened: it was sealed for another session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session's token cannot be opened")]
pub(crate) struct Unopened;

impl std::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl SessionId {
    /// A fresh one, from the system's source of randomness.
    pub(crate) fn fresh() -> Result<Self, getrandom::Error> {
        let mut id = [0; ID_BYTES];
        getrandom::fill(&mut id)?;
        Ok(Self(id))
    }

    /// Reads a cookie's value.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() != 2 * ID_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut id = [0; ID_BYTES];
        for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(id))
    }

    /// The cookie's value.
    pub(crate) fn to_cookie(&self) -> String {
        hex(&self.0)
    }

    /// What the database knows the session by.
    pub(crate) fn hash(&self) -> [u8; 32] {
        self.derive(b"yoshi session")
    }

    /// What every form of the session carries.
    pub(crate) fn form_token(&self) -> String {
        hex(&self.derive(b"yoshi form"))
    }

    /// Whether a form carries it. Takes the same time wherever they differ.
    pub(crate) fn is_form_token(&self, given: &str) -> bool {
        let expected = self.form_token();
        let differing = expected.bytes().zip(given.bytes()).map(|(a, b)| a ^ b);
        expected.len() == given.len() && differing.fold(0, |all, byte| all | byte) == 0
    }

    /// Seals a token, for the database.
    pub(crate) fn seal(
        &self,
        account: &AccountName,
        token: &Token,
    ) -> Result<Vec<u8>, getrandom::Error> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce)?;
        let mut sealed = token.expose().to_vec();
        self.key()
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(account.as_str()),
                &mut sealed,
            )
            .expect("a token is far shorter than what the cipher takes");
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens a sealed token.
    pub(crate) fn open(&self, account: &AccountName, sealed: &[u8]) -> Result<Token, Unopened> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unopened)?;
        let mut opened = sealed.to_vec();
        let token = self
            .key()
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(account.as_str()),
                &mut opened,
            )
            .map_err(|_| Unopened)?;
        Token::from_slice(token).ok_or(Unopened)
    }

    fn key(&self) -> LessSafeKey {
        let key = self.derive(b"yoshi seal");
        LessSafeKey::new(
            UnboundKey::new(&CHACHA20_POLY1305, &key).expect("the key has the cipher's length"),
        )
    }

    /// The id is uniform and 256 bits long, so a hash with a name derives from
    /// it safely.
    fn derive(&self, purpose: &[u8]) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(purpose);
        hasher.update([0]);
        hasher.update(self.0);
        hasher.finalize().into()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ana() -> AccountName {
        AccountName::new("ana").unwrap()
    }

    #[test]
    fn a_token_opens_for_its_session_and_account_alone() {
        let (one, other) = (SessionId::fresh().unwrap(), SessionId::fresh().unwrap());
        let sealed = one.seal(&ana(), &Token::new([7; 32])).unwrap();
        assert!(!sealed.windows(8).any(|bytes| bytes == [7; 8]));
        assert_eq!(one.open(&ana(), &sealed).unwrap().expose(), [7; 32]);
        let refused = |session: &SessionId, account: &str, sealed: &[u8]| {
            let account = AccountName::new(account).unwrap();
            assert_eq!(session.open(&account, sealed).unwrap_err(), Unopened);
        };
        refused(&other, "ana", &sealed);
        refused(&one, "ben", &sealed);
        refused(&one, "ana", &sealed[..10]);
        let mut tampered = sealed.clone();
        tampered[20] ^= 1;
        refused(&one, "ana", &tampered);
    }

    #[test]
    fn cookies_read_back_and_nothing_else_does() {
        let id = SessionId::fresh().unwrap();
        let back = SessionId::parse(&id.to_cookie()).unwrap();
        assert_eq!(back.hash(), id.hash());
        assert_ne!(hex(&id.hash()), id.to_cookie());
        for text in ["", "00", &"g".repeat(64), &"+".repeat(64), &"ä".repeat(32)] {
            assert!(SessionId::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn forms_belong_to_one_session() {
        let (one, other) = (SessionId::fresh().unwrap(), SessionId::fresh().unwrap());
        assert!(one.is_form_token(&one.form_token()));
        assert!(!one.is_form_token(&other.form_token()));
        assert!(!one.is_form_token(&one.form_token()[1..]) && !one.is_form_token(""));
    }
}
