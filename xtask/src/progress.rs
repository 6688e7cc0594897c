//! What is going on, for people: every step says what it does, that it still does it, and how long it took.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Result;

const HEARTBEAT: Duration = Duration::from_secs(20);

/// Runs a step, with a line at its start, its end and every 20 s between.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("▸ {what}");
    let start = Instant::now();
    let (done, waiting) = mpsc::channel::<()>();
    let result = std::thread::scope(|scope| {
        scope.spawn(move || {
            while waiting.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                println!("  … {what}, {} so far", elapsed(start));
            }
        });
        let result = work();
        drop(done);
        result
    });
    match &result {
        Ok(_) => println!("✓ {what}, {}", elapsed(start)),
        Err(_) => println!("✗ {what}, {}", elapsed(start)),
    }
    result
}

/// Something that needed no work.
pub fn unchanged(what: &str) {
    println!("= {what}");
}

pub fn note(what: &str) {
    println!("  {what}");
}

/// What went wrong, and by which causes.
pub fn wrong(error: &anyhow::Error) {
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {}", cause.to_string().replace('\n', "\n    "));
    }
}

/// `8.3 s`, `2 m 05 s`.
pub fn elapsed(since: Instant) -> String {
    duration(since.elapsed())
}

pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    format!("{} m {:02} s", time.as_secs() / 60, time.as_secs() % 60)
}
