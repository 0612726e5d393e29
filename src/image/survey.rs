//! What an archive is, from one look through it: an OCI layout, a `docker save`, a backup, or a bare root
//! filesystem, with any number of directories above it.
//!
//! What it holds decides, not the file's name. A root filesystem is known by the directories that every one has (FHS),
//! and the look ends as soon as they leave no doubt. An image is known by what its `index.json` or `manifest.json`
//! says: a root filesystem may have files of these names too. Memory is bounded whatever the archive holds.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Kind, Result};
use crate::layer::{Content, Entry, EntryKind, Reader, flatten_claimed};
use crate::oci::{Algorithm, Digest, Hasher, Provenance};

/// The directories of a root. A prefix that has one of these names in it is inside a root, not above one.
const ROOT: [&[u8]; 17] = [
    b"bin", b"boot", b"dev", b"etc", b"home", b"lib", b"lib64", b"media", b"mnt", b"opt", b"proc", b"root",
    b"run", b"sbin", b"sys", b"usr", b"var",
];
/// With this many of them, the directory is a root for certain.
const CERTAIN: u32 = 5;
/// A root with more directories above it than this is believed in only with two names of [`ROOT`].
const DEPTH: usize = 3;
/// Candidates for a root.
const PREFIXES: usize = 1 << 12;
/// Blobs of an image archive.
const BLOBS: usize = 1 << 14;
/// Bytes of one document, and of all that are kept.
const DOCUMENT: u64 = 4 << 20;
const DOCUMENTS: usize = 32 << 20;

/// What an archive is.
#[derive(Debug)]
pub enum Holds {
    /// A root filesystem below `prefix`, with the `manifest.json` of a backup.
    Rootfs {
        /// The directory of the archive that is the root.
        prefix: PathBuf,
        /// What a backup remembers of its image.
        manifest: Option<Provenance>,
    },
    /// One or more images.
    Image(Contents),
}

/// What an archive of images holds, by name below `base`.
#[derive(Debug, Default)]
pub struct Contents {
    /// The directory of the archive that holds the image.
    pub base: PathBuf,
    /// Small files.
    pub documents: BTreeMap<PathBuf, Vec<u8>>,
    /// Where links lead, as written.
    pub links: BTreeMap<PathBuf, PathBuf>,
    /// Files outside `blobs/`: their digest and size.
    pub files: BTreeMap<PathBuf, (Digest, u64)>,
    /// Files in `blobs/`: their size.
    pub blobs: BTreeMap<PathBuf, u64>,
}

/// Looks through an archive.
pub fn survey(reader: &mut Reader<impl BufRead>) -> Result<Holds> {
    let mut contents = Contents::default();
    let mut roots = Roots::default();
    let mut entries = 0_u64;
    while let Some(entry) = reader.next()? {
        entries += 1;
        roots.see(&entry);
        if roots.certain(&contents) {
            break;
        }
        contents.see(&entry, &mut reader.content())?;
    }
    if roots.best().is_none_or(|(_, count)| count < CERTAIN)
        && let Some(base) = contents.image()
    {
        // What follows the archive in a compressed file is damage.
        reader.drain()?;
        return Ok(Holds::Image(contents.below(&base)));
    }
    let Some((prefix, _)) = roots.best() else {
        if contents.is_ancient() {
            return Err(Error::unsupported("it was written by 'docker save' before Docker 1.10")
                .hint("load it with a newer docker and save it again"));
        }
        if let Some(index) = contents.bad_index() {
            return Err(Error::invalid(format_args!(
                "its '{}' is not the index of an OCI layout",
                index.display()
            ))
            .hint("the archive is damaged, or was not written whole: save the image again"));
        }
        return Err(Error::invalid(match entries {
            0 => "the archive is empty".to_owned(),
            _ => format!("none of the archive's {entries} entries belongs to a root filesystem or an image"),
        })
        .hint("it should have directories such as bin, etc and usr, or be an OCI or docker archive"));
    };
    Ok(Holds::Rootfs { manifest: contents.backup_manifest(&prefix), prefix })
}

impl Contents {
    fn see(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        let name = entry.name.as_path();
        match &entry.kind {
            EntryKind::Symlink(target) => {
                self.link(name, name.parent().unwrap_or(Path::new("")).join(target));
            }
            EntryKind::HardLink(target) => self.link(name, target.as_path().to_owned()),
            EntryKind::File { size } => {
                let mut hasher = Hasher::new(Algorithm::Sha256);
                let kept: usize = self.documents.values().map(Vec::len).sum();
                let is_blob = name.ancestors().nth(2).is_some_and(|above| above.ends_with("blobs"));
                // Each tool names the files as it likes (crane writes `sha256:<hex>`), so the first byte decides:
                // documents are JSON objects, docker's manifest.json is a list.
                let mut document = None;
                let mut is_first = *size <= DOCUMENT && kept < DOCUMENTS;
                let is_whole = content.is_whole(*size);
                let read = flatten_claimed(content, *size, &mut |bytes| {
                    if !is_blob {
                        hasher.update(bytes);
                    }
                    if std::mem::take(&mut is_first) && matches!(bytes.first(), Some(b'{' | b'[')) {
                        document = Some(Vec::new());
                    }
                    if let Some(document) = &mut document {
                        document.extend_from_slice(bytes);
                    }
                    Ok(())
                });
                match read {
                    // A `lastlog` of a root filesystem, say; no part of an image.
                    Err(error) if error.kind() == Kind::Invalid && !is_whole => return Ok(()),
                    read => read?,
                }
                if let Some(document) = document {
                    self.documents.insert(name.to_owned(), document);
                }
                if is_blob && self.blobs.len() < BLOBS {
                    self.blobs.insert(name.to_owned(), *size);
                } else if !is_blob && self.files.len() < PREFIXES {
                    self.files.insert(name.to_owned(), (hasher.finish(), *size));
                }
            }
            _ => (),
        }
        Ok(())
    }

    fn link(&mut self, name: &Path, target: PathBuf) {
        if self.links.len() < PREFIXES {
            self.links.insert(name.to_owned(), target);
        }
    }

    /// The directory nearest to the top that holds an OCI layout or what `docker save` writes.
    fn image(&self) -> Option<PathBuf> {
        let is_image = |(path, text): &(&PathBuf, &Vec<u8>)| {
            let json = || serde_json::from_slice::<Value>(text).unwrap_or_default();
            match path.file_name().and_then(|name| name.to_str()) {
                Some("index.json") => json()["manifests"].is_array(),
                Some("manifest.json") => json()
                    .as_array()
                    .and_then(|list| list.first()?.get("Config"))
                    .is_some_and(Value::is_string),
                _ => false,
            }
        };
        let bases = self.documents.iter().filter(is_image).filter_map(|(path, _)| path.parent());
        bases.min_by_key(|base| base.components().count()).map(Path::to_owned)
    }

    /// The image in `base`, by names below it.
    fn below(self, base: &Path) -> Contents {
        fn strip<T>(map: BTreeMap<PathBuf, T>, base: &Path) -> BTreeMap<PathBuf, T> {
            let below = |(path, value): (PathBuf, T)| Some((path.strip_prefix(base).ok()?.to_owned(), value));
            map.into_iter().filter_map(below).collect()
        }
        let links = strip(self.links, base).into_iter();
        Contents {
            documents: strip(self.documents, base),
            links: links
                .map(|(path, to)| (path, to.strip_prefix(base).map_or(to.clone(), Path::to_owned)))
                .collect(),
            files: strip(self.files, base),
            blobs: strip(self.blobs, base),
            base: base.to_owned(),
        }
    }

    /// The `index.json` beside an `oci-layout`; a good one would have been found.
    fn bad_index(&self) -> Option<PathBuf> {
        let beside = |path: &PathBuf| path.ends_with("oci-layout").then(|| path.with_file_name("index.json"));
        self.files.keys().find_map(beside).filter(|path| self.files.contains_key(path))
    }

    /// What `docker save` wrote before 1.10: a directory a layer, and `repositories` beside them.
    fn is_ancient(&self) -> bool {
        let has = |name: &str| self.files.keys().any(|path| path.ends_with(name));
        has("layer.tar") && has("VERSION") && has("json")
    }

    /// `NAME/manifest.json` beside `NAME/rootfs`.
    fn backup_manifest(&self, prefix: &Path) -> Option<Provenance> {
        let directory = prefix.parent().filter(|_| prefix.ends_with("rootfs"))?;
        Provenance::parse(self.documents.get(&directory.join("manifest.json"))?).ok()
    }
}

/// Candidates for a root, each with the names of [`ROOT`] seen in it, as bits.
#[derive(Default)]
struct Roots(HashMap<PathBuf, u32>);

impl Roots {
    fn see(&mut self, entry: &Entry) {
        let mut prefix = PathBuf::new();
        for component in entry.name.as_path() {
            let known = ROOT.iter().position(|name| *name == component.as_encoded_bytes());
            if let Some(bit) = known {
                self.add(prefix, 1 << bit);
                return;
            }
            prefix.push(component);
            // A backup is known by its own manifest.json, so its directories need not be looked at.
            if component == "rootfs" && prefix.components().count() == 2 {
                self.add(prefix.clone(), 0);
            }
        }
    }

    fn add(&mut self, prefix: PathBuf, bits: u32) {
        if self.0.len() < PREFIXES || self.0.contains_key(&prefix) {
            *self.0.entry(prefix).or_default() |= bits;
        }
    }

    /// The candidate with the most names; of equals the one nearest to the top.
    fn best(&self) -> Option<(PathBuf, u32)> {
        let rank = |(prefix, bits): &(&PathBuf, &u32)| {
            (bits.count_ones(), std::cmp::Reverse((prefix.components().count(), (*prefix).clone())))
        };
        let believed =
            |(prefix, bits): &(&PathBuf, &u32)| bits.count_ones() > 1 || prefix.components().count() <= DEPTH;
        let (prefix, bits) = self.0.iter().filter(believed).max_by_key(rank)?;
        Some((prefix.clone(), bits.count_ones()))
    }

    /// Whether the rest of the archive cannot tell anything new. A backup's manifest may still come.
    fn certain(&self, contents: &Contents) -> bool {
        self.0.iter().any(|(prefix, bits)| {
            bits.count_ones() >= CERTAIN
                && (!prefix.ends_with("rootfs") || contents.backup_manifest(prefix).is_some())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(names: &[&str]) -> Option<PathBuf> {
        let mut roots = Roots::default();
        for name in names {
            roots.see(&Entry::new(name, EntryKind::Directory).unwrap());
        }
        roots.best().map(|(prefix, _)| prefix)
    }

    #[test]
    fn finds_the_root_at_any_depth() {
        assert_eq!(best(&["bin", "etc", "usr/bin", "usr/lib", "usr/local/bin"]), Some("".into()));
        assert_eq!(best(&["debian", "debian/bin", "debian/etc"]), Some("debian".into()));
        assert_eq!(best(&["x/rootfs/usr", "x/rootfs/etc", "x/manifest.json"]), Some("x/rootfs".into()));
        assert_eq!(
            best(&["metadata.yaml", "templates/a", "rootfs/etc", "rootfs/usr"]),
            Some("rootfs".into())
        );
        assert_eq!(best(&["usr/bin", "usr/lib", "usr/sbin"]), Some("".into()));
        assert_eq!(best(&["x/manifest.json", "x/rootfs/hello"]), Some("x/rootfs".into()));
        assert_eq!(best(&["a/b/c/d/etc", "readme", "rootfs"]), None);
        assert_eq!(best(&["a/b/c/d/etc", "readme", "a/b/c/d/usr/bin"]), Some("a/b/c/d".into()));
    }
}
