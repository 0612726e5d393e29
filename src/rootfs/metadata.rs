//! What the kernel says of a file, in types that do not change with the architecture.

use rustix::fs::Stat;

/// The type of a file, as in the `S_IFMT` bits of inode(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum FileType {
    Regular,
    Directory,
    Symlink,
    Fifo,
    Character,
    Block,
    Socket,
}

impl FileType {
    /// A device, FIFO or socket: its contents are none of a file's.
    pub fn is_special(self) -> bool {
        matches!(self, FileType::Fifo | FileType::Character | FileType::Block | FileType::Socket)
    }
}

/// A point in time; before 1970 `seconds` is negative and `nanoseconds` still counts forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Seconds since the epoch.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}

/// What fstatat says of a file. On 32-bit machines rustix asks statx first, for 64-bit times.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Metadata {
    pub file_type: FileType,
    /// Permission bits with setuid, setgid and sticky: 0 to 0o7777.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Blocks of 512 bytes on disk.
    pub blocks: u64,
    pub mtime: Timestamp,
    /// When the kernel last saw a change of any kind; no program can set it (inode(7)).
    pub ctime: Timestamp,
    pub links: u64,
    /// Device number of a device node: major, minor.
    pub rdev: (u32, u32),
    /// Device of the filesystem: major, minor.
    pub dev: (u32, u32),
    pub inode: u64,
}

/// The kernel's structure has another width for the same field on nearly every architecture.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless)]
impl From<Stat> for Metadata {
    fn from(stat: Stat) -> Metadata {
        Metadata {
            file_type: FileType::of_mode(stat.st_mode as u32),
            mode: stat.st_mode as u32 & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: stat.st_size as u64,
            blocks: stat.st_blocks as u64,
            mtime: Timestamp { seconds: stat.st_mtime as i64, nanoseconds: stat.st_mtime_nsec as u32 },
            ctime: Timestamp { seconds: stat.st_ctime as i64, nanoseconds: stat.st_ctime_nsec as u32 },
            links: stat.st_nlink as u64,
            rdev: (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)),
            dev: (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev)),
            inode: stat.st_ino as u64,
        }
    }
}

impl Metadata {
    /// Bytes that it takes on disk: blocks are of 512 bytes on every filesystem (inode(7)).
    pub fn bytes_on_disk(&self) -> u64 {
        self.blocks.saturating_mul(512)
    }

    /// Whether it is a regular file that somebody may execute.
    pub fn is_program(&self) -> bool {
        self.file_type == FileType::Regular && self.mode & 0o111 != 0
    }
}

impl FileType {
    fn of_mode(mode: u32) -> FileType {
        match rustix::fs::FileType::from_raw_mode(mode) {
            rustix::fs::FileType::Directory => FileType::Directory,
            rustix::fs::FileType::Symlink => FileType::Symlink,
            rustix::fs::FileType::Fifo => FileType::Fifo,
            rustix::fs::FileType::CharacterDevice => FileType::Character,
            rustix::fs::FileType::BlockDevice => FileType::Block,
            rustix::fs::FileType::Socket => FileType::Socket,
            // Every other value of S_IFMT is unused.
            _ => FileType::Regular,
        }
    }
}
