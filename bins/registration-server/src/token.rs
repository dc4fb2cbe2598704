//! Tokens: 32 random bytes, of which the servers keep only the SHA-256.

use sha2::{Digest, Sha256};
use yoshi_protocol::Token;
use yoshi_protocol::limit::TOKEN_BYTES;

use crate::rules::TokenHash;

/// A fresh token.
///
/// # Errors
/// [`getrandom::Error`], if the system has no randomness to give.
pub(crate) fn fresh() -> Result<Token, getrandom::Error> {
    let mut bytes = [0_u8; TOKEN_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(Token::new(bytes))
}

/// What the database keeps of a token, and finds it by.
///
/// A plain hash is enough for 256 random bits, which nobody can guess. For the
/// same reason the look-up needs no comparison in constant time: it compares
/// hashes, and what its timing could tell about a stored hash does not help to
/// find a token with that hash.
#[must_use]
pub(crate) fn hash(token: &Token) -> TokenHash {
    TokenHash(Sha256::digest(token.expose()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_hash_to_themselves() {
        let (one, other) = (fresh().unwrap(), fresh().unwrap());
        assert_ne!(hash(&one), hash(&other));
        let same = Token::from_slice(one.expose()).unwrap();
        assert_eq!(hash(&one), hash(&same));
        assert_ne!(hash(&one).0, one.expose());
    }
}
