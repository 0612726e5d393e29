//! Build contexts: a directory, a tar archive, or standard input, which brings an archive or a bare Dockerfile.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::archive;
use super::files::{Files, absent, clean};
use super::patterns::Patterns;
use crate::error::{Attempt, Error, Kind, Result};
use crate::layer::{self, RootfsTarget};
use crate::report::Report;
use crate::rootfs::Rootfs;
use crate::store::Store;

/// A Dockerfile or .dockerignore may be this long, in bytes.
const LIMIT: u64 = 16 << 20;
/// Bytes copied at once.
const BUFFER: usize = 256 << 10;

/// A context, open.
#[derive(Debug)]
pub struct Context {
    root: Rootfs,
    shown: String,
}

/// What was given as a context.
#[derive(Debug)]
pub enum Opened {
    /// A tree of files.
    Context(Context),
    /// Standard input was a Dockerfile: there is nothing to copy from.
    Dockerfile(Vec<u8>),
}

impl Context {
    /// Opens what the command line gives. Archives are unpacked below `scratch`, a directory of the caller's, which the
    /// caller removes.
    pub fn open(path: &OsStr, scratch: &Path, store: &Store, report: &dyn Report) -> Result<Opened> {
        if path == "-" {
            let file = read_stdin(store, report)?;
            if !archive::is_archive(&file) {
                return dockerfile(file).map(Opened::Dockerfile);
            }
            return Context::unpack(file, "-", scratch, report).map(Opened::Context);
        }
        let shown = Path::new(path).display().to_string();
        let attempt = format_args!("open the build context '{shown}'");
        let file = File::open(path).attempt(attempt);
        let file = file.map_err(|error| match error.kind() {
            Kind::NotFound => {
                error.hint("the last argument is a directory, or a tar archive, to copy files from")
            }
            _ => error,
        })?;
        if file.metadata().attempt(attempt)?.is_dir() {
            return Ok(Opened::Context(Context { root: Rootfs::new(file.into()), shown }));
        }
        let file =
            if file.metadata().attempt(attempt)?.is_file() { file } else { copied(file, store, report)? };
        if !archive::is_archive(&file) {
            return Err(Error::invalid(format_args!("'{shown}' is neither a directory nor a tar archive"))
                .hint(format_args!(
                    "if it is the Dockerfile, write: chroot-distro build --file {shown} DIRECTORY"
                )));
        }
        Context::unpack(file, &shown, scratch, report).map(Opened::Context)
    }

    fn unpack(file: File, shown: &str, scratch: &Path, report: &dyn Report) -> Result<Context> {
        let attempt = format_args!("unpack the build context '{shown}'");
        let path = new_directory(scratch).attempt(attempt)?;
        let root = Rootfs::new(File::open(&path).attempt(attempt)?.into());
        let mut target = RootfsTarget::new(&root, report);
        layer::apply(file, &mut target, &layer::Options::default()).attempt(attempt)?;
        target.finish().attempt(attempt)?;
        Ok(Context { root, shown: shown.to_owned() })
    }

    /// How it is called in messages.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// A file of the context, whether .dockerignore hides it or not; none when it is not there.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let read = absent(self.root.read(clean(path), LIMIT));
        read.attempt(format_args!("read '{path}' of the build context"))
    }

    /// A file that is the Dockerfile, perhaps, under a name of its own.
    pub fn other_dockerfile(&self) -> Option<String> {
        let names = self.root.dir("").and_then(|dir| dir.names()).unwrap_or_default();
        let names = names.iter().filter_map(|name| name.to_str());
        let is = |name: &&str| {
            let lower = name.to_lowercase();
            let begins = lower.starts_with("dockerfile") || lower.starts_with("containerfile");
            (begins || lower.ends_with(".dockerfile")) && !lower.ends_with(".dockerignore")
        };
        names.filter(is).min().map(str::to_owned)
    }

    /// What can be copied. `dockerfile` is the Dockerfile's path in the context: `<Dockerfile>.dockerignore` goes before
    /// .dockerignore.
    pub fn files(self, dockerfile: Option<&str>) -> Result<Files> {
        let own = dockerfile.map(|dockerfile| format!("{dockerfile}.dockerignore"));
        let mut text = own.map(|own| self.read(&own)).transpose()?.flatten();
        if text.is_none() {
            text = self.read(".dockerignore")?;
        }
        self.files_without(&text.unwrap_or_default())
    }

    /// The same, with the text of a .dockerignore from elsewhere.
    pub fn files_without(self, ignored: &[u8]) -> Result<Files> {
        let patterns = Patterns::parse(ignored)?;
        Ok(Files::context(self.root.dir("").attempt("open the build context")?.into(), patterns))
    }
}

/// A directory of its own for each context: `--build-context` may bring more of them.
fn new_directory(scratch: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(scratch)?;
    let mut number = 0;
    loop {
        let path = scratch.join(format!("context-{number}"));
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            made => return made.map(|()| path),
        }
    }
}

/// What standard input brings until its end.
fn read_stdin(store: &Store, report: &dyn Report) -> Result<File> {
    let stdin = io::stdin().lock();
    if stdin.is_terminal() {
        return Err(Error::usage("standard input is a terminal, not a build context")
            .hint("write for example: tar -C DIRECTORY -c . | chroot-distro build -"));
    }
    copied(stdin, store, report)
}

/// A copy without a name, since it is read more than once.
fn copied(from: impl Read, store: &Store, report: &dyn Report) -> Result<File> {
    let task = report.task("reading the build context", None);
    let mut from = BufReader::with_capacity(BUFFER, from);
    let mut copy = store.temporary()?;
    loop {
        let bytes = from.fill_buf().attempt("read the build context")?;
        let count = bytes.len();
        if count == 0 {
            task.state("done");
            copy.rewind().attempt("read the build context")?;
            return Ok(copy);
        }
        copy.write_all(bytes).attempt("keep the build context")?;
        from.consume(count);
        task.advance(count as u64);
    }
}

/// The text of a Dockerfile, as docker takes it on standard input.
fn dockerfile(file: File) -> Result<Vec<u8>> {
    let size = file.metadata().attempt("look at standard input")?.len();
    let no = |what: &str| {
        Err(Error::invalid(format_args!("standard input is {what}: neither a tar archive nor a Dockerfile"))
            .hint("write for example: tar -C DIRECTORY -c . | chroot-distro build -"))
    };
    if size == 0 {
        return no("empty");
    }
    if size > LIMIT {
        return no("too long");
    }
    let mut text = vec![0; size as usize];
    file.read_exact_at(&mut text, 0).attempt("read standard input")?;
    if text.contains(&0) { no("no text") } else { Ok(text) }
}
