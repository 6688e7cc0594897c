//! This service's own tokens, one for each service it calls. The kubelet renews the files.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use tokio::sync::Mutex;

const CACHED_FOR: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub struct ServiceTokens {
    folder: Option<PathBuf>,
    cached: Arc<Mutex<HashMap<String, (Instant, HeaderValue)>>>,
}

impl ServiceTokens {
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, cached: Arc::default() }
    }

    /// The value of `x-orion-service-token` for a call to `callee`.
    pub async fn header(&self, callee: &str) -> Result<HeaderValue, String> {
        let mut cached = self.cached.lock().await;
        if let Some((at, value)) = cached.get(callee)
            && at.elapsed() < CACHED_FOR
        {
            return Ok(value.clone());
        }
        let folder = self.folder.as_ref().ok_or("ORION_SERVICE_TOKENS_DIR is not set")?;
        let path = folder.join(callee);
        let text =
            tokio::fs::read_to_string(&path).await.map_err(|error| format!("{}: {error}", path.display()))?;
        let mut value =
            HeaderValue::from_str(text.trim()).map_err(|_| format!("{}: no token", path.display()))?;
        value.set_sensitive(true);
        cached.insert(callee.to_owned(), (Instant::now(), value.clone()));
        Ok(value)
    }
}
