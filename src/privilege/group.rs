//! The group whose members need no password, in the host's own files.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, fcntl_lock};

use super::tool::find_for_root as find;
use crate::error::{Attempt, Error, Kind, Result};
use crate::host::Host;
use crate::host::files::replace;

/// Its name; the Python tool's too.
pub const GROUP: &str = "chroot-distro";

/// The host's user of this name or number.
pub fn user(host: &Host, name_or_uid: &str) -> Result<String> {
    let passwd = fs::read_to_string(host.file("/etc/passwd")).unwrap_or_default();
    let is_it = |line: &&str| line.split(':').step_by(2).take(2).any(|field| field == name_or_uid);
    let named = passwd.lines().find(is_it).map(str::to_owned).or_else(|| {
        // Not every user stands in the file.
        let output = Command::new(find(host, "getent")?).args(["passwd", "--", name_or_uid]).output().ok()?;
        String::from_utf8(output.stdout).ok().filter(|_| output.status.success())
    });
    match named.as_deref().and_then(|line| line.split(':').next()).filter(|name| !name.is_empty()) {
        Some(name) => Ok(name.to_owned()),
        None => Err(Error::not_found(format_args!("this machine has no user '{name_or_uid}'"))),
    }
}

/// Makes the group where there is none, and the user, if any, a member. By the host's tools, or where it has none of
/// them by the file itself.
pub fn join(host: &Host, user: Option<&str>) -> Result<()> {
    if members(host).is_none() {
        run(host, "groupadd", &["--system", GROUP]);
    }
    if members(host).is_none() {
        run(host, "addgroup", &["-S", GROUP]);
    }
    if let Some(user) = user {
        let is_member = || members(host).is_some_and(|members| members.iter().any(|member| member == user));
        if !is_member() {
            run(host, "usermod", &["--append", "--groups", GROUP, user]);
        }
        if !is_member() {
            run(host, "addgroup", &[user, GROUP]);
        }
        if is_member() {
            return Ok(());
        }
    } else if members(host).is_some() {
        return Ok(());
    }
    edit(host, user)
}

/// Its members; `None` when there is no such group.
fn members(host: &Host) -> Option<Vec<String>> {
    let text = fs::read_to_string(host.file("/etc/group")).ok()?;
    let line = text.lines().find(|line| line.split(':').next() == Some(GROUP))?;
    let members = line.split(':').nth(3).unwrap_or_default();
    Some(members.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// Whether it worked shows in the file: the tools of different hosts differ.
fn run(host: &Host, tool: &str, arguments: &[&str]) {
    if let Some(path) = find(host, tool) {
        let mut command = Command::new(path);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = command.status();
    }
}

fn edit(host: &Host, user: Option<&str>) -> Result<()> {
    let _lock = lock(host)?;
    let path = host.file("/etc/group");
    let attempt = format_args!("read '{}'", path.display());
    let text = fs::read_to_string(&path).attempt(attempt)?;
    let mode = fs::metadata(&path).attempt(attempt)?.permissions().mode() & 0o777;
    let Some(edited) = edited(&text, user) else {
        return Err(Error::new(Kind::System, "no group number below 1000 is free"));
    };
    replace(&path, edited.as_bytes(), mode, File::sync_all)
}

/// As lckpwdf(3) takes it: whoever changes the accounts does.
fn lock(host: &Host) -> Result<File> {
    let path = host.file("/etc/.pwd.lock");
    let attempt = format_args!("lock '{}'", path.display());
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path).attempt(attempt)?;
    for _ in 0..150 {
        if fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Ok(file);
        }
        thread::sleep(Duration::from_millis(100));
    }
    Err(Error::new(Kind::Busy, "another program has been changing the accounts for 15 seconds"))
}

/// group(5) with our group, and with the user in it. The number is a system group's, the highest that is free, as
/// groupadd(8) chooses.
fn edited(text: &str, user: Option<&str>) -> Option<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if !lines.iter().any(|line| line.split(':').next() == Some(GROUP)) {
        let taken =
            |gid: u32| lines.iter().any(|line| line.split(':').nth(2) == Some(gid.to_string().as_str()));
        let gid = (100..1000).rev().find(|&gid| !taken(gid))?;
        lines.push(format!("{GROUP}:x:{gid}:"));
    }
    if let (Some(user), Some(line)) =
        (user, lines.iter_mut().find(|line| line.split(':').next() == Some(GROUP)))
    {
        let members = line.split(':').nth(3).unwrap_or_default();
        if !members.split(',').any(|member| member == user) {
            let comma = if members.is_empty() { "" } else { "," };
            line.push_str(comma);
            line.push_str(user);
        }
    }
    Some(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_edited_as_the_tools_would() {
        let text = "root:x:0:\nx:x:999:u";
        let once = edited(text, Some("u")).unwrap();
        assert_eq!(once, "root:x:0:\nx:x:999:u\nchroot-distro:x:998:u\n");
        assert_eq!(edited(&once, Some("u")).unwrap(), once);
        assert_eq!(edited(&once, Some("v")).unwrap(), "root:x:0:\nx:x:999:u\nchroot-distro:x:998:u,v\n");
        assert_eq!(edited("", None).unwrap(), "chroot-distro:x:999:\n");
        let full: String = (100..1000).map(|gid| format!("g{gid}:x:{gid}:\n")).collect();
        assert!(edited(&full, None).is_none());
    }
}
