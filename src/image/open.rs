//! One platform of a kept image.

use super::description::Image;
use super::layout::choose;
use super::local::shown;
use super::summary::Summary;
use crate::error::{Error, Result};
use crate::oci::{Descriptor, Platform};
use crate::report::Silent;
use crate::store::{Library, Named};

/// The image for `platform` of what is kept under this entry. `NotFound` names the platforms that are here.
pub fn open(library: &Library, named: &Named, platform: &Platform) -> Result<Image> {
    let read = |descriptor: &Descriptor| {
        library.document(descriptor)?.ok_or_else(|| missing(&Summary::of(library, named), platform))
    };
    let name = shown(named).unwrap_or_else(|| named.descriptor.digest.to_string());
    choose(&read(&named.descriptor)?, &read, platform, &name, &Silent)
}

fn missing(here: &Summary, platform: &Platform) -> Error {
    let error = Error::not_found(format_args!("the part of the image for {platform} is not here"));
    match &here.platforms[..] {
        [] => error.hint("pull or load the image again"),
        [first, ..] => error.hint(format_args!(
            "here is {}: add '--architecture {first}'. To get the other: chroot-distro pull --architecture \
             {platform} IMAGE",
            here.platforms.join(", ")
        )),
    }
}
