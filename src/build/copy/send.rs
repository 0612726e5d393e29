//! Sends what was placed, each file read by one descriptor.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;

use super::archive;
use super::listing::Item;
use super::place::{Owned, Phase, Placed, Unpacked, What};
use super::reading::{Reading, Xattrs, check, open};
use super::select::Pick;
use super::view::lossy;
use super::wanted::{Downloaded, Wanted};
use crate::error::{Attempt, Error, Result};
use crate::layer::{
    BytesContent, Content, Entry, EntryKind, FileContent, Name, NoContent, Target, is_kept_xattr,
};
use crate::rootfs::{FileType, Metadata, Timestamp};

/// What BuildKit gives files from URLs.
const DOWNLOADED: u32 = 0o600;
/// Here-documents.
const INLINE: u32 = 0o644;

impl Placed<'_> {
    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.phases.is_empty()
    }

    /// Sends all of it. The caller begins and ends the layer, since more may belong to it. A file that has changed since it
    /// was selected is an error.
    pub fn send(&self, target: &mut dyn Target) -> Result<()> {
        let reading = Reading::new(self.selection.files);
        let mut sender = Sender { placed: self, target, reading, first: HashMap::new() };
        self.phases.iter().try_for_each(|phase| sender.phase(phase))
    }
}

struct Sender<'a, 't> {
    placed: &'a Placed<'a>,
    target: &'t mut dyn Target,
    reading: Reading<'a>,
    /// The first names of files with several: by pick, device and inode.
    first: HashMap<(usize, (u32, u32), u64), Name>,
}

impl<'a> Sender<'a, '_> {
    fn wanted(&self) -> &'a Wanted {
        self.placed.selection.wanted
    }

    fn phase(&mut self, phase: &'a Phase) -> Result<()> {
        match phase {
            Phase::Entries(entries) => self.entries(entries),
            Phase::Archive(number, places) => match &self.placed.selection.picks[*number] {
                Pick::Archive(item) => {
                    let file = open(self.placed.selection.files, item)?;
                    let sent = self.archive(&file, places);
                    sent.and_then(|()| unchanged(item, &file))
                        .attempt(format_args!("unpack '{}'", item.path.display()))
                }
                Pick::Downloaded(downloaded) => self
                    .archive(&downloaded.file, places)
                    .attempt(format_args!("unpack '{}'", downloaded.name)),
                _ => Ok(()),
            },
        }
    }

    fn entries(&mut self, entries: &'a BTreeMap<Vec<u8>, What>) -> Result<()> {
        for (path, what) in entries {
            let name = Name::parse(path)?;
            match what {
                What::Made => self.made(name)?,
                What::Parent(owned) => self.directory(name, owned)?,
                What::Whole(number) => {
                    self.whole(*number, name).attempt(|| format!("copy to '/{}'", lossy(path)))?
                }
                What::Item(number, at, keeps) => {
                    let Pick::Contents(items) = &self.placed.selection.picks[*number] else { continue };
                    let item = &items[*at];
                    self.item(*number, item, name, keeps.as_ref())
                        .attempt(format_args!("copy '{}'", item.path.display()))?;
                }
            }
        }
        Ok(())
    }

    /// A directory that is made on the way.
    fn made(&mut self, name: Name) -> Result<()> {
        let (uid, gid) = self.wanted().owner.unwrap_or_default();
        let mtime = Timestamp { seconds: self.wanted().now, nanoseconds: 0 };
        self.directory(name, &Owned { mode: 0o755, uid, gid, mtime })
    }

    fn directory(&mut self, name: Name, owned: &Owned) -> Result<()> {
        let &Owned { mode, uid, gid, mtime } = owned;
        let entry = Entry { name, kind: EntryKind::Directory, mode, uid, gid, mtime, xattrs: Vec::new() };
        self.target.put(&entry, &mut NoContent)
    }

    /// A file that is all of its pick.
    fn whole(&mut self, number: usize, name: Name) -> Result<()> {
        match &self.placed.selection.picks[number] {
            Pick::File(_, item) => self.item(number, item, name, None),
            Pick::Inline(_, content) => {
                let entry = self.regular(name, INLINE, content.len() as u64, self.wanted().now);
                self.target.put(&entry, &mut BytesContent::new(content))
            }
            Pick::Downloaded(downloaded) => self.downloaded(downloaded, name),
            Pick::Contents(_) | Pick::Archive(_) => Ok(()),
        }
    }

    fn downloaded(&mut self, downloaded: &Downloaded, name: Name) -> Result<()> {
        let entry = self.regular(name, DOWNLOADED, downloaded.size, downloaded.modified);
        let file = downloaded.file.try_clone().attempt("read what was downloaded")?;
        self.target.put(&entry, &mut FileContent::new(file, downloaded.size))
    }

    /// A file that comes from nowhere in a tree.
    fn regular(&self, name: Name, mode: u32, size: u64, seconds: i64) -> Entry {
        let (uid, gid) = self.wanted().owner.unwrap_or_default();
        let mode = self.mode(mode, false);
        let mtime = Timestamp { seconds, nanoseconds: 0 };
        Entry { name, kind: EntryKind::File { size }, mode, uid, gid, mtime, xattrs: Vec::new() }
    }

    fn mode(&self, mode: u32, is_directory: bool) -> u32 {
        self.wanted().mode.as_ref().map_or(mode, |wanted| wanted.apply(mode, is_directory))
    }

    fn item(&mut self, number: usize, item: &Item, name: Name, keeps: Option<&Owned>) -> Result<()> {
        let metadata = &item.metadata;
        match metadata.file_type {
            FileType::Regular => return self.file(number, item, name),
            FileType::Socket => return Ok(()),
            _ => {}
        }
        let xattrs = self.reading.xattrs(item)?;
        let (major, minor) = metadata.rdev;
        let kind = match metadata.file_type {
            FileType::Directory => EntryKind::Directory,
            FileType::Symlink => EntryKind::Symlink(self.reading.link(item)?),
            FileType::Character => EntryKind::Character(major, minor),
            FileType::Block => EntryKind::Block(major, minor),
            _ => EntryKind::Fifo,
        };
        let mut entry = self.entry(item, name, kind, xattrs);
        if let Some(Owned { uid, gid, mtime, .. }) = keeps {
            (entry.mode, entry.uid, entry.gid, entry.mtime) = (metadata.mode, *uid, *gid, *mtime);
        }
        self.target.put(&entry, &mut NoContent)
    }

    fn file(&mut self, number: usize, item: &Item, name: Name) -> Result<()> {
        let metadata = &item.metadata;
        if metadata.links > 1 {
            let key = (number, metadata.dev, metadata.inode);
            if let Some(first) = self.first.get(&key) {
                let kind = EntryKind::HardLink(first.clone());
                let entry = self.entry(item, name, kind, Vec::new());
                return self.target.put(&entry, &mut NoContent);
            }
            self.first.insert(key, name.clone());
        }
        let (file, xattrs) = self.reading.file(item)?;
        let entry = self.entry(item, name, EntryKind::File { size: metadata.size }, xattrs);
        let mut content = FileContent::new(file, metadata.size);
        self.target.put(&entry, &mut content)?;
        let after = content.descriptor().and_then(|file| rustix::fs::fstat(file).ok());
        after.map_or(Ok(()), |after| check(item, &Metadata::from(after)))
    }

    fn entry(&self, item: &Item, name: Name, kind: EntryKind, mut xattrs: Xattrs) -> Entry {
        let Metadata { mode, uid, gid, mtime, file_type, .. } = item.metadata;
        xattrs.retain(|(key, _)| is_kept_xattr(key));
        let own = if self.placed.selection.files.has_owners() { (uid, gid) } else { (0, 0) };
        let (uid, gid) = self.wanted().owner.unwrap_or(own);
        let mode = match file_type {
            FileType::Symlink => mode,
            _ => self.mode(mode, file_type == FileType::Directory),
        };
        Entry { name, kind, mode, uid, gid, mtime, xattrs }
    }

    /// The entries of an archive, each to its place. Their modes stay, and their owners without `--chown`.
    fn archive(&mut self, file: &File, places: &[Unpacked]) -> Result<()> {
        let mut reader = archive::open(file)?;
        let mut places = places.iter();
        while let Some(mut entry) = reader.next()? {
            let place = places.next().ok_or_else(|| Error::invalid("the archive was changed meanwhile"))?;
            for made in &place.makes {
                let mtime = Timestamp { seconds: self.wanted().now, nanoseconds: 0 };
                self.directory(Name::parse(made)?, &Owned { mode: 0o755, uid: 0, gid: 0, mtime })?;
            }
            let Some(name) = &place.name else { continue };
            entry.name = Name::parse(name)?;
            if let EntryKind::HardLink(to) = &mut entry.kind {
                *to = Name::parse(&place.link)?;
            }
            if let Some((uid, gid)) = self.wanted().owner {
                (entry.uid, entry.gid) = (uid, gid);
            }
            self.target.put(&entry, &mut reader.content())?;
        }
        Ok(())
    }
}

fn unchanged(item: &Item, file: &File) -> Result<()> {
    let now = rustix::fs::fstat(file).attempt("look at it")?;
    check(item, &Metadata::from(now))
}
