//! What a guest can do to the host with a capability that is given back. Pure.

use rustix::thread::CapabilitySet as Cap;

const RISKS: [(Cap, &str, &str); 7] = [
    (Cap::SYS_ADMIN, "SYS_ADMIN", "it can mount, and so reach the host's files and settings"),
    (
        Cap::SYS_PTRACE,
        "SYS_PTRACE",
        "it can take over each process that it sees, also one that has just been started from outside",
    ),
    (Cap::DAC_READ_SEARCH, "DAC_READ_SEARCH", "it can open each file of the host's filesystem by its number"),
    (Cap::SYS_MODULE, "SYS_MODULE", "it can load code into the kernel"),
    (Cap::SYS_RAWIO, "SYS_RAWIO", "it can write to the memory and the devices of the machine"),
    (Cap::NET_ADMIN, "NET_ADMIN", "it can change the network, that of the host without '--network none'"),
    (Cap::MKNOD, "MKNOD", "it can make device nodes, which work where a bind brings a directory in"),
];

/// A warning for each capability in `given` that gives the host away.
pub fn risks(given: Cap) -> Vec<String> {
    if given.is_all() || given.bits() == u64::MAX {
        return vec!["--cap-add ALL: root in the container is root of the host".to_owned()];
    }
    let given = RISKS.iter().filter(|(capability, ..)| given.contains(*capability));
    given.map(|(_, name, why)| format!("--cap-add {name}: {why}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_the_host_away_is_named_with_its_reason() {
        assert!(risks(Cap::NET_RAW | Cap::SYS_NICE).is_empty());
        assert_eq!(risks(Cap::all()).len(), 1);
        let all: Vec<_> = RISKS.iter().map(|(capability, ..)| *capability).collect();
        for capability in &all {
            assert_eq!(risks(*capability | Cap::SYS_NICE).len(), 1);
        }
        assert_eq!(risks(Cap::MKNOD | Cap::SYS_ADMIN).len(), 2);
    }
}
