//! A made-up host, for what this machine is not: a phone, a desktop, a box with an NVIDIA card. The program runs in a
//! chroot at `/tmp/machine`, so nothing of the real host is in its view but the kernel.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};

use super::command::{Cd, Ran, copy_program};
use super::image::Image;
use super::sandbox::{Kernel, Sandbox};

const ROOT: &str = "/tmp/machine";

/// One; its filesystem is gone on drop.
pub struct Machine {
    kernel: Kernel,
    env: Vec<(&'static str, &'static str)>,
    data: &'static str,
}

impl Machine {
    /// A Linux host with users root and `me` (1000), and a busybox container `c`, which has the program as `probe`.
    pub fn linux(sandbox: &Sandbox) -> Machine {
        let machine = Machine::bare(sandbox, &[("HOME", "/root")], "/root/.local/share/chroot-distro");
        machine.dir("/dev/shm");
        machine.install(&Image::busybox());
        machine
    }

    /// A phone with Termux, and the container.
    pub fn phone(sandbox: &Sandbox, image: &Image) -> Machine {
        let env = [
            ("HOME", "/"),
            ("ANDROID_ROOT", "/system"),
            ("ANDROID_DATA", "/data"),
            ("BOOTCLASSPATH", "/apex/a.jar"),
            ("TERMUX_VERSION", "0.118"),
        ];
        let machine = Machine::bare(sandbox, &env, "/data/data/com.termux/files/usr/var/lib/chroot-distro");
        for dir in ["home", "usr/bin", "usr/tmp"] {
            let path = format!("/data/data/com.termux/files/{dir}");
            machine.dir(&path);
            chown(machine.path(&path), Some(10_123), Some(10_123)).expect("the app's own");
        }
        machine.file("/system/build.prop", "");
        machine.install(image);
        machine
    }

    fn bare(sandbox: &Sandbox, env: &[(&'static str, &'static str)], data: &'static str) -> Machine {
        fs::create_dir(ROOT).expect("a mount point");
        mount(sandbox.mark(), ROOT, "tmpfs", MountFlags::empty(), Some(c"mode=755")).expect("a tmpfs");
        let machine = Machine { kernel: sandbox.kernel, env: env.to_vec(), data };
        for dir in ["/bin", "/dev/pts", "/home/me", "/proc", "/root", "/run", "/sys/kernel", "/tmp"] {
            machine.dir(dir);
        }
        chown(machine.path("/home/me"), Some(1000), Some(1000)).expect("their own");
        fs::set_permissions(machine.path("/home/me"), fs::Permissions::from_mode(0o700)).expect("their own");
        mount("proc", machine.path("/proc"), "proc", MountFlags::empty(), None).expect("a proc");
        for (name, major, minor) in [
            ("null", 1, 3),
            ("zero", 1, 5),
            ("full", 1, 7),
            ("random", 1, 8),
            ("urandom", 1, 9),
            ("tty", 5, 0),
        ] {
            machine.node(&format!("/dev/{name}"), major, minor);
        }
        symlink("/proc/self/fd", machine.path("/dev/fd")).expect("a link");
        machine.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n");
        machine.file("/bin/chroot-distro", "");
        mount_bind("/tmp/bin/chroot-distro", machine.path("/bin/chroot-distro")).expect("the program");
        machine
    }

    fn install(&self, image: &Image) {
        image.write_layout(&self.path("/layout"), "latest");
        self.cd(["install", "-q", "-n", "c", "/layout"]).run().ok();
        let probe = self.rootfs().join("bin/cd-probe");
        if probe.parent().is_some_and(Path::is_dir) {
            copy_program("/tmp/bin/chroot-distro", probe);
        }
    }

    /// The program with `args`, on this host.
    pub fn cd<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Cd {
        let mut cd = Cd::new("chroot").args([ROOT, "/bin/chroot-distro"]).args(args).current_dir("/");
        for (key, value) in &self.env {
            cd = cd.env(key, value);
        }
        match self.kernel {
            Kernel::Running => cd,
            Kernel::Old => cd.on_an_old_kernel(),
        }
    }
    /// A shell script in the container, with these options.
    pub fn login(&self, options: &[&str], script: &str) -> Cd {
        self.cd([&["login"][..], options, &["c", "--", "/bin/sh", "-c", script]].concat())
    }
    /// The guest's environment by `env`.
    pub fn env_of(&self, cd: Cd) -> impl Fn(&str) -> Option<String> + use<> {
        let ran: Ran = cd.run().ok();
        let warnings = ran.err();
        // This machine has no cgroup, which an isolated container's first session says.
        let strange =
            warnings.lines().find(|line| !line.starts_with("warning: the number of processes cannot"));
        assert_eq!(strange, None);
        let text = ran.out();
        move |name| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        }
    }

    /// Where a path of this host is for the test.
    pub fn path(&self, path: &str) -> PathBuf {
        Path::new(ROOT).join(path.trim_start_matches('/'))
    }
    /// The container's root.
    pub fn rootfs(&self) -> PathBuf {
        self.path(self.data).join("containers/c/rootfs")
    }
    pub fn dir(&self, path: &str) {
        fs::create_dir_all(self.path(path)).expect("a directory");
    }
    pub fn file(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, contents).expect("a file");
    }
    /// A file that can be executed.
    pub fn program(&self, path: &str, contents: impl AsRef<[u8]>) {
        self.file(path, contents);
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(0o755)).expect("a program");
    }
    pub fn link(&self, path: &str, to: &str) {
        symlink(to, self.path(path)).expect("a link");
    }
    /// A character device that all may use.
    pub fn node(&self, path: &str, major: u32, minor: u32) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        let mode = Mode::from_raw_mode(0o666);
        mknodat(CWD, &path, FileType::CharacterDevice, mode, makedev(major, minor)).expect("a node");
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).expect("a node for all");
    }
    /// One that listens, of `uid`.
    pub fn socket(&self, path: &str, uid: u32) -> UnixListener {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        let listener = UnixListener::bind(&path).expect("a socket");
        chown(path, Some(uid), Some(uid)).expect("their own");
        listener
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let gone = unmount(ROOT, UnmountFlags::DETACH);
        if !std::thread::panicking() {
            gone.expect("unmount");
            fs::remove_dir(ROOT).expect("the mount point");
        }
    }
}
