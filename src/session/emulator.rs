//! A guest for another CPU: told by its programs, run by QEMU through the kernel's `binfmt_misc`.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::bind::Restrict;
use super::plan::steps::Step;
use super::request::{Mode, Request};
use crate::error::{Error, Result};
use crate::host::binfmt::{self, Emulator, MOUNT_POINT};
use crate::host::{Host, elf};
use crate::oci::{Arch, Provenance};
use crate::rootfs::{Follow, Rootfs};

/// Programs that nearly every guest has one of. The first that is no script tells for which CPU it is.
const PROGRAMS: [&str; 9] = [
    "/bin/sh",
    "/bin/bash",
    "/usr/bin/env",
    "/bin/busybox",
    "/usr/bin/sh",
    "/usr/bin/bash",
    "/sbin/init",
    "/usr/sbin/init",
    "/data/data/com.termux/files/usr/bin/sh",
];

/// As programs are refused that cannot be executed.
const NOT_EXECUTABLE: u8 = 126;

/// How the guest's programs run here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// What must be registered before they do; `None` when they run as things are.
    pub emulator: Option<Emulator>,
    /// They are this CPU's 32-bit ones, and are to be told of a machine to match (uname(2)).
    pub narrow: bool,
}

/// Finds out which emulator the guest's programs need, if any. An error exits with 126.
pub fn machine(
    request: &Request,
    rootfs: &Rootfs,
    provenance: Option<&Provenance>,
    host: &Host,
) -> Result<Machine> {
    let Some(arch) = guest(rootfs, provenance) else { return Ok(Machine::default()) };
    let own = Machine { emulator: None, narrow: matches!(arch, Arch::Arm | Arch::I686) };
    if arch == Arch::HOST {
        return Ok(own);
    }
    let entries = binfmt::entries(host, arch);
    if entries.iter().any(|entry| is_program(rootfs, &entry.interpreter)) {
        return Ok(Machine::default());
    }
    let fixed = entries.iter().find(|entry| entry.fixed);
    if fixed.is_some() && !request.is_isolated() {
        return Ok(Machine::default());
    }
    if binfmt::is_native(arch) {
        return Ok(own);
    }
    // On Termux its libraries, and Android's, are seen at their own places.
    let libraries = request.mode == Mode::Default && host.termux().is_some();
    let emulator = Emulator::find(host, arch, libraries).map_err(|error| match fixed {
        Some(entry) => refusal(arch, &entry.interpreter),
        None => error,
    });
    let emulator = emulator.map_err(|error| error.exits(NOT_EXECUTABLE))?;
    Ok(Machine { emulator: Some(emulator), narrow: false })
}

/// The host's registration would do, but for what root inside can do to its file.
fn refusal(arch: Arch, interpreter: &Path) -> Error {
    let path = interpreter.display();
    Error::unsupported(format_args!(
        "this machine runs {arch} programs by '{path}', a file that root in the container could change"
    ))
    .hint("install QEMU's static user-mode emulator, which is used read-only, or leave out '--isolated'")
}

/// Why a guest for `arch` would not run here, if it would not.
pub fn available(arch: Arch, host: &Host) -> Result<()> {
    if binfmt::is_native(arch) || binfmt::entries(host, arch).iter().any(|entry| entry.fixed) {
        return Ok(());
    }
    Emulator::find(host, arch, host.termux().is_some()).map(drop)
}

/// What the guest needs to see of it.
pub fn steps(emulator: &Emulator, mode: Mode) -> Vec<Step> {
    let bind = |path: PathBuf, directory, restrict, required| Step::Bind {
        source: path.clone(),
        target: path,
        directory,
        restrict,
        required,
    };
    let read_only = Restrict { read_only: true, ..Restrict::NONE };
    let mut steps = Vec::new();
    if mode.is_private() {
        // The registration lasts as long as it is mounted somewhere; elsewhere it is part of the host's /proc.
        let data_only = Restrict { no_suid: true, no_dev: true, no_exec: true, ..read_only };
        steps.push(bind(MOUNT_POINT.into(), true, data_only, false));
    }
    if !emulator.fixed {
        steps.push(bind(emulator.path.clone(), false, read_only, true));
    }
    steps
}

/// The CPU that the guest is for, by its programs or else its image.
pub fn guest(rootfs: &Rootfs, provenance: Option<&Provenance>) -> Option<Arch> {
    PROGRAMS.iter().find_map(|path| program(rootfs, path)).or_else(|| provenance?.cpu())
}

fn program(rootfs: &Rootfs, path: &str) -> Option<Arch> {
    let mut beginning = [0; elf::IDENTITY];
    rootfs.open(path).ok()?.read_exact(&mut beginning).ok()?;
    elf::arch(&beginning)
}

/// As in guests into which QEMU was copied.
fn is_program(rootfs: &Rootfs, path: &Path) -> bool {
    rootfs.metadata(path, Follow::Yes).is_ok_and(|found| found.is_program())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn a_guest_is_known_by_its_programs_then_by_its_manifest() {
        let tree = TempDir::new();
        let rootfs = Rootfs::new(tree.open());
        let of = |text: &str| Provenance::parse(text.as_bytes()).unwrap();
        let manifest = of(r#"{"arch": "riscv64", "image_config": {"architecture": "arm64"}}"#);
        assert_eq!(guest(&rootfs, None), None);
        assert_eq!(guest(&rootfs, Some(&manifest)), Some(Arch::Riscv64));
        assert_eq!(guest(&rootfs, Some(&of(r#"{"arch": "vax"}"#))), None);
        fs::create_dir_all(tree.path().join("bin")).unwrap();
        fs::create_dir_all(tree.path().join("usr/bin")).unwrap();
        fs::write(tree.path().join("bin/sh"), "#!/bin/busybox\n: a script of some length\n").unwrap();
        std::os::unix::fs::symlink("/usr/bin/env", tree.path().join("bin/bash")).unwrap();
        fs::write(tree.path().join("usr/bin/env"), elf::exit_program(Arch::Arm)).unwrap();
        assert_eq!(guest(&rootfs, Some(&manifest)), Some(Arch::Arm));
    }
}
