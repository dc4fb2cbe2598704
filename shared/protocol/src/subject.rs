//! Every NATS subject and queue group, built and parsed here and nowhere else.
//!
//! `nats/SUBJECTS.md` documents them; a test holds the two equal. Identifiers
//! come last but for requests to one server, whose id stands before the verb.

use crate::name::{AccountName, Incarnation, ServerId};
use crate::opcode::Opcode;

/// QUERY_LB_FOR_RS.
pub const LB_QUERY_RS: &str = "yoshi.v1.lb.query-rs";
/// QUERY_LB_FOR_MS.
pub const LB_QUERY_MS: &str = "yoshi.v1.lb.query-ms";
/// DESTROY_MS.
pub const LB_DESTROY_MS: &str = "yoshi.v1.lb.destroy-ms";
/// STALE_HOME.
pub const LB_STALE_HOME: &str = "yoshi.v1.lb.stale-home";
/// PING_MS.
pub const MS_PING: &str = "yoshi.v1.ms.ping";
/// MS_DOWN.
pub const MS_DOWN: &str = "yoshi.v1.ms.down";
/// NEW_PRIM_REG.
pub const RS_NEW_PRIMARY: &str = "yoshi.v1.rs.new-primary";
/// ACCOUNT_CHANGED.
pub const RS_CHANGED: &str = "yoshi.v1.rs.changed";
/// SERVER_STATUS: every message server and registration server answers.
pub const SERVER_STATUS: &str = "yoshi.v1.server.status";
/// Every node of NATS answers with its `STATSZ`, in JSON: how it stores, among
/// other things. No opcode: NATS itself answers, through `nats/accounts.conf`.
pub const NATS_STATUS: &str = "yoshi.v1.nats.status";
/// TASKS_CHANGED.
pub const TASKS_CHANGED: &str = "yoshi.v1.notice.tasks";
/// Every OUTBOX_TO_HOME; the load balancers share it as a queue group.
pub const LB_OUTBOX_ALL: &str = "yoshi.v1.lb.outbox.*";
/// Every request of every client; the load balancers share it as a queue group.
pub const CLIENT_ALL: &str = "yoshi.v1.client.*.*";

/// The queue group in which the load balancers share requests.
pub const LB_QUEUE_GROUP: &str = "load-balancer";

/// The queue group in which the registration servers share what any of them
/// may answer.
pub const RS_QUEUE_GROUP: &str = "registration-server";

/// The stream that captures TASK_TO_MS.
pub const TASKS_STREAM: &str = "YOSHI_TASKS";
/// The stream that captures ACCOUNT_TO_RS.
pub const ACCOUNTS_STREAM: &str = "YOSHI_ACCOUNTS";
/// The KV bucket of affinity: account → [`crate::message::roster::Affinity`].
pub const AFFINITY_BUCKET: &str = "yoshi-affinity";
/// The KV bucket with the primary registration server's lease.
pub const REGISTRATION_BUCKET: &str = "yoshi-registration";
/// The key of that lease: a [`crate::message::roster::PrimaryLease`].
pub const PRIMARY_KEY: &str = "primary";
/// The key in that bucket of the message server that forgets its rows now: one at a
/// time, so that no two count on each other.
pub const RESYNC_KEY: &str = "resync";
/// The KV bucket of destroyed message servers: id → empty value.
pub const DESTROYED_BUCKET: &str = "yoshi-destroyed";

/// The kinds of server that keep a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Message servers.
    Ms,
    /// Registration servers.
    Rs,
}

impl Role {
    /// The role's token in subjects.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Ms => "ms",
            Self::Rs => "rs",
        }
    }
}

/// TASK_TO_MS or ACCOUNT_TO_RS: where a server publishes its blocks.
#[must_use]
pub fn block(role: Role, root: ServerId) -> String {
    match role {
        Role::Ms => format!("yoshi.v1.ms.task.{root}"),
        Role::Rs => format!("yoshi.v1.rs.account.{root}"),
    }
}

/// Where the *accounted for* replies to the blocks of one life of a server go.
#[must_use]
pub fn accounted(role: Role, root: ServerId, incarnation: Incarnation) -> String {
    format!("yoshi.v1.{}.{root}.accounted.{incarnation}", role.token())
}

/// POLL_MS or POLL_RS: a server's copy of the log.
#[must_use]
pub fn poll_log(role: Role, server: ServerId) -> String {
    format!("yoshi.v1.{}.{server}.poll", role.token())
}

/// What a client asks, and of whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientVerb {
    /// CLIENT_POLL_MS.
    Poll,
    /// TASK_FROM_CLIENT.
    Task,
    /// CHANGE_TASK.
    Change,
    /// TASK_HISTORY.
    History,
    /// FIND_TASKS.
    Find,
    /// NEW_ACCT.
    NewAccount,
    /// LOG_IN.
    LogIn,
    /// LOG_OUT.
    LogOut,
    /// CHANGE_PASSWORD.
    ChangePassword,
}

impl ClientVerb {
    /// Every verb.
    pub const ALL: [Self; 9] = [
        Self::Poll,
        Self::Task,
        Self::Change,
        Self::History,
        Self::Find,
        Self::NewAccount,
        Self::LogIn,
        Self::LogOut,
        Self::ChangePassword,
    ];

    /// The verb's token in subjects.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Task => "task",
            Self::Change => "change",
            Self::History => "history",
            Self::Find => "find",
            Self::NewAccount => "new-account",
            Self::LogIn => "log-in",
            Self::LogOut => "log-out",
            Self::ChangePassword => "change-password",
        }
    }

    /// The kind of server that answers it.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Poll | Self::Task | Self::Change | Self::History | Self::Find => Role::Ms,
            Self::NewAccount | Self::LogIn | Self::LogOut | Self::ChangePassword => Role::Rs,
        }
    }

    /// Whether it only reads: a server that stands in for an account's home may
    /// answer it without the log.
    #[must_use]
    pub const fn is_read(self) -> bool {
        match self {
            Self::Poll | Self::History | Self::Find => true,
            Self::Task
            | Self::Change
            | Self::NewAccount
            | Self::LogIn
            | Self::LogOut
            | Self::ChangePassword => false,
        }
    }

    fn from_token(token: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.token() == token)
    }
}

/// A client's request, before the load balancer forwards it.
#[must_use]
pub fn client(account: &AccountName, verb: ClientVerb) -> String {
    format!("yoshi.v1.client.{account}.{}", verb.token())
}

/// The account and verb of a client's request. The account is checked to be a
/// name, so that it can be put into another subject.
#[must_use]
pub fn parse_client(subject: &str) -> Option<(AccountName, ClientVerb)> {
    let (account, verb) = subject.strip_prefix("yoshi.v1.client.")?.split_once('.')?;
    Some((
        AccountName::new(account).ok()?,
        ClientVerb::from_token(verb)?,
    ))
}

/// The reply subject with which a load balancer forwards a client's request.
///
/// A request that crosses the accounts arrives with the reply subject
/// `_R_.<a>.<b>`. nats-server delivers an answer to it, but refuses every
/// publish that carries it as its own reply subject (*Publish Violation - Reply*).
/// `nats/accounts.conf` maps the subject built here back to it, so that the
/// server which gets the request answers the client directly. None if the
/// reply subject is not one of a client.
#[must_use]
pub fn forwarded_reply(reply: &str) -> Option<String> {
    let (first, second) = reply.strip_prefix("_R_.")?.split_once('.')?;
    let token = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    (token(first) && token(second)).then(|| format!("yoshi.v1.reply.{first}.{second}"))
}

/// A client's request on its way to the account's home.
#[must_use]
pub fn ms_client(server: ServerId, verb: ClientVerb, account: &AccountName) -> String {
    format!("yoshi.v1.ms.{server}.client-{}.{account}", verb.token())
}

/// Every client's request of one verb to one message server.
#[must_use]
pub fn ms_client_all(server: ServerId, verb: ClientVerb) -> String {
    format!("yoshi.v1.ms.{server}.client-{}.*", verb.token())
}

/// The account of a request that was forwarded to a message server.
#[must_use]
pub fn parse_ms_client(subject: &str) -> Option<AccountName> {
    let mut tokens = subject.strip_prefix("yoshi.v1.ms.")?.split('.');
    let (_server, verb, account) = (tokens.next()?, tokens.next()?, tokens.next()?);
    let known = verb
        .strip_prefix("client-")
        .and_then(ClientVerb::from_token)
        .is_some();
    if !known || tokens.next().is_some() {
        return None;
    }
    AccountName::new(account).ok()
}

/// OUTBOX_TO_HOME, before a load balancer forwards it.
#[must_use]
pub fn lb_outbox(account: &AccountName) -> String {
    format!("yoshi.v1.lb.outbox.{account}")
}

/// The account of an OUTBOX_TO_HOME that reached a load balancer.
#[must_use]
pub fn parse_lb_outbox(subject: &str) -> Option<AccountName> {
    AccountName::new(subject.strip_prefix("yoshi.v1.lb.outbox.")?).ok()
}

/// OUTBOX_TO_HOME on its way to the account's home.
#[must_use]
pub fn ms_outbox(server: ServerId, account: &AccountName) -> String {
    format!("yoshi.v1.ms.{server}.outbox.{account}")
}

/// Every OUTBOX_TO_HOME to one message server.
#[must_use]
pub fn ms_outbox_all(server: ServerId) -> String {
    format!("yoshi.v1.ms.{server}.outbox.*")
}

/// The account of an OUTBOX_TO_HOME that was forwarded to a message server.
#[must_use]
pub fn parse_ms_outbox(subject: &str) -> Option<AccountName> {
    let (_server, account) = subject
        .strip_prefix("yoshi.v1.ms.")?
        .split_once(".outbox.")?;
    AccountName::new(account).ok()
}

/// What one message server is asked by another, or by an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MsVerb {
    /// COMPARE_MS.
    Compare,
    /// DRAIN_MS.
    Drain,
    /// RESYNC_MS.
    Resync,
}

impl MsVerb {
    /// The verb's token in subjects.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Compare => "compare",
            Self::Drain => "drain",
            Self::Resync => "resync",
        }
    }
}

/// A request to one message server.
#[must_use]
pub fn ms(server: ServerId, verb: MsVerb) -> String {
    format!("yoshi.v1.ms.{server}.{}", verb.token())
}

/// What one registration server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RsVerb {
    /// AUTH_CLIENT.
    Auth,
    /// RS_HEARTBEAT.
    Heartbeat,
    /// LOOKUP_ACCOUNTS.
    LookupAccounts,
    /// LIST_ACCOUNTS.
    ListAccounts,
    /// SET_ACCOUNT.
    SetAccount,
    /// A client's verb, forwarded by a load balancer.
    Client(ClientVerb),
}

impl RsVerb {
    /// The verb's token in subjects.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Heartbeat => "heartbeat",
            Self::LookupAccounts => "lookup-accounts",
            Self::ListAccounts => "list-accounts",
            Self::SetAccount => "set-account",
            Self::Client(verb) => verb.token(),
        }
    }
}

/// A request to one registration server.
#[must_use]
pub fn rs(server: ServerId, verb: RsVerb) -> String {
    format!("yoshi.v1.rs.{server}.{}", verb.token())
}

/// AUTH_CLIENT or LOOKUP_ACCOUNTS to any registration server, primary or not:
/// what a message server asks while the log is out of reach, when no primary can
/// hold its lease. Registration servers share it in [`RS_QUEUE_GROUP`]. None for
/// any other verb: those are the primary's.
#[must_use]
pub const fn rs_any(verb: RsVerb) -> Option<&'static str> {
    match verb {
        RsVerb::Auth => Some("yoshi.v1.rs.any.auth"),
        RsVerb::LookupAccounts => Some("yoshi.v1.rs.any.lookup-accounts"),
        RsVerb::Heartbeat | RsVerb::ListAccounts | RsVerb::SetAccount | RsVerb::Client(_) => None,
    }
}

/// How `nats/SUBJECTS.md` writes the subject of an opcode.
#[must_use]
pub const fn pattern(opcode: Opcode) -> &'static str {
    match opcode {
        Opcode::QueryLbForRs => LB_QUERY_RS,
        Opcode::QueryLbForMs => LB_QUERY_MS,
        Opcode::PingMs => MS_PING,
        Opcode::TaskToMs => "yoshi.v1.ms.task.<id>",
        Opcode::PollMs => "yoshi.v1.ms.<id>.poll",
        Opcode::ClientPollMs => "yoshi.v1.client.<account>.poll",
        Opcode::TaskFromClient => "yoshi.v1.client.<account>.task",
        Opcode::AuthClient => "yoshi.v1.rs.<id>.auth",
        Opcode::NewPrimReg => RS_NEW_PRIMARY,
        Opcode::NewAcct => "yoshi.v1.client.<account>.new-account",
        Opcode::RsHeartbeat => "yoshi.v1.rs.<id>.heartbeat",
        Opcode::AccountToRs => "yoshi.v1.rs.account.<id>",
        Opcode::PollRs => "yoshi.v1.rs.<id>.poll",
        Opcode::LogIn => "yoshi.v1.client.<account>.log-in",
        Opcode::LogOut => "yoshi.v1.client.<account>.log-out",
        Opcode::ChangePassword => "yoshi.v1.client.<account>.change-password",
        Opcode::LookupAccounts => "yoshi.v1.rs.<id>.lookup-accounts",
        Opcode::ListAccounts => "yoshi.v1.rs.<id>.list-accounts",
        Opcode::SetAccount => "yoshi.v1.rs.<id>.set-account",
        Opcode::AccountChanged => RS_CHANGED,
        Opcode::DestroyMs => LB_DESTROY_MS,
        Opcode::MsDown => MS_DOWN,
        Opcode::ServerStatus => SERVER_STATUS,
        Opcode::CompareMs => "yoshi.v1.ms.<id>.compare",
        Opcode::OutboxToHome => "yoshi.v1.lb.outbox.<account>",
        Opcode::DrainMs => "yoshi.v1.ms.<id>.drain",
        Opcode::ResyncMs => "yoshi.v1.ms.<id>.resync",
        Opcode::ChangeTask => "yoshi.v1.client.<account>.change",
        Opcode::TaskHistory => "yoshi.v1.client.<account>.history",
        Opcode::TasksChanged => TASKS_CHANGED,
        Opcode::FindTasks => "yoshi.v1.client.<account>.find",
        Opcode::StaleHome => LB_STALE_HOME,
    }
}

#[cfg(test)]
mod tests;
