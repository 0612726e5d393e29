//! The directory where a guest keeps the shared libraries of a machine.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::host::elf;
use crate::oci::Arch;
use crate::rootfs::{FileType, Follow, Rootfs};

/// Library directories of the distributions: Debian's by machine, Fedora's, Arch's.
pub const DIRECTORIES: [&str; 7] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/i386-linux-gnu",
    "/usr/lib/arm-linux-gnueabihf",
    "/usr/lib64",
    "/usr/lib32",
    "/usr/lib",
];

/// The CPU that an ELF file on the host is for, a link followed.
pub fn cpu(path: &Path) -> Option<Arch> {
    let mut header = [0; elf::IDENTITY];
    // A FIFO would be waited for.
    if !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    File::open(path).ok()?.read_exact(&mut header).ok()?;
    elf::arch(&header)
}

/// The first directory that the guest has, of those for the CPU `arch`.
pub fn place(rootfs: &Rootfs, arch: Arch) -> Option<&'static str> {
    let is = |path: &str, follow| {
        rootfs.metadata(path, follow).is_ok_and(|found| found.file_type == FileType::Directory)
    };
    let has = |path: &&str| is(path, Follow::Yes);
    let wide = |triplet| [triplet, "/usr/lib64", "/usr/lib"].into_iter().find(has);
    let narrow = |triplet, wide| {
        // Debian keeps each machine's apart; Fedora has the narrower in /usr/lib, Arch the wider.
        let fedora = is("/usr/lib64", Follow::No).then_some("/usr/lib");
        if is(wide, Follow::Yes) {
            return Some(triplet).filter(has);
        }
        [Some(triplet), Some("/usr/lib32"), fedora].into_iter().flatten().find(has)
    };
    match arch {
        Arch::X86_64 => wide("/usr/lib/x86_64-linux-gnu"),
        Arch::Aarch64 => wide("/usr/lib/aarch64-linux-gnu"),
        Arch::I686 => narrow("/usr/lib/i386-linux-gnu", "/usr/lib/x86_64-linux-gnu"),
        Arch::Arm => narrow("/usr/lib/arm-linux-gnueabihf", "/usr/lib/aarch64-linux-gnu"),
        Arch::Riscv64 => None,
    }
}
