//! Small fix-ups after the layers, so that a guest finds its name servers, and Android's kernel lets it use them.
//!
//! Files are replaced in one rename inside the root; a link in their place is replaced, never followed. A tree
//! without `/etc` is left alone.

use std::ffi::OsStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::ffi::OsStrExt;

use super::android;
use super::tolerate::tolerate;
use super::written::{HOSTS, MINIMAL_HOSTS, NAME_IS_OURS, OURS, RESOLV_CONF, without_name};
use crate::error::{Attempt, Error, Result};
use crate::host::Host;
use crate::host::resolv_conf::NameServer;
use crate::report::Report;
use crate::rootfs::{FileType, Follow, Rootfs};

/// When the host names none: documented.
const PUBLIC: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)), IpAddr::V4(Ipv4Addr::new(8, 8, 4, 4))];

/// Bytes; account files and these two are smaller by far.
const LIMIT: u64 = 4 << 20;

/// All fix-ups of a new tree. What cannot be done because the image has something else there is a warning.
pub fn provision(root: &Rootfs, host: &Host, report: &dyn Report) -> Result<()> {
    if root.metadata("/etc", Follow::Yes).map(|etc| etc.file_type).ok() != Some(FileType::Directory) {
        return Ok(());
    }
    tolerate(root.write(RESOLV_CONF, resolv_conf(host, true).as_bytes(), 0o644), RESOLV_CONF, report)?;
    let hosts = root.read(HOSTS, LIMIT).unwrap_or_default();
    if hosts.trim_ascii().is_empty() {
        tolerate(root.write(HOSTS, MINIMAL_HOSTS, 0o644), HOSTS, report)?;
    }
    if host.is_android() {
        android::accounts(root, host, report)?;
    }
    Ok(())
}

/// Brings `/etc/resolv.conf` up to date, unless the user, or anyone but us, has written it. One that is missing is made, and a
/// link that leads nowhere, as to what systemd would make in `/run`, is replaced. `scoped`: with the servers that are on a
/// link of the host's network, for a session that has that. Something else in its place, a directory, is an error.
pub fn refresh(root: &Rootfs, host: &Host, scoped: bool) -> Result<()> {
    let found = match root.read(RESOLV_CONF, LIMIT) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match root.dir("/etc") {
            Ok(_) => OURS.into(),
            Err(_) => return Ok(()),
        },
        Err(error) => {
            return Err(Error::io(format_args!("read the container's '{RESOLV_CONF}'"), error)
                .hint("names of machines are not found inside: remove what stands there, and log in again"));
        }
        Ok(found) => found,
    };
    if !found.starts_with(OURS.as_bytes()) {
        return Ok(());
    }
    let wanted = resolv_conf(host, scoped);
    if found == wanted.as_bytes() {
        return Ok(());
    }
    root.write(RESOLV_CONF, wanted.as_bytes(), 0o644)
        .attempt(format_args!("write the container's '{RESOLV_CONF}'"))
}

/// Has the guest find its own name: one line of /etc/hosts is ours, and says so. `None`: the host's name.
///
/// A file that has the name, that is missing or that is a link is left as it is.
pub fn hostname(root: &Rootfs, name: Option<&OsStr>) -> Result<()> {
    let uname = rustix::system::uname();
    let name = name.map_or(uname.nodename().to_bytes(), OsStr::as_bytes);
    if !name.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(byte)) || name.is_empty() {
        return Ok(());
    }
    match root.rewrite(HOSTS, |text| Ok(with_name(text, name))) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        rewritten => rewritten.map(drop).attempt(format_args!("write the container's '{HOSTS}'")),
    }
}

fn with_name(text: &[u8], name: &[u8]) -> Vec<u8> {
    let mut kept = without_name(text);
    let named = kept.split(|&byte| byte == b'\n').any(|line| {
        let words = line.split(|&byte| byte == b'#').next().unwrap_or_default();
        words.split(u8::is_ascii_whitespace).skip(1).any(|word| word == name)
    });
    if !named {
        if !kept.is_empty() && !kept.ends_with(b"\n") {
            kept.push(b'\n');
        }
        // As Debian has it: the name is this machine's, whatever its addresses are.
        kept.extend([b"127.0.1.1 ", name, b" ", NAME_IS_OURS, b"\n"].concat());
    }
    kept
}

/// The text of `/etc/resolv.conf` for a guest. `scoped`: with the servers that are on a link of the host's network.
pub fn resolv_conf(host: &Host, scoped: bool) -> String {
    let mut conf = host.resolv_conf();
    if conf.servers.iter().all(|server| server.zone.is_some() && !scoped) {
        conf.servers.extend(PUBLIC.map(NameServer::from));
    }
    format!("{OURS}{}", conf.text(scoped))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::report::Silent;
    use crate::testing::TempDir;

    fn linux() -> Host {
        Host::at("/nonexistent", [("", ""); 0])
    }

    /// A tree with an `/etc` of these files.
    fn tree(files: &[(&str, &str)]) -> TempDir {
        let tree = TempDir::new();
        fs::create_dir(tree.path().join("etc")).unwrap();
        for (name, contents) in files {
            fs::write(tree.path().join("etc").join(name), contents).unwrap();
        }
        tree
    }

    fn read(tree: &TempDir, name: &str) -> String {
        fs::read_to_string(tree.path().join("etc").join(name)).unwrap()
    }

    #[test]
    fn the_public_servers_are_the_last_resort() {
        assert_eq!(resolv_conf(&linux(), true), format!("{OURS}nameserver 8.8.8.8\nnameserver 8.8.4.4\n"));
    }

    #[test]
    fn a_link_is_replaced_and_real_hosts_are_kept() {
        let outside = tree(&[("x", "canary")]);
        let tree = tree(&[("hosts", "10.0.0.1 mine\n")]);
        symlink(outside.path().join("etc/x"), tree.path().join("etc/resolv.conf")).unwrap();
        provision(&Rootfs::new(tree.open()), &linux(), &Silent).unwrap();
        assert!(read(&tree, "resolv.conf").contains("8.8.8.8"));
        assert_eq!(read(&tree, "hosts"), "10.0.0.1 mine\n");
        assert_eq!(read(&outside, "x"), "canary");
    }

    #[test]
    fn odd_trees_are_left_as_they_are() {
        let bare = TempDir::new();
        provision(&Rootfs::new(bare.open()), &linux(), &Silent).unwrap();
        assert_eq!(fs::read_dir(bare.path()).unwrap().count(), 0);
        let odd = tree(&[]);
        fs::create_dir(odd.path().join("etc/resolv.conf")).unwrap();
        provision(&Rootfs::new(odd.open()), &linux(), &Silent).unwrap();
        assert!(odd.path().join("etc/resolv.conf").is_dir());
        let error = refresh(&Rootfs::new(odd.open()), &linux(), true).unwrap_err().to_string();
        assert!(error.contains("'/etc/resolv.conf'") && error.contains("directory"), "{error}");
        refresh(&Rootfs::new(bare.open()), &linux(), true).unwrap();
        assert_eq!(fs::read_dir(bare.path()).unwrap().count(), 0);
        assert!(read(&odd, "hosts").contains("127.0.0.1"));
    }

    #[test]
    fn only_our_own_file_is_refreshed() {
        for (before, after) in [("nameserver 1.1.1.1\n", false), (OURS, true)] {
            let tree = tree(&[("resolv.conf", before)]);
            refresh(&Rootfs::new(tree.open()), &linux(), true).unwrap();
            assert_eq!(read(&tree, "resolv.conf").contains("8.8.8.8"), after);
        }
        let tree = tree(&[]);
        refresh(&Rootfs::new(tree.open()), &linux(), true).unwrap();
        assert!(read(&tree, "resolv.conf").contains("8.8.8.8"));
        fs::remove_file(tree.path().join("etc/resolv.conf")).unwrap();
        symlink("../run/systemd/resolve/stub-resolv.conf", tree.path().join("etc/resolv.conf")).unwrap();
        refresh(&Rootfs::new(tree.open()), &linux(), true).unwrap();
        assert!(read(&tree, "resolv.conf").contains("8.8.8.8"));
    }

    #[test]
    fn one_line_has_the_name() {
        let once = with_name(b"127.0.0.1 localhost", b"box");
        assert_eq!(once, b"127.0.0.1 localhost\n127.0.1.1 box # chroot-distro\n");
        assert_eq!(with_name(&once, b"box"), once);
        assert_eq!(with_name(&once, b"other"), b"127.0.0.1 localhost\n127.0.1.1 other # chroot-distro\n");
        assert_eq!(with_name(&once, b"localhost"), b"127.0.0.1 localhost\n");
        assert_eq!(with_name(b"::1 a box b # box\n", b"box"), b"::1 a box b # box\n");
        assert_ne!(with_name(b"::1 a # box\n", b"box"), b"::1 a # box\n");
    }

    #[test]
    fn a_phone_gets_its_groups() {
        let phone = TempDir::new();
        fs::create_dir_all(phone.path().join("system")).unwrap();
        fs::write(phone.path().join("system/build.prop"), "").unwrap();
        let tree =
            tree(&[("group", "root:x:0:\n"), ("passwd", "_apt:x:42:65534::/nonexistent:/bin/false\n")]);
        let host = Host::at(phone.path(), [("", ""); 0]);
        provision(&Rootfs::new(tree.open()), &host, &Silent).unwrap();
        assert!(read(&tree, "group").contains("aid_inet:x:3003:root\n"));
        assert!(read(&tree, "passwd").starts_with("_apt:x:42:3003:"));
        assert!(!tree.path().join("etc/shadow").exists());
    }
}
