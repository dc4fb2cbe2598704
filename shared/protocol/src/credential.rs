//! What an account proves itself with: its password, or a token from a log-in.
//!
//! Neither is ever shown by `Debug`, and both are wiped from memory when dropped.

use std::fmt;

use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limit::{PASSWORD_BYTES_MAX, TOKEN_BYTES};

/// A password as its owner typed it.
#[derive(Clone)]
pub struct Password(SecretString);

/// A log-in's token: 256 random bits. Servers keep only its hash.
#[derive(Clone)]
pub struct Token(SecretSlice<u8>);

/// What a request proves its account with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// A token from LOG_IN.
    Token(Token),
    /// The account's password.
    Password(Password),
}

impl Password {
    /// Wraps a password.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The password itself: for hashing and for the wire, nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl Token {
    /// Wraps the bytes of a token.
    #[must_use]
    pub fn new(bytes: [u8; TOKEN_BYTES]) -> Self {
        Self(bytes.to_vec().into())
    }

    /// The bytes of a token, if there are exactly [`TOKEN_BYTES`].
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == TOKEN_BYTES).then(|| Self(bytes.to_vec().into()))
    }

    /// The token itself: for hashing, a session file and the wire, nothing else.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Password {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() > PASSWORD_BYTES_MAX {
            return Err(de::Error::custom("the password is longer than 1024 bytes"));
        }
        Ok(Self::new(text))
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.expose())
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = serde_bytes::ByteBuf::deserialize(deserializer)?;
        Self::from_slice(&bytes).ok_or_else(|| de::Error::custom("a token has exactly 32 bytes"))
    }
}
