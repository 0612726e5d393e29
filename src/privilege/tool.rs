//! The tools that give root, and how each wants to be called.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::process::Command;

use crate::host::Host;
use crate::host::executable::is_executable;

/// Where Android's root managers put su, should `PATH` not say.
const ANDROID_DIRS: [&str; 6] =
    ["/system/bin", "/system/xbin", "/sbin", "/debug_ramdisk", "/su/bin", "/data/adb/ksu/bin"];

/// What the dynamic linker and the runtime of an app leave in the environment would harm another program.
const SCRUBBED: [&str; 3] = ["LD_PRELOAD", "LD_LIBRARY_PATH", "BOOTCLASSPATH"];

/// The variable with sudo's question (sudo(8)); `%p` in it is whose password is asked for.
const SUDO_PROMPT: &str = "SUDO_PROMPT";

/// A tool that is there.
#[derive(Debug, PartialEq, Eq)]
pub struct Tool {
    path: PathBuf,
    android: bool,
}

/// The tools that this host has, the first to ask first. On Termux that is su: sudo is only a script around it there.
pub fn in_order(host: &Host, use_sudo: bool) -> impl Iterator<Item = Tool> {
    let names = match host.termux() {
        Some(_) if !use_sudo => ["su", "sudo", "doas", "pkexec"],
        Some(_) => ["sudo", "su", "doas", "pkexec"],
        None => ["sudo", "doas", "pkexec", "su"],
    };
    names
        .into_iter()
        .filter_map(|name| find(host, name).map(|path| Tool { path, android: host.is_android() }))
}

/// A program of the host's, also where `PATH` leaves root's own directories out.
pub(super) fn find_for_root(host: &Host, name: &str) -> Option<PathBuf> {
    let places = ["/usr/sbin", "/sbin"].map(|directory| host.file(directory).join(name));
    find(host, name).or_else(|| places.into_iter().find(|path| is_executable(path)))
}

fn find(host: &Host, name: &str) -> Option<PathBuf> {
    let path = host.var("PATH").unwrap_or_default();
    let android = ANDROID_DIRS.into_iter().filter(|_| host.is_android()).map(PathBuf::from);
    let directories = std::env::split_paths(path).filter(|directory| directory.is_absolute()).chain(android);
    directories.map(|directory| host.file(directory.join(name))).find(|path| is_executable(path))
}

impl Tool {
    /// `sudo`, `su` and so on.
    pub fn name(&self) -> &str {
        self.path.file_name().and_then(OsStr::to_str).unwrap_or_default()
    }

    /// The command that runs `program` with `arguments` as root.
    pub fn command(&self, program: &OsStr, arguments: &[OsString]) -> Command {
        let mut command = Command::new(&self.path);
        for name in SCRUBBED {
            command.env_remove(name);
        }
        match self.name() {
            "su" if self.android => {
                // The global mount namespace, where the manager has one to offer: Magisk's name for it, which
                // KernelSU and APatch understand too.
                command.args(["-mm", "-c"]).arg(shell_line(program, arguments));
            }
            "su" => {
                // The shell of root may not be one that reads our quotes.
                command.args(["-s", "/bin/sh", "-c"]).arg(shell_line(program, arguments));
            }
            _ => {
                command.arg(program).args(arguments);
            }
        }
        if self.name() == "sudo" && std::env::var_os(SUDO_PROMPT).is_none() {
            command.env(SUDO_PROMPT, "[sudo] chroot-distro needs root. Password of %p: ");
        }
        command
    }

    /// Whether it asks without saying whose password it wants. A root manager on Android asks by itself, on the screen.
    pub fn asks_for_roots_password(&self) -> bool {
        self.name() == "su" && !self.android
    }

    /// What one types to run `line`, plain words, by it.
    pub fn line(&self, line: &str) -> String {
        match self.name() {
            "su" => format!("su -c '{line}'"),
            name => format!("{name} {line}"),
        }
    }
}

/// `exec 'program' 'argument'...`, byte for byte, for a POSIX shell.
fn shell_line(program: &OsStr, arguments: &[OsString]) -> OsString {
    let mut line = b"exec".to_vec();
    for word in [program].into_iter().chain(arguments.iter().map(OsString::as_os_str)) {
        line.extend_from_slice(b" '");
        for &byte in word.as_bytes() {
            match byte {
                b'\'' => line.extend_from_slice(br"'\''"),
                _ => line.push(byte),
            }
        }
        line.push(b'\'');
    }
    OsString::from_vec(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_argument_comes_through_a_shell() {
        let arguments = ["%s\\n", "a b", "it's", "$HOME `x` \\ \"", "", "line\nend", "*"].map(OsString::from);
        let output =
            Command::new("sh").arg("-c").arg(shell_line(OsStr::new("/usr/bin/printf"), &arguments)).output();
        assert_eq!(output.unwrap().stdout, b"a b\nit's\n$HOME `x` \\ \"\n\nline\nend\n*\n");
    }

    #[test]
    fn each_tool_is_called_its_own_way() {
        let words = |path: &str, android| {
            let command = Tool { path: path.into(), android }.command(OsStr::new("/cd"), &["list".into()]);
            let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
            words.join(" ")
        };
        assert_eq!(words("/usr/bin/sudo", false), "/cd list");
        assert_eq!(words("/bin/su", false), "-s /bin/sh -c exec '/cd' 'list'");
        assert_eq!(words("/system/bin/su", true), "-mm -c exec '/cd' 'list'");
    }
}
