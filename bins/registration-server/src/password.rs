//! Passwords: argon2id with the parameters of RFC 9106 as OWASP sets them
//! (19 MiB, two passes, one lane), on blocking threads, no more at once than
//! there are cores, and no more waiting than a bound.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error as HashError, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use yoshi_protocol::{ErrorCode, ErrorReply, Password};

/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19_456;
/// Passes over that memory.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;

/// Why a password could not be worked on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// As many passwords as the bound allows are waiting already.
    #[error("too many passwords are being checked already")]
    Busy,
    /// The hash itself failed, for example for lack of randomness.
    #[error("hashing failed: {0}")]
    Hash(#[from] HashError),
    /// The parameters are not ones that argon2 takes.
    #[error("argon2 refuses its parameters: {0}")]
    Params(#[from] argon2::Error),
    /// The blocking thread ended without a result.
    #[error("the hashing thread failed: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl From<Error> for ErrorReply {
    fn from(error: Error) -> Self {
        match error {
            Error::Busy => Self::new(ErrorCode::Busy, "too many log-ins at once; try again"),
            Error::Hash(_) | Error::Params(_) | Error::Thread(_) => {
                tracing::error!(error = %error, "a password could not be hashed");
                Self::new(ErrorCode::Internal, "the password could not be checked")
            }
        }
    }
}

/// Hashes and checks passwords within bounds of processor time and memory.
#[derive(Clone)]
pub(crate) struct Passwords {
    cores: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// The hash of a password that nobody knows: checked in place of the one
    /// that an unknown or disabled account lacks, so that the answer takes as long.
    nobodys: Arc<str>,
}

impl Passwords {
    /// With room for `cores` passwords at once and `waiting_max` more that wait.
    ///
    /// # Errors
    /// [`Error`], if the dummy hash cannot be made.
    pub(crate) async fn new(cores: usize, waiting_max: usize) -> Result<Self, Error> {
        let mut secret = [0_u8; 32];
        getrandom::fill(&mut secret).map_err(HashError::from)?;
        let nobodys = tokio::task::spawn_blocking(move || hash(&secret)).await??;
        Ok(Self {
            cores: Arc::new(Semaphore::new(cores)),
            places: Arc::new(Semaphore::new(cores + waiting_max)),
            nobodys: nobodys.into(),
        })
    }

    /// The hash of a new password, as a PHC string with a salt of its own.
    ///
    /// # Errors
    /// [`Error::Busy`] at once if too many wait; else what argon2 says.
    pub(crate) async fn hash(&self, password: &Password) -> Result<String, Error> {
        let password = password.clone();
        self.run(move || hash(password.expose().as_bytes())).await
    }

    /// Whether a password is the one of this hash; `None`, for an account that
    /// cannot be used, takes as long and is false.
    ///
    /// # Errors
    /// [`Error::Busy`] at once if too many wait; else what argon2 says.
    pub(crate) async fn verify(
        &self,
        password: &Password,
        hash: Option<String>,
    ) -> Result<bool, Error> {
        let password = password.clone();
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobodys.as_ref().to_owned());
        let matches = self
            .run(move || verify(password.expose().as_bytes(), &hash))
            .await?;
        Ok(matches && known)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_full| Error::Busy)?;
        let core = Arc::clone(&self.cores)
            .acquire_owned()
            .await
            .map_err(|_closed| Error::Busy)?;
        // The permits go with the thread: a caller that stops waiting does not free its core.
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop((core, place));
            result
        })
        .await?
    }
}

fn argon2id() -> Result<Argon2<'static>, argon2::Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8]) -> Result<String, Error> {
    let hash: PasswordHash = argon2id()?.hash_password(password)?;
    Ok(hash.to_string())
}

fn verify(password: &[u8], hash: &str) -> Result<bool, Error> {
    let hash = PasswordHash::new(hash).map_err(HashError::from)?;
    // The parameters in the hash hold, so that older hashes stay valid when these here rise.
    match argon2id()?.verify_password(password, &hash) {
        Ok(()) => Ok(true),
        Err(HashError::PasswordInvalid) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let passwords = Passwords::new(1, 8).await.unwrap();
        let hash = passwords.hash(&password("correct horse")).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(hash.len() <= crate::limit::PASSWORD_HASH_CHARS_MAX);
        let again = passwords.hash(&password("correct horse")).await.unwrap();
        assert_ne!(hash, again, "each hash has its own salt");
        let check = |text: &'static str, hash: Option<String>| {
            let passwords = passwords.clone();
            async move { passwords.verify(&password(text), hash).await.unwrap() }
        };
        assert!(check("correct horse", Some(hash.clone())).await);
        assert!(!check("correct horsf", Some(hash)).await);
        assert!(!check("correct horse", None).await);
    }

    #[tokio::test]
    async fn an_unknown_account_takes_as_long_as_a_wrong_password() {
        let passwords = Passwords::new(1, 8).await.unwrap();
        let hash = passwords.hash(&password("correct horse")).await.unwrap();
        let mut known = Vec::new();
        let mut unknown = Vec::new();
        for _ in 0..15 {
            let start = Instant::now();
            passwords
                .verify(&password("wrong horse"), Some(hash.clone()))
                .await
                .unwrap();
            known.push(start.elapsed());
            let start = Instant::now();
            passwords
                .verify(&password("wrong horse"), None)
                .await
                .unwrap();
            unknown.push(start.elapsed());
        }
        known.sort_unstable();
        unknown.sort_unstable();
        // Wide bounds: the machine may be busy. Without the dummy hash the ratio is in the thousands.
        let (known, unknown) = (known[7].as_secs_f64(), unknown[7].as_secs_f64());
        assert!((0.5..2.0).contains(&(known / unknown)), "{known} {unknown}");
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let passwords = Passwords::new(1, 2).await.unwrap();
        let one = password("correct horse");
        let results = futures::future::join_all((0..8).map(|_| passwords.hash(&one))).await;
        let busy = results
            .iter()
            .filter(|result| matches!(result, Err(Error::Busy)))
            .count();
        assert_eq!(busy, 5, "one at work, two waiting, the rest refused");
    }
}
