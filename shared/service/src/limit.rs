//! Every bound of start-up, shutdown and the shared connections, in one place.
//! Units come last in each name.

/// Threads for blocking work: password hashes, migrations, name lookups.
pub const BLOCKING_THREADS_MAX: usize = 16;
/// Seconds that the runtime waits for blocking work when the process ends.
pub const RUNTIME_END_SECONDS: u64 = 2;
/// Seconds between two runs of the metrics' upkeep.
pub const METRICS_UPKEEP_SECONDS: u64 = 5;
/// Bytes of a password file.
pub const PASSWORD_FILE_BYTES_MAX: u64 = 4 * 1024;

/// Seconds that a server goes on trying to begin while Postgres or the log is away.
pub const BEGIN_SECONDS: u64 = 30;
/// Milliseconds between two such tries.
pub const BEGIN_PAUSE_MILLIS: u64 = 500;
/// Milliseconds between two attempts to reach NATS or Postgres at start.
pub const CONNECT_RETRY_MILLIS: u64 = 250;
/// Seconds that one attempt to reach NATS may take.
pub const NATS_ATTEMPT_SECONDS: u64 = 5;
/// Seconds between two pings on the connection to NATS. With two of them
/// unanswered the third one gives the connection up: a node that has gone
/// without a word is left within three times as long. Twice that, and the attempts
/// to reach another one, fit into the 15 s that service may take to return.
pub const NATS_PING_SECONDS: u64 = 2;
/// Seconds that a request may take where the caller names no bound.
pub const NATS_REQUEST_SECONDS: u64 = 5;
/// Seconds that the last messages may take to leave when the process ends.
pub const NATS_FLUSH_SECONDS: u64 = 2;
/// Messages that wait for one subscription before further ones are dropped.
/// Many and small: what is accounted for, pings, what stands in buckets.
pub const NATS_SUBSCRIPTION_MESSAGES_MAX: usize = 65_536;
/// The same where strangers choose how large the messages are, up to NATS's own
/// limit. A client asks again for what was dropped.
pub const NATS_REQUEST_MESSAGES_MAX: usize = 2_048;

/// The oldest nats-server whose sync of replicated streams has no known holes.
pub const NATS_VERSION_MIN: (u32, u32) = (2, 15);
/// Seconds that the nodes of NATS may take to say how they store.
pub const STORAGE_ANSWER_SECONDS: u64 = 2;
/// How often they are asked at start, until all have answered.
pub const STORAGE_ROUNDS_FIRST: u32 = 3;
/// Seconds between two such looks afterwards.
pub const STORAGE_LOOK_SECONDS: u64 = 30;
/// Nodes of NATS that are kept track of; nobody runs more.
pub const STORAGE_NODES_MAX: usize = 100;

/// Milliseconds that a transaction may stay open without a statement.
pub const DATABASE_IDLE_TRANSACTION_MILLIS: u64 = 60_000;
/// Milliseconds that one statement of a migration may run.
pub const DATABASE_MIGRATION_MILLIS: u64 = 10 * 60_000;
/// The oldest Postgres, as `server_version_num` counts.
pub const DATABASE_VERSION_MIN: u32 = 150_000;
