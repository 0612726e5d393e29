//! What an archive is, from one look through it: an OCI layout, a `docker save`, a backup, or a bare root
//! filesystem with so many directories above it.
//!
//! Names decide, not the file's name. A root filesystem is known by the directories that every one has (FHS),
//! and the look ends as soon as they leave no doubt. Memory is bounded whatever the archive holds.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::layer::{Content, Entry, Kind as EntryKind, Reader};
use crate::oci::{Algorithm, Digest, Hasher};

/// The directories of a root. A prefix that has one of these names in it is inside a root, not above one.
const ROOT: [&[u8]; 17] = [
    b"bin", b"boot", b"dev", b"etc", b"home", b"lib", b"lib64", b"media", b"mnt", b"opt", b"proc", b"root",
    b"run", b"sbin", b"sys", b"usr", b"var",
];
/// So many of them leave no doubt.
const CERTAIN: u32 = 5;
/// Directories above a root.
const DEPTH: usize = 3;
/// Candidates for a root.
const PREFIXES: usize = 1 << 12;
/// Bytes of one document, and of all that are kept.
const DOCUMENT: u64 = 4 << 20;
const DOCUMENTS: usize = 32 << 20;

/// What an archive is.
#[derive(Debug)]
pub(super) enum Kind {
    /// A root filesystem below `prefix`, with the `manifest.json` of a backup.
    Rootfs { prefix: PathBuf, manifest: Option<Value> },
    /// One or more images.
    Image(Contents),
}

/// What an archive of images holds, by name.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Small files.
    pub(super) documents: BTreeMap<PathBuf, Vec<u8>>,
    /// Where links lead, as written.
    pub(super) links: BTreeMap<PathBuf, PathBuf>,
    /// Files outside `blobs/`: their digest and size.
    pub(super) files: BTreeMap<PathBuf, (Digest, u64)>,
}

/// Looks through an archive.
pub(super) fn survey(reader: &mut Reader<impl BufRead>) -> Result<Kind> {
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
    let document = |name: &str| contents.documents.contains_key(Path::new(name));
    if roots.best().is_none_or(|(_, count)| count < CERTAIN)
        && (document("index.json") || document("manifest.json"))
    {
        return Ok(Kind::Image(contents));
    }
    let Some((prefix, _)) = roots.best() else {
        return Err(Error::invalid(match entries {
            0 => "the archive is empty".to_owned(),
            _ => format!("none of the archive's {entries} entries belongs to a root filesystem or an image"),
        })
        .hint("it should have directories such as bin, etc and usr, or be an OCI or docker archive"));
    };
    Ok(Kind::Rootfs { manifest: contents.backup_manifest(&prefix), prefix })
}

impl Contents {
    fn see(&mut self, entry: &Entry, content: &mut Content<'_>) -> Result<()> {
        let name = entry.name.as_path();
        match &entry.kind {
            EntryKind::Symlink(target) => {
                self.link(name, name.parent().unwrap_or(Path::new("")).join(target));
            }
            EntryKind::HardLink(target) => self.link(name, target.as_path().to_owned()),
            EntryKind::File { size } => {
                let mut hasher = Hasher::new(Algorithm::Sha256);
                let kept: usize = self.documents.values().map(Vec::len).sum();
                let is_blob = name.starts_with("blobs");
                let is_named = name.extension().is_some_and(|end| end == "json") || is_blob;
                let mut document = (is_named && *size <= DOCUMENT && kept < DOCUMENTS).then(Vec::new);
                copy(content, *size, &mut |bytes| {
                    if !is_blob {
                        hasher.update(bytes);
                    }
                    if let Some(document) = &mut document {
                        document.extend_from_slice(bytes);
                    }
                    Ok(())
                })?;
                // Layers lie among the blobs; documents are JSON objects, docker's manifest.json is a list.
                if let Some(document) = document.filter(|text| matches!(text.first(), Some(b'{' | b'['))) {
                    self.documents.insert(name.to_owned(), document);
                }
                if !is_blob && self.files.len() < PREFIXES {
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

    /// `NAME/manifest.json` beside `NAME/rootfs`.
    fn backup_manifest(&self, prefix: &Path) -> Option<Value> {
        let directory = prefix.parent().filter(|_| prefix.ends_with("rootfs"))?;
        serde_json::from_slice(self.documents.get(&directory.join("manifest.json"))?).ok()
    }
}

/// All of a file's bytes, holes too.
pub(super) fn copy(
    content: &mut Content<'_>,
    size: u64,
    write: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut position = 0;
    let fill = |position: &mut u64, to: u64, write: &mut dyn FnMut(&[u8]) -> Result<()>| {
        const ZEROS: [u8; 4096] = [0; 4096];
        while *position < to {
            let count = (to - *position).min(ZEROS.len() as u64);
            write(&ZEROS[..count as usize])?;
            *position += count;
        }
        Ok::<(), Error>(())
    };
    while let Some((offset, bytes)) = content.chunk()? {
        fill(&mut position, offset, write)?;
        write(bytes)?;
        position += bytes.len() as u64;
    }
    fill(&mut position, size, write)
}

/// Candidates for a root, each with the names of [`ROOT`] seen in it, as bits.
#[derive(Default)]
struct Roots(HashMap<PathBuf, u32>);

impl Roots {
    fn see(&mut self, entry: &Entry) {
        let mut prefix = PathBuf::new();
        for component in entry.name.as_path().iter().take(DEPTH + 1) {
            let known = ROOT.iter().position(|name| *name == component.as_encoded_bytes());
            if let Some(bit) = known {
                self.add(prefix, 1 << bit);
                return;
            }
            prefix.push(component);
            // A backup says so itself, whatever is in it.
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
        let (prefix, bits) = self.0.iter().max_by_key(rank)?;
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
    }
}
