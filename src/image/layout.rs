//! OCI image layouts (image-layout.md): which image of `index.json` is meant, and a layout that is a directory.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::copy::DOCUMENT_MAX;
use super::description::Image;
use super::origin::{Origin, send_file};
use crate::error::{Attempt, Error, Result};
use crate::net::Sink;
use crate::oci::{Descriptor, Digest, Document, ImageConfig, Platform};
use crate::report::{Report, Task};

/// How many indexes are followed from one to the next. Real layouts have two levels.
pub(super) const DEPTH: usize = 5;
/// Who names an image in an index: the OCI spec and containerd (Docker).
pub(super) const NAMES: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

/// A document of a layout, verified by the caller.
pub(super) type ReadBlob<'a> = dyn Fn(&Descriptor) -> Result<Vec<u8>> + 'a;

/// The image of an `index.json` that suits the platform. `fallback` names it when the index does not.
pub fn choose(
    index: &[u8],
    read: &ReadBlob<'_>,
    platform: &Platform,
    fallback: &str,
    report: &dyn Report,
) -> Result<Image> {
    let names = Names::of(index);
    let mut bytes = index.to_vec();
    let mut name = None;
    for _ in 0..DEPTH {
        let entries = match Document::parse(&bytes, None)? {
            Document::Manifest(manifest) => {
                let config = ImageConfig::parse(&read_verified(read, &manifest.config)?)?;
                return Image::new(name.unwrap_or_else(|| fallback.to_owned()), manifest, config, platform);
            }
            Document::Index(entries) => entries,
        };
        let chosen = platform.choose(&entries)?;
        if name.is_none() {
            name = names.get(&chosen.digest);
            names.tell_choice(&chosen.digest, report);
        }
        bytes = read_verified(read, chosen)?;
    }
    Err(Error::invalid(format_args!("the layout's indexes are nested more than {DEPTH} deep")))
}

fn read_verified(read: &ReadBlob<'_>, blob: &Descriptor) -> Result<Vec<u8>> {
    let bytes = match &blob.data {
        Some(data) => data.clone(),
        None => read(blob)?,
    };
    verified(bytes, blob)
}

/// The bytes, if they are this blob's.
pub(super) fn verified(bytes: Vec<u8>, blob: &Descriptor) -> Result<Vec<u8>> {
    if Digest::with(blob.digest.algorithm(), &bytes) != blob.digest {
        return Err(Error::invalid(format_args!(
            "the layout's blob {} is not what its digest says",
            blob.short()
        )));
    }
    Ok(bytes)
}

/// An index with the entries alone that have this name, tag or digest.
fn only(index: &[u8], wanted: &str) -> Result<Vec<u8>> {
    let mut json: Value = serde_json::from_slice(index)
        .map_err(|error| Error::invalid(format_args!("its index is not JSON: {error}")))?;
    let names = |entry: &Value| -> Vec<String> {
        let named = NAMES.iter().filter_map(|key| entry["annotations"][key].as_str());
        named.chain(entry["digest"].as_str()).map(str::to_owned).collect()
    };
    let all: Vec<String> = json["manifests"].as_array().into_iter().flatten().flat_map(names).collect();
    let is = |name: &String| name == wanted || name.rsplit_once(':').is_some_and(|(_, tag)| tag == wanted);
    if let Some(list) = json["manifests"].as_array_mut() {
        list.retain(|entry| names(entry).iter().any(is));
    }
    if json["manifests"].as_array().is_none_or(Vec::is_empty) {
        return Err(Error::not_found(format_args!("it has no image '{wanted}'"))
            .hint(format_args!("it has {}", all.join(", "))));
    }
    Ok(json.to_string().into_bytes())
}

/// The images that an index names.
struct Names(Vec<(String, String)>);

impl Names {
    fn of(index: &[u8]) -> Names {
        let index: Value = serde_json::from_slice(index).unwrap_or_default();
        let entries = index["manifests"].as_array().into_iter().flatten();
        let named = |entry: &Value| {
            let name = NAMES.iter().find_map(|key| entry["annotations"][key].as_str())?;
            Some((entry["digest"].as_str()?.to_owned(), name.to_owned()))
        };
        Names(entries.filter_map(named).collect())
    }

    fn get(&self, digest: &Digest) -> Option<String> {
        let digest = digest.to_string();
        self.0.iter().find(|(found, _)| *found == digest).map(|(_, name)| name.clone())
    }

    /// Reports which image is taken, since a container is made of one.
    fn tell_choice(&self, digest: &Digest, report: &dyn Report) {
        if let (true, Some(name)) = (self.0.len() > 1, self.get(digest)) {
            let all: Vec<&str> = self.0.iter().map(|(_, name)| name.as_str()).collect();
            report.info(&format!("There are several images ({}): installing {name}", all.join(", ")));
        }
    }
}

/// A layout in a directory of the host's, the user's own.
pub struct LayoutDirectory<'a> {
    path: &'a Path,
    /// The name or digest of the image that is meant.
    wanted: Option<&'a str>,
}

impl<'a> LayoutDirectory<'a> {
    /// The layout in the directory `path`; nothing is read yet.
    pub fn new(path: &'a Path) -> LayoutDirectory<'a> {
        LayoutDirectory { path, wanted: None }
    }

    /// Of the images in it, the one with this tag, name or digest.
    #[must_use]
    pub fn wanting(self, image: Option<&'a str>) -> LayoutDirectory<'a> {
        LayoutDirectory { wanted: image, ..self }
    }

    /// The image for this platform.
    pub fn image(&self, platform: &Platform, report: &dyn Report) -> Result<Image> {
        let mut index = self.index()?;
        if let Some(wanted) = self.wanted {
            index =
                only(&index, wanted).attempt(format_args!("read the layout '{}'", self.path.display()))?;
        }
        let name = self.path.canonicalize().unwrap_or_default();
        let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
        choose(&index, &|blob| read_limited(&self.blob(&blob.digest)), platform, &name, report)
            .attempt(format_args!("read the layout '{}'", self.path.display()))
    }

    /// Its `index.json`.
    pub(super) fn index(&self) -> Result<Vec<u8>> {
        read_limited(&self.path.join("index.json"))
    }

    /// Whether it has the blob, by its size alone.
    pub(super) fn has(&self, blob: &Descriptor) -> bool {
        self.blob(&blob.digest).metadata().is_ok_and(|found| found.is_file() && found.len() == blob.size)
    }

    /// A document that it has; its digest is not looked at.
    pub(super) fn document(&self, blob: &Descriptor) -> Result<Vec<u8>> {
        read_limited(&self.blob(&blob.digest))
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.path.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }
}

impl Origin for LayoutDirectory<'_> {
    fn fetch(&self, blob: &Descriptor, sink: &mut dyn Sink, task: &dyn Task) -> Result<()> {
        let path = self.blob(&blob.digest);
        let attempt = format_args!("read '{}'", path.display());
        send_file(open_file(&path).attempt(attempt)?, sink, task).attempt(attempt)
    }
}

/// A regular file; a FIFO in its place does not make anybody wait.
fn open_file(path: &Path) -> io::Result<File> {
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(file)
}

fn read_limited(path: &Path) -> Result<Vec<u8>> {
    let attempt = format_args!("read '{}'", path.display());
    let mut bytes = Vec::new();
    open_file(path).attempt(attempt)?.take(DOCUMENT_MAX + 1).read_to_end(&mut bytes).attempt(attempt)?;
    if bytes.len() as u64 > DOCUMENT_MAX {
        return Err(Error::invalid(format_args!("'{}' is too large for a document", path.display())));
    }
    Ok(bytes)
}
