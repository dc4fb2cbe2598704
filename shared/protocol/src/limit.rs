//! Every bound of the wire, in one place. Units come last in each name.
//!
//! A message past one of these is refused before anything is allocated for it.

/// Characters in an account name (a NATS token, see [`crate::AccountName`]).
pub const ACCOUNT_NAME_CHARS_MAX: usize = 63;
/// Characters in a task's title.
pub const TITLE_CHARS_MAX: usize = 255;
/// Bytes of UTF-8 in a task's body.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of UTF-8 in a comment, a reason, or the text of an answer.
pub const COMMENT_BYTES_MAX: usize = 16 * 1024;
/// Characters in one label, option or link.
pub const SHORT_TEXT_CHARS_MAX: usize = 1_000;
/// Labels, or links, on one task.
pub const LABELS_MAX: usize = 50;
/// Fewest options of a task of kind `decide`.
pub const OPTIONS_MIN: usize = 2;
/// Most options of a task of kind `decide`.
pub const OPTIONS_MAX: usize = 10;
/// Recipients of one task.
pub const RECIPIENTS_MAX: usize = 100;
/// Minutes of effort: 100 years of working days are more than anybody plans.
pub const EFFORT_MINUTES_MAX: u32 = 100 * 365 * 8 * 60;
/// Bytes of one encoded task, all fields together.
pub const TASK_BYTES_MAX: usize = 96 * 1024;
/// CBOR items in one encoded task.
pub const TASK_ITEMS_MAX: usize = 2_000;

/// Bytes of a password's UTF-8.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// Fewest characters of a new password (OWASP ASVS 5.0, 6.2.1).
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Bytes of a token: 256 random bits.
pub const TOKEN_BYTES: usize = 32;
/// Seconds without PING_MS after which a message server counts as gone, if neither
/// it nor the listener goes by a longer silence.
pub const SILENCE_SECONDS: u64 = 3;
/// The longest such silence.
pub const SILENCE_SECONDS_MAX: u64 = 20;
/// Characters of a server's host label.
pub const HOST_CHARS_MAX: usize = 255;

/// Bytes of any request, a task included.
pub const REQUEST_BYTES_MAX: usize = 128 * 1024;
/// CBOR items in any request.
pub const REQUEST_ITEMS_MAX: usize = 4_000;
/// Bytes of any answer; below the 1 MiB `max_payload` of nats-server.
pub const ANSWER_BYTES_MAX: usize = 960 * 1024;
/// CBOR items in any answer.
pub const ANSWER_ITEMS_MAX: usize = 100_000;

/// Bytes of one entry of a log: a task and its envelope.
pub const ENTRY_BYTES_MAX: usize = TASK_BYTES_MAX + 1_024;
/// CBOR items in one entry of a log. The task in it is one byte string.
pub const ENTRY_ITEMS_MAX: usize = 64;

/// Entries in one block of the log. Must stay below [`POSITIONS_PER_BLOCK`].
pub const BLOCK_ENTRIES_MAX: usize = 1_000;
/// Bytes of the entries of one block.
pub const BLOCK_ENTRIES_BYTES_MAX: usize = 512 * 1024;
/// Bytes of one encoded block, its envelope included.
pub const BLOCK_BYTES_MAX: usize = BLOCK_ENTRIES_BYTES_MAX + 16 * 1024;
/// CBOR items in one encoded block.
pub const BLOCK_ITEMS_MAX: usize = BLOCK_ENTRIES_MAX + 16;
/// Positions that one stream sequence spans: `position = sequence * 1024 + index`.
pub const POSITIONS_PER_BLOCK: u64 = 1_024;
/// Blocks of the accounts log before its end after which every copy of it is whole:
/// before that, log-ins that have ended may be left out of it.
pub const ACCOUNT_BLOCKS_WHOLE: u64 = 65_536;

/// Tasks in one answer to a poll.
pub const POLL_TASKS_MAX: u32 = 500;
/// Bytes of tasks in one answer to a poll; leaves room for the envelope.
pub const POLL_TASKS_BYTES_MAX: usize = 700 * 1024;
/// Characters of the text that FIND_TASKS looks for.
pub const FIND_TEXT_CHARS_MAX: usize = 256;
/// Words in it. In writing without blanks between words, each character counts as one.
pub const FIND_WORDS_MAX: usize = 32;
/// People, or labels, that one FIND_TASKS names.
pub const FIND_NAMES_MAX: usize = 20;
/// Names in one LOOKUP_ACCOUNTS; one page of LIST_ACCOUNTS.
pub const ACCOUNTS_PAGE_MAX: usize = 1_000;

/// Nesting of arrays and maps in any message.
pub const CBOR_DEPTH_MAX: usize = 16;

/// Characters of an error's message on the wire.
pub const ERROR_MESSAGE_CHARS_MAX: usize = 1_000;
