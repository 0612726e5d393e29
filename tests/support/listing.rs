//! Everything about each file of a tree, as text, to tell what is different from one tree to another; and trees, and
//! changes to trees, that a number decides.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, Timespec, Timestamps, XattrFlags};

/// By path below the root; the root is empty.
pub type Listing = BTreeMap<PathBuf, String>;

/// Of all below `root`, but for these names in the root.
pub fn listing(root: &Path, excluded: &[&str]) -> Listing {
    let mut all = Listing::new();
    let mut linked: BTreeMap<(u64, u64), Vec<PathBuf>> = BTreeMap::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(path) = pending.pop() {
        let full = root.join(&path);
        let metadata = fs::symlink_metadata(&full).expect("metadata");
        if metadata.is_file() && metadata.nlink() > 1 {
            linked.entry((metadata.dev(), metadata.ino())).or_default().push(path.clone());
        }
        if metadata.is_dir() {
            let names = fs::read_dir(&full).expect("a directory").flatten().map(|entry| entry.file_name());
            let is_excluded =
                |name: &OsString| path.as_os_str().is_empty() && excluded.iter().any(|e| name == e);
            pending.extend(names.filter(|name| !is_excluded(name)).map(|name| path.join(name)));
        }
        all.insert(path, line(&full, &metadata));
    }
    for mut names in linked.into_values().filter(|names| names.len() > 1) {
        names.sort_by(|one, other| one.as_os_str().cmp(other.as_os_str()));
        let first = names[0].display().to_string();
        names.iter().for_each(|name| all.get_mut(name).expect("listed").push_str(&format!(" is {first}")));
    }
    all
}

fn line(path: &Path, metadata: &fs::Metadata) -> String {
    let kind = match metadata.file_type() {
        t if t.is_dir() => "directory".into(),
        t if t.is_symlink() => format!("link to {:?}", fs::read_link(path).expect("a link")),
        t if t.is_fifo() => "fifo".into(),
        t if t.is_socket() => "socket".into(),
        t if t.is_char_device() => format!("character device {}", metadata.rdev()),
        t if t.is_block_device() => format!("block device {}", metadata.rdev()),
        _ => {
            let contents = fs::read(path).expect("contents");
            format!("file of {} {}", contents.len(), super::digest(&contents))
        }
    };
    let (mode, uid, gid) = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
    let xattrs: Vec<_> = xattrs(path).into_iter().map(|(key, value)| format!(" {key:?}={value:?}")).collect();
    format!(
        "{kind} {mode:o} {uid}:{gid} {}.{:09}{}",
        metadata.mtime(),
        metadata.mtime_nsec(),
        xattrs.concat()
    )
}

fn xattrs(path: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let mut list = vec![0; 4096];
    let length = rustix::fs::llistxattr(path, &mut list[..]).unwrap_or(0);
    let keys = list[..length].split(|&byte| byte == 0).filter(|key| !key.is_empty());
    let get = |key: &[u8]| {
        let key = OsStr::from_bytes(key).to_owned();
        let mut value = vec![0; 4096];
        let length = rustix::fs::lgetxattr(path, &key, &mut value[..]).expect("an attribute");
        value.truncate(length);
        (key, value)
    };
    keys.map(get).filter(|(key, _)| key != "security.selinux").collect()
}

/// Docker's letters for what is different, as `diff` prints them.
pub fn letters(before: &Listing, after: &Listing) -> String {
    let mut lines: Vec<(Vec<u8>, String)> = Vec::new();
    let mut tell = |letter: &str, path: &Path| {
        let path = Path::new("/").join(path);
        lines.push((path.as_os_str().as_bytes().to_vec(), format!("{letter} {}\n", path.display())));
    };
    for (path, line) in before {
        match after.get(path) {
            None => tell("D", path),
            Some(other) if other != line => tell("C", path),
            Some(_) => {}
        }
    }
    after.keys().filter(|path| !before.contains_key(*path)).for_each(|path| tell("A", path));
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

/// Numbers that look random, and are the same from one start (xorshift64*).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
    pub fn choose<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Fills a directory with a tree of about `count` things.
pub fn grow(root: &Path, numbers: &mut Numbers, count: usize) {
    fs::create_dir_all(root).expect("a directory");
    for _ in 0..count {
        change(root, numbers);
        let dirs: Vec<PathBuf> = listing(root, &[])
            .into_iter()
            .filter(|(_, line)| line.starts_with("dir"))
            .map(|(p, _)| p)
            .collect();
        let dir = root.join(numbers.choose(&dirs));
        match numbers.below(3) {
            0 => drop(fs::create_dir(dir.join(format!("d{}", numbers.below(50))))),
            _ => {
                let contents = "x".repeat(numbers.below(3)) + &numbers.below(3).to_string();
                let _ = fs::write(dir.join(format!("f{}", numbers.below(50))), contents);
            }
        }
    }
}

/// Gives other times to what was changed just now: rsync compares whole seconds alone.
pub fn age(root: &Path, numbers: &mut Numbers) {
    for path in listing(root, &[]).into_keys().rev() {
        let path = root.join(path);
        if fs::symlink_metadata(&path).expect("metadata").mtime() > 1_700_000_000 {
            let seconds = numbers.below(1_600_000_000) as i64;
            set_time(&path, seconds, numbers.below(1_000_000_000) as i64);
        }
    }
}

/// Makes some change at some place below `root`: what it is, the numbers say.
pub fn change(root: &Path, numbers: &mut Numbers) {
    let paths: Vec<PathBuf> = listing(root, &["dev", "proc", "run", "sys", "tmp"]).into_keys().collect();
    let pick = |numbers: &mut Numbers| root.join(numbers.choose(&paths));
    let path = pick(numbers);
    let metadata = fs::symlink_metadata(&path).expect("metadata");
    let new = |numbers: &mut Numbers| {
        let dir = if metadata.is_dir() { path.clone() } else { path.parent().expect("a parent").to_owned() };
        dir.join(format!("{}{}", ["new", "a-b", "ü", "x y", "Z"][numbers.below(5)], numbers.below(1000)))
    };
    let is_root = path == *root || path.file_name() == Some(OsStr::new("bin"));
    match numbers.below(14) {
        0 => drop(fs::write(new(numbers), "added")),
        1 => drop(fs::create_dir(new(numbers))),
        2 => drop(symlink("nowhere", new(numbers))),
        3 if metadata.is_file() => drop(fs::hard_link(&path, new(numbers))),
        4 if !metadata.is_dir() => drop(fs::remove_file(&path)),
        5 if metadata.is_dir() && !is_root => drop(fs::remove_dir_all(&path)),
        6 if metadata.is_file() => {
            fs::write(&path, format!("changed {}", numbers.below(1000))).expect("write")
        }
        7 if metadata.is_file() => same_size_and_time(&path, &metadata),
        8 if !metadata.is_symlink() => {
            let mode = 0o600 | (numbers.below(0o1000) as u32 & 0o77);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode | metadata.mode() & 0o100))
                .expect("mode");
        }
        9 => std::os::unix::fs::lchown(&path, Some(numbers.below(5) as u32), None).expect("owner"),
        10 => set_time(&path, numbers.below(1_600_000_000) as i64, numbers.below(1_000_000_000) as i64),
        11 if !metadata.is_symlink() => {
            let value = [numbers.below(256) as u8];
            rustix::fs::lsetxattr(&path, "trusted.t", &value, XattrFlags::empty()).expect("an attribute");
        }
        12 if !is_root => drop(fs::rename(&path, new(numbers))),
        13 => {
            let mode = Mode::from_raw_mode(0o600);
            let _ = rustix::fs::mknodat(CWD, new(numbers), rustix::fs::FileType::Fifo, mode, 0);
        }
        _ => {}
    }
}

/// Other contents that nothing but reading them, or the change time, shows.
fn same_size_and_time(path: &Path, before: &fs::Metadata) {
    let mut contents = fs::read(path).expect("contents");
    if let Some(byte) = contents.last_mut() {
        *byte = byte.wrapping_add(1);
    }
    fs::write(path, contents).expect("write");
    set_time(path, before.mtime(), before.mtime_nsec());
}

/// The modification time, of a link itself.
pub fn set_time(path: &Path, seconds: i64, nanoseconds: i64) {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds as _ };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("a time");
}
