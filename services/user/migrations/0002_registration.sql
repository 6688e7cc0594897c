-- What a registration needs to survive being interrupted or repeated.

-- Answers to calls that carried an Idempotency-Key. Neither the key nor the request is kept: the key's hash names the
-- row, and the request is a MAC under the key, so nothing here helps to guess a password.
CREATE TABLE idempotency_keys (
    key_hash     bytea       PRIMARY KEY,
    request_mac  bytea       NOT NULL,
    -- Checked at commit: the row is written before the person, so that two calls with one key meet here first.
    user_id      uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    -- Null until the registration has ended.
    response     jsonb,
    created_at   timestamptz NOT NULL
);

CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
CREATE INDEX idempotency_keys_user_id ON idempotency_keys (user_id);

-- Credentials that auth may have taken over although the registration was given up: the reaper removes them there.
CREATE TABLE credential_cleanups (
    user_id    uuid        PRIMARY KEY,
    -- Not before a late request can no longer arrive.
    not_before timestamptz NOT NULL
);

CREATE INDEX credential_cleanups_not_before ON credential_cleanups (not_before);
