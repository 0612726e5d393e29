//! `copy` puts files where `cp` puts them: every kind of source to every kind of destination, on the host, into a
//! container and out of it, compared with `cp -a` on the same files. The few differences are listed with their reasons.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use crate::support::command::Ran;
use crate::support::prelude::*;

/// By what they are called in [`sources`].
const SOURCES: &[&str] = &[
    "file",
    "empty",
    "setuid",
    "sparse",
    "dir",
    "dir/",
    "dir/.",
    "bare",
    "deep",
    "link",
    "link-dir",
    "link-dir/",
    "link-dir/.",
    "dangling",
    "fifo",
    "device",
    "missing",
    "file/",
    "file/.",
    "deep/one/two",
    "dir/../file",
    "twins",
];

/// By what they are called in [`destinations`].
const DESTINATIONS: &[&str] = &[
    "absent",
    "absent/",
    "absent/x",
    "file",
    "file/",
    "bare",
    "bare/",
    "bare/.",
    "full",
    "dirs",
    "links",
    "link",
    "link-dir",
    "link-dir/",
    "dangling",
    "fifo",
    "bare/new",
];

/// `cp` does otherwise, and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    // What stands in a directory under the name of the source was named by nobody: `cp` writes through a link there,
    // which may lead anywhere.
    ("*", "links", "a link in a destination is replaced"),
    // `cp` copies into a FIFO what a reader then gets. It waits for that reader.
    ("*", "fifo", "a FIFO stays as it is"),
];

fn make_dir(path: &Path) {
    fs::create_dir_all(path).unwrap();
}

fn file(path: &Path, contents: &str, mode: u32) {
    fs::write(path, contents).unwrap();
    chown(path, Some(1000), Some(1001)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn mknod(path: &Path, kind: rustix::fs::FileType, mode: u32) {
    let device = rustix::fs::makedev(1, 3);
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode.into(), device).unwrap();
}

fn sources(at: &Path) {
    let at = at.join("s");
    make_dir(&at.join("dir/sub"));
    make_dir(&at.join("bare"));
    make_dir(&at.join("deep/one/two"));
    make_dir(&at.join("twins"));
    file(&at.join("file"), "new", 0o640);
    file(&at.join("empty"), "", 0o600);
    file(&at.join("setuid"), "run", 0o4755);
    file(&at.join("dir/a"), "new a", 0o644);
    file(&at.join("dir/sub/b"), "new b", 0o400);
    symlink("a", at.join("dir/to-a")).unwrap();
    file(&at.join("deep/one/two/c"), "new c", 0o644);
    file(&at.join("twins/1"), "same", 0o644);
    fs::hard_link(at.join("twins/1"), at.join("twins/2")).unwrap();
    file(&at.join("sparse"), "", 0o644);
    fs::File::options().write(true).open(at.join("sparse")).unwrap().set_len(1 << 20).unwrap();
    symlink("file", at.join("link")).unwrap();
    symlink("dir", at.join("link-dir")).unwrap();
    symlink("nowhere", at.join("dangling")).unwrap();
    mknod(&at.join("fifo"), rustix::fs::FileType::Fifo, 0o640);
    mknod(&at.join("device"), rustix::fs::FileType::CharacterDevice, 0o620);
    fs::set_permissions(at.join("dir"), fs::Permissions::from_mode(0o2750)).unwrap();
}

/// Those that hold something hold it under the names of the sources.
fn destinations(at: &Path) {
    let at = at.join("d");
    make_dir(&at.join("bare"));
    file(&at.join("file"), "old", 0o600);
    file(&at.join("target"), "old target", 0o600);
    make_dir(&at.join("target-dir"));
    symlink("target", at.join("link")).unwrap();
    symlink("target-dir", at.join("link-dir")).unwrap();
    symlink("nothing", at.join("dangling")).unwrap();
    mknod(&at.join("fifo"), rustix::fs::FileType::Fifo, 0o644);
    for (dir, fill) in [("full", 0), ("dirs", 1), ("links", 2)] {
        make_dir(&at.join(dir));
        for name in
            ["file", "dir", "bare", "link", "link-dir", "dangling", "fifo", "deep", "setuid", "device", "two"]
        {
            let path = at.join(dir).join(name);
            match fill {
                0 => file(&path, "old inside", 0o600),
                1 => {
                    make_dir(&path);
                    file(&path.join("a"), "old a", 0o600);
                }
                _ => symlink("../target", &path).unwrap(),
            }
        }
    }
}

/// What stands below `below` in `at`: type, mode, owner, age, contents or target, number of names.
fn list(at: &Path, below: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(at.join(below)).unwrap().flatten() {
        let name = Path::new(below).join(entry.file_name()).display().to_string();
        let path = at.join(&name);
        let m = fs::symlink_metadata(&path).unwrap();
        let what = match m.file_type() {
            t if t.is_symlink() => fs::read_link(&path).unwrap().display().to_string(),
            t if t.is_file() => {
                let text = fs::read_to_string(&path).unwrap();
                format!("{} {} names {}", m.len(), text.trim_end_matches('\0'), m.nlink())
            }
            _ => m.rdev().to_string(),
        };
        // The directory of a destination is changed by a rename, where cp writes into the old file.
        let time = match m.mtime() {
            _ if name == "d/full" => "",
            OLD => "old",
            _ => "now",
        };
        let line = format!("{:o} {}:{} {time} {what}", m.mode(), m.uid(), m.gid());
        found.insert(name.clone(), line);
        if m.is_dir() {
            list(at, &name, found);
        }
    }
}

/// All files are of this time, in seconds since the epoch.
const OLD: i64 = 1_000_000;

fn age(path: &Path) {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
    if path.symlink_metadata().unwrap().is_dir() {
        fs::read_dir(path).unwrap().flatten().for_each(|entry| age(&entry.path()));
    }
    let old = Timespec { tv_sec: OLD, tv_nsec: 0 };
    let times = Timestamps { last_access: old, last_modification: old };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// Sources below `from` and destinations below `to`, anew.
fn world(from: &Path, to: &Path) {
    for at in [from.join("s"), to.join("d")] {
        let _ = fs::remove_dir_all(at);
    }
    sources(from);
    destinations(to);
    age(&from.join("s"));
    age(&to.join("d"));
}

/// Whether it succeeded, and what stands at both ends afterwards.
type Seen = (bool, BTreeMap<String, String>);

fn seen(ran: &Ran, from: &Path, to: &Path) -> Seen {
    let mut all = BTreeMap::new();
    list(from, "s", &mut all);
    list(to, "d", &mut all);
    (ran.code == Some(0), all)
}

/// What `cp` does.
fn expected(at: &Path, source: &str, destination: &str) -> Seen {
    world(at, at);
    let args = ["-a", &format!("s/{source}"), &format!("d/{destination}")];
    seen(&Cd::new("cp").current_dir(at).args(args).run(), at, at)
}

fn differs(source: &str, destination: &str) -> bool {
    let meant = |pattern: &str, word: &str| pattern == "*" || pattern == word;
    DIFFERENCES.iter().any(|(from, to, _)| meant(from, source) && meant(to, destination))
}

/// Every pair whose number divides by `step`, from sources below `from` to destinations below `to`, which the command line
/// calls so.
fn compare(s: &Sandbox, step: usize, (from, from_name): (&Path, &str), (to, to_name): (&Path, &str)) {
    let mut wrong = Vec::new();
    let mut compared = 0;
    let model = s.path("model");
    let pairs = SOURCES.iter().flat_map(|source| DESTINATIONS.iter().map(move |to| (source, to)));
    for (source, destination) in pairs.filter(|(from, to)| !differs(from, to)).step_by(step) {
        let want = expected(&model, source, destination);
        world(from, to);
        let ends = [format!("{from_name}/{source}"), format!("{to_name}/{destination}")];
        let ran = s.cd(["copy", "-q", "-a"]).args(ends).current_dir(s.path("")).run();
        let have = seen(&ran, from, to);
        compared += 1;
        if have != want {
            wrong.push(format!("{source} -> {destination}: {}", explain(&have, &want, &ran.err())));
        }
    }
    assert!(compared > 60);
    assert!(wrong.is_empty(), "{} of {compared} are not as cp has them:\n{}", wrong.len(), wrong.join("\n"));
}

fn explain(have: &Seen, want: &Seen, errors: &str) -> String {
    let mut text = format!("succeeded: {} and not {}\n  {errors}", have.0, want.0);
    for (path, line) in &have.1 {
        if want.1.get(path) != Some(line) {
            text += &format!("\n  {path}: {line}, not {:?}", want.1.get(path));
        }
    }
    for path in want.1.keys().filter(|path| !have.1.contains_key(*path)) {
        text += &format!("\n  {path} is missing: {}", want.1[path]);
    }
    text
}

#[test]
fn on_the_host_as_cp() {
    need!(Root);
    sandbox(|s| {
        let at = s.path("w");
        compare(s, 1, (&at, "w/s"), (&at, "./w/d"));
    });
}

#[test]
fn into_a_container_as_cp() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        compare(s, 4, (&s.path("w"), "/tmp/w/s"), (&s.rootfs("c").join("w"), "c:/w/d"));
    });
}

#[test]
fn out_of_a_container_as_cp() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        compare(s, 5, (&s.rootfs("c").join("w"), "c:w/s"), (&s.path("w"), "w/d"));
    });
}
