//! `backup` and `export`: a container as an archive.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use crate::cli::os_string;
use crate::error::{Error, Result, WRONG_USAGE};
use crate::host::output::Output;
use crate::layer::Compression;
use crate::report::Report;
use crate::store::{Container, Name};
use crate::transfer::backup::{self, Options};

/// save a container to an archive: its files and what is known of its image. It may be running.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro backup ubuntu --output ubuntu.tar.xz",
    example = "chroot-distro backup ubuntu | gpg -c > ubuntu.tar.gpg",
    note = "The end of FILE's name selects the compression: .tar.gz, .tar.bz2, .tar.xz or .tar.\n\
            Without --output the archive goes to standard output. 'chroot-distro restore' brings the container back."
)]
pub struct Backup {
    /// write to FILE, which must not exist yet
    #[argh(option, short = 'o', arg_name = "FILE")]
    output: Option<String>,

    /// compress with gzip, bzip2, xz or none, whatever the file's name
    #[argh(option, short = 'c', arg_name = "TYPE")]
    compress: Option<String>,

    /// how hard to compress: 0 or 1 is fastest, 9 is smallest
    #[argh(option, arg_name = "N")]
    level: Option<u32>,

    /// as old versions of the Python tool write it: all files owned by root, no devices and pipes
    #[argh(switch)]
    portable: bool,

    /// print every file
    #[argh(switch, short = 'v')]
    pub verbose: bool,

    /// print errors only
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the container
    #[argh(positional)]
    container: String,
}

/// save a container's root filesystem to an archive. What is known of its image is not in it. 'install' makes a container
/// of it.
#[derive(FromArgs, ArgsInfo)]
#[argh(example = "chroot-distro export ubuntu --output rootfs.tar.gz")]
pub struct Export {
    /// write to FILE, which must not exist yet; standard output by default
    #[argh(option, short = 'o', arg_name = "FILE")]
    output: Option<String>,

    /// compress with gzip, bzip2, xz or none, whatever the file's name
    #[argh(option, short = 'c', arg_name = "TYPE")]
    compress: Option<String>,

    /// how hard to compress: 0 or 1 is fastest, 9 is smallest
    #[argh(option, arg_name = "N")]
    level: Option<u32>,

    /// print every file
    #[argh(switch, short = 'v')]
    pub verbose: bool,

    /// print errors only
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the container
    #[argh(positional)]
    container: String,
}

/// What people type who know tar.
const TO_A_FILE: &[(&str, &str)] = &[
    ("", "to write to a file, type '--output {}'"),
    ("-f", "type '--output FILE'"),
    ("-z", "type '--compress gzip', or end FILE's name in .tar.gz"),
    ("-j", "type '--compress bzip2', or end FILE's name in .tar.bz2"),
    ("-J", "type '--compress xz', or end FILE's name in .tar.xz"),
];

impl Run for Backup {
    const NAME: &'static str = "backup";
    const ALIASES: &'static [&'static str] = &["bak", "bkp"];
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--quiet", "--verbose")];
    const ELSEWHERE: &'static [(&'static str, &'static str)] = TO_A_FILE;

    fn run(self, app: &App) -> Result<u8> {
        let Backup { output, compress, level, portable, container, .. } = self;
        archive(app, &container, &Wanted { output, compress, level }, portable, &backup::backup)
    }
}

impl Run for Export {
    const NAME: &'static str = "export";
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--quiet", "--verbose")];
    const ELSEWHERE: &'static [(&'static str, &'static str)] = TO_A_FILE;

    fn run(self, app: &App) -> Result<u8> {
        let Export { output, compress, level, container, .. } = self;
        archive(app, &container, &Wanted { output, compress, level }, false, &backup::export)
    }
}

/// What both are asked for.
struct Wanted {
    output: Option<String>,
    compress: Option<String>,
    level: Option<u32>,
}

type Write = dyn Fn(&Container, Options, Output, &dyn Report) -> Result<u64>;

/// Exits with 1 when the archive is whole, but a file in it is not.
fn archive(app: &App, container: &str, wanted: &Wanted, portable: bool, write: &Write) -> Result<u8> {
    let container = app.container(container)?;
    let path = wanted.output.as_deref().map(os_string).map(PathBuf::from);
    path.iter().try_for_each(|path| refuse_directory(path, container.name()))?;
    let compression = match &wanted.compress {
        Some(word) => Compression::parse(word).map_err(|error| error.exits(WRONG_USAGE))?,
        None => path.as_deref().map_or(Ok(Compression::None), Compression::of_file).map_err(|error| {
            error.hint_instead("end the name in .tar, .tar.gz, .tar.bz2 or .tar.xz, or add '--compress TYPE'")
        })?,
    };
    let options = Options { compression, level: wanted.level, portable };
    let output = match &path {
        Some(path) => Output::create(path)?,
        None if app.ui.is_terminal() => {
            return Err(Error::usage("an archive is nothing for a terminal")
                .hint("add '--output FILE', or send it to a file or a program"));
        }
        None => Output::stdout()?,
    };
    let cut = write(&container, options, output, &app.ui)?;
    if let Some(path) = path {
        app.ui.info(&format!("Wrote '{}'", path.display()));
    }
    Ok(u8::from(cut > 0))
}

/// Before the container is read.
fn refuse_directory(path: &Path, name: &Name) -> Result<()> {
    let is_directory = path.is_dir();
    if !is_directory && !path.as_os_str().as_bytes().ends_with(b"/") {
        return Ok(());
    }
    let message = match is_directory {
        true => format!("'{}' is a directory", path.display()),
        false => format!("'{}' names a directory, and is not there", path.display()),
    };
    let file = path.join(format!("{name}.tar.xz"));
    Err(Error::usage(message).hint(format_args!("name a file in it, such as '{}'", file.display())))
}
