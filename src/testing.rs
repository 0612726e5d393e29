//! What unit tests share: a temporary directory that is gone on drop (a mount inside it never entered), and a
//! mount namespace to spoil.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// An empty directory of the test's own.
#[derive(Debug)]
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> TempDir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("cd-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        TempDir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The directory, open for reading.
    pub(crate) fn open(&self) -> OwnedFd {
        std::fs::File::open(&self.0).unwrap().into()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let parent = std::fs::File::open(std::env::temp_dir()).unwrap();
        let name = self.0.file_name().unwrap();
        let removed = crate::rootfs::Dir::from(OwnedFd::from(parent)).remove_all(name, &mut |_| {});
        if !std::thread::panicking() {
            removed.unwrap();
        }
    }
}

/// Ends a test that needs root, without it: skipped, or with `CD_MUST_RUN=1` failed.
macro_rules! needs_root {
    () => {
        if !rustix::process::geteuid().is_root() {
            assert!(std::env::var_os("CD_MUST_RUN").is_none(), "this test needs root");
            eprintln!("skipped: needs root");
            return;
        }
    };
}
pub(crate) use needs_root;

/// Runs `test` on a thread in a private mount namespace. Needs root.
pub(crate) fn in_mount_namespace(test: impl FnOnce() + Send + 'static) {
    needs_root!();
    let thread = std::thread::spawn(|| {
        crate::sys::namespace::unshare(crate::sys::namespace::NamespaceTypes::NEWNS).unwrap();
        use rustix::mount::{MountPropagationFlags, mount_change};
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs `test`, whose full name is `name`, in a process with one thread: what forks is right only there.
pub(crate) fn alone(name: &str, test: impl FnOnce()) {
    const INSIDE: &str = "CD_TEST_ALONE";
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    // With one thread for tests, libtest runs them on the main thread.
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--test-threads=1", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}
