//! `/etc/profile.d/termux-profile.sh`: on Termux, what a login shell's `/etc/profile` would drop again.
//!
//! Made by the first session of a container that shares Termux with it, taken away by the first that does not. What
//! the user said with `--env` is for one session and never written down; who and where one is is the shell's own
//! business.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;

use super::plan::environment::Environment;
use crate::error::{Attempt, Result};
use crate::guest::written::{PROFILE as PATH, PROFILE_IS_OURS as OURS};
use crate::rootfs::{FileType, Follow, Rootfs};

/// Not to be said again: of one user, one session or one terminal.
const PERSONAL: [&str; 9] = ["HOME", "USER", "LOGNAME", "SHELL", "TERM", "COLORTERM", "TZ", "PATH", "PWD"];

/// Bytes; a file that is larger is not ours.
const LIMIT: u64 = 1 << 20;

/// Brings the file up to date. `shared`: the environment of a session without its `--env`, and the directory of
/// Termux's programs; `None` when the session shares nothing with Termux. A guest without the directory is left alone,
/// and so is a file that somebody else has put there.
pub fn refresh(rootfs: &Rootfs, shared: Option<(&Environment, &OsStr)>) -> Result<()> {
    let attempt = format_args!("write the container's '{PATH}'");
    if !rootfs
        .metadata("/etc/profile.d", Follow::Yes)
        .is_ok_and(|found| found.file_type == FileType::Directory)
    {
        return Ok(());
    }
    let found = match rootfs.metadata(PATH, Follow::No).map(|found| found.file_type) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Ok(FileType::Regular) => Some(rootfs.read(PATH, LIMIT).attempt(attempt)?),
        _ => return Ok(()),
    };
    if found.as_ref().is_some_and(|found| !found.starts_with(OURS)) {
        return Ok(());
    }
    match shared.map(|(environment, programs)| text(environment, programs)) {
        Some(wanted) if found.as_ref() != Some(&wanted) => {
            rootfs.write(PATH, &wanted, 0o644).attempt(attempt)
        }
        None if found.is_some() => {
            rootfs.remove_file(PATH).attempt(format_args!("remove the container's '{PATH}'"))
        }
        _ => Ok(()),
    }
}

fn text(environment: &Environment, programs: &OsStr) -> Vec<u8> {
    let mut text = OURS.to_vec();
    for (key, value) in environment.iter().filter(|(key, _)| !PERSONAL.iter().any(|name| *key == *name)) {
        if is_name(key.as_bytes()) {
            text.extend([b"export ", key.as_bytes(), b"=", &quoted(value), b"\n"].concat());
        }
    }
    let programs = quoted(programs);
    let parts: [&[u8]; 5] =
        [b"case \":$PATH:\" in *:", &programs, b":*) ;; *) export PATH=\"$PATH\":", &programs, b" ;; esac\n"];
    text.extend(parts.concat());
    text
}

/// What a shell can assign to.
fn is_name(key: &[u8]) -> bool {
    !key.first().is_none_or(u8::is_ascii_digit)
        && key.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// One word to a shell, whatever is in it.
fn quoted(value: &OsStr) -> Vec<u8> {
    let mut word = vec![b'\''];
    for &byte in value.as_bytes() {
        match byte {
            b'\'' => word.extend(b"'\\''"),
            _ => word.push(byte),
        }
    }
    word.push(b'\'');
    word
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::TempDir;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(key, value)| (key.into(), value.into())).collect()
    }

    #[test]
    fn a_shell_reads_what_was_meant() {
        let text = text(
            &environment(&[
                ("A", "it's\n$(touch /x) `y`"),
                ("HOME", "/root"),
                ("1X", "no"),
                ("BAD-NAME", "no"),
                ("PATH", "/image"),
            ]),
            OsStr::new("/p r/bin"),
        );
        let script = [&text, &text[..], b"printf '%s|%s|%s' \"$A\" \"$PATH\" \"$HOME\""].concat();
        let output = std::process::Command::new("/bin/sh")
            .arg("-c")
            .arg(OsStr::from_bytes(&script))
            .env_clear()
            .env("PATH", "/bin")
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "it's\n$(touch /x) `y`|/bin:/p r/bin|");
        assert_eq!(output.stderr, b"");
    }

    #[test]
    fn is_there_while_termux_is_shared() {
        let tree = TempDir::new();
        let rootfs = Rootfs::new(tree.open());
        let file = tree.path().join(&PATH[1..]);
        let environment = environment(&[("A", "1")]);
        let shared = Some((&environment, OsStr::new("/p/bin")));
        refresh(&rootfs, shared).unwrap();
        assert!(!file.exists(), "a guest without the directory reads none");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        refresh(&rootfs, shared).unwrap();
        assert!(fs::read_to_string(&file).unwrap().contains("export A='1'\n"));
        refresh(&rootfs, None).unwrap();
        assert!(!file.exists());
        for other in ["# mine\n", ""] {
            fs::write(&file, other).unwrap();
            refresh(&rootfs, shared).unwrap();
            refresh(&rootfs, None).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), other);
        }
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/elsewhere", &file).unwrap();
        refresh(&rootfs, shared).unwrap();
        assert_eq!(fs::read_link(&file).unwrap(), std::path::Path::new("/elsewhere"));
    }
}
