//! A guest's users and groups, from its own /etc/passwd and /etc/group (passwd(5), group(5)); never the host's.
//!
//! Lines that do not parse are skipped, as libc skips them; the first of several that match counts.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::error::{Attempt, Error, Result};
use crate::rootfs::{Follow, Rootfs};
use crate::suggest::nearest;

/// Far beyond any real file: 64 KiB holds a thousand accounts.
const LIMIT: u64 = 4 << 20;

/// Where guests have a shell, the best first.
pub const SHELLS: [&str; 6] =
    ["/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh", "/bin/ash", "/bin/zsh"];
/// Where images of Termux and Android have one.
const TERMUX_SHELLS: [&str; 2] = ["/data/data/com.termux/files/usr/bin/sh", "/system/bin/sh"];

/// As whom to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name; of a number that /etc/passwd does not list, the number.
    pub name: OsString,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary group ids, the primary one not among them; none where the group was asked for by name or number.
    pub groups: Vec<u32>,
    /// Home directory; `/` where none is known.
    pub home: PathBuf,
    /// Login shell, if one is given.
    pub shell: Option<PathBuf>,
}

/// Finds `spec`: `user`, `user:group`, each a name or a number; `user:` is the user, `:group` root with that group, as docker
/// has them. Names win over numbers. A number needs no entry: its group is 0 then, its home `/`. A missing file is an
/// empty one.
pub fn lookup(rootfs: &Rootfs, spec: &str) -> Result<User> {
    find(&read(rootfs, "/etc/passwd")?, &read(rootfs, "/etc/group")?, spec)
}

/// The names in `/etc/passwd`; none when it cannot be read.
pub fn users(rootfs: &Rootfs) -> Vec<OsString> {
    let passwd = read(rootfs, "/etc/passwd").unwrap_or_default();
    lines(&passwd).filter_map(parse_user).map(|user| user.name).collect()
}

fn read(rootfs: &Rootfs, path: &str) -> Result<Vec<u8>> {
    match rootfs.read(path, LIMIT) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        contents => contents.attempt(format_args!("read the container's '{path}'")),
    }
}

/// [`lookup`] in the contents of the two files.
pub fn find(passwd: &[u8], group: &[u8], spec: &str) -> Result<User> {
    let (user, group_spec) = match spec.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (spec, None),
    };
    let mut found = match (user, group_spec) {
        ("", None) => return Err(Error::usage(format_args!("no user is named in '{spec}'"))),
        ("", Some(_)) => root(passwd)?,
        _ => find_user(passwd, user)?,
    };
    match group_spec {
        Some(name) => found.gid = find_group(group, name)?,
        None => found.groups = memberships(group, &found),
    }
    Ok(found)
}

/// Root, whom a guest without accounts has too.
fn root(passwd: &[u8]) -> Result<User> {
    let root = find_user(passwd, "0")?;
    Ok(if root.name == "0" { User { name: "root".into(), ..root } } else { root })
}

fn find_user(passwd: &[u8], user: &str) -> Result<User> {
    let number = id(user.as_bytes());
    let entries = || lines(passwd).filter_map(parse_user);
    let named = entries().find(|entry| entry.name.as_bytes() == user.as_bytes());
    let numbered = || entries().find(|entry| Some(entry.uid) == number);
    if let Some(entry) = named.or_else(numbered) {
        return Ok(entry);
    }
    let Some(uid) = number else {
        let names: Vec<_> = entries().map(|entry| entry.name.to_string_lossy().into_owned()).collect();
        return Err(Error::not_found(format_args!("the container has no user '{user}'")).hint(advice(
            user,
            &names,
            "users stand in its /etc/passwd",
        )));
    };
    Ok(User { name: user.into(), uid, gid: 0, groups: Vec::new(), home: "/".into(), shell: None })
}

fn find_group(group: &[u8], name: &str) -> Result<u32> {
    let entry = lines(group).filter_map(parse_group).find(|entry| entry.name == name.as_bytes());
    match entry.map(|entry| entry.gid).or_else(|| id(name.as_bytes())) {
        Some(gid) => Ok(gid),
        None => {
            let names: Vec<_> = lines(group)
                .filter_map(parse_group)
                .map(|entry| String::from_utf8_lossy(entry.name).into_owned())
                .collect();
            Err(Error::not_found(format_args!("the container has no group '{name}'")).hint(advice(
                name,
                &names,
                "groups stand in its /etc/group",
            )))
        }
    }
}

fn advice(name: &str, names: &[String], place: &str) -> String {
    let meant = nearest(name, names.iter().map(String::as_str));
    let meant = meant.map(|meant| format!("did you mean '{meant}'? ")).unwrap_or_default();
    format!("{meant}its {place}; a number needs no entry there")
}

/// As initgroups(3) finds them.
fn memberships(group: &[u8], user: &User) -> Vec<u32> {
    let mut groups = Vec::new();
    for entry in lines(group).filter_map(parse_group) {
        let member = entry.members.split(|&byte| byte == b',').any(|name| name == user.name.as_bytes());
        if member && entry.gid != user.gid && !groups.contains(&entry.gid) {
            groups.push(entry.gid);
        }
    }
    groups
}

pub(super) struct Group<'a> {
    pub name: &'a [u8],
    pub gid: u32,
    members: &'a [u8],
}

/// `name:password:uid:gid:comment:home:shell`
pub(super) fn parse_user(line: &[u8]) -> Option<User> {
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b':').collect();
    let [name, _, uid, gid, rest @ ..] = &fields[..] else { return None };
    let path = |at: usize| rest.get(at).filter(|path| !path.is_empty()).map(|path| OsStr::from_bytes(path));
    Some(User {
        name: Some(OsStr::from_bytes(name)).filter(|name| !name.is_empty())?.to_owned(),
        uid: id(uid)?,
        gid: id(gid)?,
        groups: Vec::new(),
        home: path(1).unwrap_or("/".as_ref()).into(),
        shell: path(2).map(PathBuf::from),
    })
}

/// `name:password:gid:members`
pub(super) fn parse_group(line: &[u8]) -> Option<Group<'_>> {
    let mut fields = line.split(|&byte| byte == b':');
    let name = fields.next().filter(|name| !name.is_empty())?;
    let gid = id(fields.nth(1)?)?;
    Some(Group { name, gid, members: fields.next().unwrap_or_default() })
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.starts_with(b"#"))
}

/// A decimal id. The last value is no id but "leave as it is" to the kernel (chown(2), setresuid(2)).
fn id(digits: &[u8]) -> Option<u32> {
    if !digits.first()?.is_ascii_digit() {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|&id| id != u32::MAX)
}

/// Whether there is a shell for root to start.
pub fn has_shell(rootfs: &Rootfs) -> bool {
    let own = lookup(rootfs, "root").ok().and_then(|root| root.shell);
    own.into_iter()
        .chain(SHELLS.iter().chain(&TERMUX_SHELLS).map(PathBuf::from))
        .any(|path| rootfs.metadata(&path, Follow::Yes).is_ok_and(|found| found.is_program()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash\n\nbroken\n#no:x:9:9::/:/\nbad:x:-1:1::/:\nme:x:1000:1000:Me,,,:/home/me:/bin/zsh\r\n\
        bare:x:7:8\n12:x:40:40::/twelve:\nme:x:1:1::/second:/\n\xff:x:41:41::/\xfe:/\n";
    const GROUP: &[u8] =
        b"root:x:0:\nwheel:x:10:root,me\nme:x:1000:me\naudio:x:63:you,me\nagain:x:63:me\nbroken:x\n34:x:77:";

    fn get(spec: &str) -> User {
        find(PASSWD, GROUP, spec).unwrap()
    }

    #[test]
    fn finds_by_name_and_number() {
        let me = User {
            name: "me".into(),
            uid: 1000,
            gid: 1000,
            groups: vec![10, 63],
            home: "/home/me".into(),
            shell: Some("/bin/zsh".into()),
        };
        assert_eq!(get("me"), me);
        assert_eq!(get("1000"), me);
        assert_eq!(get("root").groups, [10]);
    }

    #[test]
    fn takes_a_group_as_asked() {
        let user = get("me:audio");
        assert_eq!((user.uid, user.gid, user.groups), (1000, 63, vec![]));
        assert_eq!(get("5000:6000"), User { gid: 6000, ..get("5000") });
        assert_eq!((get("me:"), get("1000:")), (get("me"), get("me")));
        let wheel = get(":wheel");
        assert_eq!((wheel.uid, wheel.gid, wheel.groups, wheel.name), (0, 10, vec![], "root".into()));
        let nobody = find(b"", b"", ":7").unwrap();
        assert_eq!((nobody.uid, nobody.gid, nobody.name), (0, 7, "root".into()));
        assert_eq!((get("me:34").gid, get("12").uid), (77, 40), "names win over numbers");
    }

    #[test]
    fn needs_no_entry_for_a_number() {
        let user = get("5000");
        assert_eq!((user.uid, user.gid, &*user.groups, user.shell), (5000, 0, &[][..], None));
        assert_eq!((user.name, user.home), ("5000".into(), "/".into()));
        assert_eq!((get("bare").home, get("bare").shell), ("/".into(), None));
    }

    #[test]
    fn names_what_is_missing() {
        for (spec, kind, text) in [
            ("nobody", Kind::NotFound, "no user 'nobody'"),
            ("bad", Kind::NotFound, "no user 'bad'"),
            ("4294967295", Kind::NotFound, "no user '4294967295'"),
            ("+1", Kind::NotFound, "no user '+1'"),
            ("me:none", Kind::NotFound, "no group 'none'"),
            (":none", Kind::NotFound, "no group 'none'"),
            (":", Kind::Usage, "':'"),
            ("", Kind::Usage, "''"),
        ] {
            let error = find(PASSWD, GROUP, spec).unwrap_err();
            assert_eq!(error.kind(), kind, "{spec}");
            assert!(error.to_string().contains(text), "{error}");
        }
        let hint = |spec| find(PASSWD, GROUP, spec).unwrap_err().hint_text().unwrap_or_default().to_owned();
        assert!(hint("rooot").starts_with("did you mean 'root'? its users"), "{}", hint("rooot"));
        assert!(hint("me:weel").starts_with("did you mean 'wheel'? its groups"), "{}", hint("me:weel"));
        assert!(hint("nothing-like-it").starts_with("its users"));
    }

    #[test]
    fn reads_through_the_root_and_takes_missing_files_as_empty() {
        let temp = crate::testing::TempDir::new();
        let rootfs = Rootfs::new(temp.open());
        assert_eq!(lookup(&rootfs, "3").unwrap().uid, 3);
        assert!(lookup(&rootfs, "root").is_err());
        std::fs::create_dir(temp.path().join("etc")).unwrap();
        std::fs::write(temp.path().join("etc/passwd"), "root:x:0:0::/r:/sh\n").unwrap();
        assert_eq!(lookup(&rootfs, "root").unwrap().home, PathBuf::from("/r"));
    }
}
