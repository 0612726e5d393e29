//! What is built from: the context and the Dockerfile.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::build::Request;
use crate::build::copy::{Context, Files, Opened};
use crate::commands::command::App;
use crate::dockerfile::{Dockerfile, parse};
use crate::error::{Attempt, Error, Kind, Result};
use crate::store::Work;

/// Bytes; BuildKit takes no larger Dockerfile.
const LIMIT: u64 = 2 << 20;

/// A Dockerfile and its context.
pub(super) struct Source {
    pub(super) dockerfile: Dockerfile,
    /// How the Dockerfile is called in errors.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) context: Files,
    /// Gone with it: where the context was unpacked.
    pub(super) work: Work,
}

/// A Dockerfile's text, and the text of the .dockerignore beside it.
struct Text {
    name: String,
    text: Vec<u8>,
    ignored: Option<Vec<u8>>,
}

impl Source {
    pub(super) fn open(request: &Request, app: &App) -> Result<Source> {
        let work = app.store.work()?;
        let is_stdin = |word: &Option<OsString>| word.as_ref().is_some_and(|word| word == "-");
        if request.context == "-" && is_stdin(&request.file) {
            return Err(Error::usage("standard input cannot be both the Dockerfile and the build context"));
        }
        let open = |context: &std::ffi::OsStr| Context::open(context, work.path(), &app.store, &app.ui);
        let (context, found) = match open(&request.context)? {
            Opened::Context(context) => (context, None),
            Opened::Dockerfile(text) => (nothing(&work, &open)?, Some(text)),
        };
        let text = match (found, &request.file) {
            (Some(text), _) => Text { name: "Dockerfile".to_owned(), text, ignored: None },
            (None, Some(file)) if file == "-" => {
                let text = read(io::stdin().lock(), "standard input")?;
                Text { name: "Dockerfile".to_owned(), text, ignored: None }
            }
            (None, Some(file)) if Path::new(&request.context).is_dir() => {
                of_host(Path::new(file), Path::new(&request.context))?
            }
            (None, Some(file)) => in_context(&context, &[&file.to_string_lossy()])?,
            (None, None) => in_context(&context, &["Dockerfile", "dockerfile"])?,
        };
        let dockerfile = parse(&text.text, &text.name)?;
        let context = match text.ignored {
            Some(ignored) => context.files_without(&ignored)?,
            None => context.files(None)?,
        };
        let (name, text) = (text.name, String::from_utf8_lossy(&text.text).into_owned());
        Ok(Source { dockerfile, name, text, context, work })
    }
}

/// A context without files.
fn nothing(work: &Work, open: &dyn Fn(&std::ffi::OsStr) -> Result<Opened>) -> Result<Context> {
    let path = work.path().join("nothing");
    fs::create_dir_all(&path).attempt("make an empty build context")?;
    match open(path.as_os_str())? {
        Opened::Context(context) => Ok(context),
        Opened::Dockerfile(_) => Err(Error::invalid("a directory is no Dockerfile")),
    }
}

fn of_host(path: &Path, context: &Path) -> Result<Text> {
    let shown = path.display().to_string();
    let file = File::open(path).attempt(format_args!("open the Dockerfile '{shown}'"));
    let file = file.map_err(|error| match context.join(path) {
        there if there.is_file() => error.hint(format_args!(
            "'--file' begins at the current directory: write '--file {}'",
            there.display()
        )),
        _ => error,
    })?;
    let text = read(file, &shown)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".dockerignore");
    let ignored = match fs::read(&beside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        read => Some(read.attempt(|| format!("read '{}'", Path::new(&beside).display()))?),
    };
    Ok(Text { name: shown, text, ignored })
}

fn in_context(context: &Context, names: &[&str]) -> Result<Text> {
    for name in names {
        if let Some(text) = context.read(name)? {
            let ignored = context.read(&format!("{name}.dockerignore"))?;
            return Ok(Text { name: (*name).to_owned(), text, ignored });
        }
    }
    let name = names.first().copied().unwrap_or_default();
    let error = Error::not_found(format_args!("there is no '{name}' in '{}'", context.shown()));
    Err(match context.other_dockerfile() {
        Some(other) => {
            let directory = Path::new(context.shown());
            let path = if directory.is_dir() { directory.join(&other) } else { other.clone().into() };
            error.hint(format_args!("to build from '{other}', add '--file {}'", path.display()))
        }
        None => error.hint("name the directory that it is in, or the file with '--file'"),
    })
}

fn read(from: impl Read, name: &str) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    from.take(LIMIT + 1).read_to_end(&mut text).attempt(format_args!("read the Dockerfile '{name}'"))?;
    if text.len() as u64 > LIMIT {
        return Err(Error::new(
            Kind::Invalid,
            format_args!("the Dockerfile '{name}' is longer than {LIMIT} bytes"),
        ));
    }
    Ok(text)
}
