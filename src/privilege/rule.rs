//! The rule of sudo or doas by which a group's members run this program as root without a password: no daemon listens.
//!
//! A rule is checked by the tool's own parser before it is put in place by one rename: a mistake in these files locks
//! everybody out.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::group::GROUP;
use super::tool::find_for_root as find;
use crate::error::{Attempt, Error, Kind, Result};
use crate::host::Host;
use crate::host::files::{beside, replace};

const MARK: &str = "# Made by 'chroot-distro setup'";
const SUDOERS: &str = "/etc/sudoers";
/// sudo passes over names with a dot, such as that of what is not yet checked.
const SUDOERS_DIR: &str = "/etc/sudoers.d";
const DOAS_CONF: &str = "/etc/doas.conf";

/// Lets the group run `program`, a path that needs no quoting, by the tool that elevation asks first. The tool's name.
pub fn allow(host: &Host, program: &Path) -> Result<&'static str> {
    if find(host, "sudo").is_some() {
        return sudo(host, program).map(|()| "sudo");
    }
    if find(host, "doas").is_some() {
        return doas(host, program).map(|()| "doas");
    }
    Err(Error::unsupported("neither sudo nor doas is here to make a rule for")
        .hint("install one of them with your system's package manager"))
}

/// Takes the rules away; whether there were any.
pub fn withdraw(host: &Host) -> Result<bool> {
    let mut found = false;
    let rule = host.file(SUDOERS_DIR).join(GROUP);
    if fs::read_to_string(&rule).is_ok_and(|text| text.contains(MARK)) {
        fs::remove_file(&rule).attempt(format_args!("remove '{}'", rule.display()))?;
        found = true;
    }
    let conf = host.file(DOAS_CONF);
    if let Some(text) = read(&conf)?.filter(|text| text.contains(MARK)) {
        let left = without_ours(&text);
        match left.is_empty() {
            true => fs::remove_file(&conf).attempt(format_args!("remove '{}'", conf.display()))?,
            false => replace(&conf, left.as_bytes(), mode(&conf), File::sync_all)?,
        }
        found = true;
    }
    Ok(found)
}

fn sudo(host: &Host, program: &Path) -> Result<()> {
    let included = read(&host.file(SUDOERS))?.is_some_and(|text| {
        text.lines().any(|line| {
            let mut words = line.split_whitespace();
            matches!(words.next(), Some("@includedir" | "#includedir")) && words.next() == Some(SUDOERS_DIR)
        })
    });
    if !included {
        return Err(Error::unsupported(format_args!("'{SUDOERS}' does not include '{SUDOERS_DIR}'"))
            .hint(format_args!("add this line to it with visudo: @includedir {SUDOERS_DIR}")));
    }
    let Some(visudo) = find(host, "visudo") else {
        return Err(Error::unsupported("visudo is not here to check the rule, so none is made"));
    };
    let text = format!(
        "{MARK}, which removes it with --uninstall.\n# Who is in the group can become root.\n\
         %{GROUP} ALL=(root) NOPASSWD: {}\n",
        program.display()
    );
    let mut check = Command::new(visudo);
    check.args(["-c", "-f"]);
    put(&host.file(SUDOERS_DIR).join(GROUP), &text, 0o440, check)
}

fn doas(host: &Host, program: &Path) -> Result<()> {
    let conf = host.file(DOAS_CONF);
    let mut text = without_ours(&read(&conf)?.unwrap_or_default());
    // The last rule that matches counts.
    text.push_str(&format!("permit nopass :{GROUP} as root cmd {} {MARK}\n", program.display()));
    let mut check = Command::new(find(host, "doas").unwrap_or_default());
    check.arg("-C");
    put(&conf, &text, mode(&conf), check)
}

/// Writes beside `path`, has `check` judge that, and renames it there.
fn put(path: &Path, text: &str, mode: u32, mut check: Command) -> Result<()> {
    let unchecked = beside(path);
    replace(&unchecked, text.as_bytes(), mode, File::sync_all)?;
    let checker = check.get_program().to_owned();
    let attempt = format_args!("check the rule with '{}'", checker.display());
    let put = check.arg(&unchecked).stdin(Stdio::null()).output().attempt(attempt).and_then(|output| {
        if output.status.success() {
            return fs::rename(&unchecked, path).attempt(format_args!("write '{}'", path.display()));
        }
        let said = [output.stderr, output.stdout].concat();
        Err(Error::new(
            Kind::Invalid,
            format_args!("the rule was refused: {}", String::from_utf8_lossy(&said).trim()),
        ))
    });
    if put.is_err() {
        let _ = fs::remove_file(&unchecked);
    }
    put
}

fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some).attempt(format_args!("read '{}'", path.display())),
    }
}

/// Of a file that is there; else what doas(1) asks for.
fn mode(path: &Path) -> u32 {
    fs::metadata(path).map_or(0o400, |metadata| metadata.permissions().mode() & 0o777)
}

fn without_ours(text: &str) -> String {
    text.lines().filter(|line| !line.contains(MARK)).map(|line| format!("{line}\n")).collect()
}
