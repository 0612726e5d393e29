//! How much memory is free, and how many threads may compress: one a processor, as far as that goes.

use std::{fs, thread};

use rustix::process::{Resource, getrlimit};

/// Part of the memory that is free which compression may take: other programs want some too.
const SHARE: u64 = 4;
/// More threads than a single reader of files can feed.
const MOST: usize = 32;
/// Half of all addresses: a program of 32 bits has 3 GiB of them, and uses them for other things as well.
const ADDRESSES: u64 = usize::MAX as u64 / 2;

/// How many threads that need `each` bytes of memory should run: at least one.
pub(super) fn threads(each: usize) -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    fitting(processors, free_memory(), each)
}

fn fitting(processors: usize, memory: u64, each: usize) -> usize {
    let fit = usize::try_from(memory.min(ADDRESSES) / SHARE / each.max(1) as u64).unwrap_or(MOST);
    processors.min(fit).clamp(1, MOST)
}

/// The bytes of memory that this process may hope for: what is free on the host, but not more than its control group
/// and its own limits (`ulimit -v`, `ulimit -d`) allow. What cannot be read limits nothing.
pub fn free_memory() -> u64 {
    let own = [Resource::As, Resource::Data].map(|resource| getrlimit(resource).current.unwrap_or(u64::MAX));
    let read = |path: &str| fs::read_to_string(path).ok();
    let free = read("/proc/meminfo").and_then(|text| free(&text)).unwrap_or(u64::MAX);
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let limits = limit_files(&groups);
    limits.filter_map(|path| read(&path)?.trim().parse().ok()).chain(own).fold(free, u64::min)
}

/// What can be had without swapping, in bytes: MemAvailable, or on kernels before 3.14, which do not say it, what is
/// free or holds cached files (proc_meminfo(5)).
fn free(meminfo: &str) -> Option<u64> {
    let field = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes << 10)
    };
    field("MemAvailable:").or_else(|| Some(field("MemFree:")? + field("Cached:").unwrap_or(0)))
}

/// Where the memory limits of control groups may stand, by a `/proc/PID/cgroup` (cgroups(7)): those of the group and
/// of all groups above it, and the topmost that is seen from inside a container.
fn limit_files(groups: &str) -> impl Iterator<Item = String> + '_ {
    groups
        .lines()
        .filter_map(|line| {
            let (_, line) = line.split_once(':')?;
            let (controllers, path) = line.split_once(':')?;
            match controllers {
                "" => Some(("/sys/fs/cgroup", path, "memory.max")),
                _ if controllers.split(',').any(|name| name == "memory") => {
                    Some(("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"))
                }
                _ => None,
            }
        })
        .flat_map(|(top, path, file)| ancestors(path).map(move |group| format!("{top}{group}/{file}")))
}

/// `/a/b`, `/a` and the empty path.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path.trim_end_matches('/')), |path| Some(&path[..path.rfind('/')?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_there_are_processors_and_memory() {
        const GIB: u64 = 1 << 30;
        assert_eq!(fitting(2, 8 * GIB, 150 << 20), 2);
        assert_eq!(fitting(8, 2 * GIB, 150 << 20), 3);
        assert_eq!(fitting(8, GIB / 8, 150 << 20), 1);
        assert_eq!(fitting(8, 0, 1), 1);
        assert_eq!(fitting(200, u64::MAX, 1), MOST);
    }

    #[test]
    fn free_memory_of_new_and_old_kernels() {
        let new = "MemTotal:       24684156 kB\nMemFree:         17137788 kB\nMemAvailable:   23748244 kB\n";
        assert_eq!(free(new), Some(23_748_244 << 10));
        let old = "MemTotal:        1025436 kB\nMemFree:          100 kB\nBuffers:            1 kB\nCached:    200 kB\n";
        assert_eq!(free(old), Some(300 << 10));
        assert_eq!(free("MemFree: many kB\n"), None);
    }

    #[test]
    fn limits_are_those_of_the_group_and_above() {
        let groups = "12:cpu,cpuacct:/a\n4:memory:/docker/1f\n1:name=systemd:/x\n0::/user.slice/a:b\n";
        let files: Vec<String> = limit_files(groups).collect();
        let expected = [
            "/sys/fs/cgroup/memory/docker/1f/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/user.slice/a:b/memory.max",
            "/sys/fs/cgroup/user.slice/memory.max",
            "/sys/fs/cgroup/memory.max",
        ];
        assert_eq!(files, expected);
    }

    #[test]
    fn this_host_tells_its_memory() {
        assert!((1 << 20..u64::MAX).contains(&free_memory()), "{}", free_memory());
    }
}
