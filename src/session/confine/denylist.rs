//! The system calls that an isolated guest is refused: those that a distribution never makes and that exploits of the
//! kernel begin with, or that no namespace confines. Pure: a table and the BPF program that it becomes.
//!
//! They answer `EPERM`, as they do to a process without privileges. `clone3` answers `ENOSYS`: a filter cannot see into
//! its argument, and C libraries then use `clone`, whose flags it can see. A capability that the user gives back takes
//! the calls along that it is for.

use rustix::thread::CapabilitySet as Cap;

use crate::sys::seccomp::Instruction;

/// Not on that architecture.
const NONE: u32 = u32::MAX;
const NO_CAP: Cap = Cap::empty();

/// A family's column of [`CALLS`]. Numbers from the kernel's `syscall.tbl` and `unistd.h`; arm64 and riscv64 share
/// the generic ones.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "each machine has some of them")]
enum Column {
    X86_64,
    I386,
    Arm,
    Generic,
}

/// Numbers by [`Column`], and the capabilities any of which makes it allowed.
type Call = ([u32; 4], Cap);

const CALLS: [Call; 29] = [
    ([425, 425, 425, 425], NO_CAP),                             // io_uring_setup
    ([426, 426, 426, 426], NO_CAP),                             // io_uring_enter
    ([427, 427, 427, 427], NO_CAP),                             // io_uring_register
    ([250, 288, 311, 219], NO_CAP),                             // keyctl: keyrings are in no namespace
    ([248, 286, 309, 217], NO_CAP),                             // add_key
    ([249, 287, 310, 218], NO_CAP),                             // request_key
    ([321, 357, 386, 280], Cap::SYS_ADMIN.union(Cap::BPF)),     // bpf
    ([298, 336, 364, 241], Cap::SYS_ADMIN.union(Cap::PERFMON)), // perf_event_open
    ([323, 374, 388, 282], Cap::SYS_PTRACE),                    // userfaultfd
    ([304, 342, 371, 265], Cap::DAC_READ_SEARCH),               // open_by_handle_at
    ([175, 128, 128, 105], Cap::SYS_MODULE),                    // init_module
    ([313, 350, 379, 273], Cap::SYS_MODULE),                    // finit_module
    ([176, 129, 129, 106], Cap::SYS_MODULE),                    // delete_module
    ([246, 283, 347, 104], Cap::SYS_BOOT),                      // kexec_load
    ([320, NONE, 401, 294], Cap::SYS_BOOT),                     // kexec_file_load
    ([172, 110, NONE, NONE], Cap::SYS_RAWIO),                   // iopl
    ([173, 101, NONE, NONE], Cap::SYS_RAWIO),                   // ioperm
    ([163, 51, 51, 89], Cap::SYS_PACCT),                        // acct
    ([179, 131, 131, 60], Cap::SYS_ADMIN),                      // quotactl
    ([443, 443, 443, 443], Cap::SYS_ADMIN),                     // quotactl_fd
    ([212, 253, 249, 18], Cap::SYS_ADMIN),                      // lookup_dcookie
    ([156, 149, 149, NONE], NO_CAP), // _sysctl: a way round a read-only /proc/sys, until Linux 5.5
    ([180, 169, 169, 42], NO_CAP),   // nfsservctl
    ([134, 86, 86, NONE], NO_CAP),   // uselib
    ([NONE, 166, NONE, NONE], NO_CAP), // vm86
    ([NONE, 113, NONE, NONE], NO_CAP), // vm86old
    ([174, 127, NONE, NONE], NO_CAP), // create_module, until Linux 2.6, like the next two
    ([177, 130, NONE, NONE], NO_CAP), // get_kernel_syms
    ([178, 167, NONE, NONE], NO_CAP), // query_module
];

/// Calls that an argument makes dangerous.
const UNSHARE: [u32; 4] = [272, 310, 337, 97];
const CLONE: [u32; 4] = [56, 120, 120, 220];
const CLONE3: [u32; 4] = [435, 435, 435, 435];
const IOCTL: [u32; 4] = [16, 54, 54, 29];

/// A user namespace gives a guest every capability towards what is its own, and so most of the kernel to attack.
const CLONE_NEWUSER: u32 = 0x1000_0000;
/// They type on the terminal that the guest shares with the host.
const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;

/// `AUDIT_ARCH_*` (linux/audit.h) of the architectures that a kernel of this one runs, itself among them: the guest's
/// programs may be of either word size, whatever ours is.
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
const ARCHITECTURES: &[(u32, Column)] = &[(0xc000_003e, Column::X86_64), (0x4000_0003, Column::I386)];
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
const ARCHITECTURES: &[(u32, Column)] = &[(0xc000_00b7, Column::Generic), (0x4000_0028, Column::Arm)];
#[cfg(not(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64", target_arch = "arm")))]
const ARCHITECTURES: &[(u32, Column)] = &[(0xc000_00f3, Column::Generic)];

/// x86_64 kernels may run "x32" programs, whose calls have numbers of their own from here on.
const X32: u32 = 0x4000_0000;

/// The filter for a guest that keeps `capabilities`.
pub fn filter(capabilities: Cap) -> Vec<Instruction> {
    let mut program = vec![LOAD_ARCHITECTURE];
    for (architecture, column) in ARCHITECTURES {
        let block = block(*column, capabilities);
        program.push(jump(EQUALS, *architecture, u8::try_from(block.len()).unwrap_or(u8::MAX)));
        program.extend(block);
    }
    program.push(REFUSE);
    program
}

/// What is asked of a call of one architecture. It always ends in an answer.
fn block(column: Column, capabilities: Cap) -> Vec<Instruction> {
    let number = |numbers: [u32; 4]| numbers[column as usize];
    let mut block = vec![LOAD_NUMBER];
    if matches!(column, Column::X86_64) {
        block.extend([jump(AT_LEAST, X32, 1), MISSING]);
    }
    let denied = CALLS.iter().filter(|(_, freed_by)| !capabilities.intersects(*freed_by));
    for number in denied.map(|(numbers, _)| number(*numbers)).filter(|&number| number != NONE) {
        block.extend([jump(EQUALS, number, 1), REFUSE]);
    }
    if !capabilities.contains(Cap::SYS_ADMIN) {
        block.extend([jump(EQUALS, number(CLONE3), 1), MISSING]);
        for call in [UNSHARE, CLONE] {
            block.extend([jump(EQUALS, number(call), 4), load_argument(0)]);
            block.extend([jump(ANY_BIT, CLONE_NEWUSER, 1), REFUSE, ALLOW]);
        }
    }
    block.extend([jump(EQUALS, number(IOCTL), 5), load_argument(1)]);
    block.extend([jump(EQUALS, TIOCSTI, 1), REFUSE, jump(EQUALS, TIOCLINUX, 1), REFUSE]);
    block.push(ALLOW);
    block
}

const EQUALS: u32 = libc::BPF_JEQ;
const AT_LEAST: u32 = libc::BPF_JGE;
const ANY_BIT: u32 = libc::BPF_JSET;

/// Offsets in `struct seccomp_data`; each argument is 64 bits, the low half first on every machine we run on.
const LOAD_NUMBER: Instruction = load(0);
const LOAD_ARCHITECTURE: Instruction = load(4);
const ALLOW: Instruction = answer(libc::SECCOMP_RET_ALLOW);
const REFUSE: Instruction = answer(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
const MISSING: Instruction = answer(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32);

const fn load_argument(index: u32) -> Instruction {
    load(16 + 8 * index)
}

const fn load(offset: u32) -> Instruction {
    Instruction { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: offset }
}

const fn answer(with: u32) -> Instruction {
    Instruction { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: with }
}

/// Goes on when the comparison holds, else over the next `skip` instructions.
const fn jump(comparison: u32, with: u32, skip: u8) -> Instruction {
    Instruction { code: (libc::BPF_JMP | comparison | libc::BPF_K) as u16, jt: 0, jf: skip, k: with }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel would; its answer.
    fn run(program: &[Instruction], architecture: u32, number: u32, arguments: [u64; 2]) -> u32 {
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let Instruction { code, jt, jf, k } = program[at];
            let holds = match u32::from(code) & 0xf0 {
                _ if code == LOAD_NUMBER.code => {
                    accumulator = match k {
                        0 => number,
                        4 => architecture,
                        16 => arguments[0] as u32,
                        24 => arguments[1] as u32,
                        other => panic!("loads {other}"),
                    };
                    at += 1;
                    continue;
                }
                _ if code == ALLOW.code => return k,
                EQUALS => accumulator == k,
                AT_LEAST => accumulator >= k,
                ANY_BIT => accumulator & k != 0,
                other => panic!("jumps by {other}"),
            };
            at += 1 + usize::from(if holds { jt } else { jf });
        }
    }

    #[test]
    fn every_architecture_refuses_what_is_listed_and_no_more() {
        let program = filter(Cap::empty());
        assert!(program.len() < 4096);
        for (architecture, column) in ARCHITECTURES {
            let ask = |number, arguments| run(&program, *architecture, number, arguments);
            let listed: Vec<u32> = CALLS.iter().map(|(numbers, _)| numbers[*column as usize]).collect();
            for number in 0..500 {
                let expected = match number {
                    _ if listed.contains(&number) => REFUSE.k,
                    435 => MISSING.k,
                    _ => ALLOW.k,
                };
                assert_eq!(ask(number, [0, 0]), expected, "{number} of {architecture:x}");
            }
            for call in [UNSHARE, CLONE] {
                assert_eq!(ask(call[*column as usize], [u64::from(CLONE_NEWUSER) | 17, 0]), REFUSE.k);
                assert_eq!(ask(call[*column as usize], [0x2_0000, 0]), ALLOW.k);
            }
            let ioctl = IOCTL[*column as usize];
            // The kernel takes the low half of the request.
            assert_eq!(ask(ioctl, [0, u64::from(TIOCSTI) | 1 << 32]), REFUSE.k);
            assert_eq!(ask(ioctl, [0, u64::from(TIOCLINUX)]), REFUSE.k);
            assert_eq!(ask(ioctl, [0, 0x5413]), ALLOW.k);
        }
        assert_eq!(run(&program, 0xdead, 1, [0, 0]), REFUSE.k, "an architecture that nobody listed");
        #[cfg(target_arch = "x86_64")]
        assert_eq!(run(&program, 0xc000_003e, X32 | 1, [0, 0]), MISSING.k);
    }

    #[test]
    fn a_capability_takes_its_calls_along() {
        let (architecture, column) = ARCHITECTURES[0];
        let number = |numbers: [u32; 4]| numbers[column as usize];
        let program = filter(Cap::SYS_ADMIN);
        assert_eq!(run(&program, architecture, number(UNSHARE), [u64::from(CLONE_NEWUSER), 0]), ALLOW.k);
        assert_eq!(run(&program, architecture, number(CLONE3), [0, 0]), ALLOW.k);
        assert_eq!(run(&program, architecture, number(CALLS[6].0), [0, 0]), ALLOW.k);
        assert_eq!(run(&program, architecture, number(CALLS[0].0), [0, 0]), REFUSE.k);
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn the_numbers_are_those_of_this_machine() {
        let column = ARCHITECTURES[0].1 as usize;
        let at = |call: usize| libc::c_long::from(CALLS[call].0[column]);
        assert_eq!(
            [at(0), at(3), at(6), at(7), at(8), at(9), at(10), at(11), at(12), at(13), at(17), at(18)],
            [
                libc::SYS_io_uring_setup,
                libc::SYS_keyctl,
                libc::SYS_bpf,
                libc::SYS_perf_event_open,
                libc::SYS_userfaultfd,
                libc::SYS_open_by_handle_at,
                libc::SYS_init_module,
                libc::SYS_finit_module,
                libc::SYS_delete_module,
                libc::SYS_kexec_load,
                libc::SYS_acct,
                libc::SYS_quotactl,
            ]
        );
        let one = |numbers: [u32; 4]| libc::c_long::from(numbers[column]);
        assert_eq!(
            [one(UNSHARE), one(CLONE), one(CLONE3), one(IOCTL)],
            [libc::SYS_unshare, libc::SYS_clone, libc::SYS_clone3, libc::SYS_ioctl]
        );
    }
}
