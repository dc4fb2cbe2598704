//! Every bound of the website, in one place. Units come last in each name.

use std::time::Duration;

/// Browsers' connections at a time.
pub(crate) const CONNECTIONS_MAX: usize = 2_000;
/// The same of one source, where no proxy stands in front: all come from that then.
pub(crate) const CONNECTIONS_PER_SOURCE_MAX: usize = 1_000;
/// How long a browser may take none of what it is sent.
pub(crate) const TAKEN_WITHIN: Duration = Duration::from_secs(20);
/// How long a browser may take to send the head of a request.
pub(crate) const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long a browser may take to send the body of a request.
pub(crate) const BODY_WITHIN: Duration = Duration::from_secs(20);
/// Bytes of a request's line and headers.
pub(crate) const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Bytes of a form: a task's body may grow threefold when it is encoded for one.
pub(crate) const FORM_BYTES_MAX: usize = 320 * 1024;
/// Fields of a form.
pub(crate) const FORM_FIELDS_MAX: usize = 200;
/// How long the handling of one request may take.
pub(crate) const REQUEST_WITHIN: Duration = Duration::from_secs(45);

/// How long a session lives without being used.
pub(crate) const SESSION_IDLE: Duration = Duration::from_secs(12 * 60 * 60);
/// How long a session lives at most.
pub(crate) const SESSION_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How old the note of a session's last use may be before it is written anew.
pub(crate) const SESSION_SEEN_STEP: Duration = Duration::from_secs(60);
/// Sessions of one account; the oldest end first.
pub(crate) const SESSIONS_MAX: i64 = 50;
/// Characters that are kept of a browser's description of itself.
pub(crate) const AGENT_CHARS_MAX: usize = 300;
/// How often ended sessions are swept away.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_secs(10 * 60);
/// How long an account's cache is kept without a session.
pub(crate) const CACHE_IDLE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Accounts whose caches are dropped in one transaction: each may hold thousands of tasks.
pub(crate) const CACHES_DROPPED_AT_ONCE: i64 = 20;

/// How long one statement, and the wait for a connection, may take.
pub(crate) const QUERY_MAX: Duration = Duration::from_secs(10);

/// Tasks on one page of a list.
pub(crate) const PAGE_TASKS: i64 = 50;
/// Characters of a search.
pub(crate) const SEARCH_CHARS_MAX: usize = yoshi_protocol::limit::FIND_TEXT_CHARS_MAX;
/// How long a search may take; a home that is filling its index looks a second time.
pub(crate) const FIND_WITHIN: Duration = Duration::from_secs(6);
/// Names offered to complete a recipient.
pub(crate) const PEOPLE_MAX: i64 = 300;
/// Characters of a quick entry.
pub(crate) const QUICK_CHARS_MAX: usize = 2_000;
/// Bytes of Markdown that are shown as such; the rules of a task allow no more.
pub(crate) const MARKDOWN_BYTES_MAX: usize = yoshi_protocol::limit::BODY_BYTES_MAX;

/// How long a page waits for the account's home before it is served from the cache alone.
pub(crate) const FILL_WITHIN: Duration = Duration::from_secs(2);
/// How long the first filling of an account's cache may take before a page is served.
pub(crate) const FILL_FIRST_WITHIN: Duration = Duration::from_secs(20);
/// Steps of a task's history on one page.
pub(crate) const HISTORY_SHOWN: usize = 200;
/// How long the send of a task, or a change of the account, may take.
pub(crate) const CHANGE_WITHIN: Duration = Duration::from_secs(20);
/// Accounts whose caches are being filled at a time.
pub(crate) const FILLS_MAX: usize = 64;

/// How often the home of an account with an open page is asked for news, although no notice came.
pub(crate) const LIVE_EVERY: Duration = Duration::from_secs(10);
/// Open pages of one account.
pub(crate) const LIVE_PER_ACCOUNT_MAX: usize = 16;
/// Open pages of all accounts.
pub(crate) const LIVE_MAX: usize = 1_000;
/// How often an open page is told that it is still connected.
pub(crate) const LIVE_BEAT: Duration = Duration::from_secs(15);
/// How long one connection of an open page lasts; browsers come back by themselves.
pub(crate) const LIVE_CONNECTION_MAX: Duration = Duration::from_secs(30 * 60);

/// Log-ins and registrations at work at a time.
pub(crate) const ENTERING_MAX: usize = 16;
/// What the throttles remember: sources and accounts.
pub(crate) const THROTTLED_MAX: usize = 100_000;

/// How long the connection for administrators may take.
pub(crate) const ADMINISTRATION_CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How old what is known of the administrators' names may be.
pub(crate) const NAMES_EVERY: Duration = Duration::from_secs(2);
/// Bytes of the file with their names.
pub(crate) const NAMES_BYTES_MAX: u64 = 64 * 1024;
/// Accounts on one page for administrators.
pub(crate) const PAGE_ACCOUNTS: u32 = 30;
