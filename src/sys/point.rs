//! Named moments of the work, at which a test can kill this process to see what is left. What is handed out has none:
//! without the feature `fault-points` nothing of this is compiled.

/// Kills this process with `SIGKILL` when `CD_FAULT` names this moment, alone (`remove.renamed`) or with how many times
/// it is to come first (`layer.entry:700`).
#[cfg(feature = "fault-points")]
pub fn reach(name: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static SEEN: AtomicU32 = AtomicU32::new(0);
    let Ok(wanted) = std::env::var("CD_FAULT") else { return };
    let (wanted, before) = wanted.split_once(':').unwrap_or((&wanted, "0"));
    if wanted == name && SEEN.fetch_add(1, Ordering::Relaxed).to_string() == before {
        // Nothing is left to do where even this fails, and the test says that nothing was killed.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Does nothing.
#[cfg(not(feature = "fault-points"))]
#[inline(always)]
pub fn reach(_: &str) {}
