-- Accounts, their passwords and tokens, this server's copy of the accounts
-- log, and the fence that keeps deposed primaries out of it.
--
-- Every row follows from the accounts log alone, so that all registration
-- servers' databases are equal at the same position.

CREATE TABLE account (
    -- One safe token, see the protocol's AccountName.
    name text COLLATE "C" PRIMARY KEY,
    -- argon2id, as a PHC string. Never a password.
    password_hash text NOT NULL,
    -- The operation that set this password: NEW_ACCT or CHANGE_PASSWORD. A retry of it is known by it.
    password_operation uuid NOT NULL,
    -- Whether nobody may use the account, or send to it.
    disabled boolean NOT NULL DEFAULT false,
    -- The clock of the primary that created it, in milliseconds since the Unix epoch. For people.
    created_at bigint NOT NULL
);

CREATE TABLE token (
    -- SHA-256 of the token. The token itself is known to its owner alone.
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    -- Whose.
    account text COLLATE "C" NOT NULL REFERENCES account (name),
    -- When it ends by itself, in milliseconds since the Unix epoch.
    expires_at bigint NOT NULL,
    -- The place of its log-in in the accounts log. An account's oldest tokens end first when it has too many.
    position bigint NOT NULL CHECK (position >= 0)
);

CREATE INDEX token_account ON token (account);

CREATE TABLE account_event (
    -- The entry's place in the accounts log.
    position bigint PRIMARY KEY CHECK (position >= 0),
    -- The operation's id: the idempotency key, kept for good.
    id uuid NOT NULL UNIQUE,
    -- The entry as it stood in the log. POLL_RS serves it to neighbours.
    body bytea NOT NULL
);

CREATE TABLE primary_epoch (
    -- There is exactly one row.
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    -- The highest epoch in which a server became primary; entries of lower ones are refused. 0: none yet.
    epoch bigint NOT NULL CHECK (epoch >= 0),
    -- The server that became primary in it; none before the first.
    server uuid
);

INSERT INTO primary_epoch (epoch, server) VALUES (0, NULL);
