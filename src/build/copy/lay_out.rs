//! A tree as it may be seen, laid out on disk: what RUN mounts of a context from which .dockerignore hides something.

use super::files::Files;
use super::select::select;
use super::wanted::Wanted;
use crate::error::Result;
use crate::layer::{Index, RootfsTarget, Target};
use crate::report::Report;
use crate::rootfs::Rootfs;

impl Files {
    /// Copies all that may be seen into the empty directory `into`; blocks are shared where the filesystem can.
    pub fn lay_out(&self, into: &Rootfs, report: &dyn Report) -> Result<()> {
        let wanted = Wanted::whole("/");
        let selection = select(self, &wanted)?;
        let placed = selection.place(&Index::new())?;
        let mut target = RootfsTarget::new(into, report);
        target.begin()?;
        placed.send(&mut target)?;
        target.end()?;
        target.finish()
    }
}
