//! What registration servers are asked: AUTH_CLIENT and LOOKUP_ACCOUNTS by
//! message servers, NEW_ACCT, LOG_IN, LOG_OUT and CHANGE_PASSWORD by clients,
//! LIST_ACCOUNTS and SET_ACCOUNT by operators. Plus ACCOUNT_CHANGED.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::credential::{Credential, Password, Token};
use crate::name::{AccountName, Millis, Position, ServerId};

/// AUTH_CLIENT: is this credential this account's? (§4.3.1)
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuthClient {
    /// Whose it should be.
    pub account: AccountName,
    /// What the client showed.
    pub credential: Credential,
}

/// The answer to AUTH_CLIENT. The same for an unknown, a disabled and a
/// mistyped account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authenticated {
    /// Whether it is.
    pub valid: bool,
}

/// NEW_ACCT: create an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewAcct {
    /// The idempotency key.
    pub id: Uuid,
    /// Its name.
    pub account: AccountName,
    /// Its password.
    pub password: Password,
}

/// The answer to NEW_ACCT, CHANGE_PASSWORD and SET_ACCOUNT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountReceipt {
    /// The place of the change in the accounts log.
    pub position: Position,
    /// The registration servers that have committed it.
    pub accounted_for: Vec<ServerId>,
}

/// LOG_IN: a token for a password.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogIn {
    /// The idempotency key.
    pub id: Uuid,
    /// Whose token.
    pub account: AccountName,
    /// The account's.
    pub password: Password,
}

/// The answer to LOG_IN.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoggedIn {
    /// To be used instead of the password from now on.
    pub token: Token,
    /// When it ends by itself.
    pub expires_at: Millis,
}

/// LOG_OUT: forget a token. Answered by [`super::Done`], also if it had ended already.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogOut {
    /// Which.
    pub token: Token,
    /// Whose.
    pub account: AccountName,
}

/// CHANGE_PASSWORD: a new password; every token of the account ends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChangePassword {
    /// The idempotency key.
    pub id: Uuid,
    /// Whose.
    pub account: AccountName,
    /// The one until now.
    pub password: Password,
    /// The one from now on.
    pub new_password: Password,
}

/// LOOKUP_ACCOUNTS: which of these accounts cannot be sent to?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupAccounts {
    /// At most [`crate::limit::ACCOUNTS_PAGE_MAX`].
    pub accounts: Vec<AccountName>,
}

/// The answer to LOOKUP_ACCOUNTS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountsLookedUp {
    /// Those that do not exist, or are disabled.
    pub unknown: Vec<AccountName>,
}

/// LIST_ACCOUNTS: a page of the accounts, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListAccounts {
    /// Names after this one.
    pub after: Option<AccountName>,
    /// At most so many; the server's own limit holds as well.
    pub limit: u32,
}

/// The answer to LIST_ACCOUNTS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountsPage {
    /// Whether names follow the last one.
    pub more: bool,
    /// By name.
    pub accounts: Vec<AccountSummary>,
}

/// An account, as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSummary {
    /// Its name.
    pub name: AccountName,
    /// Whether nobody may use it.
    pub disabled: bool,
    /// When it was created.
    pub created_at: Millis,
}

/// SET_ACCOUNT: disable an account, which ends its tokens, or enable it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAccount {
    /// The idempotency key.
    pub id: Uuid,
    /// Which.
    pub account: AccountName,
    /// Whether it shall be disabled.
    pub disabled: bool,
}

/// ACCOUNT_CHANGED: forget what you remember of these accounts. Sent once the
/// change is committed everywhere and before it is reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountChanged {
    /// Which.
    pub accounts: Vec<AccountName>,
}
