//! The options of `build`, read: lists of `key=value`, secrets, names of contexts.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::command::BuildImage;
use super::fields::fields;
use crate::build::{NamedContext, Request, Secret};
use crate::cli::os_string;
use crate::error::{Attempt, Error, Result, WRONG_USAGE};
use crate::host::Host;
use crate::net::Settings;
use crate::oci::{Platform, Reference};

/// Bytes; BuildKit takes no larger secret.
const SECRET_MAX: u64 = 500 << 10;

impl BuildImage {
    /// What is asked for. Errors are of kind `Usage`.
    pub(super) fn request(&self, host: &Host) -> Result<Request> {
        let context = self.path.as_deref().map_or_else(|| OsString::from("."), os_string);
        let arguments = self.build_arg.iter().filter_map(|word| argument(word, host).transpose());
        let arguments = arguments.collect::<Result<Vec<_>>>()?;
        let contexts = self.build_context.iter().map(|word| named(word)).collect::<Result<Vec<_>>>()?;
        Ok(Request {
            tags: self.tags(&context)?,
            context,
            file: self.file.as_deref().map(os_string),
            epoch: epoch(&arguments, host)?,
            arguments,
            contexts,
            platforms: self.platforms()?,
            target: self.target.clone(),
            no_cache: self.no_cache,
            no_cache_filter: self.no_cache_filter.clone(),
            no_network: match self.network.as_deref() {
                None | Some("host" | "default") => false,
                Some("none") => true,
                Some(other) => {
                    return Err(Error::usage(format_args!(
                        "--network '{other}': it is host, default or none"
                    )));
                }
            },
            labels: self.label.iter().map(|word| label(word)).collect::<Result<_>>()?,
            pull: self.pull,
            secrets: self.secret.iter().map(|word| secret(word, host)).collect::<Result<_>>()?,
            ssh: self.ssh.iter().map(|word| ssh(word, host)).collect::<Result<_>>()?,
            confined: host.switch("CD_USE_ISOLATION")?,
            settings: Settings::of(host, self.allow_insecure),
        })
    }

    /// Without `--tag`, the directory's name, if an image can have it.
    fn tags(&self, context: &OsString) -> Result<Vec<Reference>> {
        let parse = |text: &String| match Reference::parse(text) {
            Ok(reference) if reference.digest.is_some() => Err(Error::usage(format_args!(
                "--tag '{text}': a digest cannot be given to an image, it follows from what is in it"
            ))),
            parsed => parsed.map_err(|error| error.exits(WRONG_USAGE)),
        };
        if !self.tag.is_empty() {
            return self.tag.iter().map(parse).collect();
        }
        let directory = Path::new(context);
        let name = match context != "-" && directory.is_dir() {
            true => directory.canonicalize().ok().and_then(|path| path.file_name().map(OsString::from)),
            false => None,
        };
        let name = name.map(|name| name.to_string_lossy().to_lowercase());
        Ok(name.and_then(|name| Reference::parse(&name).ok()).into_iter().collect())
    }

    fn platforms(&self) -> Result<Vec<Platform>> {
        let parse = |text: &str| Platform::parse(text).map_err(|error| error.exits(WRONG_USAGE));
        let mut platforms: Vec<Platform> = Vec::new();
        for word in self.platform.iter().flat_map(|list| list.split(',')) {
            let platform = parse(word)?;
            if !platforms.contains(&platform) {
                platforms.push(platform);
            }
        }
        if let Some(architecture) = &self.architecture {
            let platform = parse(architecture)?;
            if !platforms.is_empty() && platforms != [platform.clone()] {
                return Err(Error::usage("--architecture and --platform name different platforms")
                    .hint("give one of them"));
            }
            return Ok(vec![platform]);
        }
        Ok(if platforms.is_empty() { vec![Platform::host()] } else { platforms })
    }

    /// Variables of the caller's that a process with root needs from us.
    pub(super) fn variables(&self) -> Vec<OsString> {
        let arguments = self.build_arg.iter().filter(|word| !word.contains('='));
        let secrets = self.secret.iter().filter_map(|word| {
            let fields = fields(word);
            let get = |name: &str| fields.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
            get("env").or_else(|| get("id").filter(|_| get("src").or(get("source")).is_none()))
        });
        let own = ["SSH_AUTH_SOCK", "SOURCE_DATE_EPOCH"].into_iter();
        arguments.map(String::as_str).chain(secrets).chain(own).map(os_string).collect()
    }
}

/// `NAME=VALUE`, or a `NAME` alone: the caller's variable, if there is one.
fn argument(word: &str, host: &Host) -> Result<Option<(String, String)>> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(text(value))),
        None => (word, host.caller_var(OsStr::new(word)).map(|value| value.to_string_lossy().into_owned())),
    };
    if name.is_empty() {
        return Err(
            Error::usage(format_args!("--build-arg '{word}': the name is empty")).hint("write NAME=VALUE")
        );
    }
    Ok(value.map(|value| (name.to_owned(), value)))
}

/// What was typed.
fn text(word: &str) -> String {
    os_string(word).to_string_lossy().into_owned()
}

fn label(word: &str) -> Result<(String, String)> {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    if name.is_empty() {
        return Err(
            Error::usage(format_args!("--label '{word}': the name is empty")).hint("write NAME=VALUE")
        );
    }
    Ok((text(name), text(value)))
}

fn named(word: &str) -> Result<(String, NamedContext)> {
    let wrong = |why: &str| Error::usage(format_args!("--build-context '{word}': {why}"));
    let Some((name, value)) =
        word.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty())
    else {
        return Err(wrong("there is no '='").hint("write NAME=DIRECTORY or NAME=docker-image://IMAGE"));
    };
    let reference = |text: &str| Reference::parse(text).map_err(|error| error.exits(WRONG_USAGE));
    let path = PathBuf::from(os_string(value));
    let context = if let Some(image) = value.strip_prefix("docker-image://") {
        NamedContext::Image(reference(image)?)
    } else if let Some(layout) = value.strip_prefix("oci-layout://") {
        in_layout(layout)
    } else if value.starts_with("git") && value.contains("://") || value.ends_with(".git") {
        return Err(wrong("git repositories are not supported")
            .hint("clone the repository first, and give the directory"));
    } else if value.contains("://") {
        return Err(wrong("addresses are not supported").hint("download it first, and give the directory"));
    } else if path.is_dir() || value.starts_with('.') || value.starts_with('/') {
        NamedContext::Directory(path)
    } else {
        NamedContext::Image(reference(value)?)
    };
    Ok((name.to_owned(), context))
}

/// `PATH[:TAG]` or `PATH[@DIGEST]`.
fn in_layout(text: &str) -> NamedContext {
    let whole = PathBuf::from(os_string(text));
    let parts = text.split_once('@').or_else(|| text.rsplit_once(':'));
    match parts.filter(|_| !whole.is_dir()) {
        Some((path, image)) => NamedContext::Layout(os_string(path).into(), Some(image.to_owned())),
        None => NamedContext::Layout(whole, None),
    }
}

fn secret(word: &str, host: &Host) -> Result<Secret> {
    let wrong = |why: &str| Error::usage(format_args!("--secret '{word}': {why}"));
    let (mut id, mut file, mut variable) = (None, None, None);
    for (key, value) in fields(word) {
        match key {
            "id" => id = Some(value),
            "src" | "source" => file = Some(value),
            "env" => variable = Some(value),
            "type" if matches!(value, "file" | "env") => {}
            _ => return Err(wrong(&format!("'{key}' is not known")).hint("write id=NAME,src=FILE")),
        }
    }
    let id = id.filter(|id| !id.is_empty()).ok_or_else(|| wrong("there is no id"))?;
    let value = match (file, variable) {
        (Some(file), None) => {
            let path = PathBuf::from(os_string(file));
            let attempt = format_args!("read the secret '{}'", path.display());
            let size = path.metadata().attempt(attempt)?.len();
            if size > SECRET_MAX {
                return Err(wrong(&format!("the file has {size} bytes, and {SECRET_MAX} are the most")));
            }
            std::fs::read(&path).attempt(attempt)?
        }
        (Some(_), Some(_)) => return Err(wrong("it has both a file and a variable")),
        (None, variable) => {
            let name = variable.unwrap_or(id);
            let value = host.caller_var(&os_string(name)).ok_or_else(|| {
                wrong(&format!("there is no variable '{name}'"))
                    .hint("set it, or give a file: id=NAME,src=FILE")
            })?;
            value.as_bytes().to_vec()
        }
    };
    Ok(Secret { id: id.to_owned(), value })
}

fn ssh(word: &str, host: &Host) -> Result<(String, PathBuf)> {
    let (id, socket) = match word.split_once('=') {
        Some((id, socket)) => (id, Some(os_string(socket))),
        None => (word, None),
    };
    let socket = socket
        .or_else(|| host.caller_var(OsStr::new("SSH_AUTH_SOCK")).map(OsString::from))
        .ok_or_else(|| {
            Error::usage(format_args!("--ssh '{word}': SSH_AUTH_SOCK is not set"))
                .hint("start ssh-agent, or write ID=SOCKET")
        })?;
    let socket = PathBuf::from(socket);
    let found = socket.metadata().attempt(format_args!("--ssh '{word}': find '{}'", socket.display()))?;
    if !found.file_type().is_socket() {
        return Err(Error::usage(format_args!(
            "--ssh '{word}': '{}' is not the socket of an agent",
            socket.display()
        ))
        .hint("add a key to the agent by ssh-add, and write '--ssh default'"));
    }
    Ok((id.to_owned(), socket))
}

/// reproducible-builds.org, "SOURCE_DATE_EPOCH": of the environment, or as BuildKit has it, an ARG.
fn epoch(arguments: &[(String, String)], host: &Host) -> Result<Option<i64>> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let given = arguments.iter().rev().find(|(name, _)| name == NAME).map(|(_, value)| value.clone());
    let of_host = || host.caller_var(OsStr::new(NAME)).map(|text| text.to_string_lossy().into_owned());
    let Some(text) = given.or_else(of_host).filter(|text| !text.is_empty()) else { return Ok(None) };
    let seconds = text.trim().parse().ok().filter(|seconds| *seconds >= 0);
    seconds.map(Some).ok_or_else(|| {
        Error::usage(format_args!("SOURCE_DATE_EPOCH={text} is no time"))
            .hint("it is a number of seconds since 1970")
    })
}
