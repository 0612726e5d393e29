//! From the source's lock to the commit.

use std::io::Read;

use super::space;
use crate::error::{Attempt, Result};
use crate::layer::{RootfsTarget, Target, send};
use crate::report::Report;
use crate::rootfs::Metadata;
use crate::rootfs::walk::Order;
use crate::store::{Container, Name, Staged, Store};
use crate::transfer::tell::tell;

/// Makes the container `name` of the files, the image and the index of `source`, which may be running. `Exists`: the
/// name is taken. When it fails, nothing of it stays.
pub fn run(store: &Store, source: &Container, name: &Name, report: &dyn Report) -> Result<Container> {
    let make = || {
        source.refuse_taken(name)?;
        let _lock = source.lock_shared("clone")?;
        let staged = store.stage(name, "clone")?;
        let size = source.size()?;
        space::check(store, source, size)?;
        if let Some(manifest) = source.manifest()? {
            staged.put_manifest(&manifest)?;
        }
        put_index(source, &staged)?;
        fill(source, &staged, size, report)?;
        staged.commit(None)
    };
    make().attempt(format_args!("clone '{}' to '{name}'", source.name()))
}

/// The tree as `source` was installed, so that `diff` tells the same of both.
fn put_index(source: &Container, staged: &Staged) -> Result<()> {
    let Some(mut file) = source.index()? else { return Ok(()) };
    let mut index = Vec::new();
    file.read_to_end(&mut index).attempt(format_args!("read the index of '{}'", source.name()))?;
    staged.put_index(&index)
}

fn fill(source: &Container, staged: &Staged, size: u64, report: &dyn Report) -> Result<()> {
    let root = source.rootfs()?.dir("").attempt("open its root")?;
    let task = report.task("cloning", Some(size));
    let mut target = RootfsTarget::new(staged.rootfs(), report);
    target.begin()?;
    let each = &mut |metadata: &Metadata| task.advance(metadata.bytes_on_disk());
    let sent = send(root, "", Order::Any, &mut target, each)?;
    target.end()?;
    target.finish()?;
    task.state("done");
    drop(task);
    tell(&sent, report);
    Ok(())
}
