//! Names of the NATS headers that Yoshi sets. Case-sensitive (ADR-4).

/// On a request that a load balancer forwards: the epoch of the account's home, in decimal.
/// 0 says that the server is not the home, and may answer polls and queue at most.
pub const EPOCH: &str = "Yoshi-Epoch";

/// On a block of a log: the subject that every server's *accounted for* goes to.
/// A header, because JetStream takes the reply field for its own acknowledgement.
pub const ACCOUNTED: &str = "Yoshi-Accounted";
