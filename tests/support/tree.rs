//! Expected file trees: `tree! { "bin/sh" => link("busybox"), "etc/x" => file("y").mode(0o600) }`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// What one path should be; what is not said is not looked at.
#[derive(Debug, Clone, Default)]
pub struct Want {
    kind: String,
    mode: Option<u32>,
    owner: Option<(u32, u32)>,
    mtime: Option<i64>,
}

pub fn dir() -> Want {
    Want { kind: "directory".into(), ..Want::default() }
}
pub fn file(contents: impl AsRef<[u8]>) -> Want {
    Want { kind: format!("file {:?}", String::from_utf8_lossy(contents.as_ref())), ..Want::default() }
}
pub fn link(target: &str) -> Want {
    Want { kind: format!("link to {target:?}"), ..Want::default() }
}
pub fn fifo() -> Want {
    Want { kind: "fifo".into(), ..Want::default() }
}
pub fn device(major: u32, minor: u32) -> Want {
    Want { kind: format!("character device {major}:{minor}"), ..Want::default() }
}

impl Want {
    pub fn mode(mut self, mode: u32) -> Want {
        self.mode = Some(mode);
        self
    }
    pub fn owner(mut self, uid: u32, gid: u32) -> Want {
        self.owner = Some((uid, gid));
        self
    }
    /// Seconds since the epoch.
    pub fn mtime(mut self, seconds: i64) -> Want {
        self.mtime = Some(seconds);
        self
    }
    fn line(&self) -> String {
        let mut line = self.kind.clone();
        if let Some(mode) = self.mode {
            line += &format!(" mode {mode:o}");
        }
        if let Some((uid, gid)) = self.owner {
            line += &format!(" owner {uid}:{gid}");
        }
        if let Some(mtime) = self.mtime {
            line += &format!(" mtime {mtime}");
        }
        line
    }
    /// What stands at `path`, in as many words as this one has.
    fn seen(&self, path: &Path) -> String {
        let metadata = fs::symlink_metadata(path).expect("metadata");
        let kind = match metadata.file_type() {
            t if t.is_dir() => "directory".into(),
            t if t.is_symlink() => format!("link to {:?}", fs::read_link(path).expect("a link")),
            t if t.is_fifo() => "fifo".into(),
            t if t.is_char_device() => {
                let rdev = metadata.rdev();
                format!("character device {}:{}", rustix::fs::major(rdev), rustix::fs::minor(rdev))
            }
            t if t.is_file() => {
                format!("file {:?}", String::from_utf8_lossy(&fs::read(path).expect("contents")))
            }
            t => format!("{t:?}"),
        };
        let kept = Want {
            kind,
            mode: self.mode.map(|_| metadata.mode() & 0o7777),
            owner: self.owner.map(|_| (metadata.uid(), metadata.gid())),
            mtime: self.mtime.map(|_| metadata.mtime()),
        };
        kept.line()
    }
}

/// A whole tree by relative path; directories above a path need not be named.
pub type Tree = BTreeMap<OsString, Want>;

macro_rules! tree {
    ($($path:expr => $want:expr),* $(,)?) => {{
        #[allow(unused_imports)]
        use $crate::support::tree::{device, dir, fifo, file, link};
        $crate::support::tree::Tree::from([$((
            <_ as AsRef<std::ffi::OsStr>>::as_ref(&$path).to_owned(), $want)),*])
    }};
}
pub(crate) use tree;

/// `root` holds exactly what `tree` says.
#[track_caller]
pub fn assert_tree(root: &Path, tree: &Tree) {
    let mut want = BTreeMap::new();
    let mut have = BTreeMap::new();
    let mut implied = BTreeSet::new();
    for (path, node) in tree {
        want.insert(path.clone(), node.line());
        implied.extend(Path::new(path).ancestors().skip(1).map(|p| p.as_os_str().to_owned()));
    }
    walk(root, OsStr::new(""), &mut |path| {
        let full = root.join(path);
        match tree.get(path) {
            Some(node) => have.insert(path.to_owned(), node.seen(&full)),
            None if implied.contains(path) && full.is_dir() => None,
            None => have.insert(path.to_owned(), Want::default().seen(&full)),
        };
    });
    assert_eq!(have, want, "left: {}; right: as it should be", root.display());
}

fn walk(root: &Path, below: &OsStr, each: &mut dyn FnMut(&OsStr)) {
    for entry in fs::read_dir(root.join(below)).expect("a directory").flatten() {
        let path = match below.as_bytes() {
            b"" => entry.file_name(),
            _ => Path::new(below).join(entry.file_name()).into_os_string(),
        };
        each(&path);
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            walk(root, &path, each);
        }
    }
}
