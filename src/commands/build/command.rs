//! The command line of `build`, and the way from it to an image.

use argh::{ArgsInfo, FromArgs};
use rustix::process::Pid;

use super::caches::Caches;
use super::last_words::tell;
use super::outputs::{Outputs, Wanted};
use super::shown::{Shown, Style};
use super::source::Source;
use super::stoppable::stoppable;
use crate::build::exchange::{Imports, PARTS};
use crate::build::{self, Bases, Workshop};
use crate::cli::{Line, Syntax};
use crate::commands::command::{Action, App, Command};
use crate::dockerfile::{Around, Stage, Warning, check};
use crate::error::{Error, Kind, Result};
use crate::host::files::clear_of;
use crate::report::Report;
use crate::session;
use crate::store::Store;
use crate::ui::{Ui, Verbosity, human};

/// build an image from a Dockerfile. PATH is the build context: a directory, a tar archive, or '-' for one on standard
/// input (default: the current directory).
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro build -t myapp:1.0 .",
    example = "chroot-distro build -t myapp:1.0 --install-as myapp ./myapp",
    example = "chroot-distro build -t myapp:arm64 --platform linux/arm64 -o myapp.oci.tar.gz .",
    example = "chroot-distro build --secret id=token,src=token.txt .",
    note = "The image is kept here: 'chroot-distro images' shows it, 'chroot-distro install NAME' makes a container of it. \
            Steps that did not change come from the cache. 'chroot-distro clear-cache --build-cache' empties that."
)]
pub struct BuildImage {
    /// the Dockerfile; '-' is standard input (default: PATH/Dockerfile)
    #[argh(option, short = 'f', arg_name = "FILE")]
    pub(super) file: Option<String>,

    /// name of the image; several are possible (default: the name of the directory)
    #[argh(option, short = 't', arg_name = "NAME[:TAG]")]
    pub(super) tag: Vec<String>,

    /// value of an ARG; without =VALUE, the variable of the environment
    #[argh(option, arg_name = "NAME[=VALUE]")]
    pub(super) build_arg: Vec<String>,

    /// a name for FROM and --from: a directory, an image (docker-image://), or an OCI layout (oci-layout://)
    #[argh(option, arg_name = "NAME=SOURCE")]
    pub(super) build_context: Vec<String>,

    /// CPU to build for (default: the CPU of this machine)
    #[argh(option, short = 'a', arg_name = "CPU")]
    pub(super) architecture: Option<String>,

    /// platforms to build for, separated by commas, such as linux/amd64,linux/arm64
    #[argh(option, arg_name = "LIST")]
    pub(super) platform: Vec<String>,

    /// stop at this stage
    #[argh(option, arg_name = "STAGE")]
    pub(super) target: Option<String>,

    /// write the image to an archive, too; the name's ending chooses the compression. type=docker,dest=FILE writes docker's
    /// format, type=tar and type=local write the files alone
    #[argh(option, short = 'o', arg_name = "FILE")]
    pub(super) output: Vec<String>,

    /// write the files of the image, without the image: type=local,dest=DIR or type=tar,dest=FILE
    #[argh(option, arg_name = "type=TYPE,dest=PATH")]
    pub(super) export: Vec<String>,

    /// make a container of the image
    #[argh(option, arg_name = "CONTAINER")]
    pub(super) install_as: Option<String>,

    /// a secret for RUN --mount=type=secret: id=NAME, with src=FILE or env=VARIABLE (default: the variable NAME)
    #[argh(option, arg_name = "id=NAME")]
    pub(super) secret: Vec<String>,

    /// socket of an SSH agent for RUN --mount=type=ssh (default: SSH_AUTH_SOCK)
    #[argh(option, arg_name = "ID[=SOCKET]")]
    pub(super) ssh: Vec<String>,

    /// do not use the cache
    #[argh(switch)]
    pub(super) no_cache: bool,

    /// do not use the cache for this stage
    #[argh(option, arg_name = "STAGE")]
    pub(super) no_cache_filter: Vec<String>,

    /// take the results of steps from a directory (type=local,src=DIR) or a registry (type=registry,ref=IMAGE). Only use one
    /// that you trust
    #[argh(option, arg_name = "type=local,src=DIR")]
    pub(super) cache_from: Vec<String>,

    /// add the results of the steps to a directory (type=local,dest=DIR) or a registry (type=registry,ref=IMAGE)
    #[argh(option, arg_name = "type=local,dest=DIR")]
    pub(super) cache_to: Vec<String>,

    /// network of RUN: host, default (the same), or none
    #[argh(option, arg_name = "NETWORK")]
    pub(super) network: Option<String>,

    /// add a label to the image
    #[argh(option, arg_name = "NAME=VALUE")]
    pub(super) label: Vec<String>,

    /// ask the registries for newer base images
    #[argh(switch)]
    pub(super) pull: bool,

    /// write the image's id to a file: the digest of its config, or of the index of several platforms
    #[argh(option, arg_name = "FILE")]
    pub(super) iidfile: Option<String>,

    /// write names and digests of the image to a JSON file
    #[argh(option, arg_name = "FILE")]
    pub(super) metadata_file: Option<String>,

    /// only check the Dockerfile, build nothing
    #[argh(switch)]
    pub(super) check: bool,

    /// how progress is shown: auto, plain, tty or rawjson
    #[argh(option, arg_name = "MODE")]
    pub(super) progress: Option<String>,

    /// do not check TLS certificates, and use plain HTTP if the registry uses it
    #[argh(switch)]
    pub(super) allow_insecure: bool,

    /// print all output of RUN
    #[argh(switch, short = 'v')]
    pub verbose: bool,

    /// print only errors
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the build context
    #[argh(positional, arg_name = "PATH")]
    pub(super) path: Option<String>,
}

/// The row of the table.
pub const fn command() -> Command {
    let syntax = Syntax {
        name: "build",
        aliases: &[],
        long_aliases: &[],
        conflicts: &[("--quiet", "--verbose")],
        silent: &["buildx"],
        elsewhere: ELSEWHERE,
        command_follows: false,
        info: BuildImage::get_args_info,
        common: None,
    };
    Command::reading(syntax, 1, prepare, |line, _| Ok(line.parse::<BuildImage>()?.variables()))
        .sparing_root(BuildImage::spares_root)
}

/// Options of docker and podman that are often typed here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("--force-rm", "there are no containers of steps to remove: leave it out"),
    ("--layers", "layers are always kept: leave it out, or use '--no-cache'"),
    ("--load", "the image is always kept here: leave it out"),
    ("--provenance", "provenance is not supported: leave it out"),
    ("--push", "use 'chroot-distro push' afterwards"),
    ("--rm", "there are no containers of steps to remove: leave it out"),
    ("--sbom", "SBOMs are not supported: leave it out"),
    ("--squash", "use '--export type=tar,dest=FILE' for the files in one archive"),
];

fn prepare(line: &Line) -> Result<Action> {
    let command: BuildImage = line.parse()?;
    Ok(Box::new(move |app| command.run(app)))
}

impl BuildImage {
    fn run(self, app: &App) -> Result<u8> {
        let style = self.style(&app.ui)?;
        if style == Style::RawJson {
            // Nothing but documents, a line each, and errors.
            let (ui, store) = (Ui::new(Verbosity::Quiet), Store::open(app.host.paths()));
            return self.build(&App { ui, store, host: app.host.clone(), ..*app }, style);
        }
        self.build(app, style)
    }

    fn build(self, app: &App, style: Style) -> Result<u8> {
        let most =
            app.host.var("CD_BUILD_CACHE_MAX").map(|text| size(&text.to_string_lossy())).transpose()?;
        let request = self.request(&app.host)?;
        let outputs = Outputs::read(&self.wanted(), &request, app)?;
        let caches = Caches::read(&self.cache_from, &self.cache_to, &request.settings)?;
        if request.confined {
            session::shield()?;
        }
        let building = app.store.building(&app.ui)?;
        let source = Source::open(&request, app)?;
        build::target(&source.dockerfile, &source.name, request.target.as_deref())?;
        let names: Vec<&str> = request.contexts.iter().map(|(name, _)| name.as_str()).collect();
        let bases = Bases { store: &app.store, host: &app.host, request: &request, report: &app.ui };
        let environment = |stage: &Stage| bases.environment(&source.dockerfile, stage);
        let checked = check(&source.dockerfile, &Around { contexts: &names, environment: &environment })?;
        for Warning { rule, message, lines } in &checked.warnings {
            app.ui.warn(&format!("{rule}: {message} ({}:{})", source.name, lines.first));
        }
        if let Some(error) = checked.violation() {
            return Err(error);
        }
        if self.check {
            if checked.warnings.is_empty() {
                app.ui.info("Nothing looks wrong");
            }
            return Ok(u8::from(!checked.warnings.is_empty()));
        }
        let imports = if request.no_cache { Imports::default() } else { caches.imports(app)? };
        let Source { dockerfile, name, text, context, work } = &source;
        let shown = Shown::new(&app.ui, style, name, text);
        let workshop = Workshop {
            store: &app.store,
            host: &app.host,
            report: &app.ui,
            progress: &shown,
            imports: &imports,
        };
        let made = build::build(&workshop, &request, dockerfile, name, context, work.path())?;
        let finish = || {
            let outcome = build::keep(&app.store, &request, &made, &app.ui)?;
            outputs.write(app, &request, &outcome)?;
            caches.export(app, &outcome.steps)?;
            tell(app, &request, &outcome, self.install_as.is_some());
            Ok(())
        };
        stoppable(&finish, &|pid| clear(app, &outputs, &caches, pid))?;
        drop((source, building));
        if let Some(most) = most {
            limit(app, most)?;
        }
        Ok(0)
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            images: &self.output,
            files: &self.export,
            container: self.install_as.as_deref(),
            iidfile: self.iidfile.as_deref(),
            metadata: self.metadata_file.as_deref(),
        }
    }

    fn style(&self, ui: &Ui) -> Result<Style> {
        let lines = Style::Lines { output: self.verbose };
        let style = match self.progress.as_deref() {
            Some("rawjson") => return Ok(Style::RawJson),
            Some("plain") => Style::Plain,
            Some("tty") => lines,
            None | Some("auto") => {
                if ui.is_live() {
                    lines
                } else {
                    Style::Plain
                }
            }
            Some(other) => {
                return Err(Error::usage(format_args!(
                    "--progress '{other}': it is auto, plain, tty or rawjson"
                )));
            }
        };
        Ok(if self.quiet { Style::Quiet } else { style })
    }
}

/// Deletes what the process has left half-made that was stopped.
fn clear(app: &App, outputs: &Outputs, caches: &Caches, pid: Pid) {
    let id = pid.as_raw_nonzero();
    outputs.paths().for_each(|path| clear_of(path, &[], id.get().unsigned_abs()));
    caches.folders().for_each(|folder| clear_of(folder, &PARTS, id.get().unsigned_abs()));
    // What cannot be deleted now is for the next command.
    let _ = app.store.clear_work_of(id.get());
    let _ = app.store.sweep();
}

/// `CD_BUILD_CACHE_MAX`, in bytes.
fn size(text: &str) -> Result<u64> {
    human::bytes(text).ok_or_else(|| {
        Error::usage(format_args!("CD_BUILD_CACHE_MAX={text} is no size"))
            .hint("write it as '500M' or '1.5G'")
    })
}

/// Deletes what was not used for the longest time, unless another build runs: that one sees to it then.
fn limit(app: &App, most: u64) -> Result<()> {
    match app.store.clear_build_cache(most, &mut |name| app.ui.detail(&format!("deleted {name}"))) {
        Ok(0) => Ok(()),
        Ok(freed) => {
            app.ui.info(&format!("Freed {} of the build cache", human::size(freed)));
            Ok(())
        }
        Err(error) if error.kind() == Kind::Busy => Ok(()),
        Err(error) => Err(error),
    }
}
