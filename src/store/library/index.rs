//! `index.json` of the images: which names lead to which manifest or index. Pure.

use serde_json::{Value, json};

use crate::error::{Attempt, Error, Result};
use crate::oci::Descriptor;

/// Who names an image: containerd (and so Docker) in full, the OCI spec by its tag.
const NAME: &str = "io.containerd.image.name";
const TAG: &str = "org.opencontainers.image.ref.name";
/// Ours: `true` when the image was pulled from the registry that its name tells of, and nobody made it here.
const PULLED: &str = "io.github.chroot-distro.pulled";

/// An entry: an image, and one name of it.
#[derive(Debug, Clone)]
pub struct Named {
    /// `registry/repository:tag`; none for an image that has lost its names.
    pub name: Option<String>,
    /// Its manifest or index.
    pub descriptor: Descriptor,
    /// Whether it is what a registry has, or had, under this name.
    pub pulled: bool,
}

/// The document, with all that others wrote into it.
#[derive(Debug, Clone)]
pub(super) struct Index(Value);

impl Index {
    /// Reads the file; nothing is an empty index.
    pub(super) fn parse(bytes: Option<&[u8]>) -> Result<Index> {
        let Some(bytes) = bytes else {
            return Ok(Index(json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.index.v1+json",
                "manifests": [],
            })));
        };
        let json: Value = serde_json::from_slice(bytes)
            .map_err(|error| Error::invalid(format_args!("it is not JSON: {error}")))?;
        if !json["manifests"].is_array() {
            return Err(Error::invalid("it has no list of manifests"));
        }
        Ok(Index(json))
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }

    /// All entries, in the order in which they were added; an error for one that cannot be understood.
    pub(super) fn entries(&self) -> impl Iterator<Item = Result<Named>> {
        self.0["manifests"].as_array().into_iter().flatten().map(|entry| {
            let shown = name_of(entry).or(entry["digest"].as_str()).unwrap_or("without a name");
            Ok(Named {
                name: name_of(entry).map(str::to_owned),
                descriptor: Descriptor::parse(entry, "its descriptor")
                    .attempt(format_args!("the entry '{}' of the images' index", shown.escape_debug()))
                    .map_err(|error| {
                        error.hint("mend or delete it in 'images/index.json' of the data directory")
                    })?,
                pulled: entry["annotations"][PULLED] == "true",
            })
        })
    }

    /// Gives `name` to an image. What had it before keeps its other names, or stays without one.
    pub(super) fn set(&mut self, name: &str, pulled: bool, descriptor: &Descriptor) {
        self.unset(name);
        let digest = descriptor.digest.to_string();
        // It has a name again.
        self.retain(|entry| name_of(entry).is_some() || entry["digest"] != *digest);
        let mut entry = index_entry(Some(name), descriptor);
        if pulled {
            entry["annotations"][PULLED] = "true".into();
        }
        if let Some(list) = self.0["manifests"].as_array_mut() {
            list.push(entry);
        }
    }

    /// Adds an image without a name, if it is not there.
    pub(super) fn keep(&mut self, descriptor: &Descriptor) {
        let digest = descriptor.digest.to_string();
        let Some(list) = self.0["manifests"].as_array_mut() else { return };
        if list.iter().all(|entry| entry["digest"] != *digest) {
            list.push(index_entry(None, descriptor));
        }
    }

    /// Takes the name away. An image that has no other name stays without one.
    fn unset(&mut self, name: &str) {
        let Some(list) = self.0["manifests"].as_array_mut() else { return };
        let Some(at) = list.iter().position(|entry| name_of(entry) == Some(name)) else { return };
        let mut entry = list.remove(at);
        if list.iter().any(|other| other["digest"] == entry["digest"]) {
            return;
        }
        if let Some(annotations) = entry["annotations"].as_object_mut() {
            for key in [NAME, TAG, PULLED] {
                annotations.remove(key);
            }
        }
        list.push(entry);
    }

    /// Takes away one name of an image, and an image that is left without any.
    pub(super) fn remove(&mut self, entry: &Named) {
        if let Some(name) = &entry.name {
            self.unset(name);
        }
        let digest = entry.descriptor.digest.to_string();
        self.retain(|entry| name_of(entry).is_some() || entry["digest"] != *digest);
    }

    fn retain(&mut self, keep: impl Fn(&Value) -> bool) {
        if let Some(list) = self.0["manifests"].as_array_mut() {
            list.retain(keep);
        }
    }
}

/// An entry of an OCI layout's index: an image under a name, or without one.
pub fn index_entry(name: Option<&str>, descriptor: &Descriptor) -> Value {
    let digest = descriptor.digest.to_string();
    let mut entry = json!({"mediaType": descriptor.media_type, "digest": digest, "size": descriptor.size});
    if let Some(name) = name {
        entry["annotations"] = json!({ NAME: name });
        // A digest's colon follows an `@`.
        if let Some((_, tag)) = name.rsplit_once(':').filter(|_| !name.contains('@')) {
            entry["annotations"][TAG] = tag.into();
        }
    }
    entry
}

fn name_of(entry: &Value) -> Option<&str> {
    entry["annotations"][NAME].as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;

    fn descriptor(text: &str) -> Descriptor {
        let json = json!({"mediaType": "m", "digest": Digest::of(text.as_bytes()).to_string(), "size": 1});
        Descriptor::parse(&json, "x").unwrap()
    }

    fn names(index: &Index) -> Vec<(Option<String>, String)> {
        let index = Index::parse(Some(&index.to_bytes())).unwrap();
        let entries = index.entries();
        entries
            .map(Result::unwrap)
            .map(|entry| (entry.name, entry.descriptor.digest.hex()[..4].to_owned()))
            .collect()
    }

    fn nameless(descriptor: &Descriptor) -> Named {
        Named { name: None, descriptor: descriptor.clone(), pulled: false }
    }

    #[test]
    fn names_move_and_an_image_without_one_stays() {
        let mut index = Index::parse(None).unwrap();
        let (one, two) = (descriptor("1"), descriptor("2"));
        let hex = |descriptor: &Descriptor| descriptor.digest.hex()[..4].to_owned();
        let named = |name: &str, descriptor: &Descriptor| (Some(name.to_owned()), hex(descriptor));
        index.set("a:1", true, &one);
        index.set("a:2", false, &one);
        index.set("a:1", true, &two);
        assert_eq!(names(&index), [named("a:2", &one), named("a:1", &two)]);
        index.set("a:2", false, &two);
        assert_eq!(names(&index), [named("a:1", &two), (None, hex(&one)), named("a:2", &two)]);
        index.set("b:1", false, &one);
        assert_eq!(names(&index), [named("a:1", &two), named("a:2", &two), named("b:1", &one)]);
        index.unset("b:1");
        index.unset("b:1");
        index.keep(&one);
        index.remove(&nameless(&two));
        assert_eq!(names(&index).last(), Some(&(None, hex(&one))));
        index.remove(&nameless(&one));
        assert_eq!(names(&index).len(), 2);
        index.keep(&two);
        index.keep(&one);
        assert_eq!(names(&index)[2..], [(None, hex(&one))]);
    }

    #[test]
    fn what_others_wrote_stays() {
        let text = r#"{"schemaVersion": 2, "x": 1, "manifests": [], "annotations": {"k": "v"}}"#;
        let mut index = Index::parse(Some(text.as_bytes())).unwrap();
        index.set("docker.io/library/a:1", true, &descriptor("1"));
        assert_eq!((&index.0["x"], &index.0["annotations"]["k"]), (&json!(1), &json!("v")));
        assert_eq!(index.0["manifests"][0]["annotations"][TAG], "1");
        assert!(index.entries().next().unwrap().unwrap().pulled);
        for bad in ["", "[]", "{}", r#"{"manifests": 1}"#] {
            assert!(Index::parse(Some(bad.as_bytes())).is_err(), "{bad}");
        }
    }
}
