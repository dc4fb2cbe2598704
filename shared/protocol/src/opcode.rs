//! The opcodes by number: the ten of the paper (§4.7), then ours.

use std::fmt;

/// What a message asks for. A number never changes its meaning; 0 is reserved,
/// so that a zeroed field is never an opcode. Retired numbers: none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// MS, RS → LB: which registration server is primary?
    QueryLbForRs = 1,
    /// MS, RS → LB: which message servers are there?
    QueryLbForMs = 2,
    /// An MS announces itself, its state and its load, every second.
    PingMs = 3,
    /// A home MS puts a block of tasks into the log, for every MS.
    TaskToMs = 4,
    /// MS → MS: everything in the log since a position.
    PollMs = 5,
    /// Client → MS: the account's tasks that changed since a position.
    ClientPollMs = 6,
    /// Client → MS: a task for other accounts.
    TaskFromClient = 7,
    /// MS → primary RS: is this credential this account's?
    AuthClient = 8,
    /// The new primary RS tells everyone.
    NewPrimReg = 9,
    /// Client → primary RS: create an account.
    NewAcct = 10,
    /// Backup RS → primary RS: are you alive? It says where it stands, too.
    RsHeartbeat = 11,
    /// The primary RS puts a block of account events into their log.
    AccountToRs = 12,
    /// RS → RS: everything in the accounts log since a position.
    PollRs = 13,
    /// Client → primary RS: a token for a password.
    LogIn = 14,
    /// Client → primary RS: forget a token.
    LogOut = 15,
    /// Client → primary RS: a new password; every token ends.
    ChangePassword = 16,
    /// MS → primary RS: which of these accounts do not exist?
    LookupAccounts = 17,
    /// Operator → primary RS: a page of the accounts.
    ListAccounts = 18,
    /// Operator → primary RS: disable an account, or enable it again.
    SetAccount = 19,
    /// The primary RS tells every MS to forget what it remembers of accounts.
    AccountChanged = 20,
    /// Operator → LB: take a message server out of the system for good.
    DestroyMs = 21,
    /// A home MS, or an LB, tells everyone that a message server counts as down.
    MsDown = 22,
    /// Operator → every MS and RS: how do you stand?
    ServerStatus = 23,
    /// MS → MS: do these rows stand the same in your database?
    CompareMs = 24,
    /// MS → home MS: a task from the outbox of a server that could not reach the log.
    OutboxToHome = 25,
    /// Operator → MS: take nothing new, or serve again.
    DrainMs = 26,
    /// Operator → MS: fill your database anew.
    ResyncMs = 27,
    /// Client → home MS: the account does something with a task.
    ChangeTask = 28,
    /// Client → home MS: everything that was done with a task.
    TaskHistory = 29,
    /// A home MS tells websites which accounts' tasks changed.
    TasksChanged = 30,
    /// Client → home MS: which of the account's tasks pass these filters, and hold these words?
    FindTasks = 31,
    /// An MS tells every LB that they know an old home of an account.
    StaleHome = 32,
}

impl Opcode {
    /// Every opcode, by number.
    pub const ALL: [Self; 32] = [
        Self::QueryLbForRs,
        Self::QueryLbForMs,
        Self::PingMs,
        Self::TaskToMs,
        Self::PollMs,
        Self::ClientPollMs,
        Self::TaskFromClient,
        Self::AuthClient,
        Self::NewPrimReg,
        Self::NewAcct,
        Self::RsHeartbeat,
        Self::AccountToRs,
        Self::PollRs,
        Self::LogIn,
        Self::LogOut,
        Self::ChangePassword,
        Self::LookupAccounts,
        Self::ListAccounts,
        Self::SetAccount,
        Self::AccountChanged,
        Self::DestroyMs,
        Self::MsDown,
        Self::ServerStatus,
        Self::CompareMs,
        Self::OutboxToHome,
        Self::DrainMs,
        Self::ResyncMs,
        Self::ChangeTask,
        Self::TaskHistory,
        Self::TasksChanged,
        Self::FindTasks,
        Self::StaleHome,
    ];

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Its name as the paper writes them, for example QUERY_LB_FOR_RS.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueryLbForRs => "QUERY_LB_FOR_RS",
            Self::QueryLbForMs => "QUERY_LB_FOR_MS",
            Self::PingMs => "PING_MS",
            Self::TaskToMs => "TASK_TO_MS",
            Self::PollMs => "POLL_MS",
            Self::ClientPollMs => "CLIENT_POLL_MS",
            Self::TaskFromClient => "TASK_FROM_CLIENT",
            Self::AuthClient => "AUTH_CLIENT",
            Self::NewPrimReg => "NEW_PRIM_REG",
            Self::NewAcct => "NEW_ACCT",
            Self::RsHeartbeat => "RS_HEARTBEAT",
            Self::AccountToRs => "ACCOUNT_TO_RS",
            Self::PollRs => "POLL_RS",
            Self::LogIn => "LOG_IN",
            Self::LogOut => "LOG_OUT",
            Self::ChangePassword => "CHANGE_PASSWORD",
            Self::LookupAccounts => "LOOKUP_ACCOUNTS",
            Self::ListAccounts => "LIST_ACCOUNTS",
            Self::SetAccount => "SET_ACCOUNT",
            Self::AccountChanged => "ACCOUNT_CHANGED",
            Self::DestroyMs => "DESTROY_MS",
            Self::MsDown => "MS_DOWN",
            Self::ServerStatus => "SERVER_STATUS",
            Self::CompareMs => "COMPARE_MS",
            Self::OutboxToHome => "OUTBOX_TO_HOME",
            Self::DrainMs => "DRAIN_MS",
            Self::ResyncMs => "RESYNC_MS",
            Self::ChangeTask => "CHANGE_TASK",
            Self::TaskHistory => "TASK_HISTORY",
            Self::TasksChanged => "TASKS_CHANGED",
            Self::FindTasks => "FIND_TASKS",
            Self::StaleHome => "STALE_HOME",
        }
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_up_from_one() {
        for (index, opcode) in Opcode::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(opcode.number()), index + 1, "{opcode}");
        }
    }
}
