//! Passwords: argon2id with the parameters of RFC 9106 as OWASP sets them
//! (19 MiB, two passes, one lane), on blocking threads, no more at once than
//! there are cores, and no more waiting than a bound. Each of those at once
//! works in memory that the next one takes over.

mod memory;

use std::sync::Arc;

use argon2::password_hash::Error as HashError;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use yoshi_protocol::{ErrorCode, ErrorReply, Password};

use memory::{Blocks, Memory};

/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19_456;
/// Passes over that memory.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// The most memory that a stored hash may ask for, in KiB.
const MEMORY_KIB_MAX: u32 = 256 * 1024;
/// Bytes of a new salt, as RFC 9106 recommends.
const SALT_BYTES: usize = 16;

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
    /// A stored hash asks for more memory than any password gets.
    #[error("a stored hash asks for {0} KiB of memory")]
    TooDear(u32),
    /// The blocking thread ended without a result.
    #[error("the hashing thread failed: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl From<Error> for ErrorReply {
    fn from(error: Error) -> Self {
        match error {
            Error::Busy => Self::new(ErrorCode::Busy, "too many log-ins at once; try again"),
            Error::Hash(_) | Error::Params(_) | Error::TooDear(_) | Error::Thread(_) => {
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
    /// As many as `cores` lets work at once, at most.
    memory: Memory,
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
        // In memory of its own: a backup needs none.
        let nobodys = move || hash(&secret, &mut Memory::default().take());
        let nobodys = tokio::task::spawn_blocking(nobodys).await??;
        Ok(Self {
            memory: Memory::default(),
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
        self.run(move |blocks| hash(password.expose().as_bytes(), blocks))
            .await
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
            .run(move |blocks| verify(password.expose().as_bytes(), &hash, blocks))
            .await?;
        Ok(matches && known)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Blocks) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_full| Error::Busy)?;
        let core = Arc::clone(&self.cores)
            .acquire_owned()
            .await
            .map_err(|_closed| Error::Busy)?;
        // The permits go with the thread: a caller that stops waiting does not free its core.
        let memory = self.memory.clone();
        tokio::task::spawn_blocking(move || {
            // Back before the core is free, so that no more blocks are made than there are cores.
            let result = work(&mut memory.take());
            drop((core, place));
            result
        })
        .await?
    }
}

/// The password's hash, with a new salt.
fn hash(password: &[u8], blocks: &mut Blocks) -> Result<String, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(Params::DEFAULT_OUTPUT_LEN))?;
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(HashError::from)?;
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
    let described = ParamsString::try_from(&params)?;
    let memory = blocks.of(params.block_count());
    Argon2::new(algorithm, version, params).hash_password_into_with_memory(
        password,
        &salt,
        &mut output,
        memory,
    )?;
    let hash = PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: described,
        salt: Some(Salt::new(&salt).map_err(HashError::from)?),
        hash: Some(Output::new(&output).map_err(HashError::from)?),
    };
    Ok(hash.to_string())
}

/// Whether the password is the one of this hash. The parameters in the hash
/// hold, so that older hashes stay valid when those above rise.
fn verify(password: &[u8], hash: &str, blocks: &mut Blocks) -> Result<bool, Error> {
    let hash = PasswordHash::new(hash).map_err(HashError::from)?;
    let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else {
        return Ok(false);
    };
    let params = Params::try_from(&hash)?;
    if params.m_cost() > MEMORY_KIB_MAX {
        return Err(Error::TooDear(params.m_cost()));
    }
    let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
    let version = hash.version.map(Version::try_from).transpose()?;
    let mut output = [0; Output::MAX_LENGTH];
    let output = output
        .get_mut(..expected.len())
        .ok_or(HashError::OutputSize)?;
    let memory = blocks.of(params.block_count());
    Argon2::new(algorithm, version.unwrap_or_default(), params)
        .hash_password_into_with_memory(password, salt, output, memory)?;
    // Outputs are compared in constant time.
    Ok(Output::new(output).map_err(HashError::from)? == *expected)
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
