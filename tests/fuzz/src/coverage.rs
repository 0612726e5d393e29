//! Which code ran: a byte for each edge of the control flow, counted by instructions that LLVM puts there
//! (SanitizerCoverage, inline 8-bit counters).

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

static START: AtomicUsize = AtomicUsize::new(0);
static END: AtomicUsize = AtomicUsize::new(0);

/// Called before `main` by each instrumented object file, with the program's one range of counters.
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, end: *mut u8) {
    START.store(start as usize, Relaxed);
    END.store(end as usize, Relaxed);
}

/// Eight counters each: most are zero most of the time, and the range is long.
fn counters() -> &'static [AtomicU64] {
    let (start, end) = (START.load(Relaxed).next_multiple_of(8), END.load(Relaxed));
    if end < start + 8 {
        return &[];
    }
    // SAFETY: the range is a section of this program, which lives as long as it does, and is aligned here. Other
    // threads of the library count in it meanwhile, by plain additions to its bytes: a lost count does no harm.
    unsafe { std::slice::from_raw_parts(start as *const AtomicU64, (end - start) / 8) }
}

pub fn reset() {
    for eight in counters() {
        if eight.load(Relaxed) != 0 {
            eight.store(0, Relaxed);
        }
    }
}

/// What was seen in all runs: for each edge a bit for each class of counts.
#[derive(Default)]
pub struct Seen {
    classes: Vec<[u8; 8]>,
    edges: usize,
}

impl Seen {
    /// Adds the counters of a run. Says whether the run did something that none before did.
    pub fn add(&mut self) -> bool {
        let counters = counters();
        self.classes.resize(counters.len(), [0; 8]);
        let mut new = false;
        for (eight, seen) in counters.iter().zip(&mut self.classes) {
            let eight = eight.load(Relaxed);
            if eight == 0 {
                continue;
            }
            for (count, seen) in eight.to_ne_bytes().into_iter().zip(seen) {
                let class = class(count);
                if class & !*seen != 0 {
                    self.edges += usize::from(*seen == 0);
                    *seen |= class;
                    new = true;
                }
            }
        }
        new
    }

    /// How many edges were passed at all.
    pub fn edges(&self) -> usize {
        self.edges
    }
}

/// Counts that make no difference are one class (AFL's).
fn class(count: u8) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        4..=7 => 8,
        8..=15 => 16,
        16..=31 => 32,
        32..=127 => 64,
        128..=255 => 128,
    }
}
