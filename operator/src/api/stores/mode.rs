//! Who runs a store, and what it is where the spec doesn't say.

use super::{Replicated, StoreSpec};
use catalog::Store;

/// Who runs a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Managed,
    External,
    CloudNativePg,
    ClusterOperator,
    Sentinel,
}

impl Mode {
    const ALL: [Mode; 5] =
        [Mode::Managed, Mode::External, Mode::CloudNativePg, Mode::ClusterOperator, Mode::Sentinel];

    /// As it is written in a spec.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Managed => "managed",
            Mode::External => "external",
            Mode::CloudNativePg => "cloudNativePg",
            Mode::ClusterOperator => "clusterOperator",
            Mode::Sentinel => "sentinel",
        }
    }

    /// Whether the operator itself runs it, and so keeps its volumes and backs it up.
    pub fn is_own(self) -> bool {
        matches!(self, Mode::Managed | Mode::Sentinel)
    }

    pub fn named(word: &str) -> Option<Mode> {
        Self::ALL.into_iter().find(|mode| mode.word() == word)
    }
}

/// The image of a managed store that says nothing about it.
pub fn default_image(store: Store) -> &'static str {
    match store {
        Store::Postgres => "docker.io/pgvector/pgvector:pg17",
        Store::Redis => "docker.io/library/redis:8",
        Store::Rabbitmq => "docker.io/library/rabbitmq:4-management",
    }
}

/// The volume of a managed store that says nothing about it.
pub fn default_storage(store: Store) -> &'static str {
    match store {
        Store::Postgres => "10Gi",
        Store::Redis => "1Gi",
        Store::Rabbitmq => "2Gi",
    }
}

impl StoreSpec {
    pub fn mode(&self) -> Mode {
        match self {
            Self { external: Some(_), .. } => Mode::External,
            Self { cloud_native_pg: Some(_), .. } => Mode::CloudNativePg,
            Self { cluster_operator: Some(_), .. } => Mode::ClusterOperator,
            Self { sentinel: Some(_), .. } => Mode::Sentinel,
            _ => Mode::Managed,
        }
    }

    /// What is said about a store in several instances.
    pub fn replicated(&self) -> Option<&Replicated> {
        self.cloud_native_pg.as_ref().or(self.cluster_operator.as_ref()).or(self.sentinel.as_ref())
    }

    pub fn is_external(&self) -> bool {
        self.mode() == Mode::External
    }
}
