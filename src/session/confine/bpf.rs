//! Programs of classic BPF over `struct seccomp_data` (linux/seccomp.h), put together from pieces. Pure.
//!
//! A piece is a list of instructions that ends in an answer, or goes on with what follows it.

use crate::sys::seccomp::Instruction;

/// The value loaded last is this.
pub const EQUALS: u32 = libc::BPF_JEQ;
/// It is this or more.
pub const AT_LEAST: u32 = libc::BPF_JGE;
/// It has one of these bits.
pub const ANY_BIT: u32 = libc::BPF_JSET;

/// Loads the number of the call.
pub const LOAD_NUMBER: Instruction = load(0);
/// Loads the `AUDIT_ARCH_*` that it belongs to.
pub const LOAD_ARCHITECTURE: Instruction = load(4);
/// The call is made.
pub const ALLOW: Instruction = answer(libc::SECCOMP_RET_ALLOW);
/// The call answers `EPERM`, as to a process without privileges.
pub const REFUSE: Instruction = error(libc::EPERM);

/// Loads an argument. Each has 64 bits, the low half first on every machine we run on.
pub const fn load_argument(index: u32) -> Instruction {
    load(16 + 8 * index)
}

/// The call answers this error number.
pub const fn error(errno: i32) -> Instruction {
    answer(libc::SECCOMP_RET_ERRNO | errno as u32)
}

/// Keeps these bits of what is loaded.
pub const fn keep_bits(bits: u32) -> Instruction {
    instruction(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, bits)
}

/// `then`, which ends in an answer, where the comparison holds; else what follows.
pub fn when(comparison: u32, with: u32, then: &[Instruction]) -> Vec<Instruction> {
    // A conditional jump reaches 255 instructions far, the other one any distance.
    let test = instruction(libc::BPF_JMP | comparison | libc::BPF_K, with);
    let over = instruction(libc::BPF_JMP | libc::BPF_JA, then.len() as u32);
    [&[Instruction { jt: 1, ..test }, over], then].concat()
}

const fn load(offset: u32) -> Instruction {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

const fn answer(with: u32) -> Instruction {
    instruction(libc::BPF_RET | libc::BPF_K, with)
}

const fn instruction(code: u32, k: u32) -> Instruction {
    Instruction { code: code as u16, jt: 0, jf: 0, k }
}
