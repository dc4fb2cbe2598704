//! Verified credentials and known accounts, remembered for a minute at most,
//! so that a password's costly check is not on the path of every task.
//!
//! Kept is a keyed hash, never a credential. What is remembered of an account
//! is forgotten at once when the account changes, and nothing is remembered
//! that was asked before such a change and answered after it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use yoshi_protocol::{AccountName, Credential};

/// Accounts remembered at most.
const ACCOUNTS_MAX: usize = 200_000;
/// Credentials remembered per account: its people's devices.
const CREDENTIALS_PER_ACCOUNT_MAX: usize = 8;

/// The memory.
pub struct Credentials {
    key: [u8; 32],
    keep: Duration,
    accounts: HashMap<AccountName, Remembered>,
    /// Rises with every account change.
    changes: u64,
    /// Whether answers come from any registration server, without a primary.
    without_primary: bool,
}

#[derive(Default)]
struct Remembered {
    /// Until when the account is known to exist and to be enabled.
    exists_until: Option<Instant>,
    verified: Vec<([u8; 32], Instant)>,
}

/// When a question was asked: an answer is remembered only if nothing changed since.
#[derive(Debug, Clone, Copy)]
pub struct Asked(u64);

impl Credentials {
    /// An empty memory. The key must be random: it makes the hashes worthless elsewhere.
    #[must_use]
    pub fn new(key: [u8; 32], keep: Duration) -> Self {
        Self {
            key,
            keep,
            accounts: HashMap::new(),
            changes: 0,
            without_primary: false,
        }
    }

    /// Tells whether answers come without a primary from now on. What was
    /// learned so is forgotten once there is one again: it may know better.
    pub fn without_primary(&mut self, without: bool) {
        if std::mem::replace(&mut self.without_primary, without) && !without {
            self.forget_all();
        }
    }

    /// Marks the time of a question.
    #[must_use]
    pub fn asked(&self) -> Asked {
        Asked(self.changes)
    }

    /// Whether the credential was verified a short while ago.
    #[must_use]
    pub fn is_verified(
        &self,
        account: &AccountName,
        credential: &Credential,
        now: Instant,
    ) -> bool {
        let Some(remembered) = self.accounts.get(account) else {
            return false;
        };
        let hash = self.hash(account, credential);
        remembered
            .verified
            .iter()
            .any(|(known, until)| *known == hash && now < *until)
    }

    /// Remembers a credential that the registration server called valid.
    pub fn verified(
        &mut self,
        asked: Asked,
        account: &AccountName,
        credential: &Credential,
        now: Instant,
    ) {
        let (hash, until) = (self.hash(account, credential), now + self.keep);
        if let Some(remembered) = self.remember(asked, account, now) {
            remembered.exists_until = Some(until);
            remembered
                .verified
                .retain(|(known, until)| *known != hash && now < *until);
            if remembered.verified.len() == CREDENTIALS_PER_ACCOUNT_MAX {
                remembered.verified.remove(0);
            }
            remembered.verified.push((hash, until));
        }
    }

    /// Whether the account was known to exist a short while ago.
    #[must_use]
    pub fn exists(&self, account: &AccountName, now: Instant) -> bool {
        let remembered = self.accounts.get(account);
        remembered
            .and_then(|remembered| remembered.exists_until)
            .is_some_and(|until| now < until)
    }

    /// Remembers that an account exists.
    pub fn found(&mut self, asked: Asked, account: &AccountName, now: Instant) {
        let until = now + self.keep;
        if let Some(remembered) = self.remember(asked, account, now) {
            remembered.exists_until = Some(until);
        }
    }

    /// Forgets everything about these accounts.
    pub fn forget(&mut self, accounts: &[AccountName]) {
        self.changes += 1;
        for account in accounts {
            self.accounts.remove(account);
        }
    }

    /// Forgets everything: a new primary registration server may know of
    /// changes that nobody announced before the old one died.
    pub fn forget_all(&mut self) {
        self.changes += 1;
        self.accounts.clear();
    }

    fn remember(
        &mut self,
        asked: Asked,
        account: &AccountName,
        now: Instant,
    ) -> Option<&mut Remembered> {
        if asked.0 != self.changes || self.keep.is_zero() {
            return None;
        }
        if self.accounts.len() >= ACCOUNTS_MAX && !self.accounts.contains_key(account) {
            let is_known = |until: &Option<Instant>| until.is_some_and(|until| now < until);
            self.accounts
                .retain(|_, remembered| is_known(&remembered.exists_until));
            if self.accounts.len() >= ACCOUNTS_MAX {
                return None;
            }
        }
        Some(self.accounts.entry(account.clone()).or_default())
    }

    /// SHA-256 under a secret key of fixed length that comes first. Nobody
    /// outside this process ever sees the result.
    fn hash(&self, account: &AccountName, credential: &Credential) -> [u8; 32] {
        let (kind, secret): (&[u8], &[u8]) = match credential {
            Credential::Password(password) => (b"\0password\0", password.expose().as_bytes()),
            Credential::Token(token) => (b"\0token\0", token.expose()),
        };
        let parts = [&self.key, account.as_str().as_bytes(), kind, secret];
        let hasher = parts
            .iter()
            .fold(Sha256::new(), |hasher, part| hasher.chain_update(part));
        hasher.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yoshi_protocol::Password;

    fn ana() -> AccountName {
        AccountName::new("ana").unwrap()
    }

    fn password(text: &str) -> Credential {
        Credential::Password(Password::new(text.into()))
    }

    #[test]
    fn a_credential_is_remembered_for_its_time_and_its_account_only() {
        let (now, keep) = (Instant::now(), Duration::from_secs(60));
        let mut memory = Credentials::new([7; 32], keep);
        memory.verified(memory.asked(), &ana(), &password("right"), now);
        assert!(memory.is_verified(&ana(), &password("right"), now + keep / 2));
        assert!(memory.exists(&ana(), now));
        assert!(!memory.is_verified(&ana(), &password("wrong"), now));
        assert!(!memory.is_verified(&AccountName::new("bo").unwrap(), &password("right"), now));
        assert!(!memory.is_verified(&ana(), &password("right"), now + keep));
    }

    #[test]
    fn a_change_forgets_and_an_answer_from_before_it_is_not_remembered() {
        let now = Instant::now();
        let mut memory = Credentials::new([7; 32], Duration::from_secs(60));
        memory.verified(memory.asked(), &ana(), &password("old"), now);
        let asked = memory.asked();
        memory.forget(&[ana()]);
        assert!(!memory.is_verified(&ana(), &password("old"), now));
        memory.verified(asked, &ana(), &password("old"), now);
        assert!(!memory.is_verified(&ana(), &password("old"), now));
    }

    #[test]
    fn what_was_learned_without_a_primary_is_forgotten_with_one() {
        let now = Instant::now();
        let mut memory = Credentials::new([7; 32], Duration::from_secs(60));
        memory.verified(memory.asked(), &ana(), &password("old"), now);
        memory.without_primary(true);
        assert!(memory.is_verified(&ana(), &password("old"), now));
        memory.without_primary(false);
        assert!(!memory.is_verified(&ana(), &password("old"), now));
    }

    #[test]
    fn an_account_has_a_bounded_number_of_credentials() {
        let now = Instant::now();
        let mut memory = Credentials::new([7; 32], Duration::from_secs(60));
        for number in 0..20 {
            memory.verified(memory.asked(), &ana(), &password(&number.to_string()), now);
        }
        assert_eq!(
            memory.accounts[&ana()].verified.len(),
            CREDENTIALS_PER_ACCOUNT_MAX
        );
        assert!(memory.is_verified(&ana(), &password("19"), now));
    }
}
