//! `clear-cache`: deletes what downloads left.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use crate::error::Result;
use crate::report::Report;
use crate::ui::human;

/// delete all downloaded image data. Containers are not changed, but installing an image needs the network again.
#[derive(FromArgs, ArgsInfo)]
pub struct ClearCache {
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
        let freed = app.store.clear_cache(&mut |name| app.ui.detail(&format!("deleted {name}")))?;
        match freed {
            0 => app.ui.info("The cache is empty"),
            bytes => app.ui.info(&format!("Freed {}", human::size(bytes))),
        }
        Ok(0)
    }
}
