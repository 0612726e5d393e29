//! ELF headers (elf(5)): for which CPU a program is, and the smallest program for each.

use crate::oci::Arch;

/// Bytes up to and with `e_machine`: what tells a program's CPU.
pub const IDENTITY: usize = 20;

/// `PT_INTERP`: such a program is started by a loader that it names.
const INTERPRETER: u32 = 3;

/// Where the program of [`exit_program`] is loaded: above every usual `vm.mmap_min_addr`.
const BASE: u64 = 0x40_0000;

/// `e_machine` (linux/elf-em.h) and whether addresses have 64 bits.
fn machine(arch: Arch) -> (u16, bool) {
    match arch {
        Arch::Aarch64 => (183, true),
        Arch::Arm => (40, false),
        Arch::I686 => (3, false),
        Arch::Riscv64 => (243, true),
        Arch::X86_64 => (62, true),
    }
}

/// For which CPU of ours a program that begins so is: an executable or a position-independent one, for Linux or no
/// system in particular.
pub fn arch(bytes: &[u8]) -> Option<Arch> {
    let found = bytes.first_chunk::<IDENTITY>()?;
    Arch::ALL.into_iter().find(|&arch| {
        let mut wanted = identity(arch);
        wanted[7] = found[7];
        wanted[8] = found[8];
        wanted[16] = if found[16] == 3 { 3 } else { 2 };
        wanted == *found
    })
}

/// The first bytes of an executable (`ET_EXEC`).
pub fn identity(arch: Arch) -> [u8; IDENTITY] {
    let (machine, wide) = machine(arch);
    let machine = machine.to_le_bytes();
    let class = if wide { 2 } else { 1 };
    [0x7f, b'E', b'L', b'F', class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, machine[0], machine[1]]
}

/// Whether a program that begins so needs a loader, and with it libraries. `None`: it is no program of ours.
pub fn is_dynamic(bytes: &[u8]) -> Option<bool> {
    let (_, wide) = machine(arch(bytes)?);
    let half = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let (table, size, count) = if wide {
        let table = u64::from_le_bytes(*bytes.get(32..)?.first_chunk()?);
        (usize::try_from(table).ok()?, half(54)?, half(56)?)
    } else {
        let table = u32::from_le_bytes(*bytes.get(28..)?.first_chunk()?);
        (usize::try_from(table).ok()?, half(42)?, half(44)?)
    };
    let kinds = (0..usize::from(count)).map(|number| {
        let at = table.checked_add(number.checked_mul(size.into())?)?;
        Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
    });
    Some(kinds.flatten().any(|kind| kind == INTERPRETER))
}

/// A whole program that does nothing but exit(0).
pub fn exit_program(arch: Arch) -> Vec<u8> {
    let (_, wide) = machine(arch);
    let code: &[u8] = match arch {
        // mov x0, 0; mov x8, 93; svc 0
        Arch::Aarch64 => &[0, 0, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 1, 0, 0, 0xd4],
        // mov r0, 0; mov r7, 1; svc 0
        Arch::Arm => &[0, 0, 0xa0, 0xe3, 1, 0x70, 0xa0, 0xe3, 0, 0, 0, 0xef],
        // xor ebx, ebx; xor eax, eax; inc eax; int 0x80
        Arch::I686 => &[0x31, 0xdb, 0x31, 0xc0, 0x40, 0xcd, 0x80],
        // li a0, 0; li a7, 93; ecall
        Arch::Riscv64 => &[0x13, 0x05, 0, 0, 0x93, 0x08, 0xd0, 0x05, 0x73, 0, 0, 0],
        // xor edi, edi; push 60; pop rax; syscall
        Arch::X86_64 => &[0x31, 0xff, 0x6a, 0x3c, 0x58, 0x0f, 0x05],
    };
    let (header, entry) = if wide { (64_u16, 56_u16) } else { (52, 32) };
    let start = u64::from(header) + u64::from(entry);
    let size = start + code.len() as u64;
    let mut file = identity(arch).to_vec();
    let word = |file: &mut Vec<u8>, value: u64| {
        file.extend_from_slice(&value.to_le_bytes()[..if wide { 8 } else { 4 }]);
    };
    let fixed = |file: &mut Vec<u8>, value: u32| file.extend_from_slice(&value.to_le_bytes());
    fixed(&mut file, 1);
    word(&mut file, BASE + start);
    word(&mut file, header.into());
    word(&mut file, 0);
    // EABI version 5, which an ARM kernel wants to see.
    fixed(&mut file, if arch == Arch::Arm { 0x0500_0000 } else { 0 });
    for half in [header, entry, 1, 0, 0, 0] {
        file.extend_from_slice(&half.to_le_bytes());
    }
    // One segment, PT_LOAD, readable and executable: the whole file.
    fixed(&mut file, 1);
    if wide {
        fixed(&mut file, 5);
    }
    for value in [0, BASE, BASE, size, size] {
        word(&mut file, value);
    }
    if !wide {
        fixed(&mut file, 5);
    }
    word(&mut file, 0x1_0000);
    file.extend_from_slice(code);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_the_cpu() {
        for wanted in Arch::ALL {
            let program = exit_program(wanted);
            assert_eq!(arch(&program), Some(wanted));
            assert_eq!(is_dynamic(&program), Some(false));
            let mut shared = program.clone();
            (shared[7], shared[16]) = (3, 3);
            assert_eq!(arch(&shared), Some(wanted));
            let table = if machine(wanted).1 { 64 } else { 52 };
            shared[table] = 3;
            assert_eq!(is_dynamic(&shared), Some(true));
            assert_eq!(arch(&program[..19]), None);
            assert_eq!(is_dynamic(&program[..30]), None);
        }
        assert_eq!(arch(b"#!/bin/sh\n0123456789"), None);
        let mut big_endian = exit_program(Arch::Aarch64);
        big_endian[5] = 2;
        assert_eq!(arch(&big_endian), None);
    }
}
