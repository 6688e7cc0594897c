-- What guards the accounts: attempts, lock-outs, revocations and the trail of what happened.

CREATE TABLE login_attempts (
    id            uuid PRIMARY KEY,
    user_id       uuid,
    email         text        NOT NULL,
    outcome       text        NOT NULL CHECK (outcome IN ('success', 'unknown_user', 'wrong_password', 'not_active')),
    ip            text,
    user_agent    text,
    attempted_at  timestamptz NOT NULL
);
CREATE INDEX login_attempts_of_a_user ON login_attempts (user_id, attempted_at);
CREATE INDEX login_attempts_by_time ON login_attempts (attempted_at);

-- Failures in a row, per account (hash of the normalised e-mail, known or not) and per address.
CREATE TABLE rate_limits (
    kind             text        NOT NULL CHECK (kind IN ('account', 'address')),
    subject          text        NOT NULL,
    failures         integer     NOT NULL,
    last_failure_at  timestamptz NOT NULL,
    locked_until     timestamptz,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX rate_limits_by_time ON rate_limits (last_failure_at);

-- Access tokens that must not be honoured although they have not expired. Written here first, then to Redis.
CREATE TABLE session_blacklist (
    kind             text        NOT NULL CHECK (kind IN ('jti', 'sid', 'sub')),
    subject          text        NOT NULL,
    -- Tokens issued up to this moment are revoked.
    revoked_through  timestamptz NOT NULL,
    -- When no such token can be alive any more.
    expires_at       timestamptz NOT NULL,
    reason           text        NOT NULL,
    created_at       timestamptz NOT NULL,
    -- When Redis first had it. Redis may lose its last second in a crash, so everything is written to it once more
    -- a few seconds later; only then it is settled.
    published_at     timestamptz,
    settled_at       timestamptz,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX session_blacklist_by_end ON session_blacklist (expires_at);
CREATE INDEX session_blacklist_unsettled ON session_blacklist (created_at) WHERE settled_at IS NULL;

CREATE TABLE security_events (
    id           uuid PRIMARY KEY,
    user_id      uuid,
    session_id   uuid,
    kind         text        NOT NULL,
    ip           text,
    user_agent   text,
    details      jsonb       NOT NULL DEFAULT '{}',
    occurred_at  timestamptz NOT NULL
);
CREATE INDEX security_events_of_a_user ON security_events (user_id, occurred_at);
CREATE INDEX security_events_by_time ON security_events (occurred_at);
