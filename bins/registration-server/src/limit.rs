//! Every bound of this server that is not a setting, in one place. Units come last in each name.

use std::time::Duration;

/// Tokens of one account. One more log-in ends the oldest.
pub(crate) const TOKENS_PER_ACCOUNT_MAX: usize = 100;
/// Blocks of the accounts log for which this database's copy keeps log-ins and
/// log-outs that no longer matter. A server that is further behind, and that the
/// stream no longer reaches back for, starts anew with an empty database.
pub(crate) const ENDED_BLOCKS_KEPT: u64 = yoshi_protocol::limit::ACCOUNT_BLOCKS_WHOLE;
/// Characters of a password's hash as a PHC string; argon2id needs about 100.
pub(crate) const PASSWORD_HASH_CHARS_MAX: usize = 255;

/// Requests that are worked on at once; the next one is answered `busy`.
pub(crate) const REQUESTS_IN_HAND_MAX: usize = 1_000;
/// Passwords that wait for a core at once; the next one is answered `busy`. At
/// some 25 ms each the last one waits for about a second: less than those who
/// ask wait for an answer, so no work is done for askers that have given up.
pub(crate) const PASSWORDS_WAITING_MAX: usize = 64;
/// Wrong passwords in a row that an account may get before further tries wait (NIST SP 800-63B-4).
pub(crate) const STRAIGHT_FAILURES_MAX: u32 = 100;
/// The longest wait before the next try.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// How long after the latest wrong password they are forgotten.
pub(crate) const FAILURES_FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);
/// Accounts whose wrong passwords are counted at once, at some 150 bytes each.
pub(crate) const THROTTLED_ACCOUNTS_MAX: usize = 10_000;
/// How long past β a change may stay without a result before its outcome is answered as unknown.
pub(crate) const CHANGE_SLACK: Duration = Duration::from_secs(5);
/// How long a database query of a request may take.
pub(crate) const QUERY_MAX: Duration = Duration::from_secs(5);
/// How long requests in hand may take to end at shutdown before the lease is released.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How long a primary that leaves waits until another one is heard of.
pub(crate) const HANDOVER_MAX: Duration = Duration::from_secs(4);
/// How long it listens after that for what load balancers still send it.
pub(crate) const HANDOVER_SLACK: Duration = Duration::from_millis(500);

/// Entries in one page of `POLL_RS`.
pub(crate) const LOG_PAGE_ENTRIES_MAX: usize = 2_000;
/// Bytes of entries in one page of `POLL_RS`; leaves room for the envelope.
pub(crate) const LOG_PAGE_BYTES_MAX: usize = 700 * 1024;

/// Backups that a primary keeps track of at once; more than anybody runs.
pub(crate) const BACKUPS_MAX: usize = 64;
/// How long a new primary lets the backups find it before it answers: a change
/// that is reported meanwhile would be on itself alone.
pub(crate) const SETTLE: Duration = Duration::from_millis(250);
/// How often a primary repeats `NEW_PRIM_REG`, for those who missed it.
pub(crate) const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(5);
/// How often a candidate looks whether the lease has ended.
pub(crate) const LEASE_POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How often the election's clock ticks.
pub(crate) const TICK_INTERVAL: Duration = Duration::from_millis(50);
/// How long the calls under way may take to end when the server leaves: one of
/// them may give the lease up.
pub(crate) const LEAVE_MAX: Duration = Duration::from_secs(2);
/// How long a claim waits that found the log full.
pub(crate) const CLAIM_PAUSE: Duration = Duration::from_millis(100);
/// How long one question to the load balancers may take at start.
pub(crate) const BALANCER_QUERY_MAX: Duration = Duration::from_secs(1);
/// How often the database is asked whether it answers.
pub(crate) const PULSE_INTERVAL: Duration = Duration::from_secs(1);
/// How long it may be silent before a backup no longer greets the primary, which
/// would wait for it: two queries that are missed. Sooner than a primary gives up,
/// for it costs little; with the silence after which a backup is gone, a change
/// that waits for it still ends within a client's deadline.
pub(crate) const PULSE_PROMPT_MAX: Duration = Duration::from_secs(3);
/// How often the server's health is looked at.
pub(crate) const HEALTH_INTERVAL: Duration = Duration::from_millis(500);
