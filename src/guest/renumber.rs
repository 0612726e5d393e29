//! Gives a guest's user another number, as usermod(8) does: in its account files, and on their own files at home.
//!
//! For a home or a display that the host shares: the host's files keep their owner, so the guest's user must be that
//! owner. (An idmapped mount could translate instead, but not every filesystem takes one, and a socket's peer would
//! still be somebody else.) Only the guest's own files change; a directory with anything mounted below is refused.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::io::Errno;

use super::accounts::{User, parse_group, parse_user};
use crate::error::{Attempt, Error, Kind, Result};
use crate::rootfs::walk::{self, Doing, Next, Order, Visit, Visited};
use crate::rootfs::{Dir, FileType, Follow, Rootfs, chown};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Android's accounts in a guest stand for numbers and are nobody's login: one gives way.
const PLACEHOLDER: &[u8] = b"aid_";

/// Makes `uid` the number of `user`, who has an entry in /etc/passwd, and of their group, if that bears their name and
/// the number is free. Refused (`Exists`) when the number is another user's.
///
/// The files come first and /etc/passwd last: one that is interrupted is done again.
pub fn renumber(root: &Rootfs, user: &User, uid: u32) -> Result<()> {
    let attempt = format_args!("give '{}' the number {uid} in the container", user.name.display());
    let passwd = contents(root, PASSWD).attempt(attempt)?;
    let group = contents(root, GROUP).unwrap_or_default();
    if let Some(other) = holder(&passwd, user, uid) {
        return Err(Error::new(
            Kind::Exists,
            format_args!("the container's '{}' has the number {uid} already", other.display()),
        ));
    }
    if !root.mounts_below().attempt(attempt)?.is_empty() {
        return Err(Error::new(Kind::Busy, "something is mounted in the container's directory"));
    }
    let gid = follows(&group, user, uid).then_some(uid);
    give(root, user, uid, gid).attempt(attempt)?;
    if let Some(gid) = gid {
        root.rewrite(GROUP, |text| Ok(edit(text, |line| renumber_group(line, user, gid))))
            .attempt(attempt)?;
    }
    let mut first = true;
    let edited = |text: &[u8]| Ok(edit(text, |line| renumber_user(line, user, uid, gid, &mut first)));
    root.rewrite(PASSWD, edited).attempt(attempt)?;
    Ok(())
}

/// Of a plain file: what a link leads to is not edited, so nothing is begun.
fn contents(root: &Rootfs, path: &str) -> io::Result<Vec<u8>> {
    if root.metadata(path, Follow::No)?.file_type != FileType::Regular {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("'{path}' is not a regular file")));
    }
    root.read(path, 4 << 20)
}

/// Whose number it is, other than the user's and a placeholder's.
fn holder(passwd: &[u8], user: &User, uid: u32) -> Option<OsString> {
    let others = passwd.split(|&byte| byte == b'\n').filter_map(|line| parse_user(line.trim_ascii()));
    let mut others = others.filter(|other| other.uid == uid && other.name != user.name);
    others.find(|other| !other.name.as_bytes().starts_with(PLACEHOLDER)).map(|other| other.name)
}

/// Whether the user's own group takes the number too.
fn follows(group: &[u8], user: &User, gid: u32) -> bool {
    let mut own = false;
    for entry in group.split(|&byte| byte == b'\n').filter_map(|line| parse_group(line.trim_ascii())) {
        if entry.gid == gid && entry.name != user.name.as_bytes() {
            return false;
        }
        own |= entry.name == user.name.as_bytes() && entry.gid == user.gid;
    }
    own
}

/// Each line through `change`: other words for it, or none at all.
fn edit(text: &[u8], mut change: impl FnMut(&[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    text.split_inclusive(|&byte| byte == b'\n').filter_map(&mut change).flatten().collect()
}

fn renumber_user(line: &[u8], user: &User, uid: u32, gid: Option<u32>, first: &mut bool) -> Option<Vec<u8>> {
    let Some(found) = parse_user(line.trim_ascii()) else { return Some(line.to_vec()) };
    if found.uid == uid && found.name.as_bytes().starts_with(PLACEHOLDER) {
        return None;
    }
    if found.name != user.name || !std::mem::take(first) {
        return Some(line.to_vec());
    }
    Some(replace(line, &[(2, Some(uid)), (3, gid)]))
}

fn renumber_group(line: &[u8], user: &User, gid: u32) -> Option<Vec<u8>> {
    let own = parse_group(line.trim_ascii())
        .is_some_and(|found| found.name == user.name.as_bytes() && found.gid == user.gid);
    Some(if own { replace(line, &[(2, Some(gid))]) } else { line.to_vec() })
}

/// The line with other numbers in some of its fields.
fn replace(line: &[u8], numbers: &[(usize, Option<u32>)]) -> Vec<u8> {
    let mut fields: Vec<Vec<u8>> = line.split(|&byte| byte == b':').map(<[u8]>::to_vec).collect();
    for (at, number) in numbers {
        if let (Some(field), Some(number)) = (fields.get_mut(*at), number) {
            // The last field has the end of the line with it.
            let end = field.len() - field.trim_ascii_end().len();
            *field = [number.to_string().as_bytes(), &field[field.len() - end..]].concat();
        }
    }
    fields.join(&b':')
}

/// The user's own files at home, without leaving the filesystem.
fn give(root: &Rootfs, user: &User, uid: u32, gid: Option<u32>) -> io::Result<()> {
    let home = match root.dir(&user.home) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(());
        }
        home => home?,
    };
    let mut owners = Owners { user, uid, gid };
    let found = rustix::fs::fstat(&home)?;
    if let Some((uid, gid)) = owners.of(found.st_uid, found.st_gid) {
        chown(&home, uid, gid)?;
    }
    walk::below(home, Order::Any, &mut owners)
}

struct Owners<'a> {
    user: &'a User,
    uid: u32,
    gid: Option<u32>,
}

impl Owners<'_> {
    /// Who is to own what these own, if that changes. All bits set: as it is.
    fn of(&self, uid: u32, gid: u32) -> Option<(u32, u32)> {
        let new_uid = if uid == self.user.uid { self.uid } else { u32::MAX };
        let new_gid = self.gid.filter(|_| gid == self.user.gid).unwrap_or(u32::MAX);
        (new_uid != u32::MAX || new_gid != u32::MAX).then_some((new_uid, new_gid))
    }

    fn give(&self, at: &Visited<'_>) -> io::Result<()> {
        let found = at.metadata;
        if let Some((uid, gid)) = self.of(found.uid, found.gid) {
            at.dir.chown(at.leaf, uid, gid)?;
            // Changing the owner takes setuid and setgid away.
            if found.mode & 0o6000 != 0 && found.file_type != FileType::Symlink {
                at.dir.chmod(at.leaf, found.mode)?;
            }
        }
        Ok(())
    }
}

impl Visit for Owners<'_> {
    type Error = io::Error;

    fn enter(&mut self, at: &Visited<'_>, _opened: &Dir) -> io::Result<Next> {
        if at.mounted {
            return Ok(Next::Over);
        }
        self.give(at)?;
        Ok(Next::Into)
    }

    fn other(&mut self, at: &Visited<'_>) -> io::Result<()> {
        self.give(at)
    }

    /// What is no directory any more, or gone, is nobody's business.
    fn failed(&mut self, doing: Doing, _path: &Path, error: io::Error) -> io::Result<()> {
        let vanished = [Errno::NOENT, Errno::NOTDIR, Errno::LOOP];
        match Errno::from_io_error(&error) {
            Some(errno) if doing == Doing::Open && vanished.contains(&errno) => Ok(()),
            _ => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;
    use crate::guest::accounts;
    use crate::testing::{TempDir, in_mount_namespace, needs_root};

    fn guest() -> TempDir {
        let tree = TempDir::new();
        fs::create_dir_all(tree.path().join("etc")).unwrap();
        fs::create_dir_all(tree.path().join("home/me/sub")).unwrap();
        let put = |path: &str, text: &str| fs::write(tree.path().join(path), text).unwrap();
        put(
            "etc/passwd",
            "root:x:0:0::/root:/bin/sh\nme:x:1000:1000:Me:/home/me:/bin/sh\nyou:x:1001:1001::/:\naid_u0_a7:x:10007:10007::/:/sbin/nologin",
        );
        put("etc/group", "root:x:0:\nme:x:1000:\r\nyou:x:1001:me\n");
        fs::set_permissions(tree.path().join("etc/passwd"), fs::Permissions::from_mode(0o640)).unwrap();
        for file in ["own", "sub/own", "foreign"] {
            put(&format!("home/me/{file}"), "");
        }
        symlink("/etc/passwd", tree.path().join("home/me/link")).unwrap();
        for path in ["home/me", "home/me/sub", "home/me/own", "home/me/sub/own"] {
            chown(tree.path().join(path), Some(1000), Some(1000)).unwrap();
        }
        std::os::unix::fs::lchown(tree.path().join("home/me/link"), Some(1000), Some(1000)).unwrap();
        fs::set_permissions(tree.path().join("home/me/own"), fs::Permissions::from_mode(0o4755)).unwrap();
        tree
    }

    fn owner(tree: &TempDir, path: &str) -> (u32, u32) {
        let found = tree.path().join(path).symlink_metadata().unwrap();
        (found.uid(), found.gid())
    }

    fn give(tree: &TempDir, uid: u32) -> Result<()> {
        let root = Rootfs::new(tree.open());
        renumber(&root, &accounts::lookup(&root, "me").unwrap(), uid)
    }

    #[test]
    fn a_user_moves_with_their_group_and_files() {
        needs_root!();
        let tree = guest();
        give(&tree, 5000).unwrap();
        let read = |path: &str| fs::read_to_string(tree.path().join(path)).unwrap();
        assert!(read("etc/passwd").contains("\nme:x:5000:5000:Me:/home/me:/bin/sh\nyou:x:1001:"));
        assert_eq!(read("etc/group"), "root:x:0:\nme:x:5000:\r\nyou:x:1001:me\n");
        assert_eq!(tree.path().join("etc/passwd").metadata().unwrap().mode() & 0o7777, 0o640);
        for path in ["home/me", "home/me/sub", "home/me/own", "home/me/sub/own", "home/me/link"] {
            assert_eq!(owner(&tree, path), (5000, 5000), "{path}");
        }
        assert_eq!(owner(&tree, "home/me/foreign"), (0, 0));
        assert_eq!(owner(&tree, "etc/passwd"), (0, 0));
        assert_eq!(tree.path().join("home/me/own").metadata().unwrap().mode() & 0o7777, 0o4755);
    }

    #[test]
    fn a_number_that_is_taken_is_refused_and_androids_gives_way() {
        needs_root!();
        let tree = guest();
        let before = fs::read(tree.path().join("etc/passwd")).unwrap();
        assert_eq!(give(&tree, 1001).unwrap_err().kind(), Kind::Exists);
        assert_eq!(fs::read(tree.path().join("etc/passwd")).unwrap(), before);
        assert_eq!(owner(&tree, "home/me/own"), (1000, 1000));
        fs::write(tree.path().join("etc/group"), "me:x:1000:\naid_u0_a7:x:10007:\n").unwrap();
        give(&tree, 10_007).unwrap();
        let passwd = fs::read_to_string(tree.path().join("etc/passwd")).unwrap();
        assert!(passwd.contains("\nme:x:10007:1000:") && !passwd.contains("aid_"), "{passwd}");
        assert_eq!(owner(&tree, "home/me/own"), (10_007, 1000));
    }

    #[test]
    fn nothing_is_begun_that_cannot_be_finished() {
        needs_root!();
        let tree = guest();
        fs::rename(tree.path().join("etc/passwd"), tree.path().join("etc/real")).unwrap();
        symlink("real", tree.path().join("etc/passwd")).unwrap();
        assert!(give(&tree, 5000).unwrap_err().to_string().contains("'/etc/passwd' is not a regular file"));
        assert_eq!(owner(&tree, "home/me/own"), (1000, 1000));
    }

    #[test]
    fn what_is_mounted_is_never_given_away() {
        in_mount_namespace(|| {
            let tree = guest();
            let outside = TempDir::new();
            fs::write(outside.path().join("canary"), "").unwrap();
            chown(outside.path().join("canary"), Some(1000), Some(1000)).unwrap();
            rustix::mount::mount_bind(outside.path(), tree.path().join("home/me/sub")).unwrap();
            assert_eq!(give(&tree, 5000).unwrap_err().kind(), Kind::Busy);
            assert_eq!(outside.path().join("canary").metadata().unwrap().uid(), 1000);
            assert_eq!(owner(&tree, "home/me/own"), (1000, 1000));
            rustix::mount::unmount(tree.path().join("home/me/sub"), rustix::mount::UnmountFlags::DETACH)
                .unwrap();
        });
    }
}
