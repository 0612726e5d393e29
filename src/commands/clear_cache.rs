//! `clear-cache`: deletes what downloads left.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::ui::human;

/// delete all downloaded image data. Containers and stored images are not changed, but installing an image needs the
/// network again.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro clear-cache --build-cache --keep 500M",
    note = "It does nothing while a build runs. To free stored images: 'chroot-distro rmi' and 'chroot-distro prune'."
)]
pub struct ClearCache {
    /// delete only what builds have cached: the results of steps, and unpacked base images
    #[argh(switch)]
    build_cache: bool,

    /// with --build-cache: keep so many bytes of it (such as 500M or 2G), the last used first
    #[argh(option, arg_name = "SIZE")]
    keep: Option<String>,

    /// print the name of each deleted file
    #[argh(switch, short = 'v')]
    pub verbose: bool,

    /// print only errors
    #[argh(switch, short = 'q')]
    pub quiet: bool,
}

impl Run for ClearCache {
    const NAME: &'static str = "clear-cache";
    const ALIASES: &'static [&'static str] = &["clear", "cl"];
    const SUGGESTED: bool = false;
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--quiet", "--verbose")];

    fn run(self, app: &App) -> Result<u8> {
        let each = &mut |name: &str| app.ui.detail(&format!("deleted {name}"));
        let freed = match (self.build_cache, &self.keep) {
            (false, None) => app.store.clear_cache(each)?,
            (false, Some(_)) => return Err(Error::usage("'--keep' needs '--build-cache'")),
            (true, keep) => app.store.clear_build_cache(keep.as_deref().map_or(Ok(0), size)?, each)?,
        };
        match freed {
            0 if self.build_cache => app.ui.info("Nothing to delete"),
            0 => app.ui.info("The cache is empty"),
            bytes => app.ui.info(&format!("Freed {}", human::size(bytes))),
        }
        Ok(0)
    }
}

/// Bytes.
fn size(text: &str) -> Result<u64> {
    human::bytes(text)
        .ok_or_else(|| Error::usage(format_args!("'{text}' is no size")).hint("write it as '500M' or '1.5G'"))
}
