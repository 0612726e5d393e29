//! The variables that a user gives a guest: `CD_ENV`, then the files of `--env-file`, then `--env`; later ones win.
//!
//! An entry is `NAME=VALUE`, or a `NAME` alone, which takes the value that the caller has. A file has one entry a line, as
//! docker reads it (docs.docker.com/reference/cli/docker/container/run, `--env-file`): lines that are empty or begin with
//! `#` are skipped, blanks before a name too. Nothing else is special: no quotes, no `export`, no `$`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::cli::os_string;
use crate::error::{Attempt, Error, Kind, Result};
use crate::host::Host;

/// Bytes of a file of variables. The kernel takes no more of all arguments and variables together by default (execve(2)).
const LIMIT: u64 = 2 << 20;

/// A name, and its value where one is given.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    name: OsString,
    value: Option<OsString>,
}

/// The variables, in order. A `NAME` that the caller does not have is left out. Errors: `Usage` for what is no entry, and a
/// file that cannot be read.
pub(super) fn variables(host: &Host, files: &[String], env: &[String]) -> Result<Vec<(OsString, OsString)>> {
    let mut entries = of_environment(host)?;
    for file in files {
        entries.extend(in_file(&read(file)?, file)?);
    }
    entries.extend(of_options(env)?);
    let value = |entry: &Entry| entry.value.clone().or(host.caller_var(&entry.name).map(OsString::from));
    Ok(entries.into_iter().filter_map(|entry| value(&entry).map(|value| (entry.name, value))).collect())
}

/// The names whose values are the caller's: a process with root, which has another environment, needs them from us. A file
/// that only root can read, or that can be read but once, is left to that process.
pub(super) fn names(host: &Host, files: &[String], env: &[String]) -> Result<Vec<OsString>> {
    let mut entries = of_environment(host)?;
    for file in files {
        if std::fs::metadata(os_string(file)).is_ok_and(|found| !found.is_file()) {
            continue;
        }
        match read(file) {
            Ok(text) => entries.extend(in_file(&text, file)?),
            Err(error) if error.kind() == Kind::NotFound => return Err(error),
            _ => {}
        }
    }
    entries.extend(of_options(env)?);
    Ok(entries.into_iter().filter(|entry| entry.value.is_none()).map(|entry| entry.name).collect())
}

fn of_environment(host: &Host) -> Result<Vec<Entry>> {
    let text = host.var("CD_ENV").unwrap_or_default().as_bytes();
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| entry(line, "CD_ENV")).collect()
}

fn of_options(env: &[String]) -> Result<Vec<Entry>> {
    env.iter().map(|given| entry(os_string(given).as_bytes(), "--env")).collect()
}

fn read(file: &str) -> Result<Vec<u8>> {
    let path = os_string(file);
    let mut text = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut text));
    let too_large = || io::Error::from(io::ErrorKind::FileTooLarge);
    read.and_then(|_| if text.len() as u64 > LIMIT { Err(too_large()) } else { Ok(text) })
        .attempt(format_args!("read the variables in '{}'", path.display()))
}

/// The entries of a file's text. A mistake is told with its line.
fn in_file(text: &[u8], file: &str) -> Result<Vec<Entry>> {
    // Some editors put a byte order mark in front.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut entries = Vec::new();
    for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_start();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let origin = || format!("line {} of '{}':", number + 1, os_string(file).display());
        let found = entry(line, &origin())?;
        if found.name.as_bytes().iter().any(u8::is_ascii_whitespace) {
            let (origin, name) = (origin(), found.name.display());
            return Err(Error::usage(format_args!("{origin} the name '{name}' has a blank in it"))
                .hint("a line is NAME=VALUE or NAME, without quotes and without 'export'"));
        }
        entries.push(found);
    }
    Ok(entries)
}

/// `NAME=VALUE`, the value being anything, or `NAME`.
fn entry(text: &[u8], origin: &str) -> Result<Entry> {
    let (name, value) = match text.iter().position(|&byte| byte == b'=') {
        Some(at) => (&text[..at], Some(OsString::from_vec(text[at + 1..].to_vec()))),
        None => (text, None),
    };
    if name.is_empty() {
        let shown = OsStr::from_bytes(text).display();
        return Err(Error::usage(format_args!("{origin} '{shown}' has no name: it is VAR=VALUE or VAR")));
    }
    Ok(Entry { name: OsStr::from_bytes(name).to_owned(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(variables: &[(&str, &str)]) -> Host {
        Host::at("/nonexistent", variables.iter().copied())
    }

    fn shown(entries: &[(OsString, OsString)]) -> String {
        let entries = entries.iter().map(|(name, value)| format!("{}={}", name.display(), value.display()));
        entries.collect::<Vec<_>>().join("|")
    }

    fn given(env: &[&str], host: &Host) -> Result<String> {
        let env: Vec<String> = env.iter().map(|entry| (*entry).to_owned()).collect();
        Ok(shown(&variables(host, &[], &env)?))
    }

    #[test]
    fn a_name_alone_takes_what_the_caller_has() {
        let host = host(&[("A", "a"), ("E", ""), ("CD_ENV", "B=1\n\nA\nNONE")]);
        assert_eq!(given(&["A", "NONE", "E", "C=x=y", "D="], &host).unwrap(), "B=1|A=a|A=a|E=|C=x=y|D=");
        // What root's process has itself is not the caller's.
        let root = host.called_with(vec![("A".into(), "the caller's".into())]);
        assert_eq!(given(&["A", "E"], &root).unwrap(), "B=1|A=the caller's|A=the caller's");
    }

    #[test]
    fn an_entry_has_a_name() {
        for entry in ["=1", "", "="] {
            assert_eq!(given(&[entry], &host(&[])).unwrap_err().exit_code(), 2, "{entry}");
        }
    }

    #[test]
    fn a_file_is_read_as_docker_reads_it() {
        let text = b"\xef\xbb\xbfA=1\n# c\n\n  B=\"q\" # not a comment \n\tC\nD=\r\nE=a=b";
        let found = in_file(text, "f").unwrap();
        let found: Vec<_> = found
            .into_iter()
            .map(|entry| {
                format!("{}>{}", entry.name.display(), entry.value.unwrap_or_else(|| "?".into()).display())
            })
            .collect();
        assert_eq!(found, ["A>1", "B>\"q\" # not a comment ", "C>?", "D>", "E>a=b"]);
        for (text, told) in [("A=1\nexport B=1", "line 2 of 'f'"), ("=x", "line 1"), ("A B", "blank")] {
            let error = in_file(text.as_bytes(), "f").unwrap_err();
            assert!(error.to_string().contains(told) && error.exit_code() == 2, "{error}");
        }
    }
}
