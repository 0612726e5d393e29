//! `copy`: files between the host and containers.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use crate::cli::os_string;
use crate::error::{Error, Result};
use crate::transfer::Endpoint;
use crate::transfer::copy::{self, Options, Request};

/// copy files between the host and containers. NAME:PATH is a path in a container. Any other path is a path of the host;
/// write './a:b' for a file of the host with a colon. Owners, modes, times and links stay as they are.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro copy ./file.txt ubuntu:/root/",
    example = "chroot-distro copy -r ./project ubuntu:/home/user/ --chown user",
    example = "chroot-distro copy ubuntu:/etc/os-release .",
    example = "chroot-distro copy ubuntu:/etc - | tar -t",
    note = "The rules are those of cp: into DEST if it is a directory, else to DEST itself.\n\
            '-' as SOURCE or DEST is a tar archive on standard input or output.\n\
            Owners are kept as numbers. A number in the container may be another user on the host: '--chown' gives \
            the copies to a user that you name."
)]
pub struct Copy {
    /// copy directories with all in them
    #[argh(switch, short = 'r')]
    recursive: bool,

    /// keep hard links, devices, FIFOs, sockets and all extended attributes too; includes '-r'
    #[argh(switch, short = 'a')]
    archive: bool,

    /// move: delete each SOURCE when its copy is whole; includes what '-a' keeps
    #[argh(switch, short = 'm', long = "move")]
    remove: bool,

    /// if SOURCE is a link, copy the file or directory that it leads to, and not the link
    #[argh(switch, short = 'L')]
    follow_link: bool,

    /// owner of all copies: USER, USER:GROUP or :GROUP. USER alone does not change the group; 'USER:' is the user with
    /// their own group. The names are those of DEST's side
    #[argh(option, arg_name = "USER[:GROUP]")]
    chown: Option<String>,

    /// print each file that is copied
    #[argh(switch, short = 'v')]
    pub verbose: bool,

    /// print errors only
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// what to copy: one or several
    #[argh(positional, arg_name = "SOURCE...")]
    source: String,

    /// where to
    #[argh(positional, arg_name = "DEST")]
    destination: String,

    #[argh(positional, arg_name = "DEST", hidden_help)]
    more: Vec<String>,
}

const KEPT: &str = "leave it out: owners, modes and times are always kept";

impl Run for Copy {
    const NAME: &'static str = "copy";
    const ALIASES: &'static [&'static str] = &["cp"];
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--quiet", "--verbose")];
    const ELSEWHERE: &'static [(&'static str, &'static str)] = &[
        ("-R", "type '-r'"),
        ("-rf", "type '-r': files that are there are always replaced"),
        ("-f", "leave it out: files that are there are always replaced"),
        ("-p", KEPT),
        ("-rp", "type '-r': owners, modes and times are always kept"),
        ("--preserve", KEPT),
        ("-d", "leave it out: a link that is named as SOURCE is copied as a link"),
        ("-P", "leave it out: a link that is named as SOURCE is copied as a link"),
        ("--owner", "type '--chown USER[:GROUP]'"),
        ("--user", "type '--chown USER[:GROUP]'"),
    ];

    fn run(self, app: &App) -> Result<u8> {
        let words = || [&self.source, &self.destination].into_iter().chain(&self.more);
        if words().any(String::is_empty) {
            return Err(Error::usage("an empty word names no file"));
        }
        let mut paths: Vec<Endpoint> = words().map(|path| Endpoint::parse(&os_string(path))).collect();
        let destination = paths.pop().ok_or_else(|| Error::usage("no destination is named"))?;
        let request = Request {
            sources: paths,
            destination,
            owner: self.chown,
            options: Options {
                recursive: self.recursive,
                archive: self.archive,
                follow: self.follow_link,
                remove: self.remove,
                ..Options::default()
            },
        };
        copy::run(&app.store, &app.host, request, &app.ui)?;
        Ok(0)
    }
}
