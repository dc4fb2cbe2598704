//! Every bound of the load balancer, in one place. Units come last in each name.

/// Milliseconds between two looks at who is silent.
pub(crate) const SWEEP_MILLIS: u64 = 250;
/// Milliseconds of listening to `PING_MS` before the first answer: a little over its interval.
pub(crate) const LISTEN_MILLIS: u64 = 1_300;
/// Message servers in the roster.
pub(crate) const ROSTER_SERVERS_MAX: usize = 1_000;

/// Seconds in which the buckets must be there and read once, at start.
pub(crate) const SYNC_SECONDS: u64 = 30;
/// Seconds without the buckets at start after which the load balancer takes
/// requests all the same, and asks whoever is there.
pub(crate) const PATIENCE_SECONDS: u64 = 8;
/// Milliseconds between two questions to the leader of the bucket of affinity.
pub(crate) const BUCKET_ASK_MILLIS: u64 = 1_000;
/// Questions in a row without an answer after which the bucket is out of reach:
/// longer than an election among the nodes of NATS.
pub(crate) const BUCKET_FAILURES_MAX: u32 = 3;
/// Milliseconds between two attempts to open or to watch a bucket.
pub(crate) const WATCH_RETRY_MILLIS: u64 = 500;
/// Milliseconds between two looks whether a bucket is still the one that is watched.
pub(crate) const WATCH_LOOK_MILLIS: u64 = 1_000;
/// Looks in a row that must find a bucket's last revision fallen: a node that has
/// just become its leader may be behind for a moment.
pub(crate) const WATCH_FALLS: u32 = 2;

/// Accounts whose home is being assigned at once.
pub(crate) const ASSIGNING_MAX: usize = 4_096;
/// Requests of one account that wait for its assignment.
pub(crate) const WAITING_PER_ACCOUNT_MAX: usize = 64;
/// Requests that wait for assignments, all accounts together.
pub(crate) const WAITING_MAX: usize = 10_000;
/// Milliseconds before an assignment is tried again.
pub(crate) const ASSIGN_RETRY_MILLIS: u64 = 20;
/// Longest wait before an assignment is tried again, in milliseconds.
pub(crate) const ASSIGN_RETRY_MILLIS_MAX: u64 = 640;

/// Milliseconds between two looks for accounts whose home is lost.
pub(crate) const SPREAD_MILLIS: u64 = 500;
/// Accounts that are moved after one such look.
pub(crate) const SPREAD_ACCOUNTS_MAX: usize = 250;

/// Attempts to write that a message server is destroyed.
pub(crate) const DESTROY_ATTEMPTS_MAX: u32 = 3;
