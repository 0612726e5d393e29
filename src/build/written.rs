//! The files of an image alone: as an archive, or in a directory.

use std::fs;
use std::io::BufWriter;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, mkdirat, open, openat};

use super::finish::Built;
use crate::error::{Attempt, Error, Result};
use crate::host::files::beside;
use crate::host::output::Output;
use crate::image::{Layer, open_blob};
use crate::layer::pack::Writer;
use crate::layer::{Compression, Compressor, Options, RootfsTarget, Target, apply, send};
use crate::report::Report;
use crate::rootfs::Rootfs;
use crate::rootfs::walk::Order;
use crate::store::Store;

/// Lays the files out in a new directory. What fails leaves nothing.
pub fn write_directory(store: &Store, images: &[Built], path: &Path, report: &dyn Report) -> Result<()> {
    let attempt = format_args!("write '{}'", path.display());
    // Under a hidden name until it is whole: whatever stops this leaves nothing under the other.
    let hidden = beside(path);
    fs::create_dir(&hidden).attempt(attempt)?;
    let written =
        open_directory(&hidden).attempt(attempt).and_then(|root| lay_out(store, images, root, report));
    let done = written.and_then(|()| fs::rename(&hidden, path).attempt(attempt));
    if done.is_err() {
        let _ = fs::remove_dir_all(&hidden);
    }
    done.attempt(attempt)?;
    report.info(&format!("Wrote '{}'", path.display()));
    Ok(())
}

/// Writes them to a new archive; the name's ending chooses the compression.
pub fn write_archive(store: &Store, images: &[Built], path: &Path, report: &dyn Report) -> Result<()> {
    let attempt = format_args!("write '{}'", path.display());
    let compression = Compression::of_name(path.as_os_str()).unwrap_or(Compression::None);
    let output = BufWriter::with_capacity(256 << 10, Output::create(path)?);
    let work = store.work()?;
    let root = open_directory(work.path()).attempt(attempt)?;
    let tree = Rootfs::new(root.try_clone().attempt(attempt)?);
    lay_out(store, images, root, report)?;
    let mut writer = Writer::new(Compressor::new(output, compression, None)?);
    writer.begin()?;
    send(tree.dir("").attempt(attempt)?, "", Order::Sorted, &mut writer, &mut |_| ())?;
    writer.end()?;
    let output = writer.finish()?.finish().attempt(attempt)?;
    output.into_inner().map_err(|error| Error::io(attempt, error.into_error()))?.finish()?;
    report.info(&format!("Wrote '{}'", path.display()));
    Ok(())
}

fn open_directory(path: &Path) -> rustix::io::Result<OwnedFd> {
    open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// Of several platforms each has a directory, as BuildKit names it: `linux_arm64`.
fn lay_out(store: &Store, images: &[Built], root: OwnedFd, report: &dyn Report) -> Result<()> {
    if let [only] = images {
        return lay_out_one(store, &only.layers, root, report);
    }
    for image in images {
        let name = image.platform.to_string().replace('/', "_");
        let attempt = format_args!("make the directory '{name}'");
        mkdirat(&root, &name, Mode::from_raw_mode(0o755)).attempt(attempt)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let own = openat(&root, &name, flags, Mode::empty()).attempt(attempt)?;
        lay_out_one(store, &image.layers, own, report).attempt(format_args!("for {}", image.platform))?;
    }
    Ok(())
}

fn lay_out_one(store: &Store, layers: &[Layer], root: OwnedFd, report: &dyn Report) -> Result<()> {
    let root = Rootfs::new(root);
    let mut target = RootfsTarget::new(&root, report);
    let options = Options { whiteouts: true, ..Options::default() };
    for layer in layers {
        let blob = open_blob(store, &layer.blob)?;
        apply(blob, &mut target, &options).attempt(format_args!("layer {}", layer.blob.short()))?;
    }
    target.finish()
}
