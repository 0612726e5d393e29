//! The bytes of a file: shared where the filesystem can, copied inside the kernel where that can, else read and written.
//! Holes stay holes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{SeekFrom, ioctl_ficlone, seek};
use rustix::io::Errno;

use crate::error::{Attempt, Error, Result};
use crate::rootfs::Metadata;
use crate::sys::copy::copy_file_range;

/// Bytes read at once.
const BUFFER: u64 = 128 << 10;
/// Bytes: less than a block is copied as fast as it is shared.
const LEAST_SHARED: u64 = 4096;

/// Copies `from`, which was as `source` says, to the empty file `to`. A file that becomes shorter meanwhile is copied as
/// short as it is then. Files of /proc say that they have no bytes, and are read to their end.
pub(crate) fn copy(from: &File, to: &File, source: &Metadata) -> Result<()> {
    let size = source.size;
    // FICLONE, ioctl_ficlone(2): Linux 4.5, btrfs, XFS and others.
    if size >= LEAST_SHARED && ioctl_ficlone(to, from).is_ok() {
        return Ok(());
    }
    if size == 0 {
        return read_write(from, to, 0, u64::MAX).map(drop);
    }
    let mut copying = Copying { from, to, in_kernel: true };
    // It has no holes, as inode(7) counts.
    if source.blocks.saturating_mul(512) >= size {
        return copying.range(0, size).map(drop);
    }
    let mut position = 0;
    while position < size {
        let Some((data, hole)) = next_data(from, position, size)? else {
            let length = from.metadata().attempt("stat it")?.len().min(size);
            return to.set_len(length).attempt("write it");
        };
        if copying.range(data, hole)? < hole {
            return Ok(());
        }
        position = hole;
    }
    Ok(())
}

/// The next run of data (lseek(2), `SEEK_DATA`); none where only a hole is left. A filesystem that knows no holes has
/// data alone.
fn next_data(file: &File, position: u64, size: u64) -> Result<Option<(u64, u64)>> {
    let data = match seek(file, SeekFrom::Data(position)) {
        Ok(data) if data < size => data,
        Ok(_) | Err(Errno::NXIO) => return Ok(None),
        Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::SPIPE) => return Ok(Some((position, size))),
        Err(error) => return Err(Error::io("find its holes", error.into())),
    };
    let hole = seek(file, SeekFrom::Hole(data)).attempt("find its holes")?;
    Ok(Some((data, hole.min(size))))
}

struct Copying<'a> {
    from: &'a File,
    to: &'a File,
    /// Whether copy_file_range(2) is worth a try.
    in_kernel: bool,
}

impl Copying<'_> {
    /// Copies from `start` to `end`, or to the end of the file if that comes first: where it came to.
    fn range(&mut self, start: u64, end: u64) -> Result<u64> {
        let mut position = start;
        while self.in_kernel && position < end {
            let (mut read, mut written) = (position, position);
            let count = usize::try_from(end - position).unwrap_or(usize::MAX).min(1 << 30);
            match copy_file_range(self.from, &mut read, self.to, &mut written, count) {
                // The end of the file, or a file of /proc and the like on Linux 5.3 to 5.18: reading tells.
                Ok(0) => self.in_kernel = false,
                Ok(_) => position = written,
                Err(Errno::INTR) => {}
                Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::BADF) => {
                    self.in_kernel = false;
                }
                Err(error) => return Err(Error::io("write it", error.into())),
            }
        }
        if position < end { read_write(self.from, self.to, position, end) } else { Ok(end) }
    }
}

fn read_write(from: &File, to: &File, start: u64, end: u64) -> Result<u64> {
    let mut buffer = vec![0; (end - start).min(BUFFER) as usize];
    let mut position = start;
    while position < end {
        let wanted = (end - position).min(buffer.len() as u64) as usize;
        match from.read_at(&mut buffer[..wanted], position) {
            Ok(0) => break,
            Ok(count) => {
                to.write_all_at(&buffer[..count], position).attempt("write it")?;
                position += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read it", error)),
        }
    }
    Ok(position)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;
    use std::os::unix::fs::MetadataExt;

    fn stat(file: &File) -> Metadata {
        rustix::fs::fstat(file).unwrap().into()
    }

    fn copied(temp: &TempDir, from: &str, size: u64) -> Vec<u8> {
        let source = File::open(from).unwrap();
        let path = temp.path().join("to");
        let metadata = Metadata { size, ..stat(&source) };
        copy(&source, &File::create(&path).unwrap(), &metadata).unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn what_is_read_is_copied_whatever_the_size_said() {
        let temp = TempDir::new();
        let path = temp.path().join("from");
        std::fs::write(&path, vec![7; 300_000]).unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(copied(&temp, path, 300_000), vec![7; 300_000]);
        assert_eq!(copied(&temp, path, 500_000).len(), 300_000, "it became shorter");
        assert!(!copied(&temp, "/proc/version", 0).is_empty());
    }

    #[test]
    fn holes_stay() {
        let temp = TempDir::new();
        let from = File::create_new(temp.path().join("from")).unwrap();
        from.write_all_at(b"middle", 5 << 20).unwrap();
        from.set_len(10 << 20).unwrap();
        let source = File::open(temp.path().join("from")).unwrap();
        let to = File::create_new(temp.path().join("to")).unwrap();
        copy(&source, &to, &stat(&source)).unwrap();
        let metadata = to.metadata().unwrap();
        assert_eq!(metadata.len(), 10 << 20);
        assert!(metadata.blocks() <= from.metadata().unwrap().blocks());
        let both = ["from", "to"].map(|name| std::fs::read(temp.path().join(name)).unwrap());
        assert!(both[0] == both[1]);
    }
}
