//! `sync`: makes a directory or file equal to another.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use crate::cli::os_string;
use crate::error::Result;
use crate::report::Report;
use crate::transfer::Endpoint;
use crate::transfer::diff::Change;
use crate::transfer::sync::{self, Counts, Exclude, Options, Request};
use crate::ui::text;

/// make DEST equal to SRC, and write only what differs. NAME:PATH is a path in a container. Any other path is a path of
/// the host. A directory is synchronised with all in it. It is never put into DEST: DEST itself becomes equal to it.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro sync ./app ubuntu:/opt/app",
    example = "chroot-distro sync -d --exclude '*.o' ./app ubuntu:/opt/app",
    example = "chroot-distro sync -n -a ubuntu:/srv ./srv",
    note = "Files of the same size and time, in whole seconds, count as the same; with '-c' their contents tell.\n\
            Without '-a', devices, FIFOs and sockets are left out, and files with several names become several files."
)]
pub struct Sync {
    /// compare contents, and not times
    #[argh(switch, short = 'c')]
    checksum: bool,

    /// delete in DEST what SRC does not have. This is for a directory, and not for the root of a container
    #[argh(switch, short = 'd')]
    delete: bool,

    /// keep hard links, devices, FIFOs, sockets and all extended attributes too
    #[argh(switch, short = 'a')]
    archive: bool,

    /// write nothing, and print what would be done
    #[argh(switch, short = 'n')]
    dry_run: bool,

    /// do not write and do not delete what matches. The patterns are those of a .gitignore. If several match, the last
    /// one counts
    #[argh(option, arg_name = "GLOB")]
    exclude: Vec<String>,

    /// owner of everything in DEST: USER, USER:GROUP or :GROUP. 'USER:' is the user with their own group. The names
    /// are those of DEST's side
    #[argh(option, arg_name = "USER[:GROUP]")]
    chown: Option<String>,

    /// print each path that is written or deleted
    #[argh(switch, short = 'v')]
    pub verbose: bool,

    /// print errors only
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the path that is read
    #[argh(positional, arg_name = "SRC")]
    source: String,

    /// the path that becomes equal to SRC
    #[argh(positional, arg_name = "DEST")]
    destination: String,
}

impl Run for Sync {
    const NAME: &'static str = "sync";
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--quiet", "--verbose")];
    const ELSEWHERE: &'static [(&'static str, &'static str)] = &[
        ("-r", "leave it out: a directory is always synchronised with all in it"),
        ("--recursive", "leave it out: a directory is always synchronised with all in it"),
        ("-p", KEPT),
        ("-t", KEPT),
        ("-z", "leave it out: nothing goes over a network"),
        ("-avz", "type '-av': nothing goes over a network"),
        ("--progress", "type '-v'"),
        ("-P", "type '-v'; a file is always written under another name first"),
        ("--owner", "type '--chown USER[:GROUP]'"),
    ];

    fn run(self, app: &App) -> Result<u8> {
        let dry_run = self.dry_run;
        let request = Request {
            source: Endpoint::parse(&os_string(&self.source)),
            destination: Endpoint::parse(&os_string(&self.destination)),
            owner: self.chown,
            options: Options {
                checksum: self.checksum,
                delete: self.delete,
                archive: self.archive,
                dry_run,
                exclude: Exclude::parse(self.exclude.iter().map(|glob| os_string(glob)))?,
                ..Options::default()
            },
        };
        let tell = |change: &Change| match dry_run {
            true => app.ui.print(line(change)),
            false => app.ui.detail(&line(change)),
        };
        let Counts { added, changed, deleted } = sync::run(&app.store, &app.host, request, &tell, &app.ui)?;
        app.ui.info(&match dry_run {
            true => format!("Would add {added}, change {changed}, delete {deleted}"),
            false => {
                let counts = format!("{added} added, {changed} changed, {deleted} deleted");
                format!("Synchronised '{}': {counts}", os_string(&self.destination).display())
            }
        });
        Ok(0)
    }
}

const KEPT: &str = "leave it out: owners, modes and times are always kept";

/// A letter as of `diff`, the path from the top, and what is different.
fn line(change: &Change) -> String {
    let path = match change.path.as_os_str().is_empty() {
        true => ".".to_owned(),
        // A name forges no line.
        false => text::line(&change.path.to_string_lossy()).into_owned(),
    };
    let what = match change.what.is_empty() {
        true => String::new(),
        false => format!(" ({})", change.what.join(", ")),
    };
    format!("{} {path}{what}", change.kind.letter())
}
