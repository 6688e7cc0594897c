//! Public keys that come from somewhere else: read in the background, kept when the source is away, and read again
//! early, but rarely, when a token names a key that is not known yet.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm};
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

const REFRESH_EVERY: Duration = Duration::from_secs(60);
/// Until the first keys are there.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// However many unknown keys are named.
const EARLY_EVERY: Duration = Duration::from_secs(5);

/// What a source holds.
pub(crate) struct Published {
    pub(crate) issuer: Option<String>,
    pub(crate) keys: JwkSet,
}

type Reading = Pin<Box<dyn Future<Output = Result<Published, String>> + Send>>;
pub(crate) type Source = Box<dyn Fn() -> Reading + Send + Sync>;

pub(crate) struct Key {
    /// The only algorithm this key is good for: what a token says is compared with it, never believed.
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
}

pub(crate) struct KeySet {
    pub(crate) issuer: Option<String>,
    by_id: HashMap<String, Key>,
}

impl KeySet {
    fn new(published: &Published, accepted: &[Algorithm]) -> Self {
        let usable = |jwk: &Jwk| {
            let id = jwk.common.key_id.clone()?;
            let algorithm = algorithm_of(jwk).filter(|algorithm| accepted.contains(algorithm))?;
            let decoding = DecodingKey::from_jwk(jwk).ok()?;
            Some((id, Key { algorithm, decoding }))
        };
        let by_id = published.keys.keys.iter().filter_map(usable).collect();
        Self { issuer: published.issuer.clone(), by_id }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Key> {
        self.by_id.get(id)
    }
}

/// What the key says, or what its form leaves open.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    match (&jwk.algorithm, jwk.common.key_algorithm) {
        (AlgorithmParameters::OctetKeyPair(pair), None | Some(KeyAlgorithm::EdDSA)) => {
            (pair.curve == EllipticCurve::Ed25519).then_some(Algorithm::EdDSA)
        }
        (AlgorithmParameters::RSA(_), None | Some(KeyAlgorithm::RS256)) => Some(Algorithm::RS256),
        (AlgorithmParameters::EllipticCurve(curve), None | Some(KeyAlgorithm::ES256)) => {
            (curve.curve == EllipticCurve::P256).then_some(Algorithm::ES256)
        }
        _ => None,
    }
}

pub(crate) struct KeyStore {
    what: &'static str,
    accepted: &'static [Algorithm],
    current: RwLock<Option<Arc<KeySet>>>,
    source: Option<Source>,
    last_read: Mutex<Option<Instant>>,
}

impl KeyStore {
    pub(crate) fn new(
        what: &'static str,
        accepted: &'static [Algorithm],
        source: Option<Source>,
    ) -> Arc<Self> {
        Arc::new(Self { what, accepted, current: RwLock::default(), source, last_read: Mutex::default() })
    }

    pub(crate) fn current(&self) -> Option<Arc<KeySet>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn publish(&self, published: &Published) {
        let keys = Arc::new(KeySet::new(published, self.accepted));
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(keys);
    }

    /// Reads the keys until `stop`.
    pub(crate) async fn keep(self: Arc<Self>, stop: CancellationToken) {
        if self.source.is_none() {
            return;
        }
        loop {
            self.read(Duration::ZERO).await;
            let pause = if self.current().is_some() { REFRESH_EVERY } else { RETRY_EVERY };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// A token named a key that is not here. Everybody who comes while it is read waits for the same reading.
    pub(crate) async fn read_early(&self) {
        self.read(EARLY_EVERY).await;
    }

    async fn read(&self, not_within: Duration) {
        let Some(source) = &self.source else { return };
        let mut last = self.last_read.lock().await;
        if last.is_some_and(|at| at.elapsed() < not_within) {
            return;
        }
        *last = Some(Instant::now());
        match source().await {
            Ok(published) => self.publish(&published),
            Err(error) => tracing::warn!(keys = self.what, error, "cannot read the keys; those known stay"),
        }
    }
}
