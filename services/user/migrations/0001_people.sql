-- People, and the roles they have. Times come from the service's clock, not from the database's.

CREATE TABLE users (
    id                uuid        PRIMARY KEY,
    email             text        NOT NULL CHECK (email = lower(email)),
    username          text        NOT NULL,
    first_name        text        NOT NULL,
    last_name         text        NOT NULL,
    status            text        NOT NULL CHECK (status IN ('pending', 'active', 'suspended', 'deleted')),
    is_verified       boolean     NOT NULL DEFAULT false,
    email_verified_at timestamptz,
    last_login_at     timestamptz,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    version           bigint      NOT NULL DEFAULT 1,
    -- When the reaper may look at a pending person; nobody else's registration is finished by it.
    reap_at           timestamptz,
    CONSTRAINT users_pending_is_reaped CHECK ((status = 'pending') = (reap_at IS NOT NULL)),
    CONSTRAINT users_email_key UNIQUE (email),
    CONSTRAINT users_username_key UNIQUE (username)
);

CREATE INDEX users_reap_at ON users (reap_at) WHERE reap_at IS NOT NULL;

CREATE TABLE roles (
    name        text PRIMARY KEY,
    description text NOT NULL
);

INSERT INTO roles (name, description) VALUES
    ('admin', 'Administers the platform.'),
    ('user', 'Everybody who registered.');

CREATE TABLE user_roles (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role    text NOT NULL REFERENCES roles (name),
    PRIMARY KEY (user_id, role)
);

CREATE INDEX user_roles_role ON user_roles (role);
