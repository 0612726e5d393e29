//! What a Dockerfile says, as types. Words stand as they are written: ENV and ARG change on the way, so that whoever runs the
//! steps expands them (`expand`).

use super::heredoc::Heredoc;
use super::mount::Mount;

/// A whole Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// What its first comments say to the parser.
    pub directives: Directives,
    /// The ARGs before the first FROM.
    pub globals: Vec<Located>,
    /// At least one.
    pub stages: Vec<Stage>,
    /// What is worth a word, but no error.
    pub warnings: Vec<Warning>,
}

/// The parser directives: comments of the form `# NAME=VALUE` before everything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directives {
    /// The image of the frontend that should read the file.
    pub syntax: Option<String>,
    /// A backslash or a backtick.
    pub escape: char,
    /// Which checks to skip, and whether a warning is an error (`check`).
    pub check: Option<String>,
}

impl Default for Directives {
    fn default() -> Directives {
        Directives { syntax: None, escape: '\\', check: None }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// BuildKit's name of the rule, such as `StageNameCasing`.
    pub rule: &'static str,
    /// One line, without a full stop.
    pub message: String,
    /// Where.
    pub lines: Lines,
}

/// From one FROM to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// An image, a stage above, or `scratch`.
    pub image: String,
    /// `--platform`
    pub platform: Option<String>,
    /// In lower case: names of stages have no case.
    pub name: Option<String>,
    /// Of the FROM.
    pub lines: Lines,
    /// The FROM as it is written.
    pub text: String,
    /// The instructions after the FROM.
    pub steps: Vec<Located>,
}

/// Lines of the file, from 1, the last one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Lines {
    pub first: usize,
    pub last: usize,
}

/// An instruction and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// What it says.
    pub instruction: Instruction,
    /// With its here-documents.
    pub lines: Lines,
    /// As it is written, in one line, without its here-documents.
    pub text: String,
}

/// The instructions but FROM.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Instruction {
    Add(Copying),
    Arg(Vec<Argument>),
    Cmd(Command),
    Copy(Copying),
    Entrypoint(Command),
    Env(Vec<(String, String)>),
    Expose(Vec<String>),
    Healthcheck(Healthcheck),
    Label(Vec<(String, String)>),
    Maintainer(String),
    /// The trigger as an image's config has it: its here-documents follow it.
    Onbuild(String),
    Run(Running),
    Shell(Vec<String>),
    Stopsignal(String),
    User(String),
    Volume(Vec<String>),
    Workdir(String),
}

/// One variable of an ARG.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Argument {
    pub name: String,
    pub default: Option<String>,
}

/// The two forms of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A line for the shell.
    Shell(String),
    /// A program and its arguments (JSON).
    Exec(Vec<String>),
}

/// How the health of a container is told. Times are in nanoseconds, as in an image's config; 0: the default.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Healthcheck {
    None,
    Check {
        command: Command,
        interval: i64,
        timeout: i64,
        start_period: i64,
        start_interval: i64,
        retries: u32,
    },
}

/// RUN.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Running {
    pub command: Command,
    pub heredocs: Vec<Heredoc>,
    pub mounts: Vec<Mount>,
    pub network: Option<Network>,
    pub security: Option<Security>,
    /// `--device`, as written.
    pub devices: Vec<String>,
}

/// `RUN --network`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Network {
    Default,
    Host,
    None,
}

/// `RUN --security`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Security {
    Sandbox,
    Insecure,
}

/// COPY and ADD.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Copying {
    /// At least one.
    pub sources: Vec<Source>,
    /// A directory if it ends with a slash.
    pub destination: String,
    /// COPY: a stage, an image, or a named context.
    pub from: Option<String>,
    /// `USER[:GROUP]`
    pub chown: Option<String>,
    /// Octal or symbolic.
    pub chmod: Option<String>,
    /// A layer that does not depend on those below it.
    pub link: bool,
    /// COPY: keeps the directories above the source.
    pub parents: bool,
    /// Patterns of what is left out.
    pub exclude: Vec<String>,
    /// ADD: `sha256:...` of what is downloaded.
    pub checksum: Option<String>,
    /// ADD: whether an archive is unpacked. By default those of the context are, those of a URL are not.
    pub unpack: Option<bool>,
    /// ADD: only for git contexts.
    pub keep_git_dir: bool,
}

/// One source of COPY and ADD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A path, a pattern, or a URL.
    Path(String),
    /// A here-document becomes a file with the document's name.
    Inline(Heredoc),
}
