-- Who may sign in, and what signing in left behind. Times come from the service's clock, so nothing defaults to now().

CREATE TABLE credentials (
    user_id           uuid PRIMARY KEY,
    -- As the person wrote it, for showing; `email_normalised` is what is looked up and must be unique.
    email             text        NOT NULL,
    email_normalised  text        NOT NULL UNIQUE,
    username          text        NOT NULL,
    -- A PHC string. Null once a person can sign in only by other means.
    password_hash     text,
    status            text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    roles             jsonb       NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(roles) = 'array'),
    -- Grows with every change of authority (roles, status, password); tokens carry it as `ver`.
    version           bigint      NOT NULL DEFAULT 1,
    -- The number of the last event published about this person.
    event_sequence    bigint      NOT NULL DEFAULT 0,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    last_login_at     timestamptz
);

CREATE TABLE sessions (
    id             uuid PRIMARY KEY,
    user_id        uuid        NOT NULL REFERENCES credentials ON DELETE CASCADE,
    created_at     timestamptz NOT NULL,
    last_seen_at   timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    ip             text,
    user_agent     text,
    revoked_at     timestamptz,
    revoked_reason text
);
CREATE INDEX sessions_of_a_user ON sessions (user_id) WHERE revoked_at IS NULL;
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- Refresh tokens. Only hashes: a successor is derived from its parent and a key that is not in this database.
CREATE TABLE auth_tokens (
    id          uuid PRIMARY KEY,
    user_id     uuid        NOT NULL REFERENCES credentials ON DELETE CASCADE,
    session_id  uuid        NOT NULL REFERENCES sessions ON DELETE CASCADE,
    family_id   uuid        NOT NULL,
    -- The token this one replaced. Unique: a token has one successor, whoever asks first.
    parent_id   uuid UNIQUE REFERENCES auth_tokens ON DELETE SET NULL,
    token_hash  bytea       NOT NULL UNIQUE,
    type        text        NOT NULL DEFAULT 'refresh' CHECK (type IN ('refresh')),
    status      text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'rotated', 'revoked')),
    issued_at   timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    rotated_at  timestamptz,
    revoked_at  timestamptz,
    ip          text,
    user_agent  text
);
CREATE INDEX auth_tokens_of_a_session ON auth_tokens (session_id);
CREATE INDEX auth_tokens_of_a_user ON auth_tokens (user_id);
CREATE INDEX auth_tokens_by_end ON auth_tokens (expires_at);
