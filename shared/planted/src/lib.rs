//! Faults that are planted in the servers' own code, so that the chaos campaign
//! can show that its checker finds them (`deploy/chaos --planted`). What each
//! does stands at its place in the code, behind [`is`].
//!
//! Without the feature `planted-faults` there are none: [`is`] is the constant
//! `false`, and no name of a fault is part of the program. With the feature a
//! process has the one that `YOSHI_PLANTED_FAULT` names, read once. A release
//! build with the feature does not compile.

#[cfg(all(feature = "planted-faults", not(debug_assertions)))]
compile_error!("planted faults must not be part of a release build");

#[cfg(feature = "planted-faults")]
mod chosen;

#[cfg(feature = "planted-faults")]
pub use chosen::{VARIABLE, is, next_in_memory};

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// A fault that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fault {
            $($(#[$doc])* $variant,)*
        }

        #[cfg(feature = "planted-faults")]
        impl Fault {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// What `YOSHI_PLANTED_FAULT` calls it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

faults! {
    /// A server tells other roots *accounted for* before it commits.
    AcknowledgeBeforeCommit = "acknowledge-before-commit";
    /// A server tells other roots *accounted for* when it receives a block.
    AccountedOnReceipt = "accounted-on-receipt";
    /// A root reports success after its own commit alone.
    SuccessWithoutPeers = "success-without-peers";
    /// A server that was away goes on at the end of the log.
    CatchUpSkips = "catch-up-skips";
    /// A message server accepts entries of any epoch.
    NoEpochCheck = "no-epoch-check";
    /// A message server does not store the epoch of what it accepts.
    EpochNotStored = "epoch-not-stored";
    /// A message server does not ask its database for ids that were sent before.
    DedupeInMemory = "dedupe-in-memory";
    /// A task reaches the first of its recipients alone.
    FirstRecipientOnly = "first-recipient-only";
    /// An account's numbers come from a counter in memory.
    NumberInMemory = "number-in-memory";
    /// A poll's cursor is taken after its query.
    PollCursorLate = "poll-cursor-late";
    /// A load balancer assigns homes by its memory alone: it neither compares nor
    /// hears what another one has written.
    AssignWithoutCompare = "assign-without-compare";
    /// An account that moves keeps its epoch.
    SameEpochOnMove = "same-epoch-on-move";
    /// A primary goes on after its lease, and the log takes what it writes.
    DeposedPrimaryWrites = "deposed-primary-writes";
    /// A change of an account is reported before anybody has it.
    AccountReportedEarly = "account-reported-early";
    /// A new password is reported, and not logged.
    PasswordNotLogged = "password-not-logged";
    /// NATS acknowledges what is not on disk yet: a matter of its configuration.
    NatsWithoutSync = "nats-without-sync";
    /// A client makes a new id for each try of one task.
    FreshIdOnRetry = "fresh-id-on-retry";
}

/// Whether this process has the fault: never, in this build.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
#[must_use]
pub const fn is(_: Fault) -> bool {
    false
}

/// The next number of a name, from a counter in memory: there is none in this build.
#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
#[must_use]
pub const fn next_in_memory(_: &str) -> u64 {
    0
}

#[cfg(all(test, not(feature = "planted-faults")))]
mod tests {
    use super::{Fault, is};

    #[test]
    fn a_build_without_the_feature_has_no_fault() {
        const { assert!(!is(Fault::NoEpochCheck)) };
    }
}
