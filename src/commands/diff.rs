//! `diff`: what has changed in a container.

use argh::{ArgsInfo, FromArgs};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::os::unix::ffi::OsStrExt;

use super::command::{App, Run};
use crate::error::Result;
use crate::transfer::diff::{self, Change};
use crate::ui::text;

/// show what changed in a container since it was installed. A means added, C changed, D deleted. Of two
/// containers, show what is different in the second. What is below /dev, /proc, /run, /sys and /tmp is left out.
#[derive(FromArgs, ArgsInfo)]
#[argh(example = "chroot-distro diff ubuntu")]
#[argh(example = "chroot-distro diff --json ubuntu work")]
pub struct Diff {
    /// show also what is different in each file, such as its mode or its time
    #[argh(switch, short = 'v')]
    pub verbose: bool,

    /// print only the paths, one per line
    #[argh(switch, short = 'q')]
    quiet: bool,

    /// print a JSON array
    #[argh(switch)]
    json: bool,

    /// the container
    #[argh(positional, arg_name = "CONTAINER")]
    container: String,

    /// another one, to compare with it
    #[argh(positional, arg_name = "CONTAINER2")]
    other: Option<String>,
}

impl Run for Diff {
    const NAME: &'static str = "diff";
    const CONFLICTS: &'static [(&'static str, &'static str)] =
        &[("--quiet", "--json"), ("--quiet", "--verbose"), ("--json", "--verbose")];

    fn run(self, app: &App) -> Result<u8> {
        let container = app.container(&self.container)?;
        let changes = match &self.other {
            None => diff::since_install(&app.store, &container, &app.ui)?,
            Some(other) => diff::between(&container, &app.container(other)?, &app.ui)?,
        };
        if self.json {
            app.ui.json(&changes.iter().map(document).collect());
            return Ok(0);
        }
        let line = |change: &Change| {
            // A name forges no line.
            let path = text::line(&change.path.to_string_lossy()).into_owned();
            match (self.quiet, self.verbose && !change.what.is_empty()) {
                (true, _) => path,
                (false, false) => format!("{} {path}", change.kind.letter()),
                (false, true) => format!("{} {path} ({})", change.kind.letter(), change.what.join(", ")),
            }
        };
        if !changes.is_empty() {
            app.ui.print(changes.iter().map(line).collect::<Vec<_>>().join("\n"));
        }
        Ok(0)
    }
}

fn document(change: &Change) -> Value {
    let mut document = json!({
        "path": change.path.to_string_lossy(),
        "change": change.kind.letter(),
        "what": change.what,
    });
    // JSON has no room for such a name.
    if change.path.to_str().is_none() {
        document["path_base64"] = STANDARD.encode(change.path.as_os_str().as_bytes()).into();
    }
    document
}
