//! A place to run one test as root: a mount namespace of its own with a scratch `/tmp`, so that what leaks dies
//! with it, and a search for leaks when the test is done.
//!
//! When the body returns, nothing may have changed but what it meant to change: the mount table is as before, no
//! process of the test lives on, canaries are as they were, nothing half-made is in the store, and every blob has
//! the digest in its name.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change};
use sha2::{Digest as _, Sha256};

use super::command::Cd;
use super::pty::Terminal;

/// Which system calls the program finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Those of the running kernel.
    Running,
    /// Those of Linux 3.10.
    Old,
}

/// The scratch world of one test, at `/tmp` of its mount namespace.
pub struct Sandbox {
    /// The kernel that the program under test will think it runs on.
    pub kernel: Kernel,
    mark: String,
}

const DATA: &str = "/tmp/data/chroot-distro";
const CACHE: &str = "/tmp/cache/chroot-distro";
const CANARY: &str = "/tmp/canary";

/// Runs `body` in a sandbox on a thread of its own; panics when it panics or leaves something behind.
pub fn sandbox(body: impl FnOnce(&Sandbox) + Send) {
    sandbox_on(Kernel::Running, body);
}

/// Both path resolvers, and everything else that an old kernel lacks: once on each kernel.
pub fn on_both_kernels(body: impl Fn(&Sandbox) + Send + Sync) {
    sandbox_on(Kernel::Running, &body);
    sandbox_on(Kernel::Old, &body);
}

/// Like [`sandbox`], on the given kernel.
pub fn sandbox_on(kernel: Kernel, body: impl FnOnce(&Sandbox) + Send) {
    let name = std::thread::current().name().unwrap_or("test").to_owned();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(name);
        let run = move || {
            let sandbox = Sandbox::enter(kernel);
            let mounts = mounts();
            let result = catch_unwind(AssertUnwindSafe(|| body(&sandbox)));
            if let Err(panic) = result {
                println!("(on the {kernel:?} kernel)");
                resume_unwind(panic);
            }
            sandbox.check(&mounts);
        };
        if let Err(panic) = thread.spawn_scoped(scope, run).expect("a thread").join() {
            resume_unwind(panic);
        }
    });
}

impl Sandbox {
    fn enter(kernel: Kernel) -> Sandbox {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Ends in a sign: the first is no part of the tenth.
        let mark = format!("cd-test-{}-{}.", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        unshare_mounts();
        // A clone may live below /tmp itself: hold the program by descriptor while the scratch covers it.
        let program = fs::File::open(super::command::program()).expect("the program");
        mount(&mark, "/tmp", "tmpfs", MountFlags::empty(), Some(c"mode=1777")).expect("a scratch /tmp");
        for dir in ["bin", "home", "canary/dir"] {
            fs::create_dir_all(Path::new("/tmp").join(dir)).expect("a scratch directory");
        }
        fs::write("/tmp/bin/chroot-distro", "").expect("a mount point");
        mount_bind(fd_path(&program), "/tmp/bin/chroot-distro").expect("the program in the sandbox");
        for (path, contents) in CANARIES {
            fs::write(path, contents).expect("a canary");
            fs::set_permissions(path, fs::Permissions::from_mode(0o640)).expect("a canary");
        }
        fs::set_permissions("/tmp/canary/dir", fs::Permissions::from_mode(0o750)).expect("a canary");
        Sandbox { kernel, mark }
    }

    /// The program with `args`, in this world.
    pub fn cd<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Cd {
        self.applet("chroot-distro", args)
    }
    /// The program under one of its other names.
    pub fn applet<S: AsRef<std::ffi::OsStr>>(&self, name: &str, args: impl IntoIterator<Item = S>) -> Cd {
        let path = Path::new("/tmp/bin").join(name);
        if !path.exists() {
            std::os::unix::fs::symlink("chroot-distro", &path).expect("a link");
        }
        self.world(path).args(args)
    }
    /// The program with `args`, on a terminal.
    pub fn on_terminal<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Terminal {
        Terminal::run(self.world("/bin/sh"), "/tmp/bin/chroot-distro", args)
    }
    /// The same, begun as a job in the background.
    pub fn in_background<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Terminal {
        Terminal::run_in_background(self.world("/bin/sh"), "/tmp/bin/chroot-distro", args)
    }
    /// Any program, where ours finds the sandbox.
    pub fn world(&self, program: impl AsRef<std::ffi::OsStr>) -> Cd {
        let cd = Cd::new(program)
            .env("HOME", "/tmp/home")
            .env("XDG_DATA_HOME", "/tmp/data")
            .env("XDG_CACHE_HOME", "/tmp/cache")
            .current_dir("/tmp/home");
        match self.kernel {
            Kernel::Running => cd,
            Kernel::Old => cd.on_an_old_kernel(),
        }
    }

    /// What tells its mounts from others: the source of its scratch.
    pub fn mark(&self) -> &str {
        &self.mark
    }
    /// A path in the scratch, outside the store.
    pub fn path(&self, name: &str) -> PathBuf {
        Path::new("/tmp").join(name)
    }
    /// `$RUNTIME_DIR`
    pub fn data(&self) -> &Path {
        Path::new(DATA)
    }
    /// `$BASE_CACHE_DIR`
    pub fn cache(&self) -> &Path {
        Path::new(CACHE)
    }
    /// A container's root.
    pub fn rootfs(&self, name: &str) -> PathBuf {
        self.data().join("containers").join(name).join("rootfs")
    }
    /// The containers, as the program lists them.
    pub fn names(&self) -> Vec<String> {
        self.cd(["list", "-q"]).run().ok().out().lines().map(str::to_owned).collect()
    }
    /// Pids of the processes that see this sandbox's scratch, the test itself aside.
    pub fn processes(&self) -> Vec<i32> {
        let ours = std::process::id() as i32;
        let pids = fs::read_dir("/proc").expect("/proc").flatten();
        pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| *pid != ours)
            .filter(|pid| {
                fs::read_to_string(format!("/proc/{pid}/mountinfo")).is_ok_and(|t| t.contains(&self.mark))
            })
            .collect()
    }
    /// Waits until no process of this sandbox is left; false after ten seconds.
    pub fn settles(&self) -> bool {
        (0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            self.processes().is_empty()
        })
    }
    /// Nothing outside a root was touched.
    #[track_caller]
    pub fn assert_canaries(&self) {
        for (path, contents) in CANARIES {
            assert_eq!(fs::read_to_string(path).ok().as_deref(), Some(*contents), "canary {path}");
            let metadata = fs::metadata(path).expect("a canary");
            assert_eq!((metadata.mode() & 0o7777, metadata.uid(), metadata.nlink()), (0o640, 0, 1), "{path}");
        }
        let dir = fs::metadata("/tmp/canary/dir").expect("a canary");
        assert_eq!((dir.mode() & 0o7777, dir.uid()), (0o750, 0), "canary directory");
        let names = |dir: &str| -> BTreeSet<_> {
            fs::read_dir(dir).expect("a canary").flatten().map(|entry| entry.file_name()).collect()
        };
        assert_eq!(names(CANARY), ["dir", "secret"].map(Into::into).into());
        assert_eq!(names("/tmp/canary/dir"), ["keep"].map(Into::into).into());
    }
    /// Nothing half-made is in the store, and every blob is what its name says.
    #[track_caller]
    pub fn assert_store(&self) {
        let listed: BTreeSet<String> = self.names().into_iter().collect();
        for entry in fs::read_dir(self.data().join("containers")).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            assert!(listed.contains(&name), "litter in containers/: {name}");
        }
        for entry in fs::read_dir(self.cache().join("oci_layers")).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(hex) = name.strip_prefix("sha256_").filter(|hex| hex.len() == 64) else { continue };
            let bytes = fs::read(entry.path()).expect("a blob");
            assert_eq!(super::hex(&Sha256::digest(&bytes)), hex, "a blob in the cache is not what it says");
        }
    }
    #[track_caller]
    fn check(&self, before: &[String]) {
        self.assert_store();
        self.assert_canaries();
        assert!(self.settles(), "processes left behind: {:?}", self.processes());
        assert_eq!(mounts(), before, "the mount table changed");
        let left = fs::read_dir(self.cache().join("build_scratch")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "a build left its directory");
    }
}

const CANARIES: &[(&str, &str)] =
    &[("/tmp/canary/secret", "TOPSECRET\n"), ("/tmp/canary/dir/keep", "KEEP\n")];

/// Mount points of this thread's namespace, in order.
pub fn mounts() -> Vec<String> {
    let table = fs::read_to_string("/proc/thread-self/mountinfo").expect("mountinfo");
    table.lines().filter_map(|line| line.split(' ').nth(4)).map(str::to_owned).collect()
}

/// Gives this thread a mount namespace that shares nothing with the host's, and `/` as its own.
#[allow(unsafe_code)]
pub fn unshare_mounts() {
    // SAFETY: this thread opened no descriptors that it expects to share.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) }.expect("unshare");
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).expect("private mounts");
}

/// Covers the machine's cgroups by one hierarchy alone: `cgroup2`, or that of a controller of version 1.
pub fn mount_cgroups(name: &str) -> rustix::io::Result<()> {
    match name {
        "cgroup2" => mount("test", "/sys/fs/cgroup", "cgroup2", MountFlags::empty(), None),
        controller => {
            let controller = std::ffi::CString::new(controller).expect("a name");
            mount("test", "/sys/fs/cgroup", "cgroup", MountFlags::empty(), Some(controller.as_c_str()))
        }
    }
}

fn fd_path(file: &fs::File) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd())
}
