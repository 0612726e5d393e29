//! What a test needs of the machine. A lack is a skip: printed, counted, and a failure under `CD_MUST_RUN=1`.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Something that not every machine has.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// Effective user 0 with the capability to mount.
    Root,
    /// A program in `PATH`.
    Tool(&'static str),
    /// This filesystem in the kernel.
    Filesystem(&'static str),
    /// Linux of this version at least.
    Kernel(u32, u32),
    /// This hierarchy of cgroups can be mounted and written: a controller of version 1, or `cgroup2`.
    Cgroup(&'static str),
}

impl Need {
    fn met(self) -> bool {
        match self {
            Need::Root => rustix::process::geteuid().is_root(),
            Need::Tool(name) => program(name).is_some(),
            Need::Filesystem(name) => std::fs::read_to_string("/proc/filesystems")
                .is_ok_and(|list| list.split_whitespace().any(|word| word == name)),
            Need::Kernel(major, minor) => kernel() >= (major, minor),
            Need::Cgroup(name) => std::thread::spawn(move || has_cgroups(name)).join().unwrap_or(false),
        }
    }
}

/// The version of the running kernel.
pub fn kernel() -> (u32, u32) {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Tried in a mount namespace of this thread's own.
fn has_cgroups(name: &str) -> bool {
    if !rustix::process::geteuid().is_root() {
        return false;
    }
    super::sandbox::unshare_mounts();
    let probe = format!("/sys/fs/cgroup/cd-test-{}-{name}", std::process::id());
    super::sandbox::mount_cgroups(name).is_ok()
        && std::fs::create_dir(&probe).and_then(|()| std::fs::remove_dir(&probe)).is_ok()
}

/// Where `name` stands in `PATH` or a system administrator's directory.
pub fn program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    path.split(':').map(|dir| Path::new(dir).join(name)).find(|file| file.is_file())
}

static SKIPPED: AtomicU32 = AtomicU32::new(0);

/// Whether all `needs` are met; if not, the skip is told past the harness's capture and counted.
pub fn met(needs: &[Need]) -> bool {
    let Some(lack) = needs.iter().find(|need| !need.met()) else { return true };
    assert!(std::env::var_os("CD_MUST_RUN").is_none(), "CD_MUST_RUN is set and this machine lacks {lack:?}");
    let count = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("test");
    // Not eprintln!: the harness would swallow it.
    let _ = writeln!(std::io::stderr(), "SKIPPED ({count} so far) {test}: this machine lacks {lack:?}");
    false
}

/// Returns from the test unless the machine has what it needs.
macro_rules! need {
    ($($need:expr),+ $(,)?) => {{
        #[allow(unused_imports)]
        use $crate::support::need::Need::*;
        if !$crate::support::need::met(&[$($need),+]) {
            return;
        }
    }};
}
pub(crate) use need;
