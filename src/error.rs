//! The one error type: what was attempted, on what, why it failed, and what to try.
//!
//! Few kinds, chosen by what a caller does with them, not by where they arose.

use std::{fmt, io};

use rustix::io::Errno;

pub mod told;

/// The exit code for a wrong command line.
pub const WRONG_USAGE: u8 = 2;

/// What a caller may want to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The command line is wrong: exit code [`WRONG_USAGE`].
    Usage,
    /// The thing named does not exist.
    NotFound,
    /// The thing to be made exists already.
    Exists,
    /// Somebody else is using it.
    Busy,
    /// Permission, credentials or privileges are missing.
    Denied,
    /// This kernel, host or build cannot do it.
    Unsupported,
    /// Input from outside (an archive, a manifest, a document) is malformed or hostile.
    Invalid,
    /// The network or a server failed.
    Network,
    /// The operating system refused.
    System,
}

/// An error with its chain of attempts, outermost first, and perhaps a hint.
///
/// One pointer: every `Result` of the program carries the room for it.
#[derive(Debug)]
pub struct Error(Box<Told>);

#[derive(Debug)]
struct Told {
    kind: Kind,
    message: String,
    hint: Option<String>,
    errno: Option<i32>,
    exit_code: Option<u8>,
}

/// The project's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind`; `message` says what is wrong with what, in one line, without a full stop.
    pub fn new(kind: Kind, message: impl fmt::Display) -> Error {
        Error::told(kind, &message, None, None)
    }

    // What follows a failure is cold, and out of line: there are hundreds of places where something may fail.
    #[cold]
    #[inline(never)]
    fn told(kind: Kind, message: &dyn fmt::Display, hint: Option<&str>, errno: Option<i32>) -> Error {
        let hint = hint.map(str::to_owned);
        Error(Box::new(Told { kind, message: message.to_string(), hint, errno, exit_code: None }))
    }

    /// [`Kind::Usage`]
    pub fn usage(message: impl fmt::Display) -> Error {
        Error::new(Kind::Usage, message)
    }

    /// [`Kind::NotFound`]
    pub fn not_found(message: impl fmt::Display) -> Error {
        Error::new(Kind::NotFound, message)
    }

    /// [`Kind::Invalid`]
    pub fn invalid(message: impl fmt::Display) -> Error {
        Error::new(Kind::Invalid, message)
    }

    /// [`Kind::Unsupported`]
    pub fn unsupported(message: impl fmt::Display) -> Error {
        Error::new(Kind::Unsupported, message)
    }

    /// [`Kind::Network`]
    pub fn network(message: impl fmt::Display) -> Error {
        Error::new(Kind::Network, message)
    }

    /// A refused system call: `attempt` names the verb and its object ("open '/x/y'").
    ///
    /// The kind and a hint follow from the errno where it tells enough.
    pub fn io(attempt: impl fmt::Display, error: io::Error) -> Error {
        Error::refused(&attempt, &error)
    }

    #[cold]
    #[inline(never)]
    fn refused(attempt: &dyn fmt::Display, error: &io::Error) -> Error {
        let (kind, hint) = match error.kind() {
            io::ErrorKind::NotFound => (Kind::NotFound, None),
            io::ErrorKind::AlreadyExists => (Kind::Exists, None),
            io::ErrorKind::PermissionDenied => (Kind::Denied, None),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (
                Kind::System,
                Some("free some space ('chroot-distro clear-cache' drops downloads) and try again"),
            ),
            io::ErrorKind::ReadOnlyFilesystem => (Kind::System, Some("the filesystem is mounted read-only")),
            _ if error.raw_os_error() == Some(Errno::NOKEY.raw_os_error()) => (
                Kind::System,
                Some(
                    "this storage is encrypted and locked: unlock the device once after it has started, then try again",
                ),
            ),
            _ => (Kind::System, None),
        };
        let message = format_args!("cannot {attempt}: {}", reason(error));
        Error::told(kind, &message, hint, error.raw_os_error())
    }

    /// Puts the larger attempt in front: `error.context("install 'alpine'")`.
    #[must_use]
    pub fn context(self, attempt: impl fmt::Display) -> Error {
        self.within(&attempt)
    }

    #[cold]
    #[inline(never)]
    fn within(mut self, attempt: &dyn fmt::Display) -> Error {
        self.0.message = format!("{attempt}: {}", self.0.message);
        self
    }

    /// Says what to try. The innermost hint, nearest to the cause, is kept.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Error {
        self.0.hint.get_or_insert_with(|| hint.to_string());
        self
    }

    /// Says what to try, in place of what the cause said.
    #[must_use]
    pub fn hint_instead(mut self, hint: impl fmt::Display) -> Error {
        self.0.hint = Some(hint.to_string());
        self
    }

    /// What a caller may want to tell apart.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The errno, where the operating system gave one.
    pub fn errno(&self) -> Option<i32> {
        self.0.errno
    }

    /// Whether the disk, or somebody's share of it, is full.
    pub fn is_full(&self) -> bool {
        self.errno().is_some_and(|errno| [libc::ENOSPC, libc::EDQUOT].contains(&errno))
    }

    /// What to try, if anything is known.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The message and the hint, for a warning.
    pub fn in_one_line(&self) -> String {
        self.hint_text().map_or_else(|| self.to_string(), |hint| format!("{self}; {hint}"))
    }

    /// Has the program exit with `code`. The innermost, nearest to the cause, is kept.
    #[must_use]
    pub fn exits(mut self, code: u8) -> Error {
        self.0.exit_code.get_or_insert(code);
        self
    }

    /// What [`Error::exits`] said; else 2 for a wrong command line, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        self.0.exit_code.unwrap_or(if self.0.kind == Kind::Usage { WRONG_USAGE } else { 1 })
    }
}

/// The reason alone, without Rust's "(os error N)" at the end; an errno that the C library does not name is its number.
pub fn reason(error: &io::Error) -> String {
    /// musl's word for those.
    const NAMELESS: &str = "No error information";
    let text = error.to_string();
    match (text.rfind(" (os error "), error.raw_os_error()) {
        (Some(at), Some(errno)) if text[..at] == *NAMELESS => format!("Unknown error {errno}"),
        (Some(at), _) if text.ends_with(')') => text[..at].to_owned(),
        _ => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

/// `.attempt(format_args!("open '{x}'"))` on a result that failed.
pub trait Attempt<T> {
    /// Names what was attempted, on what.
    fn attempt(self, what: impl What) -> Result<T>;
}

impl<T> Attempt<T> for io::Result<T> {
    fn attempt(self, what: impl What) -> Result<T> {
        self.map_err(|error| Error::io(what.words(), error))
    }
}

impl<T> Attempt<T> for rustix::io::Result<T> {
    fn attempt(self, what: impl What) -> Result<T> {
        self.map_err(|error| Error::io(what.words(), error.into()))
    }
}

impl<T> Attempt<T> for Result<T> {
    fn attempt(self, what: impl What) -> Result<T> {
        self.map_err(|error| error.context(what.words()))
    }
}

/// Words for what was attempted: a text, what `format_args!` makes (nothing is written before it is needed, and no code
/// of its own stands at each of the hundreds of places), or a function, where to find them takes work.
pub trait What {
    /// The words.
    fn words(self) -> impl fmt::Display;
}

impl What for &str {
    fn words(self) -> impl fmt::Display {
        self
    }
}

impl What for fmt::Arguments<'_> {
    fn words(self) -> impl fmt::Display {
        self
    }
}

impl<D: fmt::Display, F: FnOnce() -> D> What for F {
    fn words(self) -> impl fmt::Display {
        self()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_strace_and_carries_a_hint() {
        let full = Error::io("write '/x'", io::Error::from_raw_os_error(libc::ENOSPC)).context("install 'a'");
        assert_eq!(full.to_string(), "install 'a': cannot write '/x': No space left on device");
        assert!(full.hint_text().unwrap().contains("clear-cache"));
        assert_eq!(full.exit_code(), 1);
        assert_eq!(Error::usage("no").exit_code(), 2);
    }
}
