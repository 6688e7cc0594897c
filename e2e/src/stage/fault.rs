//! What may go wrong between an operator and the API server.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::call::Call;

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is passed on, and the answer back.
    None,
    /// The API server never sees it; this is the answer.
    Answer(u16),
    /// The same with Retry-After, in seconds.
    AnswerLater(u16, u32),
    /// A watch can't be taken up where it was: what there is has to be listed anew.
    Expire,
    /// The API server never sees it, and there is no answer.
    Hang,
    /// The operator dies before it is passed on.
    CrashBefore,
    /// The API server does it, and the operator dies before it learns of that.
    CrashAfter,
    /// The connection breaks before it is passed on.
    BreakBefore,
    /// The API server does it, and the connection breaks before the answer.
    BreakAfter,
}

/// Says what becomes of each call; it is asked in the order in which they come.
pub type Script = Arc<dyn Fn(&Call) -> Fault + Send + Sync>;

/// This fault for the nth call (from 1) of those that are meant, once.
pub fn nth(n: usize, fault: Fault, meant: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Script {
    let seen = AtomicUsize::new(0);
    Arc::new(move |call| {
        let hit = meant(call) && seen.fetch_add(1, Ordering::SeqCst) + 1 == n;
        if hit { fault } else { Fault::None }
    })
}

/// This fault for every nth call of those that are meant.
pub fn every(n: usize, fault: Fault, meant: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Script {
    every_from(n, n, fault, meant)
}

/// This fault for one call (counted from 1) of those that are meant, and every so manieth after it.
pub fn every_from(
    first: usize,
    stride: usize,
    fault: Fault,
    meant: impl Fn(&Call) -> bool + Send + Sync + 'static,
) -> Script {
    let seen = AtomicUsize::new(0);
    Arc::new(move |call| {
        let count = if meant(call) { seen.fetch_add(1, Ordering::SeqCst) + 1 } else { return Fault::None };
        let hit = count >= first && (count - first).is_multiple_of(stride);
        if hit { fault } else { Fault::None }
    })
}

/// This fault for each call that is unlike any before it: whoever comes to the same call again gets through. What is done
/// to one thing gets through after `most` of them, in whatever ways they differ.
pub fn each_once(most: usize, fault: Fault, meant: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Script {
    let seen: Mutex<BTreeMap<String, Vec<Call>>> = Mutex::default();
    Arc::new(move |call| {
        if !meant(call) {
            return Fault::None;
        }
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let alike = seen.entry(call.likeness()).or_default();
        if alike.len() >= most || alike.iter().any(|before| before.is_like(call)) {
            return Fault::None;
        }
        alike.push(call.clone());
        fault
    })
}
