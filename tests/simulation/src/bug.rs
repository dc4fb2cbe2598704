//! Deliberate mistakes in the simulator's own driver. Each must be caught by
//! the checks; a checker that has caught none proves nothing.

/// A planted mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A server tells that it has committed when the transaction has only begun.
    AccountedBeforeCommit,
    /// A server tells so when the block has only come in.
    AccountedOnReceipt,
    /// Entries of a deposed home are taken.
    NoEpochCheck,
    /// The epochs are forgotten at a restart.
    EpochInMemory,
    /// The ids of earlier tasks are forgotten at a restart.
    DedupeInMemory,
    /// Who fills itself from a neighbour takes any neighbour for complete.
    CatchUpFromStalePeer,
    /// Every recipient gets the task in a transaction of its own.
    TransactionPerRecipient,
    /// The stream forgets its last blocks when it is killed.
    StreamLosesTail,
    /// The same, and nobody compares the stream's end with the own position.
    TailUnchecked,
    /// The next block goes out while nobody knows whether the last one is stored.
    NextBlockWhileUnknown,
    /// A load balancer writes homes without a comparison.
    AssignWithoutCompare,
    /// A server serves as soon as it has started.
    ServesBeforeTail,
    /// A change is acknowledged when it is decided, and not committed anywhere.
    ChangeBeforeCommit,
    /// The ids of earlier changes are forgotten at a restart.
    ChangeDedupeInMemory,
    /// A step that was taken back can be taken back again.
    UndoTwice,
    /// A task is reported queued when its way into the outbox has only begun.
    QueuedBeforeCommit,
    /// What has left the outbox is there again after a restart, and is sent under another id.
    OutboxSentTwice,
    /// The outbox sends an account's newest task first.
    OutboxOrderLost,
    /// A lost log is continued from where the first server stands, not the furthest.
    RecoveredFromAny,
    /// A server takes up the log that continues its own before it is levelled.
    AdoptsUnlevelled,
    /// The log that continues a lost one gives out the same sequences again.
    SequencesReused,
    /// A restart forgets which block was applied last, only its place is known.
    LastBlockForgotten,
    /// Where the log begins after what a database holds, a neighbour's word is taken for
    /// what follows, whatever came before.
    HeadUnchecked,
    /// A root asks nobody whether the stream lacks what others have applied.
    RootAsksNobody,
    /// A primary registration server goes on after its lease has ended.
    PrimaryOutlivesLease,
    /// The accounts log takes entries of a deposed primary.
    AnyPrimaryWrites,
}

impl Bug {
    /// Those of message servers, load balancers and the tasks log.
    pub const TASKS: [Self; 24] = [
        Self::AccountedBeforeCommit,
        Self::AccountedOnReceipt,
        Self::NoEpochCheck,
        Self::EpochInMemory,
        Self::DedupeInMemory,
        Self::CatchUpFromStalePeer,
        Self::TransactionPerRecipient,
        Self::StreamLosesTail,
        Self::TailUnchecked,
        Self::NextBlockWhileUnknown,
        Self::AssignWithoutCompare,
        Self::ServesBeforeTail,
        Self::ChangeBeforeCommit,
        Self::ChangeDedupeInMemory,
        Self::UndoTwice,
        Self::QueuedBeforeCommit,
        Self::OutboxSentTwice,
        Self::OutboxOrderLost,
        Self::RecoveredFromAny,
        Self::AdoptsUnlevelled,
        Self::SequencesReused,
        Self::LastBlockForgotten,
        Self::HeadUnchecked,
        Self::RootAsksNobody,
    ];
    /// Those of registration servers and the accounts log.
    pub const ACCOUNTS: [Self; 2] = [Self::PrimaryOutlivesLease, Self::AnyPrimaryWrites];
}
