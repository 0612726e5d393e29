//! Where a self-test happens: a directory with a store of its own, gone with everything in it when the test ends.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::commands::command::App;
use crate::commands::probing;
use crate::error::{Attempt, Result};

/// The container's name; also its hostname where it has one.
pub const NAME: &str = "selftest";

/// The directory, and how to call the program on its store.
pub struct Bench {
    root: PathBuf,
    termux: bool,
}

impl Bench {
    pub fn new(app: &App) -> Result<Bench> {
        let root = probing::directory(app, "cd-selftest")?;
        let bench = Bench { root, termux: app.host.termux().is_some() };
        for directory in [&bench.probes(), &bench.layout(), &bench.prefix()] {
            fs::create_dir(directory).attempt("make a temporary directory")?;
        }
        Ok(bench)
    }

    /// Where the kernel features are tried.
    pub fn probes(&self) -> PathBuf {
        self.root.join("probes")
    }

    /// Where the built-in image goes.
    pub fn layout(&self) -> PathBuf {
        self.root.join("image")
    }

    fn prefix(&self) -> PathBuf {
        self.root.join("usr")
    }

    /// This program with `arguments`, as a user calls it, on the bench's own store.
    pub fn call(&self, arguments: &[&str]) -> io::Result<Output> {
        let mut command = Command::new("/proc/self/exe");
        command.arg0("chroot-distro").args(arguments).stdin(Stdio::null());
        for (key, _) in std::env::vars_os() {
            let ours = |prefix: &str| key.as_encoded_bytes().starts_with(prefix.as_bytes());
            if ours("CD_") || ours("CHROOT_DISTRO_") {
                command.env_remove(key);
            }
        }
        command.env("XDG_DATA_HOME", self.root.join("data")).env("XDG_CACHE_HOME", self.root.join("cache"));
        if self.termux {
            command.env("TERMUX__PREFIX", self.prefix());
        }
        command.output()
    }
}

impl Drop for Bench {
    /// A container that a failed check left is removed as a user would: that also ends what runs inside. Then nothing
    /// is mounted below, and what is not ours to follow is not followed.
    fn drop(&mut self) {
        let _ = self.call(&["remove", "--quiet", NAME]);
        let _ = fs::remove_dir_all(&self.root);
    }
}
