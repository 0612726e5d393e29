//! Where files come from and go to: `NAME:PATH` in a container, a path of the host's, or a stream of tar.
//!
//! Both kinds of path become a [`Rootfs`] and a path in it, so what copies does not know which it has. A path in a
//! container resolves inside it, whatever links are on its way. A path of the host's is resolved as the host does.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::error::{Attempt, Error, Kind, Result};
use crate::rootfs::Rootfs;
use crate::store::{Container, Lock, Name, Store};

/// One side, as the user named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// `NAME:PATH`; the path is below the container's root, with or without a slash before it.
    Container(Name, PathBuf),
    /// Any other path. One with a colon is written with `./` before it.
    Host(PathBuf),
    /// `-`: a tar stream on standard input or output.
    Stream,
}

/// A side that is open. A container cannot be removed, renamed or reset while this is held; it may run.
#[derive(Debug)]
pub struct Place {
    /// The container's root, or the host's.
    pub rootfs: Rootfs,
    /// Absolute. A slash at its end stays.
    pub path: PathBuf,
    /// As the user wrote it, for messages.
    pub shown: String,
    /// The container, if it is in one.
    pub container: Option<Container>,
    _lock: Option<Lock>,
}

impl Endpoint {
    /// Reads an argument. What stands before the first colon is a container when it could be the name of one.
    pub fn parse(argument: &OsStr) -> Endpoint {
        let bytes = argument.as_bytes();
        if bytes == b"-" {
            return Endpoint::Stream;
        }
        let mut parts = bytes.splitn(2, |&byte| byte == b':');
        let name = parts.next().and_then(|name| Name::parse(str::from_utf8(name).ok()?).ok());
        match (name, parts.next()) {
            (Some(name), Some(path)) => Endpoint::Container(name, OsStr::from_bytes(path).into()),
            _ => Endpoint::Host(argument.into()),
        }
    }

    /// The path as it was typed; of a stream, `-`.
    pub fn typed(&self) -> &Path {
        match self {
            Endpoint::Container(_, path) if path.as_os_str().is_empty() => Path::new("/"),
            Endpoint::Container(_, path) | Endpoint::Host(path) => path,
            Endpoint::Stream => Path::new("-"),
        }
    }

    /// Opens it for `command`. `NotFound`: there is no such container.
    pub fn open(&self, store: &Store, command: &str) -> Result<Place> {
        match self {
            Endpoint::Container(name, path) => {
                refuse_tilde(name, path)?;
                let container = store.container(name).map_err(|error| match error.kind() {
                    Kind::NotFound if Path::new(&self.to_string()).symlink_metadata().is_ok() => {
                        Error::not_found(error.to_string())
                            .hint(format_args!("a file of this name is on the host: write './{self}'"))
                    }
                    Kind::NotFound => {
                        error.hint(format_args!("a path of the host's with a colon is written './{self}'"))
                    }
                    _ => error,
                })?;
                let lock = container.lock_shared(command)?;
                let rootfs = container.rootfs()?;
                Ok(Place {
                    rootfs,
                    path: Path::new("/").join(path),
                    shown: self.to_string(),
                    container: Some(container),
                    _lock: Some(lock),
                })
            }
            Endpoint::Host(path) => {
                let root = File::open("/").attempt("open '/'")?;
                let path = std::path::absolute(path).attempt(format_args!("find '{self}'"))?;
                let rootfs = Rootfs::new(root.into());
                Ok(Place { rootfs, path, shown: self.to_string(), container: None, _lock: None })
            }
            Endpoint::Stream => Err(Error::usage("'-' is a stream, not a place")),
        }
    }
}

/// Refuses `~` at the beginning of a path in a container: only a shell knows home directories, and those of the host.
fn refuse_tilde(name: &Name, path: &Path) -> Result<()> {
    if path.components().next() != Some(Component::Normal("~".as_ref())) {
        return Ok(());
    }
    Err(Error::usage("'~' is no home directory in a container").hint(format_args!(
        "write the whole path, such as '{name}:/root/'; a file of this name is '{name}:/{}'",
        path.display()
    )))
}

/// As the user wrote it.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Container(name, path) => write!(f, "{name}:{}", path.display()),
            Endpoint::Host(path) => path.display().fmt(f),
            Endpoint::Stream => f.write_str("-"),
        }
    }
}

impl Place {
    /// Before anything is changed here: the container's remembered size is forgotten.
    pub fn touch(&self) -> Result<()> {
        self.container.as_ref().map_or(Ok(()), Container::touch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_before_a_colon_is_a_container() {
        let parse = |text: &str| Endpoint::parse(OsStr::new(text));
        let container = |name: &str, path: &str| Endpoint::Container(Name::parse(name).unwrap(), path.into());
        assert_eq!(parse("ubuntu:/root/x"), container("ubuntu", "/root/x"));
        assert_eq!(parse("ubuntu:root:x"), container("ubuntu", "root:x"));
        assert_eq!(parse("ubuntu:"), container("ubuntu", ""));
        assert_eq!(parse("-"), Endpoint::Stream);
        for host in ["./a:b", "/a:b", "a", "a/b:c", ":x", "", "../a:b", "a b:c"] {
            assert_eq!(parse(host), Endpoint::Host(host.into()), "{host}");
        }
        let bytes = OsStr::from_bytes(b"\xff:x");
        assert_eq!(Endpoint::parse(bytes), Endpoint::Host(bytes.into()));
        assert_eq!(parse("ubuntu:/a").to_string(), "ubuntu:/a");
    }
}
