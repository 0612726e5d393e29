//! Where the blobs of an image come from.

use crate::error::Result;
use crate::net::Sink;
use crate::oci::Descriptor;
use crate::report::Task;

/// A registry, a layout, an archive: whatever has blobs to give. Several threads ask at once.
pub trait Origin: Sync {
    /// Sends one blob into `sink`, which verifies it. What the sink already has is not sent again.
    fn fetch(&self, blob: &Descriptor, sink: &mut dyn Sink, task: &dyn Task) -> Result<()>;
}
