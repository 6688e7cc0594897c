-- The keys that access tokens are signed with. A key is published (pending) before it signs (active), and stays
-- published (retired) until nothing that it signed can be alive.

CREATE TABLE signing_keys (
    kid           text PRIMARY KEY,
    algorithm     text        NOT NULL DEFAULT 'EdDSA' CHECK (algorithm IN ('EdDSA')),
    public_key    bytea       NOT NULL,
    -- PKCS #8, sealed with AES-256-GCM under the key `sealed_with`; the kid is bound in as additional data.
    private_key   bytea       NOT NULL,
    sealed_with   text        NOT NULL,
    status        text        NOT NULL CHECK (status IN ('pending', 'active', 'retired')),
    created_at    timestamptz NOT NULL,
    activated_at  timestamptz,
    retired_at    timestamptz
);
-- Whatever races: never two keys that sign, never two that wait.
CREATE UNIQUE INDEX one_active_signing_key ON signing_keys (status) WHERE status = 'active';
CREATE UNIQUE INDEX one_pending_signing_key ON signing_keys (status) WHERE status = 'pending';
