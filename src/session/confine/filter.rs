//! The seccomp filter of an isolated guest: [`TABLE`] as a BPF program. Pure.
//!
//! What a guest may not make answers `EPERM`, as it does to a process without privileges; what the table does not know
//! answers `ENOSYS`, as on a kernel that is too old for it, and so does `clone3`, whose argument a filter cannot see:
//! C libraries then use an older call. A capability that the user gives back takes the calls along that it is for.

use rustix::thread::CapabilitySet as Cap;

use super::bpf::{
    ALLOW, ANY_BIT, AT_LEAST, EQUALS, LOAD_ARCHITECTURE, LOAD_NUMBER, REFUSE, error, keep_bits,
    load_argument, when,
};
use super::calls::{
    ARM_PRIVATE, CLONE, CLONE3, Column, END, For, IOCTL, Numbers, PERSONALITY, SOCKET, SOCKETCALL,
    SOCKETPAIR, TABLE, UNSHARE,
};
use crate::sys::seccomp::Instruction;

/// What of a filter differs from guest to guest, besides its capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter {
    /// Programs may look into each other, as far as ptrace(2) lets them.
    pub tracing: bool,
    /// i386's `socketcall` is there: a C library for that CPU may know no other way to a socket.
    pub socketcall: bool,
}

/// `AUDIT_ARCH_*` (linux/audit.h) of the architectures that a kernel of this one runs, itself among them: the guest's
/// programs may be of either word size, whatever ours is.
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
const ARCHITECTURES: &[(u32, Column)] = &[(0xc000_003e, Column::X86_64), (0x4000_0003, Column::I386)];
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
const ARCHITECTURES: &[(u32, Column)] = &[(0xc000_00b7, Column::Generic), (0x4000_0028, Column::Arm)];
#[cfg(not(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64", target_arch = "arm")))]
const ARCHITECTURES: &[(u32, Column)] = &[(0xc000_00f3, Column::Generic)];

/// All namespaces. A user namespace gives a guest every capability towards what is its own, and so most of the kernel to
/// attack. (Of clone(2), `CLONE_NEWTIME` is no flag but part of a signal's number that there is not.)
const NAMESPACES: u32 = 0x7e02_0080;
/// They type on the terminal that the guest shares with the host.
const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;
/// What personality(2) may be asked for, as in Docker's profile: `UNAME26`, `PER_LINUX32`; and what it is now.
const PERSONALITIES: u32 = 0x0002_0008;
const PERSONALITY_NOW: u32 = u32::MAX;

const MISSING: Instruction = error(libc::ENOSYS);
const NO_FAMILY: Instruction = error(libc::EAFNOSUPPORT);
const NO_PROTOCOL: Instruction = error(libc::EPROTONOSUPPORT);

/// `SOCK_TYPE_MASK` (linux/net.h): the rest of a socket's type are flags.
const SOCKET_TYPE: u32 = 0xf;

/// What is asked of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Allow,
    Refuse,
    Missing,
    Socket,
    SocketPair,
    Namespaces,
    Ioctl,
    Personality,
}

impl Filter {
    /// The program for a guest that keeps `capabilities`.
    pub fn program(self, capabilities: Cap) -> Vec<Instruction> {
        let mut program = vec![LOAD_ARCHITECTURE];
        for (architecture, column) in ARCHITECTURES {
            let mut block = vec![LOAD_NUMBER];
            block.extend(search(&self.runs(*column, capabilities), capabilities));
            program.extend(when(EQUALS, *architecture, &block));
        }
        program.push(REFUSE);
        program
    }

    /// The rules of an architecture by number, each up to where the next begins. (The numbers of "x32" programs, which
    /// x86_64 kernels may run, are far above and unknown.)
    fn runs(self, column: Column, capabilities: Cap) -> Vec<(u32, Rule)> {
        let mut rules = [Rule::Missing; END];
        let mut set = |numbers: &Numbers, rule| {
            if let Some(place) = rules.get_mut(usize::from(numbers[column as usize])) {
                *place = rule;
            }
        };
        for (who, calls) in TABLE {
            let rule = self.rule(*who, capabilities);
            calls.iter().for_each(|numbers| set(numbers, rule));
        }
        for (numbers, rule) in self.special(capabilities) {
            set(numbers, rule);
        }
        let mut runs = vec![(0, rules[0])];
        let numbered = (0..).zip(rules).chain([(END as u32, Rule::Missing)]);
        let own = matches!(column, Column::Arm)
            .then_some([(ARM_PRIVATE.start, Rule::Allow), (ARM_PRIVATE.end, Rule::Missing)]);
        for (number, rule) in numbered.chain(own.into_iter().flatten()) {
            if runs.last().is_some_and(|(_, last)| *last != rule) {
                runs.push((number, rule));
            }
        }
        runs
    }

    fn rule(self, who: For, capabilities: Cap) -> Rule {
        let allowed = match who {
            For::All => true,
            For::Tracers => self.tracing || capabilities.contains(Cap::SYS_PTRACE),
            For::Holders(any) => capabilities.intersects(any),
            For::Nobody => false,
        };
        if allowed { Rule::Allow } else { Rule::Refuse }
    }

    fn special(self, capabilities: Cap) -> [(&'static Numbers, Rule); 8] {
        let free = capabilities.contains(Cap::SYS_ADMIN);
        let unless_free = |rule| if free { Rule::Allow } else { rule };
        [
            (&SOCKET, unless_free(Rule::Socket)),
            (&SOCKETPAIR, unless_free(Rule::SocketPair)),
            (&SOCKETCALL, if self.socketcall { Rule::Allow } else { unless_free(Rule::Missing) }),
            (&CLONE, unless_free(Rule::Namespaces)),
            (&UNSHARE, unless_free(Rule::Namespaces)),
            (&CLONE3, unless_free(Rule::Missing)),
            (&IOCTL, Rule::Ioctl),
            (&PERSONALITY, unless_free(Rule::Personality)),
        ]
    }
}

/// Looks the number up by halves: a kernel before Linux 5.11 runs the program before each call.
fn search(runs: &[(u32, Rule)], capabilities: Cap) -> Vec<Instruction> {
    let (low, high) = runs.split_at(runs.len() / 2);
    match (low, high) {
        ([], []) => Vec::new(),
        ([], [(_, rule), ..]) => asked(*rule, capabilities),
        (_, [(first, _), ..]) => {
            [when(AT_LEAST, *first, &search(high, capabilities)), search(low, capabilities)].concat()
        }
        (_, []) => search(low, capabilities),
    }
}

fn asked(rule: Rule, capabilities: Cap) -> Vec<Instruction> {
    match rule {
        Rule::Allow => vec![ALLOW],
        Rule::Refuse => vec![REFUSE],
        Rule::Missing => vec![MISSING],
        Rule::Socket => socket(capabilities.contains(Cap::NET_ADMIN)),
        Rule::SocketPair => {
            [&[load_argument(0)], &when(EQUALS, libc::AF_UNIX as u32, &[ALLOW])[..], &[NO_FAMILY]].concat()
        }
        Rule::Namespaces => {
            [&[load_argument(0)], &when(ANY_BIT, NAMESPACES, &[REFUSE])[..], &[ALLOW]].concat()
        }
        Rule::Ioctl => one_of_argument(1, &[TIOCSTI, TIOCLINUX], REFUSE, &[ALLOW]),
        Rule::Personality => {
            let others = [when(ANY_BIT, !PERSONALITIES, &[REFUSE]), vec![ALLOW]].concat();
            one_of_argument(0, &[PERSONALITY_NOW], ALLOW, &others)
        }
    }
}

/// Gives `answer` where the argument is one of `values`, else goes on with `others`.
fn one_of_argument(
    index: u32,
    values: &[u32],
    answer: Instruction,
    others: &[Instruction],
) -> Vec<Instruction> {
    let mut piece = vec![load_argument(index)];
    values.iter().for_each(|value| piece.extend(when(EQUALS, *value, &[answer])));
    piece.extend(others);
    piece
}

/// socket(2): what a network and a package manager need. Packets of the host's network (`AF_PACKET`, all of netlink but
/// routes, raw sockets but ping's) are for who administers it.
fn socket(administers: bool) -> Vec<Instruction> {
    let internet = |ping: i32| if administers { vec![ALLOW] } else { internet(ping as u32) };
    let netlink = match administers {
        true => vec![ALLOW],
        false => one_of_argument(2, &[libc::NETLINK_ROUTE as u32], ALLOW, &[NO_PROTOCOL]),
    };
    let families = [
        (libc::AF_UNIX, vec![ALLOW]),
        (libc::AF_INET, internet(libc::IPPROTO_ICMP)),
        (libc::AF_INET6, internet(libc::IPPROTO_ICMPV6)),
        (libc::AF_NETLINK, netlink),
        (libc::AF_PACKET, vec![if administers { ALLOW } else { NO_FAMILY }]),
    ];
    let mut piece = vec![load_argument(0)];
    families.iter().for_each(|(family, then)| piece.extend(when(EQUALS, *family as u32, then)));
    piece.push(NO_FAMILY);
    piece
}

/// Raw for `ping` alone; and no other type, for one of them makes it a socket of `AF_PACKET` (packet(7)).
fn internet(ping: u32) -> Vec<Instruction> {
    let raw = one_of_argument(2, &[ping], ALLOW, &[NO_PROTOCOL]);
    let mut piece = vec![load_argument(1), keep_bits(SOCKET_TYPE)];
    for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM] {
        piece.extend(when(EQUALS, kind as u32, &[ALLOW]));
    }
    piece.extend(when(EQUALS, libc::SOCK_RAW as u32, &raw));
    piece.push(NO_PROTOCOL);
    piece
}

#[cfg(test)]
mod tests;
