//! `tag`: a further name for a kept image.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run, reference};
use crate::error::{Error, Result};
use crate::image::find;
use crate::report::Report;

/// give a stored image another name. If another image has this name, the name moves.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro tag alpine:3.21 mine:stable",
    example = "chroot-distro tag 3c1bd9f5a2d8 ghcr.io/me/app:1"
)]
pub struct Tag {
    /// print errors only
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the image, by a name, its digest or the beginning of that
    #[argh(positional, arg_name = "IMAGE")]
    source: String,

    /// its new name
    #[argh(positional, arg_name = "NAME")]
    name: String,
}

impl Run for Tag {
    const NAME: &'static str = "tag";

    fn run(self, app: &App) -> Result<u8> {
        let name = reference(&self.name)?;
        if name.digest.is_some() {
            return Err(Error::usage(format_args!("'{}' has a digest, which no name can choose", self.name))
                .hint("give a name with a tag, such as app:1"));
        }
        let library = app.store.library();
        let holding = library.hold(&app.ui)?;
        let found = find(&library, &self.source).map_err(|error| match find(&library, &self.name) {
            Ok(_) => error.hint_instead(format_args!(
                "the image comes first, then its new name: chroot-distro tag {} {}",
                self.name, self.source
            )),
            Err(_) => error,
        })?;
        let Some(image) = found.first() else { return Ok(0) };
        library.tag(&holding, &name.full(), false, &image.descriptor)?;
        app.ui.info(&format!("Tagged {name}"));
        Ok(0)
    }
}
