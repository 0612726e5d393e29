//! What a backup holds, entry by entry.

use crate::error::{Error, Result};
use crate::layer::{Content, Entry, EntryKind, Name, Sort, flatten_claimed};

/// Bytes; the documents beside the tree are smaller by far.
const DOCUMENT_MAX: u64 = 64 << 20;

/// Sorts the entries of the backup of one container.
pub(super) struct Backup {
    /// The container's name in it.
    pub(super) name: String,
    root: Name,
    pub(super) manifest: Option<Vec<u8>>,
    pub(super) index: Option<Vec<u8>>,
}

impl Backup {
    /// Begins with the first entry, which has the name in it. An archive of something else is refused.
    pub(super) fn of(first: &Entry) -> Result<Backup> {
        let mut parts = first.name.as_bytes().splitn(3, |&byte| byte == b'/');
        let name = parts.next().and_then(|name| str::from_utf8(name).ok()).unwrap_or_default().to_owned();
        let is_backup = match parts.next() {
            None => first.kind == EntryKind::Directory && !name.is_empty(),
            Some(second) => matches!(second, b"manifest.json" | b"rootfs" | b".index"),
        };
        if !is_backup {
            return Err(no_backup());
        }
        let root = Name::parse(format!("{name}/rootfs").as_bytes())?;
        Ok(Backup { name, root, manifest: None, index: None })
    }
}

pub(super) fn no_backup() -> Error {
    Error::invalid("it is no backup: there is no NAME/rootfs in it")
        .hint("an image or a root filesystem becomes a container by 'chroot-distro install ./FILE'")
}

impl Sort for Backup {
    fn place(&self, name: &Name) -> Option<Name> {
        name.under(&self.root)
    }

    fn other(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        let name = entry.name.as_bytes();
        let below = name.strip_prefix(self.name.as_bytes()).and_then(|rest| rest.strip_prefix(b"/"));
        let into = match below {
            Some(b"manifest.json") => &mut self.manifest,
            Some(b".index") => &mut self.index,
            // Another program may keep more there.
            Some(_) => return Ok(()),
            None if name == self.name.as_bytes() => return Ok(()),
            None => {
                return Err(Error::invalid(format_args!(
                    "'{}' is not of the container '{}'",
                    entry.name, self.name
                )));
            }
        };
        let EntryKind::File { size } = entry.kind else {
            return Err(Error::invalid(format_args!("'{}' is no file", entry.name)));
        };
        if size > DOCUMENT_MAX {
            return Err(Error::invalid(format_args!("'{}' is too large", entry.name)));
        }
        let mut bytes = Vec::new();
        flatten_claimed(content, size, &mut |run| {
            bytes.extend_from_slice(run);
            Ok(())
        })?;
        *into = Some(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_known_by_its_first_entry() {
        let first = |name: &str, kind| Backup::of(&Entry::new(name, kind).unwrap()).map(|backup| backup.name);
        let file = || EntryKind::File { size: 1 };
        for (name, kind) in [
            ("x/manifest.json", file()),
            ("./x/rootfs/bin/sh", file()),
            ("x/rootfs", EntryKind::Directory),
            ("x", EntryKind::Directory),
        ] {
            assert_eq!(first(name, kind).unwrap(), "x", "{name}");
        }
        for (name, kind) in [
            ("", EntryKind::Directory),
            ("bin/sh", file()),
            ("x", file()),
            ("oci-layout", file()),
            ("etc", EntryKind::Symlink("x".into())),
        ] {
            assert!(first(name, kind).is_err(), "{name}");
        }
    }
}
