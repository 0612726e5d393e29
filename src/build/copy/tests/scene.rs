//! Trees as short texts: `d/`, `f=contents`, `l>target` (a link), `h&other` (a hard link), each with `@MODE` or
//! `@MODE,UID:GID` before its mark where they are not the usual ones (0755, 0644; 0:0).

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;

use crate::build::copy::{Files, Mode, Patterns, Source, Wanted, select};
use crate::error::Result;
use crate::layer::{BytesContent, Content, Entry, EntryKind, Index, Name, NoContent, RootfsTarget, Target};
use crate::report::Silent;
use crate::rootfs::walk::{self, Doing, Next, Order, Visit, Visited};
use crate::rootfs::{Dir, FileType, Metadata, Rootfs};
use crate::testing::TempDir;

/// What an instruction copies from.
#[derive(Debug, Clone, Copy)]
pub enum From<'a> {
    /// A context, and its .dockerignore.
    Context(&'a str),
    /// A stage.
    Stage,
}

/// An entry of a tree's text.
pub fn entry(text: &str) -> (Entry, Vec<u8>) {
    let mark = text.find(['=', '>', '&']).unwrap_or(text.len());
    let (head, tail) = text.split_at(mark);
    let (name, attributes) = head.split_once('@').unwrap_or((head, ""));
    let attributes = attributes.trim_end_matches('/');
    let value = tail.get(1..).unwrap_or_default();
    let kind = match tail.chars().next() {
        Some('=') => EntryKind::File { size: value.len() as u64 },
        Some('>') => EntryKind::Symlink(value.into()),
        Some('&') => EntryKind::HardLink(Name::parse(value.as_bytes()).unwrap()),
        _ if name.ends_with('|') => EntryKind::Fifo,
        _ => EntryKind::Directory,
    };
    let content = if matches!(kind, EntryKind::File { .. }) { value.as_bytes().to_vec() } else { Vec::new() };
    let mut entry = Entry::new(name.trim_end_matches('|'), kind).unwrap().mtime(1_000_000_000, 0);
    let (mode, owner) = attributes.split_once(',').unwrap_or((attributes, ""));
    if !mode.is_empty() {
        entry = entry.mode(u32::from_str_radix(mode, 8).unwrap());
    }
    if let Some((uid, gid)) = owner.split_once(':') {
        entry = entry.owner(uid.parse().unwrap(), gid.parse().unwrap());
    }
    (entry, content)
}

/// Puts a tree's text into a target.
pub fn fill(tree: &[&str], target: &mut dyn Target) {
    target.begin().unwrap();
    for text in tree {
        let (entry, content) = entry(text);
        target.put(&entry, &mut BytesContent::new(&content)).unwrap();
    }
    target.end().unwrap();
}

/// A directory that holds a tree.
pub fn on_disk(tree: &[&str]) -> TempDir {
    let temp = TempDir::new();
    let rootfs = Rootfs::new(temp.open());
    let mut target = RootfsTarget::new(&rootfs, &Silent);
    fill(tree, &mut target);
    target.finish().unwrap();
    temp
}

/// `COPY a b` or `ADD --chown=1:2 a b` as it is wanted; here-documents are written `<<NAME=CONTENTS`.
pub fn wanted(instruction: &str) -> Wanted {
    let mut words = instruction.split(' ');
    let is_add = words.next() == Some("ADD");
    let mut wanted = Wanted {
        sources: Vec::new(),
        destination: String::new(),
        owner: None,
        mode: None,
        exclude: Vec::new(),
        parents: false,
        unpack: is_add,
        now: 1_500_000_000,
    };
    let mut paths = Vec::new();
    for word in words {
        match word.strip_prefix("--").map(|flag| flag.split_once('=').unwrap_or((flag, ""))) {
            Some(("chown", owner)) => {
                let (uid, gid) = owner.split_once(':').unwrap();
                wanted.owner = Some((uid.parse().unwrap(), gid.parse().unwrap()));
            }
            Some(("chmod", mode)) => wanted.mode = Some(Mode::parse(mode).unwrap()),
            Some(("exclude", pattern)) => wanted.exclude.push(pattern.into()),
            Some(("parents", _)) => wanted.parents = true,
            Some(("unpack", value)) => wanted.unpack = value != "false",
            Some(other) => panic!("{other:?}"),
            None => paths.push(word),
        }
    }
    wanted.destination = paths.pop().unwrap().into();
    wanted.sources = paths.into_iter().map(source).collect();
    wanted
}

fn source(word: &str) -> Source {
    match word.strip_prefix("<<").and_then(|here| here.split_once('=')) {
        Some((name, content)) => Source::Inline(name.into(), content.into()),
        None => Source::Path(word.into()),
    }
}

/// The tree's files as COPY sees them.
pub fn files(source: &TempDir, from: From<'_>) -> Files {
    match from {
        From::Context(ignore) => Files::context(source.open(), Patterns::parse(ignore.as_bytes()).unwrap()),
        From::Stage => Files::tree(source.open()),
    }
}

/// What `base` has become after the instruction: on disk, where an index beside it must say the same.
pub fn copied(source: &TempDir, from: From<'_>, base: &[&str], instruction: &str) -> Result<Vec<String>> {
    let files = files(source, from);
    let wanted = wanted(instruction);
    let selection = select(&files, &wanted)?;
    selection.digest()?;
    let mut index = Index::new();
    fill(base, &mut index);
    let placed = selection.place(&index)?;
    let root = on_disk(base);
    let rootfs = Rootfs::new(root.open());
    let mut target = RootfsTarget::new(&rootfs, &Silent);
    for target in [&mut index as &mut dyn Target, &mut target] {
        target.begin()?;
        placed.send(target)?;
        target.end()?;
    }
    target.finish()?;
    let found = listing(&root);
    assert_eq!(indexed(&index), without_contents(&found), "{instruction}");
    Ok(found)
}

/// Checks what an instruction makes of a tree, or the error's text after `! `.
#[track_caller]
pub fn check(tree: &[&str], from: From<'_>, base: &[&str], instruction: &str, expected: &[&str]) {
    let source = on_disk(tree);
    match copied(&source, from, base, instruction) {
        Ok(found) => assert_eq!(found, expected, "{instruction}"),
        Err(error) => {
            let hint = error.hint_text().map(|hint| format!(" ({hint})")).unwrap_or_default();
            let told = format!("! {error}{hint}");
            let wanted = expected.first().copied().unwrap_or_default();
            assert!(wanted.starts_with("! ") && told.contains(&wanted[2..]), "{instruction}: {told}");
        }
    }
}

fn attributes(mode: u32, owner: (u32, u32), usual: u32) -> String {
    match (mode == usual, owner) {
        (true, (0, 0)) => String::new(),
        (_, (0, 0)) => format!("@{mode:o}"),
        (_, (uid, gid)) => format!("@{mode:o},{uid}:{gid}"),
    }
}

/// All of a tree as texts, sorted by path.
pub fn listing(root: &TempDir) -> Vec<String> {
    let mut lister = Lister::default();
    walk::below(Dir::from(root.open()), Order::Sorted, &mut lister).unwrap();
    lister.found.sort();
    lister.found.into_iter().map(|(_, text)| text).collect()
}

#[derive(Default)]
struct Lister {
    found: Vec<(String, String)>,
    linked: HashMap<u64, String>,
}

impl Lister {
    fn add(&mut self, at: &Visited<'_>) {
        let path = at.path().display().to_string();
        let Metadata { mode, uid, gid, file_type, .. } = *at.metadata;
        let owner = (uid, gid);
        let text = match file_type {
            FileType::Directory => format!("{path}/{}", attributes(mode, owner, 0o755)),
            FileType::Symlink => {
                let target = at.dir.read_link(at.leaf).unwrap();
                format!("{path}{}>{}", attributes(0o777, owner, 0o777), target.display())
            }
            FileType::Regular => {
                if let Some(first) = self.linked.get(&at.metadata.inode).filter(|_| at.metadata.links > 1) {
                    self.found.push((path.clone(), format!("{path}&{first}")));
                    return;
                }
                self.linked.insert(at.metadata.inode, path.clone());
                let mut content = String::new();
                at.dir.open(at.leaf).unwrap().read_to_string(&mut content).unwrap();
                format!("{path}{}={content}", attributes(mode, owner, 0o644))
            }
            _ => format!("{path}|{}", attributes(mode, owner, 0o644)),
        };
        self.found.push((path, text));
    }
}

impl Visit for Lister {
    type Error = std::io::Error;

    fn enter(&mut self, at: &Visited<'_>, _: &Dir) -> std::io::Result<Next> {
        self.add(at);
        Ok(Next::Into)
    }

    fn other(&mut self, at: &Visited<'_>) -> std::io::Result<()> {
        self.add(at);
        Ok(())
    }

    fn failed(&mut self, _: Doing, _: &std::path::Path, error: std::io::Error) -> std::io::Result<()> {
        Err(error)
    }
}

fn without_contents(listing: &[String]) -> Vec<String> {
    let mut kept: Vec<String> =
        listing.iter().map(|line| line.split(['=', '&']).next().unwrap().to_owned()).collect();
    // The other names of a file show nothing of it.
    for (line, kept) in listing.iter().zip(&mut kept) {
        if line.contains('&') {
            kept.push('&');
        }
    }
    kept
}

fn indexed(index: &Index) -> Vec<String> {
    let mut found = Vec::new();
    let mut linked = HashMap::new();
    index.for_each(&mut |path: &OsStr, node| {
        let path = path.to_str().unwrap().to_owned();
        let owner = (node.uid, node.gid);
        let text = match node.file_type {
            _ if path.is_empty() => return,
            FileType::Directory => format!("{path}/{}", attributes(node.mode, owner, 0o755)),
            FileType::Symlink => {
                format!("{path}{}>{}", attributes(0o777, owner, 0o777), node.link.unwrap().display())
            }
            FileType::Regular => match node.hard_link.filter(|number| linked.insert(*number, ()).is_some()) {
                Some(_) => format!("{path}&"),
                None => format!("{path}{}", attributes(node.mode, owner, 0o644)),
            },
            _ => format!("{path}|{}", attributes(node.mode, owner, 0o644)),
        };
        found.push((path, text));
    });
    found.sort();
    found.into_iter().map(|(_, text)| text).collect()
}

/// A target that only keeps what it is sent.
#[derive(Default)]
pub struct Sent(pub Vec<Entry>);

impl Target for Sent {
    fn begin(&mut self) -> Result<()> {
        Ok(())
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        while content.chunk()?.is_some() {}
        self.0.push(entry.clone());
        Ok(())
    }

    fn hide(&mut self, _: &Name) -> Result<()> {
        panic!("nothing is hidden")
    }

    fn hide_children(&mut self, _: &Name) -> Result<()> {
        panic!("nothing is hidden")
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What is sent for an instruction into `base`.
pub fn sent(source: &TempDir, from: From<'_>, base: &[&str], instruction: &str) -> Vec<Entry> {
    let files = files(source, from);
    let wanted = wanted(instruction);
    let selection = select(&files, &wanted).unwrap();
    let mut index = Index::new();
    fill(base, &mut index);
    let mut sent = Sent::default();
    selection.place(&index).unwrap().send(&mut sent).unwrap();
    sent.0
}

/// Puts an archive of a tree into a directory.
pub fn archive(at: &TempDir, name: &str, tree: &[&str]) {
    let mut writer = crate::layer::pack::Writer::new(File::create(at.path().join(name)).unwrap());
    for text in tree {
        let (entry, content) = entry(text);
        match content.is_empty() {
            true => writer.put(&entry, &mut NoContent).unwrap(),
            false => writer.put(&entry, &mut BytesContent::new(&content)).unwrap(),
        }
    }
    writer.finish().unwrap();
}
