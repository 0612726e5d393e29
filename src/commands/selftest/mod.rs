//! `selftest`: the main job from end to end, on this kernel, with nothing but this program.
//!
//! Every step is this program called as a user calls it, on a store of its own in a temporary directory. The tables are
//! for bug reports: ASCII, and nothing in them tells who or where one is.

mod checks;
mod image;

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use argh::{ArgsInfo, FromArgs};

use super::global::version;
use super::{App, Run};
use crate::error::{Attempt, Error, Kind, Result};
use crate::host::Host;
use crate::host::probe::{Answer, FEATURES};
use crate::oci::Arch;

/// try everything on this kernel: install a built-in image, enter it in each mode, look around inside, remove it.
/// Nothing is downloaded, and your containers are not touched. Attach the output to a bug report.
#[derive(FromArgs, ArgsInfo)]
#[argh(example = "chroot-distro selftest")]
pub struct SelfTest {}

impl Run for SelfTest {
    const NAME: &'static str = "selftest";

    fn run(self, app: &App) -> Result<u8> {
        let host = Host::detect();
        let bench = Bench::new(&host)?;
        app.ui.print(about(&host));
        app.ui.print(format!("\n{:<22} {:<15} {}", "KERNEL FEATURE", "HERE", "WITHOUT IT"));
        for feature in FEATURES {
            let answer = feature.ask(&bench.probes()).attempt(|| format!("probe '{}'", feature.name))?;
            let without = if answer == Answer::Works { "" } else { feature.without };
            app.ui.print(format!("{:<22} {:<15} {without}", feature.name, answer.to_string()).trim_end());
        }
        app.ui.print(format!("\n{:<12} {:<26} {}", "SESSION", "CHECK", "RESULT"));
        let mut failed = 0;
        checks::run(&bench, &mut |mode, check, outcome| {
            let shown = match outcome {
                Ok(detail) if detail.is_empty() => "ok".to_owned(),
                Ok(detail) => format!("ok: {detail}"),
                Err(why) => {
                    failed += 1;
                    format!("FAILED: {why}")
                }
            };
            app.ui.print(format!("{mode:<12} {check:<26} {shown}"));
        });
        drop(bench);
        match failed {
            0 => Ok(0),
            _ => Err(Error::new(Kind::System, format!("{failed} of the checks failed"))
                .hint("please report it with this output")),
        }
    }
}

/// The machine, in one paragraph.
fn about(host: &Host) -> String {
    let rows = [("built", Arch::HOST.to_string())].into_iter().chain(host.describe());
    rows.fold(version(), |page, (name, value)| format!("{page}\n{name:<12} {value}"))
}

/// Where it all happens: a directory with a store of its own.
pub struct Bench {
    root: PathBuf,
    termux: bool,
}

impl Bench {
    fn new(host: &Host) -> Result<Bench> {
        let root = host.temp_dir().join(format!("cd-selftest-{}", std::process::id()));
        let bench = Bench { root, termux: host.termux().is_some() };
        for directory in [&bench.root, &bench.probes(), &bench.layout(), &bench.prefix()] {
            fs::create_dir(directory).attempt(|| "make a temporary directory")?;
        }
        Ok(bench)
    }

    fn probes(&self) -> PathBuf {
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
        let _ = self.call(&["remove", "--quiet", checks::NAME]);
        let _ = fs::remove_dir_all(&self.root);
    }
}
