//! Empty cgroups are taken away by whoever sees them: nobody waits for the end of most sessions.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::group::{children, remove};
use super::hierarchy::Hierarchy;
use super::mark::is_ours;

/// Takes away the empty cgroups of all containers, where this process would make one. Who may not leaves them to the next.
pub fn sweep() {
    let own = fs::read("/proc/self/cgroup").unwrap_or_default();
    for hierarchy in Hierarchy::all() {
        let mut places = vec![PathBuf::new()];
        let own = hierarchy.place(&own).unwrap_or_default();
        places.extend(own.ancestors().filter(|place| !place.as_os_str().is_empty()).map(PathBuf::from));
        places.iter().filter_map(|place| hierarchy.open(place).ok()).for_each(|parent| sweep_below(&parent));
    }
}

/// The same in one cgroup.
pub(super) fn sweep_below(parent: &OwnedFd) {
    for name in children(parent).iter().filter(|name| is_ours(name.as_bytes())) {
        let _ = remove(parent, name);
    }
}
