//! Whether a token was revoked. Auth writes these keys; the gateway reads them, all in one round trip.
//!
//! `revoked:epoch` tells a Redis that auth has filled from one that came up empty: without it, no key means nothing.

use chassis::stores::Redis;
use contracts::AccessClaims;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Good,
    Revoked,
    /// Redis does not answer, or does not know.
    Unknown,
}

pub async fn standing(redis: &Redis, claims: &AccessClaims) -> Standing {
    let AccessClaims { jti, sid, sub, .. } = claims;
    let keys = [
        "revoked:epoch".to_owned(),
        format!("revoked:jti:{jti}"),
        format!("revoked:sid:{sid}"),
        format!("revoked:sub:{sub}"),
    ];
    match redis.mget(&keys).await {
        Ok(values) => judge(&values, claims.iat),
        Err(error) => {
            tracing::warn!(%error, "revocations are unknown");
            Standing::Unknown
        }
    }
}

/// A value says up to which second tokens are revoked.
fn judge(values: &[Option<String>], issued_at: i64) -> Standing {
    let [epoch, revocations @ ..] = values else { return Standing::Unknown };
    // What cannot be read was written by somebody with a reason: it counts as revoked.
    let spares = |until: &String| until.parse::<i64>().is_ok_and(|until| issued_at > until);
    if revocations.iter().flatten().any(|until| !spares(until)) {
        return Standing::Revoked;
    }
    match epoch {
        Some(_) => Standing::Good,
        None => Standing::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_covers_tokens_issued_until_then_and_needs_no_epoch() {
        let judged = |epoch: Option<&str>, sub: Option<&str>| {
            judge(&[epoch.map(str::to_owned), None, None, sub.map(str::to_owned)], 100)
        };
        assert_eq!(judged(Some("1"), None), Standing::Good);
        assert_eq!(judged(Some("1"), Some("99")), Standing::Good);
        assert_eq!(judged(Some("1"), Some("100")), Standing::Revoked);
        assert_eq!(judged(Some("1"), Some("rubbish")), Standing::Revoked);
        assert_eq!(judged(None, Some("100")), Standing::Revoked);
        assert_eq!(judged(None, None), Standing::Unknown);
        assert_eq!(judge(&[], 100), Standing::Unknown);
    }
}
