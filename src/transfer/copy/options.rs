//! What was asked for.

use crate::error::{Attempt, Error, Result};
use crate::guest::accounts;
use crate::rootfs::Rootfs;

/// How to copy.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Directories too.
    pub recursive: bool,
    /// Hard links, devices, FIFOs, sockets and all extended attributes too, and the attributes of directories that
    /// exist.
    pub archive: bool,
    /// A link that is named as a source stands for what it leads to.
    pub follow: bool,
    /// Delete each source that was copied whole.
    pub remove: bool,
    /// The owner of everything that is made.
    pub owner: Owner,
}

/// An owner in place of the source's. What is none stays the source's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owner {
    /// User id.
    pub uid: Option<u32>,
    /// Group id.
    pub gid: Option<u32>,
}

impl Owner {
    /// Reads `USER`, `USER:GROUP` or `:GROUP`, names or numbers, by the accounts of `rootfs`. `USER` alone leaves the
    /// group as it is, as chown(1) does; `USER:` means the user's own group.
    pub fn find(rootfs: &Rootfs, spec: &str) -> Result<Owner> {
        let attempt = || format!("find the owner '{spec}'");
        let found = |spec: &str| accounts::lookup(rootfs, spec).attempt(attempt);
        Ok(match spec.split_once(':') {
            Some(("", "")) | None if spec.trim_matches(':').is_empty() => {
                return Err(
                    Error::usage(format!("'{spec}' names no owner")).hint("type USER, USER:GROUP or :GROUP")
                );
            }
            None => Owner { uid: Some(found(spec)?.uid), gid: None },
            Some((user, "")) => {
                let user = found(user)?;
                Owner { uid: Some(user.uid), gid: Some(user.gid) }
            }
            // The user does not matter, and 0 needs no entry.
            Some(("", group)) => Owner { uid: None, gid: Some(found(&format!("0:{group}"))?.gid) },
            Some(_) => {
                let user = found(spec)?;
                Owner { uid: Some(user.uid), gid: Some(user.gid) }
            }
        })
    }

    /// Whether it says anything.
    pub fn is_set(&self) -> bool {
        *self != Owner::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn names_are_those_of_the_destination() {
        let temp = TempDir::new();
        std::fs::create_dir(temp.path().join("etc")).unwrap();
        std::fs::write(temp.path().join("etc/passwd"), "me:x:1000:1001::/:\n").unwrap();
        std::fs::write(temp.path().join("etc/group"), "them:x:77:\n").unwrap();
        let rootfs = Rootfs::new(temp.open());
        let find = |spec| Owner::find(&rootfs, spec).unwrap();
        let owner = |uid, gid| Owner { uid, gid };
        assert_eq!(find("me"), owner(Some(1000), None));
        assert_eq!(find("me:"), owner(Some(1000), Some(1001)));
        assert_eq!(find("me:them"), owner(Some(1000), Some(77)));
        assert_eq!(find(":them"), owner(None, Some(77)));
        assert_eq!(find(":5"), owner(None, Some(5)));
        assert_eq!(find("5:6"), owner(Some(5), Some(6)));
        for wrong in ["", ":", "nobody", "me:nobody", ":nobody"] {
            assert!(Owner::find(&rootfs, wrong).is_err(), "{wrong}");
        }
    }
}
