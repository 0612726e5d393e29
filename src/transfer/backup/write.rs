//! From a container to an archive.

use std::io::{BufWriter, Read};

use super::fitting::Fitting;
use crate::error::{Attempt, Error, Result};
use crate::host::output::Output;
use crate::layer::pack::Writer;
use crate::layer::{BytesContent, Compression, Compressor, Entry, EntryKind, Target, send};
use crate::report::{Report, Silent};
use crate::rootfs::Metadata;
use crate::rootfs::walk::Order;
use crate::store::Container;
use crate::transfer::tell::tell;

/// Bytes written at once.
const BUFFER: usize = 256 << 10;

/// How an archive is written.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How it is compressed.
    pub compression: Compression,
    /// How hard; the format's usual level when not given.
    pub level: Option<u32>,
    /// As the Python tool 2.1.4 writes backups: owned by root, without devices, pipes and the state as installed.
    pub portable: bool,
}

/// Archives the whole container; how many files were cut short while they were read.
pub fn backup(container: &Container, options: Options, output: Output, report: &dyn Report) -> Result<u64> {
    let name = container.name();
    write(container, options, output, report, &format!("{name}/rootfs"), &mut |target| {
        if let Some(manifest) = container.manifest()? {
            if let Err(error) = container.provenance() {
                report.warn(&format!("{error}; it is saved as it is"));
            }
            document(target, &format!("{name}/manifest.json"), &manifest)?;
        }
        if !options.portable
            && let Some(mut index) = container.index()?
        {
            let mut bytes = Vec::new();
            index.read_to_end(&mut bytes).attempt("read the container's index")?;
            document(target, &format!("{name}/.index"), &bytes)?;
        }
        Ok(())
    })
    .attempt(format_args!("back '{name}' up"))
}

/// Archives the root filesystem alone.
pub fn export(container: &Container, options: Options, output: Output, report: &dyn Report) -> Result<u64> {
    write(container, options, output, report, "", &mut |_| Ok(()))
        .attempt(format_args!("export '{}'", container.name()))
}

/// What `beside` writes, then the root as `prefix`.
fn write(
    container: &Container,
    options: Options,
    output: Output,
    report: &dyn Report,
    prefix: &str,
    beside: &mut dyn FnMut(&mut dyn Target) -> Result<()>,
) -> Result<u64> {
    let _lock = container.lock_shared("backup")?;
    let size = container.size().ok();
    tell_full(&output, size, options.compression, report);
    // Whoever reads the output may ask for a passphrase on the same terminal.
    let task = match &output {
        Output::Stdout(_) => report_nothing(),
        Output::File(_) => report.task("archiving", size),
    };
    let compressor = Compressor::new(output, options.compression, options.level)?;
    let mut writer = Writer::new(BufWriter::with_capacity(BUFFER, compressor)).sparse();
    let mut fitting = Fitting::new(&mut writer, options.portable, report);
    beside(&mut fitting)?;
    let root = container.rootfs()?.dir("").attempt("open the container's root")?;
    let each = &mut |metadata: &Metadata| task.advance(metadata.bytes_on_disk());
    let sent = send(root, prefix, Order::Sorted, &mut fitting, each).map_err(too_large)?;
    let attempt = "write the archive";
    let buffer = writer.finish()?;
    let compressor =
        buffer.into_inner().map_err(|error| too_large(Error::io(attempt, error.into_error())))?;
    compressor.finish().attempt(attempt).map_err(too_large)?.finish()?;
    task.state("done");
    drop(task);
    tell(&sent, report);
    Ok(sent.cut.len() as u64)
}

/// Packing a system makes it three to four times smaller; how much, nobody knows before, so this is no error.
fn tell_full(output: &Output, size: Option<u64>, compression: Compression, report: &dyn Report) {
    let Some((size, free)) = size.zip(output.free()) else { return };
    let least = if compression == Compression::None { size } else { size / 4 };
    if free < least {
        report.warn(&format!(
            "the files take {} MiB on disk, and {} MiB are free for the archive: it may not fit",
            size.div_ceil(1 << 20),
            free >> 20
        ));
    }
}

/// vfat, as on memory cards: 4 GiB a file.
fn too_large(error: Error) -> Error {
    match error.errno() {
        Some(libc::EFBIG) => error.hint(
            "that filesystem takes no larger file (FAT: 4 GiB); compress with xz, write elsewhere, or send the archive \
             through 'split': chroot-distro backup NAME | split -b 4000m - FILE.",
        ),
        _ => error,
    }
}

fn report_nothing() -> Box<dyn crate::report::Task> {
    Silent.task("", None)
}

/// A file of ours beside the tree.
fn document(target: &mut dyn Target, name: &str, bytes: &[u8]) -> Result<()> {
    let entry = Entry::new(name, EntryKind::File { size: bytes.len() as u64 })?;
    target.put(&entry, &mut BytesContent::new(bytes))
}
