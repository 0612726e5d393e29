//! Whether the kernel has one devpts for all, or one for each who mounts it.

use std::os::unix::fs::MetadataExt;

use super::snapshot::Host;

impl Host {
    /// Whether a devpts that is mounted anew is a new one. Before Linux 4.7, without `DEVPTS_MULTIPLE_INSTANCES`, it is
    /// the host's, and takes the options of whoever mounted it last: so this is not asked by mounting one. Only a devpts
    /// that is one of many has a `ptmx` of its own (devpts.txt of the kernel's documentation).
    pub fn has_private_terminals(&self) -> bool {
        let device = |path: &str| std::fs::metadata(self.file(path)).ok().map(|found| found.dev());
        let there = device("/dev/pts");
        there.is_none() || there == device("/dev") || self.exists("/dev/pts/ptmx")
    }
}
