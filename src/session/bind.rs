//! `--bind SRC[:DST[:OPTIONS]]`, as a type. Refuses what would be guessed at: an unknown option, a relative
//! destination. Options of docker's that ask for nothing here are read over.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// What a mount forbids, beside what its source forbids already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Restrict {
    pub read_only: bool,
    pub no_suid: bool,
    pub no_dev: bool,
    pub no_exec: bool,
    /// Not a restriction: in a user namespace too it keeps the owners that it has on the host.
    pub no_idmap: bool,
}

impl Restrict {
    /// Restricts nothing.
    pub const NONE: Restrict =
        Restrict { read_only: false, no_suid: false, no_dev: false, no_exec: false, no_idmap: false };

    /// Whether it restricts nothing.
    pub fn is_none(self) -> bool {
        Restrict { no_idmap: false, ..self } == Restrict::NONE
    }
}

/// A host path that the user wants to see in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// On the host; relative to the current directory.
    pub source: PathBuf,
    /// In the guest, absolute; the source's own absolute path when not given.
    pub target: Option<PathBuf>,
    /// `ro`, `nosuid`, `nodev`, `noexec`, `noidmap`.
    pub restrict: Restrict,
}

impl Bind {
    /// Reads the option's value. Errors are of kind `Usage`.
    pub fn parse(text: &OsStr) -> Result<Bind> {
        let wrong = |why: &str| {
            Error::usage(format_args!("--bind '{}': {why}", text.display()))
                .hint("write SRC[:DST[:OPTIONS]], for example --bind /srv/data:/data:ro,nosuid")
        };
        let mut fields = text.as_bytes().splitn(3, |&byte| byte == b':').map(OsStr::from_bytes);
        let source = fields.next().filter(|source| !source.is_empty());
        let target = fields.next().map(PathBuf::from);
        if target.as_ref().is_some_and(|target| !target.is_absolute()) {
            return Err(wrong("the path in the container must be absolute"));
        }
        let mut restrict = Restrict::NONE;
        for option in fields.next().unwrap_or_default().as_bytes().split(|&byte| byte == b',') {
            match option {
                b"ro" => restrict.read_only = true,
                b"rw" => restrict.read_only = false,
                b"nosuid" => restrict.no_suid = true,
                b"nodev" => restrict.no_dev = true,
                b"noexec" => restrict.no_exec = true,
                b"noidmap" => restrict.no_idmap = true,
                // Of docker and podman: labels of SELinux, and hints for other systems than Linux.
                b"" | b"z" | b"Z" | b"cached" | b"consistent" | b"delegated" => {}
                _ => return Err(wrong("the options are ro, rw, nosuid, nodev, noexec and noidmap")),
            }
        }
        let source = source.ok_or_else(|| wrong("there is no source"))?.into();
        Ok(Bind { source, target, restrict })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_three_forms() {
        let bind = |text: &str| Bind::parse(OsStr::new(text)).unwrap();
        assert_eq!(bind("/a"), Bind { source: "/a".into(), target: None, restrict: Restrict::NONE });
        assert_eq!(bind("a:/b").target, Some("/b".into()));
        let restrict = Restrict { read_only: true, no_suid: true, ..Restrict::NONE };
        assert_eq!(
            bind("/a:/b:ro,nosuid"),
            Bind { source: "/a".into(), target: Some("/b".into()), restrict }
        );
        assert_eq!(bind("/a:/b:ro,rw").restrict, Restrict::NONE);
        for ignored in ["z", "Z", "z,cached", "delegated,consistent"] {
            assert_eq!(bind(&format!("/a:/b:{ignored}")).restrict, Restrict::NONE);
            assert!(bind(&format!("/a:/b:{ignored},ro")).restrict.read_only);
        }
    }

    #[test]
    fn refuses_guesses() {
        for text in ["", ":/b", "/a:b", "/a:", "/a:/b:bind", "/a:/b:ro:", "/a:/b:U", "/a:/b:rshared"] {
            let error = Bind::parse(OsStr::new(text)).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{text}");
        }
    }
}
