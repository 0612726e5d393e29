//! Who owns what is made, in place of the source's owner.

use crate::error::{Attempt, Error, Result};
use crate::guest::accounts;
use crate::host::Host;
use crate::rootfs::{Follow, Rootfs};
use crate::transfer::endpoint::Place;

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
        let attempt = format_args!("find the owner '{spec}'");
        let found = |spec: &str| accounts::lookup(rootfs, spec).attempt(attempt);
        Ok(match spec.split_once(':') {
            Some(("", "")) | None if spec.trim_matches(':').is_empty() => {
                return Err(Error::usage(format_args!("'{spec}' names no owner"))
                    .hint("type USER, USER:GROUP or :GROUP"));
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

    /// The owner that was asked for, of `to`'s accounts; else that of the Termux app for its own directories.
    pub(crate) fn wanted(spec: Option<&str>, host: &Host, to: &Place) -> Result<Owner> {
        match spec {
            Some(spec) => Owner::find(&to.rootfs, spec),
            None => Ok(of_app(host, to)),
        }
    }

    /// Whether it says anything.
    pub fn is_set(&self) -> bool {
        *self != Owner::default()
    }
}

/// On Termux, who owns what is copied out: the app, which could not read root's files in its own directories. Nobody in
/// particular for a destination elsewhere.
fn of_app(host: &Host, to: &Place) -> Owner {
    let nobody = Owner::default();
    let Some(termux) = host.termux().filter(|_| to.container.is_none()) else { return nobody };
    // $TERMUX__PREFIX is `files/usr` in the app's directory.
    let Some(app) = termux.prefix.ancestors().nth(2).and_then(|app| app.canonicalize().ok()) else {
        return nobody;
    };
    let there = to.path.ancestors().find_map(|path| path.canonicalize().ok());
    if !there.is_some_and(|there| there.starts_with(&app)) {
        return nobody;
    }
    match to.rootfs.metadata(&app, Follow::Yes) {
        Ok(found) => Owner { uid: Some(found.uid), gid: Some(found.gid) },
        Err(_) => nobody,
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
