//! The entries themselves. Adding a service is one entry here and one folder under `services/`.

use crate::types::*;

pub const STORES: &[StoreEntry] = &[
    StoreEntry { store: Store::Postgres, name: "postgres", port: 5432, extra_ports: &[] },
    StoreEntry { store: Store::Redis, name: "redis", port: 6379, extra_ports: &[] },
    StoreEntry {
        store: Store::Rabbitmq,
        name: "rabbitmq",
        port: 5672,
        extra_ports: &[("management", 15672)],
    },
];

pub const SERVICES: &[Service] = &[AUTH, USER, GATEWAY];

const AUTH: Service = Service {
    name: "auth",
    port: 3001,
    tier: Tier::Auth,
    summary: "Signs people in, issues and revokes tokens, keeps credentials and sessions.",
    needs: &[hard("postgres"), hard("redis"), hard("rabbitmq")],
    calls: &[],
    routes: &[
        Route { prefix: "/api/auth", access: Access::Public },
        Route { prefix: "/.well-known/jwks.json", access: Access::Public },
    ],
    health_path: "/api/auth/health",
    database: Some("auth_db"),
    redis: &[
        RedisKeys { pattern: "auth:*", mode: KeyMode::Write },
        RedisKeys { pattern: "revoked:*", mode: KeyMode::Write },
    ],
    publishes: &[Publishes {
        exchange: "auth.events",
        keys: &[("user.login", true), ("user.logout", true), ("security.suspicious_activity", true)],
    }],
    consumes: None,
    secrets: &[GeneratedSecret {
        suffix: "auth-keys",
        env: "ORION_KEY_ENCRYPTION_KEY_FILE",
        keys: &[("key-encryption-key", SecretValue::Key256)],
    }],
    edge: false,
};

const USER: Service = Service {
    name: "user",
    port: 3002,
    tier: Tier::Business,
    summary: "Keeps people: registration, profiles, roles.",
    needs: &[hard("postgres"), hard("redis"), hard("rabbitmq"), hard("auth")],
    calls: &["auth"],
    routes: &[
        Route { prefix: "/api/user", access: Access::User },
        Route { prefix: "/api/user/register", access: Access::Public },
        Route { prefix: "/api/user/health", access: Access::Public },
    ],
    health_path: "/api/user/health",
    database: Some("user_db"),
    redis: &[RedisKeys { pattern: "user:*", mode: KeyMode::Write }],
    publishes: &[Publishes {
        exchange: "user.events",
        keys: &[("user.created", true), ("user.updated", true)],
    }],
    consumes: None,
    secrets: &[GeneratedSecret {
        suffix: "admin",
        env: "ORION_FIRST_ADMIN_DIR",
        keys: &[
            ("email", SecretValue::Fixed("admin@orion.local")),
            ("username", SecretValue::Fixed("admin")),
            ("password", SecretValue::Password),
        ],
    }],
    edge: false,
};

const GATEWAY: Service = Service {
    name: "gateway",
    port: 3000,
    tier: Tier::Gateway,
    summary: "The one way in: routes, verifies tokens, checks revocation, guards the edge.",
    needs: &[hard("redis"), hard("auth"), hard("user")],
    calls: &["auth", "user"],
    routes: &[],
    health_path: "/health",
    database: None,
    redis: &[
        RedisKeys { pattern: "revoked:*", mode: KeyMode::Read },
        RedisKeys { pattern: "gateway:*", mode: KeyMode::Write },
    ],
    publishes: &[],
    consumes: None,
    secrets: &[],
    edge: true,
};
