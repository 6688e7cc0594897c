//! What every reconcile shares: client, caches, clock.
