//! The names of machines in a RUN: the host's resolvers and a file of hosts, shown by mounts and in no layer.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Attempt, Result};
use crate::guest::provision;
use crate::host::Host;
use crate::rootfs::Rootfs;
use crate::session::Bind;
use crate::session::bind::Restrict;

const HOSTS: &str = "127.0.0.1\tlocalhost buildkitsandbox\n::1\tlocalhost ip6-localhost ip6-loopback\n";

/// MAXSYMLINKS of the kernel (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Both files, written into `scratch`, to be seen in `root`.
pub fn binds(root: &Rootfs, host: &Host, scratch: &Path) -> Result<Vec<Bind>> {
    let files = [("resolv.conf", provision::resolv_conf(host, true)), ("hosts", HOSTS.to_owned())];
    files
        .into_iter()
        .map(|(name, text)| {
            let source = scratch.join(name);
            fs::write(&source, text).attempt(format_args!("write '{}'", source.display()))?;
            let target = end_of_links(root, &Path::new("/etc").join(name));
            Ok(Bind { source, target: Some(target), restrict: Restrict::NONE })
        })
        .collect()
}

/// Where a path leads in the root, also when nothing is there: systemd's link of resolv.conf points into an empty /run.
fn end_of_links(root: &Rootfs, path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = root.read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("/")).join(target);
    }
    path
}
