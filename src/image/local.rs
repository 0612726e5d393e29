//! The images that are kept here: found by what a user calls them, and read.

use std::collections::BTreeSet;

use super::origin::{Origin, send_file};
use crate::error::{Error, Result, WRONG_USAGE};
use crate::net::Sink;
use crate::oci::{Descriptor, Digest, Reference};
use crate::report::{Report, Task};
use crate::store::{Freed, Library, Named};
use crate::suggest::nearest;

/// The shortest beginning of a digest that names an image, in hexadecimal digits.
const SHORT: usize = 4;

/// The kept images as an origin of blobs.
pub struct Local<'a>(pub &'a Library);

impl Origin for Local<'_> {
    fn fetch(&self, blob: &Descriptor, sink: &mut dyn Sink, task: &dyn Task) -> Result<()> {
        send_file(self.0.open(&blob.digest)?, sink, task)
    }
}

/// What `text` names: a name, a digest, or the beginning of one. A digest may have several names: all of them come.
/// `NotFound` suggests the nearest; what is no name of an image at all is a wrong command line.
pub fn find(library: &Library, text: &str) -> Result<Vec<Named>> {
    let images = library.images()?;
    let full = Reference::parse(text).map(|reference| reference.full());
    let by_name: Vec<Named> = images
        .iter()
        .filter(|image| full.is_ok() && image.name == full.as_ref().ok().cloned())
        .cloned()
        .collect();
    if !by_name.is_empty() {
        return Ok(by_name);
    }
    let hex = text.strip_prefix("sha256:").or(text.strip_prefix("sha512:")).unwrap_or(text);
    let is_short = hex.len() >= SHORT && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    let by_digest: Vec<Named> = images
        .iter()
        .filter(|image| is_short && image.descriptor.digest.hex().starts_with(hex))
        .cloned()
        .collect();
    let digests: BTreeSet<&str> = by_digest.iter().map(|image| image.descriptor.digest.hex()).collect();
    match digests.len() {
        1 => Ok(by_digest),
        0 => Err(missing(text, &images, full)),
        _ => Err(Error::usage(format_args!("several images begin with '{text}'")).hint("give more digits")),
    }
}

fn missing(text: &str, images: &[Named], parsed: Result<String>) -> Error {
    if let (Err(error), Err(_)) = (parsed, Digest::parse(text)) {
        return error.exits(WRONG_USAGE);
    }
    let error = Error::not_found(format_args!("there is no image '{text}' here"));
    match tag_of(text, images).or_else(|| near(text, images)) {
        Some(hint) => error.hint(hint),
        // No registry knows an image by this.
        None if is_digest(text) => error.hint("'chroot-distro images' shows those that are"),
        None => error.hint(format_args!(
            "'chroot-distro images' shows those that are; 'chroot-distro pull {text}' gets one"
        )),
    }
}

/// Whether it is a digest, or what tables show of one, and hardly a name.
fn is_digest(text: &str) -> bool {
    Digest::parse(text).is_ok() || (text.len() >= 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The hint, where the image is here by another tag.
pub fn other_tag(library: &Library, text: &str) -> Option<String> {
    tag_of(text, &library.images().ok()?)
}

/// The same of images that were made or loaded here: a registry's of this name is a stranger's.
pub fn own_tag(library: &Library, text: &str) -> Option<String> {
    let mut own = library.images().ok()?;
    own.retain(|image| !image.pulled);
    tag_of(text, &own)
}

fn tag_of(text: &str, images: &[Named]) -> Option<String> {
    let asked = Reference::parse(text).ok()?;
    let is_same = |image: &&Named| {
        let name = image.name.as_ref().and_then(|name| Reference::parse(name).ok());
        name.is_some_and(|name| {
            (name.registry, name.repository) == (asked.registry.clone(), asked.repository.clone())
        })
    };
    let there: Vec<String> =
        images.iter().filter(is_same).filter_map(shown).map(|name| format!("'{name}'")).collect();
    let there = (!there.is_empty()).then(|| there.join(", "))?;
    Some(match asked.tag.as_deref() {
        Some("latest") => format!("here is {there}; without a tag, 'latest' is looked for"),
        _ => format!("here is {there}"),
    })
}

/// The hint, where a name is near, with its tag and registry or without.
fn near(text: &str, images: &[Named]) -> Option<String> {
    let names: Vec<String> = images.iter().filter_map(shown).collect();
    let last = |name: &'_ str| {
        let last = name.rsplit('/').next().unwrap_or(name);
        last.split([':', '@']).next().unwrap_or(last).to_owned()
    };
    let bare: Vec<String> = names.iter().map(|name| last(name)).collect();
    let found = nearest(text, names.iter().map(String::as_str)).map(str::to_owned).or_else(|| {
        let near = nearest(&last(text), bare.iter().map(String::as_str))?;
        names.iter().zip(&bare).find(|(_, bare)| *bare == near).map(|(name, _)| name.clone())
    })?;
    Some(format!("did you mean '{found}'?"))
}

/// The name as a user would write it.
pub fn shown(image: &Named) -> Option<String> {
    let name = image.name.as_ref()?;
    Some(Reference::parse(name).map_or_else(|_| name.clone(), |reference| reference.to_string()))
}

/// Takes one name of an image away, or its entry without any, and frees what nothing else needs; none when somebody is
/// adding images just now.
pub fn remove(library: &Library, image: &Named, report: &dyn Report) -> Result<Option<Freed>> {
    let freed = library.remove(std::slice::from_ref(image))?;
    if let Some(name) = shown(image) {
        report.info(&format!("Removed the name {name}"));
    }
    match library.collect(report) {
        // This image is gone all the same.
        Err(error) => {
            let why = error.in_one_line();
            report.warn(&format!("no space is freed, as it is not known what is still needed: {why}"));
            Ok(Some(freed))
        }
        Ok(rest) => Ok(rest.map(|rest| freed + rest)),
    }
}
