//! On Termux, who owns what is copied out: the app, which could not read root's files in its own directories.

use super::options::Owner;
use crate::host::Host;
use crate::rootfs::Follow;
use crate::transfer::endpoint::Place;

/// The app's owner for a destination in its directories; elsewhere nobody in particular.
pub(crate) fn owner(host: &Host, to: &Place) -> Owner {
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
