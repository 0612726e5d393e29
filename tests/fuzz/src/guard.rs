//! What must not happen besides panics: too much memory, and no end. The input that did it is kept.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// More than any input may make the program use: the largest window of a decoder is 128 MiB.
const MEMORY: usize = 400 << 20;
/// Seconds for one input. A machine that is busy with other things needs far less.
const SECONDS: u64 = 60;

static USED: AtomicUsize = AtomicUsize::new(0);
static FAILING: AtomicBool = AtomicBool::new(false);
/// Counts runs: even between them, odd within.
static RUNS: AtomicU64 = AtomicU64::new(0);
static CURRENT: Mutex<(&str, Vec<u8>)> = Mutex::new(("", Vec::new()));

/// A run of `target` begins.
pub fn begin(target: &'static str, input: &[u8]) {
    if let Ok(mut current) = CURRENT.lock() {
        current.0 = target;
        current.1.clear();
        current.1.extend_from_slice(input);
    }
    RUNS.fetch_add(1, Relaxed);
}

/// It came to an end.
pub fn end() {
    RUNS.fetch_add(1, Relaxed);
}

/// Starts the thread that waits for runs which do not end.
pub fn watch() {
    std::thread::spawn(|| {
        loop {
            let before = RUNS.load(Relaxed);
            std::thread::sleep(Duration::from_secs(SECONDS));
            if before % 2 == 1 && RUNS.load(Relaxed) == before {
                give_up(&format!("takes longer than {SECONDS} seconds"));
            }
        }
    });
}

/// Writes an input down; where.
pub fn keep(target: &str, input: &[u8]) -> PathBuf {
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/fuzz/failed"));
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    let path = directory.join(format!("{target}-{hash:016x}"));
    let kept = std::fs::create_dir_all(&directory).and_then(|()| std::fs::write(&path, input));
    if let Err(error) = kept {
        eprintln!("cannot keep the input: {error}");
    }
    path
}

/// Keeps the current input and ends the program: nobody could go on.
fn give_up(reason: &str) -> ! {
    FAILING.store(true, Relaxed);
    // Held only while a run begins.
    if let Ok(current) = CURRENT.try_lock() {
        let path = keep(current.0, &current.1);
        eprintln!("{}: an input {reason}: {}", current.0, path.display());
    }
    std::process::abort()
}

/// The system's allocator, up to [`MEMORY`].
pub struct Limited;

impl Limited {
    fn count(&self, size: usize) {
        if USED.fetch_add(size, Relaxed).saturating_add(size) > MEMORY && !FAILING.load(Relaxed) {
            give_up(&format!("wants more than {} MiB of memory", MEMORY >> 20));
        }
    }
}

// SAFETY: every call is handed on to the system's allocator, as it came.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size());
        // SAFETY: the caller's promise is the callee's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
