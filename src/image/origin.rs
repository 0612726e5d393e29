//! Where the blobs of an image come from.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use crate::error::{Attempt, Result};
use crate::net::Sink;
use crate::oci::Descriptor;
use crate::report::Task;

/// A registry, a layout, an archive: whatever has blobs to give. Several threads ask at once.
pub trait Origin: Sync {
    /// Sends one blob into `sink`, which verifies it. What the sink already has is not sent again.
    fn fetch(&self, blob: &Descriptor, sink: &mut dyn Sink, task: &dyn Task) -> Result<()>;
}

/// Sends what `file` holds beyond what the sink has: an earlier run's part counts, as with any other download.
pub fn send_file(mut file: File, sink: &mut dyn Sink, task: &dyn Task) -> Result<()> {
    let attempt = "read it";
    file.seek(SeekFrom::Start(sink.len())).attempt(attempt)?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = file.read(&mut buffer).attempt(attempt)?;
        if count == 0 {
            return Ok(());
        }
        sink.append(&buffer[..count])?;
        task.advance(count as u64);
    }
}
