//! Images inside archives: an OCI layout, or what `docker save` wrote before it learned that layout. Their layers
//! go into the cache, as a registry's do, and are applied from there.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use super::description::Image;
use super::layout;
use super::origin::Origin;
use super::survey::Contents;
use crate::error::{Error, Result};
use crate::layer::{EntryKind, Reader, flatten_claimed};
use crate::net::Sink;
use crate::oci::{Descriptor, Digest, Document, ImageConfig, Platform, media_type};
use crate::report::{Report, Task};
use crate::store::{Fetch, Store};

/// How many links are followed from one to the next.
const LINKS: usize = 16;

/// The image that suits the platform; `archive` names it when nothing in it does.
pub fn image(contents: &Contents, archive: &str, platform: &Platform, report: &dyn Report) -> Result<Image> {
    match contents.documents.get(Path::new("index.json")) {
        Some(index) => {
            let read = |blob: &Descriptor| {
                contents.documents.get(&blob_path(&blob.digest)).cloned().ok_or_else(|| {
                    Error::invalid(format_args!("the archive lacks the document {}", blob.short()))
                })
            };
            layout::choose(index, &read, platform, archive, report)
        }
        None => docker(contents, archive, platform, report),
    }
}

/// `manifest.json`: `[{"Config": FILE, "RepoTags": [...], "Layers": [FILE, ...]}]`. Its layers are named by
/// file, so their digests are our own.
fn docker(contents: &Contents, archive: &str, platform: &Platform, report: &dyn Report) -> Result<Image> {
    let wrong = |what: &str| Error::invalid(format_args!("the archive's manifest.json {what}"));
    let text = contents.documents.get(Path::new("manifest.json")).ok_or_else(|| wrong("is missing"))?;
    let list: Value =
        serde_json::from_slice(text).map_err(|error| wrong(&format!("is not JSON: {error}")))?;
    let images =
        list.as_array().filter(|images| !images.is_empty()).ok_or_else(|| wrong("lists no image"))?;
    let tag = |image: &Value| image["RepoTags"][0].as_str().map(str::to_owned);
    let built: Vec<Result<Image>> = images
        .iter()
        .map(|image| {
            docker_image(contents, image, tag(image).unwrap_or_else(|| archive.to_owned()), platform)
        })
        .collect();
    let mut failure = None;
    for image in built {
        match image {
            Ok(image) => {
                if images.len() > 1 {
                    let all: Vec<String> = images.iter().filter_map(tag).collect();
                    report.info(&format!(
                        "There are several images ({}): installing {}",
                        all.join(", "),
                        image.name
                    ));
                }
                return Ok(image);
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| wrong("lists no image")))
}

fn docker_image(contents: &Contents, image: &Value, name: String, platform: &Platform) -> Result<Image> {
    let path = |value: &Value| {
        let text =
            value.as_str().ok_or_else(|| Error::invalid("the archive's manifest.json lacks a name"))?;
        resolve(contents, Path::new(text))
            .ok_or_else(|| Error::invalid(format_args!("the archive lacks '{}'", text.escape_debug())))
    };
    let described = |path: &Path, media_type: &str| {
        let (digest, size) = contents
            .files
            .get(path)
            .ok_or_else(|| Error::invalid(format_args!("the archive lacks '{}'", path.display())))?;
        Ok::<Value, Error>(json!({"mediaType": media_type, "digest": digest.to_string(), "size": size}))
    };
    let config_path = path(&image["Config"])?;
    let config = contents
        .documents
        .get(&config_path)
        .ok_or_else(|| Error::invalid(format_args!("'{}' is not an image config", config_path.display())))?;
    let layers = image["Layers"].as_array().map_or(&[][..], Vec::as_slice);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::DOCKER_MANIFEST,
        "config": described(&config_path, "application/vnd.docker.container.image.v1+json")?,
        "layers": layers
            .iter()
            .map(|layer| described(&path(layer)?, "application/vnd.docker.image.rootfs.diff.tar"))
            .collect::<Result<Vec<Value>>>()?,
    });
    match Document::parse(manifest.to_string().as_bytes(), None)? {
        Document::Manifest(manifest) => Image::new(name, manifest, ImageConfig::parse(config)?, platform),
        Document::Index(_) => Err(Error::invalid("the archive's manifest.json is an index")),
    }
}

/// The file at `path` inside the archive, by its links: older archives have a layer that several images share as
/// a link to another.
pub(super) fn resolve(contents: &Contents, path: &Path) -> Option<PathBuf> {
    let mut path = normal(path)?;
    for _ in 0..LINKS {
        match contents.links.get(&path) {
            Some(target) => path = normal(target)?,
            None => return Some(path),
        }
    }
    None
}

/// Without `.` and `..`; `None` when it leaves the archive.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir if !normal.pop() => return None,
            _ => (),
        }
    }
    Some(normal)
}

/// Where a layout has a blob.
pub(super) fn blob_path(digest: &Digest) -> PathBuf {
    Path::new("blobs").join(digest.algorithm().name()).join(digest.hex())
}

/// The layers that are not cached yet, by their names in the archive.
pub struct Wanted<'a>(BTreeMap<PathBuf, &'a Descriptor>);

impl<'a> Wanted<'a> {
    pub fn new(store: &Store, image: &'a Image, contents: &Contents) -> Wanted<'a> {
        let missing = image
            .manifest
            .layers
            .iter()
            .filter(|layer| layer.data.is_none() && !store.has_blob(&layer.digest, layer.size));
        let path = |layer: &Descriptor| {
            let by_digest = contents.files.iter().find(|(_, (digest, _))| *digest == layer.digest);
            let name = by_digest.map_or_else(|| blob_path(&layer.digest), |(path, _)| path.clone());
            contents.base.join(name)
        };
        Wanted(missing.map(|layer| (path(layer), layer)).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads them out of the archive, in its order, into the cache.
    pub fn import(
        mut self,
        store: &Store,
        reader: &mut Reader<impl BufRead>,
        report: &dyn Report,
    ) -> Result<()> {
        while let Some(entry) = reader.next()? {
            let EntryKind::File { size } = entry.kind else { continue };
            let Some(layer) = self.0.remove(entry.name.as_path()) else { continue };
            if let Fetch::Missing(mut partial) = store.blob(&layer.digest, layer.size, report)? {
                partial.restart()?;
                flatten_claimed(&mut reader.content(), size, &mut |bytes| partial.append(bytes))?;
                partial.commit().map_err(|error| error.context(format_args!("layer {}", layer.short())))?;
            }
            if self.0.is_empty() {
                return Ok(());
            }
        }
        match self.0.values().next() {
            Some(layer) => Err(Error::invalid(format_args!("the archive lacks layer {}", layer.short()))),
            None => Ok(()),
        }
    }
}

/// Layers that were imported are cached.
pub struct Imported;

impl Origin for Imported {
    fn fetch(&self, blob: &Descriptor, _: &mut dyn Sink, _: &dyn Task) -> Result<()> {
        Err(Error::invalid(format_args!("the cached copy of layer {} is gone or damaged", blob.short()))
            .hint("try again: the archive will be read anew"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Arch;
    use crate::report::Silent;

    /// An image config for a CPU, with one layer.
    fn config(arch: &str) -> Vec<u8> {
        let diff_id = Digest::of(b"layer").to_string();
        json!({"os": "linux", "architecture": arch, "rootfs": {"diff_ids": [diff_id]}})
            .to_string()
            .into_bytes()
    }

    fn put(contents: &mut Contents, name: &str, text: &[u8]) {
        contents.files.insert(name.into(), (Digest::of(text), text.len() as u64));
        contents.documents.insert(name.into(), text.to_vec());
    }

    fn choose(contents: &Contents, arch: Arch) -> Result<Image> {
        image(contents, "x.tar", &arch.into(), &Silent)
    }

    #[test]
    fn an_old_docker_archive_by_tags_links_and_cpus() {
        let mut contents = Contents::default();
        put(&mut contents, "amd.json", &config("amd64"));
        put(&mut contents, "arm.json", &config("arm64"));
        contents.files.insert("aa.tar".into(), (Digest::of(b"layer"), 5));
        contents.links.insert("id/layer.tar".into(), "id/../aa.tar".into());
        let list = json!([
            {"Config": "amd.json", "RepoTags": ["a:1"], "Layers": ["id/layer.tar"]},
            {"Config": "arm.json", "RepoTags": null, "Layers": ["aa.tar"]},
        ]);
        put(&mut contents, "manifest.json", list.to_string().as_bytes());
        let image = choose(&contents, Arch::X86_64).unwrap();
        assert_eq!((image.name.as_str(), &image.manifest.layers[0].digest), ("a:1", &Digest::of(b"layer")));
        assert_eq!(choose(&contents, Arch::Aarch64).unwrap().name, "x.tar");
        assert!(choose(&contents, Arch::Riscv64).unwrap_err().to_string().contains("riscv64"));
    }

    #[test]
    fn names_that_lead_out_of_the_archive_are_missing() {
        let mut contents = Contents::default();
        put(&mut contents, "c.json", &config("amd64"));
        contents.links.insert("loop".into(), "loop".into());
        for layer in ["../x", "loop", "none"] {
            let list = json!([{"Config": "c.json", "Layers": [layer]}]);
            put(&mut contents, "manifest.json", list.to_string().as_bytes());
            let error = choose(&contents, Arch::X86_64).unwrap_err().to_string();
            assert!(error.contains("lacks"), "{error}");
        }
        put(&mut contents, "manifest.json", b"[]");
        assert!(choose(&contents, Arch::X86_64).unwrap_err().to_string().contains("lists no image"));
    }

    #[test]
    fn a_layout_by_its_index_with_every_document_verified() {
        let mut contents = Contents::default();
        let described = |bytes: &[u8]| json!({"digest": Digest::of(bytes).to_string(), "size": bytes.len()});
        let config = config("amd64");
        let manifest = json!({"config": described(&config), "layers": [described(b"layer")]}).to_string();
        let mut entry = described(manifest.as_bytes());
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": "foo:1"});
        put(&mut contents, "index.json", json!({"manifests": [entry]}).to_string().as_bytes());
        assert!(choose(&contents, Arch::X86_64).unwrap_err().to_string().contains("lacks the document"));
        for bytes in [&config, manifest.as_bytes()] {
            let path = blob_path(&Digest::of(bytes));
            contents.documents.insert(path, bytes.to_vec());
        }
        assert_eq!(choose(&contents, Arch::X86_64).unwrap().name, "foo:1");
        contents.documents.insert(blob_path(&Digest::of(&config)), b"{}".to_vec());
        assert!(
            choose(&contents, Arch::X86_64).unwrap_err().to_string().contains("not what its digest says")
        );
    }
}
