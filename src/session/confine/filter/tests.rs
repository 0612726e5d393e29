use super::super::calls::NO;
use super::*;

/// What the kernel would answer, by running the program as it would.
fn run(program: &[Instruction], architecture: u32, number: u32, arguments: [u64; 3]) -> u32 {
    let (mut at, mut accumulator) = (0, 0);
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        at += 1;
        match u32::from(code) {
            0x20 => {
                accumulator = match k {
                    0 => number,
                    4 => architecture,
                    16 | 24 | 32 => arguments[(k as usize - 16) / 8] as u32,
                    other => panic!("loads {other}"),
                }
            }
            0x54 => accumulator &= k,
            0x06 => return k,
            0x05 => at += k as usize,
            jump => {
                let holds = match jump & 0xf0 {
                    EQUALS => accumulator == k,
                    AT_LEAST => accumulator >= k,
                    ANY_BIT => accumulator & k != 0,
                    other => panic!("jumps by {other}"),
                };
                at += usize::from(if holds { jt } else { jf });
            }
        }
    }
}

const PLAIN: Filter = Filter { tracing: true, socketcall: false };

/// `ask(architecture, column, number, arguments)` of a filter.
fn asking(filter: Filter, capabilities: Cap) -> impl Fn((u32, Column), u32, [u64; 3]) -> u32 {
    let program = filter.program(capabilities);
    assert!(program.len() < 4096, "{}", program.len());
    move |(architecture, _), number, arguments| run(&program, architecture, number, arguments)
}

fn number(of: &Numbers, column: Column) -> Option<u32> {
    Some(of[column as usize]).filter(|&number| number != NO).map(u32::from)
}

#[test]
fn every_number_stands_once_and_answers_as_the_table_says() {
    let ask = asking(PLAIN, Cap::empty());
    for &architecture in ARCHITECTURES {
        let column = architecture.1;
        let mut expected = vec![MISSING.k; END];
        let special = PLAIN.special(Cap::empty()).map(|(numbers, _)| number(numbers, column));
        let mut seen: Vec<u32> = special.into_iter().flatten().collect();
        for (who, calls) in TABLE {
            let answer = if matches!(who, For::All | For::Tracers) { ALLOW.k } else { REFUSE.k };
            for number in calls.iter().filter_map(|numbers| number(numbers, column)) {
                assert!(!seen.contains(&number), "{number} stands twice for {column:?}");
                seen.push(number);
                expected[number as usize] = answer;
            }
        }
        for number in (0..END as u32).filter(|number| !special.contains(&Some(*number))) {
            assert_eq!(ask(architecture, number, [0; 3]), expected[number as usize], "{number} {column:?}");
        }
        for far in [END as u32, 0x4000_0000, 0x4000_0001, u32::MAX] {
            assert_eq!(ask(architecture, far, [0; 3]), MISSING.k);
        }
        let own = if matches!(column, Column::Arm) { ALLOW } else { MISSING };
        assert_eq!(ask(architecture, 0x000f_0005, [0; 3]), own.k, "ARM's set_tls");
    }
    assert_eq!(ask((0xdead, Column::Generic), 1, [0; 3]), REFUSE.k, "an architecture that nobody listed");
}

#[test]
fn arguments_decide_on_namespaces_terminals_and_personalities() {
    let ask = asking(PLAIN, Cap::empty());
    for &architecture in ARCHITECTURES {
        let call =
            |of: &Numbers, arguments| ask(architecture, number(of, architecture.1).unwrap(), arguments);
        for flag in [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
            for of in [CLONE, UNSHARE] {
                assert_eq!(call(&of, [flag | 17, 0, 0]), REFUSE.k, "{flag:x}");
            }
        }
        assert_eq!(call(&UNSHARE, [0x80, 0, 0]), REFUSE.k);
        assert_eq!(call(&UNSHARE, [0x200 | 0x400, 0, 0]), ALLOW.k, "CLONE_FS and CLONE_FILES");
        assert_eq!(call(&CLONE, [0x3d_0f00, 0, 0]), ALLOW.k, "a thread");
        assert_eq!(call(&CLONE3, [0; 3]), MISSING.k);
        // The kernel takes the low half of the request.
        assert_eq!(call(&IOCTL, [0, u64::from(TIOCSTI) | 1 << 32, 0]), REFUSE.k);
        assert_eq!(call(&IOCTL, [0, u64::from(TIOCLINUX), 0]), REFUSE.k);
        assert_eq!(call(&IOCTL, [0, 0x5413, 0]), ALLOW.k);
        for (asked, answer) in
            [(0, ALLOW), (8, ALLOW), (0x2_0008, ALLOW), (0xffff_ffff, ALLOW), (0x4_0000, REFUSE)]
        {
            assert_eq!(call(&PERSONALITY, [asked, 0, 0]), answer.k, "{asked:x}");
        }
    }
}

const ANY: u64 = 7;
/// Of old; linux/net.h.
const SOCK_PACKET: i32 = 10;

#[test]
fn sockets_are_those_of_a_network_and_its_ping() {
    // Family, type with its flags, protocol; then without and with NET_ADMIN.
    let asked = [
        ([libc::AF_UNIX, libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC, 0], ALLOW, ALLOW),
        ([libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0], ALLOW, ALLOW),
        ([libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP], ALLOW, ALLOW),
        ([libc::AF_INET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::IPPROTO_ICMP], ALLOW, ALLOW),
        ([libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW], NO_PROTOCOL, ALLOW),
        ([libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_TCP], NO_PROTOCOL, ALLOW),
        ([libc::AF_INET, SOCK_PACKET, 0x300], NO_PROTOCOL, ALLOW),
        ([libc::AF_INET6, libc::SOCK_DGRAM, 0], ALLOW, ALLOW),
        ([libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_ICMPV6], ALLOW, ALLOW),
        ([libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_ICMP], NO_PROTOCOL, ALLOW),
        ([libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE], ALLOW, ALLOW),
        ([libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT], NO_PROTOCOL, ALLOW),
        ([libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_NETFILTER], NO_PROTOCOL, ALLOW),
        ([libc::AF_PACKET, libc::SOCK_RAW, 0x300], NO_FAMILY, ALLOW),
        ([libc::AF_ALG, libc::SOCK_SEQPACKET, 0], NO_FAMILY, NO_FAMILY),
        ([libc::AF_VSOCK, libc::SOCK_STREAM, 0], NO_FAMILY, NO_FAMILY),
        ([libc::AF_BLUETOOTH, libc::SOCK_RAW, 1], NO_FAMILY, NO_FAMILY),
    ];
    let (plain, admin) = (asking(PLAIN, Cap::NET_RAW), asking(PLAIN, Cap::NET_RAW | Cap::NET_ADMIN));
    let all = asking(PLAIN, Cap::all());
    for &architecture in ARCHITECTURES {
        let socket = number(&SOCKET, architecture.1).unwrap();
        for (arguments, without, with) in asked {
            // The kernel takes the low halves.
            let wide = arguments.map(|argument| argument as u64 | ANY << 32);
            assert_eq!(plain(architecture, socket, wide), without.k, "{arguments:?}");
            assert_eq!(admin(architecture, socket, wide), with.k, "{arguments:?}");
            assert_eq!(all(architecture, socket, wide), ALLOW.k, "{arguments:?}");
        }
        let pair = number(&SOCKETPAIR, architecture.1).unwrap();
        assert_eq!(plain(architecture, pair, [1, 1, 0]), ALLOW.k);
        assert_eq!(plain(architecture, pair, [libc::AF_TIPC as u64, 1, 0]), NO_FAMILY.k);
        let Some(socketcall) = number(&SOCKETCALL, architecture.1) else { continue };
        assert_eq!(plain(architecture, socketcall, [1, 0, 0]), MISSING.k);
        let narrow = asking(Filter { socketcall: true, ..PLAIN }, Cap::empty());
        assert_eq!(narrow(architecture, socketcall, [1, 0, 0]), ALLOW.k);
    }
}

/// This program's own, whose numbers the C library knows: the one of 64 bits stands first.
const OWN: usize = if cfg!(target_pointer_width = "64") { 0 } else { 1 };

#[test]
fn a_capability_takes_its_calls_along() {
    let architecture = ARCHITECTURES[OWN];
    let number = |call: libc::c_long| call as u32;
    let unshare = [u64::from(NAMESPACES), 0, 0];
    let admin = asking(PLAIN, Cap::SYS_ADMIN);
    assert_eq!(admin(architecture, number(libc::SYS_unshare), unshare), ALLOW.k);
    for call in [libc::SYS_mount, libc::SYS_bpf, libc::SYS_syslog, libc::SYS_clone3] {
        assert_eq!(admin(architecture, number(call), [0; 3]), ALLOW.k, "{call}");
    }
    for call in [libc::SYS_keyctl, libc::SYS_io_uring_setup, libc::SYS_reboot] {
        assert_eq!(admin(architecture, number(call), [0; 3]), REFUSE.k, "{call}");
    }
    let untraced = Filter { tracing: false, ..PLAIN };
    for call in [libc::SYS_ptrace, libc::SYS_process_vm_readv] {
        assert_eq!(asking(untraced, Cap::empty())(architecture, number(call), [0; 3]), REFUSE.k);
        assert_eq!(asking(untraced, Cap::SYS_PTRACE)(architecture, number(call), [0; 3]), ALLOW.k);
        assert_eq!(asking(PLAIN, Cap::empty())(architecture, number(call), [0; 3]), ALLOW.k);
    }
}

/// Some of every part of the table, by the numbers that the C library was built with.
#[test]
#[cfg(target_pointer_width = "64")]
fn the_numbers_are_those_of_this_machine() {
    let column = ARCHITECTURES[0].1;
    let all: Vec<u32> =
        TABLE.iter().flat_map(|(_, calls)| *calls).filter_map(|n| number(n, column)).collect();
    let known = [
        libc::SYS_read,
        libc::SYS_writev,
        libc::SYS_openat2,
        libc::SYS_statx,
        libc::SYS_futex_waitv,
        libc::SYS_ptrace,
        libc::SYS_kcmp,
        libc::SYS_mount,
        libc::SYS_pivot_root,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_syslog,
        libc::SYS_open_by_handle_at,
        libc::SYS_reboot,
        libc::SYS_chroot,
        libc::SYS_finit_module,
        libc::SYS_mbind,
        libc::SYS_acct,
        libc::SYS_clock_settime,
        libc::SYS_vhangup,
        libc::SYS_io_uring_setup,
        libc::SYS_keyctl,
    ];
    for call in known {
        assert!(all.contains(&(call as u32)), "{call}");
    }
    let special = [SOCKET, SOCKETPAIR, CLONE, UNSHARE, CLONE3, IOCTL, PERSONALITY];
    assert_eq!(
        special.map(|numbers| libc::c_long::from(numbers[column as usize])),
        [
            libc::SYS_socket,
            libc::SYS_socketpair,
            libc::SYS_clone,
            libc::SYS_unshare,
            libc::SYS_clone3,
            libc::SYS_ioctl,
            libc::SYS_personality,
        ]
    );
}
