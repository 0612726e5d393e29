//! `RUN --mount`: its options, and what they mean once their variables are replaced.

use super::numbers;
use crate::error::{Error, Result};
use crate::suggest::nearest;

/// A mount as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// A stage, an image, or a named context. It has no variables.
    pub from: Option<String>,
    /// The options in order; the names in lower case.
    options: Vec<(String, Option<String>)>,
}

/// What is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum MountKind {
    #[default]
    Bind,
    Cache,
    Tmpfs,
    Secret,
    Ssh,
}

/// How several builds use a cache at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sharing {
    /// All write to it.
    #[default]
    Shared,
    /// Who comes while it is used gets one of its own.
    Private,
    /// Who comes while it is used waits.
    Locked,
}

/// A mount whose variables are replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MountOptions {
    /// What is mounted.
    pub kind: MountKind,
    /// bind, cache: a stage, an image, or a named context.
    pub from: Option<String>,
    /// bind, cache: the path in `from`; empty: its root.
    pub source: String,
    /// Where; relative to the working directory. A secret's default is `/run/secrets/ID`, unless it has an `env`.
    pub target: String,
    /// bind, secret and ssh are, if nothing else is said.
    pub read_only: bool,
    /// cache: its name, by default the target. secret: by default the source, or the target's last part. ssh: empty is
    /// the default agent.
    pub id: String,
    /// cache
    pub sharing: Sharing,
    /// secret, ssh: their lack is an error.
    pub required: bool,
    /// tmpfs: the most bytes.
    pub size: Option<u64>,
    /// secret: the variable that holds it.
    pub env: Option<String>,
    /// cache, secret, ssh
    pub mode: Option<u32>,
    /// cache, secret, ssh
    pub uid: Option<u32>,
    /// cache, secret, ssh
    pub gid: Option<u32>,
}

/// The kinds by their names.
const KINDS: [(&str, MountKind); 5] = [
    ("bind", MountKind::Bind),
    ("cache", MountKind::Cache),
    ("tmpfs", MountKind::Tmpfs),
    ("secret", MountKind::Secret),
    ("ssh", MountKind::Ssh),
];

const SHARINGS: [(&str, Sharing); 3] =
    [("shared", Sharing::Shared), ("private", Sharing::Private), ("locked", Sharing::Locked)];

const OPTIONS: [&str; 19] = [
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "required",
    "size",
    "id",
    "sharing",
    "mode",
    "uid",
    "gid",
    "env",
];

impl Mount {
    /// The value of a flag. Options without variables are checked here, so that an error comes before the build.
    pub(super) fn parse(text: &str) -> Result<Mount> {
        let mut mount = Mount { from: None, options: Vec::new() };
        for field in fields(text)? {
            let (name, value) = match field.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (field.as_str(), None),
            };
            let name = name.to_ascii_lowercase();
            if let ("from", Some(value)) = (name.as_str(), &value) {
                if value.contains('$') {
                    let error = Error::invalid("from= of a mount takes no variables");
                    return Err(error.hint("give the image a stage of its own: FROM $IMAGE AS name"));
                }
                mount.from = Some(value.clone()).filter(|from| !from.is_empty());
            }
            mount.options.push((name, value));
        }
        if !text.contains('$') {
            mount.resolve(&|word| Ok(word.to_owned()))?;
        }
        Ok(mount)
    }

    /// What it means, where it has no variables.
    pub fn plain(&self) -> Option<MountOptions> {
        let has_variable =
            |(_, value): &(String, Option<String>)| value.as_ref().is_some_and(|v| v.contains('$'));
        if self.options.iter().any(has_variable) {
            None
        } else {
            self.resolve(&|word| Ok(word.to_owned())).ok()
        }
    }

    /// What it means. `expand` replaces variables in one word.
    pub fn resolve(&self, expand: &dyn Fn(&str) -> Result<String>) -> Result<MountOptions> {
        let mut made = MountOptions { from: self.from.clone(), ..MountOptions::default() };
        let (mut read_only, mut sharing) = (None, None);
        for (name, value) in &self.options {
            let value = value.as_deref().map(expand).transpose()?;
            match (name.as_str(), value.as_deref()) {
                ("readonly" | "ro", value) => read_only = Some(truth(name, value)?),
                ("readwrite" | "rw", value) => read_only = Some(!truth(name, value)?),
                ("required", value) if matches!(made.kind, MountKind::Secret | MountKind::Ssh) => {
                    made.required = truth(name, value)?;
                }
                ("required", _) => return Err(made.misplaced("required")),
                ("sharing", Some(value)) => sharing = Some(named("sharing", value, &SHARINGS)?),
                (name, Some(value)) => made.set(name, value)?,
                (name, None) if OPTIONS.contains(&name) => {
                    return Err(Error::invalid(format_args!("the option '{name}' of a mount needs a value")));
                }
                (name, None) => return Err(unknown(name)),
            }
        }
        made.sharing = sharing.unwrap_or_default();
        made.read_only = read_only.unwrap_or(!matches!(made.kind, MountKind::Cache | MountKind::Tmpfs));
        made.check(sharing.is_some())?;
        made.complete();
        Ok(made)
    }
}

impl MountOptions {
    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "type" => self.kind = named("type", value, &KINDS)?,
            "from" => {}
            "source" | "src" => self.source = value.to_owned(),
            "target" | "dst" | "destination" => self.target = value.to_owned(),
            "size" if self.kind == MountKind::Tmpfs => {
                let size = numbers::bytes(value);
                self.size =
                    Some(size.ok_or_else(|| invalid("size", value, "a number of bytes, such as 64m"))?);
            }
            "size" => return Err(self.misplaced("size")),
            "id" => self.id = value.to_owned(),
            "env" => self.env = Some(value.to_owned()),
            "mode" => self.mode = Some(number("mode", value, 8)?),
            "uid" => self.uid = Some(number("uid", value, 10)?),
            "gid" => self.gid = Some(number("gid", value, 10)?),
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    fn misplaced(&self, option: &str) -> Error {
        let kind = KINDS.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name);
        let error = Error::invalid(format_args!("a mount of type {kind} has no option '{option}'"));
        error.hint("the type stands before the options that depend on it")
    }

    /// What goes with which type.
    fn check(&self, has_sharing: bool) -> Result<()> {
        let owned = matches!(self.kind, MountKind::Cache | MountKind::Secret | MountKind::Ssh);
        let secret = self.kind == MountKind::Secret;
        let given = [
            ("mode", self.mode.is_some() && !owned),
            ("uid", self.uid.is_some() && !owned),
            ("gid", self.gid.is_some() && !owned),
            ("sharing", has_sharing && self.kind != MountKind::Cache),
            ("env", self.env.is_some() && !secret),
            ("from", self.from.is_some() && secret),
        ];
        if let Some((option, _)) = given.iter().find(|(_, wrong)| *wrong) {
            return Err(self.misplaced(option));
        }
        if secret && self.source.is_empty() && self.target.is_empty() && self.id.is_empty() {
            return Err(Error::invalid("a mount of type secret needs an id").hint("write id=NAME"));
        }
        if secret && !self.source.is_empty() && !self.id.is_empty() {
            return Err(Error::invalid("a mount of type secret has either a source or an id"));
        }
        Ok(())
    }

    /// What a secret is called, and where it is.
    fn complete(&mut self) {
        if self.kind != MountKind::Secret {
            return;
        }
        if self.id.is_empty() {
            let source = std::mem::take(&mut self.source);
            self.id = if source.is_empty() { base(&self.target).to_owned() } else { source };
        }
        match &self.env {
            Some(name) if name.is_empty() => self.env = Some(self.id.clone()),
            None if self.target.is_empty() => self.target = format!("/run/secrets/{}", base(&self.id)),
            _ => {}
        }
    }
}

/// The last part of a path.
fn base(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path)
}

fn truth(name: &str, value: Option<&str>) -> Result<bool> {
    match value {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(value) => Err(invalid(name, value, "true or false")),
    }
}

fn number(name: &str, value: &str, radix: u32) -> Result<u32> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = u32::from_str_radix(value, radix).ok().filter(|_| digits);
    number.ok_or_else(|| invalid(name, value, if radix == 8 { "an octal number" } else { "a number" }))
}

fn named<T: Copy>(option: &str, value: &str, known: &[(&str, T)]) -> Result<T> {
    let lower = value.to_ascii_lowercase();
    if let Some((_, found)) = known.iter().find(|(name, _)| *name == lower) {
        return Ok(*found);
    }
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let error = Error::invalid(format_args!("the {option} '{value}' of a mount is not known"));
    Err(match nearest(&lower, names.iter().copied()) {
        Some(near) => error.hint(format_args!("did you mean {option}={near}?")),
        None => error.hint(format_args!("it is one of {}", names.join(", "))),
    })
}

fn invalid(name: &str, value: &str, what: &str) -> Error {
    Error::invalid(format_args!("the option '{name}' of a mount is {what}, and not '{value}'"))
}

fn unknown(name: &str) -> Error {
    let error = Error::invalid(format_args!("the option '{name}' of a mount is not known"));
    match nearest(name, OPTIONS) {
        Some(near) => error.hint(format_args!("did you mean {near}?")),
        None => error.hint(format_args!("options are {}", OPTIONS.join(", "))),
    }
}

/// The fields of a line of comma-separated values (RFC 4180): one in double quotes may hold commas.
fn fields(text: &str) -> Result<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return Err(Error::invalid("text follows a quoted option of a mount")),
        }
    }
}

fn quoted_field(text: &str) -> Result<(String, &str)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let Some((before, after)) = rest.split_once('"') else {
            return Err(Error::invalid("a quoted option of a mount has no end"));
        };
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Ok((field, after)),
        }
    }
}

#[cfg(test)]
mod tests;
