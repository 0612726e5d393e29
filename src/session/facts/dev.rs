//! A /dev for hosts whose own has no /dev/shm, as Android's: one cannot be mounted where there is no directory, and
//! nothing is made on the host. The guest gets a /dev of its own then, with all that is in the host's.

use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;

use crate::host::Host;

/// An entry of the host's /dev.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevEntry {
    /// Its path on the host.
    pub source: PathBuf,
    /// Its path in the guest.
    pub path: PathBuf,
    /// Its type.
    pub kind: DevKind,
}

/// The type of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DevKind {
    Directory,
    /// A device or a socket.
    Node,
    Link {
        to: PathBuf,
    },
}

/// What is in the host's /dev; `None` where that will do as it is.
pub fn entries(host: &Host) -> Option<Vec<DevEntry>> {
    let dev = host.file("/dev");
    if !dev.is_dir() || dev.join("shm").is_dir() {
        return None;
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(dev).ok()?.flatten() {
        let (source, path) = (entry.path(), PathBuf::from("/dev").join(entry.file_name()));
        let Ok(kind) = entry.file_type() else { continue };
        let kind = match () {
            () if entry.file_name() == "shm" => continue,
            () if kind.is_dir() => DevKind::Directory,
            () if kind.is_symlink() => match std::fs::read_link(&source) {
                Ok(to) => DevKind::Link { to },
                Err(_) => continue,
            },
            () if kind.is_char_device() || kind.is_block_device() || kind.is_socket() => DevKind::Node,
            () => continue,
        };
        entries.push(DevEntry { source, path, kind });
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Some(entries)
}
