//! Running the program under test: a clean environment, a deadline, and exact questions to what came out.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::sys;

/// The program under test: what cargo built for the tests, or `CD_PROGRAM` (a release build, say).
pub fn program() -> OsString {
    std::env::var_os("CD_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_chroot-distro").into())
}

/// One invocation, not yet run.
pub struct Cd {
    pub(super) command: Command,
    stdin: Vec<u8>,
    deadline: Duration,
}

impl Cd {
    /// `program` with nothing of this process's environment but `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Cd {
        let mut command = Command::new(program);
        sys::with_signals(&mut command);
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("NO_COLOR", "1").env("CHROOT_DISTRO_NO_ELEVATE", "1").env("LC_ALL", "C");
        Cd { command, stdin: Vec::new(), deadline: Duration::from_secs(120) }
    }
    /// The program that cargo built, in an environment that names no place: for what touches no file.
    pub fn bare<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Cd {
        Cd::new(program()).args(args)
    }
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Cd {
        self.command.arg(arg);
        self
    }
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Cd {
        self.command.args(args);
        self
    }
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Cd {
        self.command.env(key, value);
        self
    }
    pub fn env_remove(mut self, key: &str) -> Cd {
        self.command.env_remove(key);
        self
    }
    pub fn current_dir(mut self, dir: impl AsRef<Path>) -> Cd {
        self.command.current_dir(dir);
        self
    }
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Cd {
        self.stdin = bytes.into();
        self
    }
    /// As an ordinary user with no other group (std drops the supplementary ones).
    pub fn uid(mut self, uid: u32) -> Cd {
        self.command.uid(uid).gid(uid);
        self
    }
    /// Without any system call younger than Linux 3.10.
    pub fn on_an_old_kernel(mut self) -> Cd {
        sys::on_an_old_kernel(&mut self.command);
        self
    }
    /// As an ordinary user in the sandbox of an Android app, which kills.
    pub fn in_an_app_sandbox(mut self) -> Cd {
        let glibc = cfg!(target_env = "gnu") && std::env::var_os("CD_PROGRAM").is_none();
        sys::in_an_app_sandbox(&mut self.command, glibc);
        self.uid(10_123)
    }
    /// With this errno for these system calls.
    pub fn refusing(mut self, calls: &[libc::c_long], errno: i32) -> Cd {
        sys::refusing(&mut self.command, calls, errno);
        self
    }
    /// With `EPERM` for any system call younger than Linux 3.10.
    pub fn in_an_old_filter(mut self) -> Cd {
        sys::in_an_old_filter(&mut self.command);
        self
    }
    /// On a kernel without these `CLONE_NEW*` namespaces.
    pub fn without_namespaces(mut self, flags: libc::c_int) -> Cd {
        sys::without_namespaces(&mut self.command, flags);
        self
    }
    /// On a kernel that gives nobody a sibling.
    pub fn without_siblings(mut self) -> Cd {
        sys::without_siblings(&mut self.command);
        self
    }
    /// On a kernel without seccomp filters.
    pub fn without_filters(mut self) -> Cd {
        sys::without_filters(&mut self.command);
        self
    }
    /// With the host's root open as this descriptor.
    pub fn with_the_root_open(mut self, fd: i32) -> Cd {
        sys::with_the_root_open(&mut self.command, fd);
        self
    }
    /// As a root that must respect permission bits.
    pub fn without_dac_override(mut self) -> Cd {
        sys::without_dac_override(&mut self.command);
        self
    }
    /// With no more address space than this; what needs more is refused and not killed.
    pub fn memory(mut self, bytes: u64) -> Cd {
        sys::limit_memory(&mut self.command, bytes);
        self
    }
    pub fn deadline(mut self, seconds: u64) -> Cd {
        self.deadline = Duration::from_secs(seconds);
        self
    }

    /// Starts it in a process group of its own and lets it go on.
    pub fn spawn(mut self) -> Running {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let line = format!("{:?}", self.command.get_args().collect::<Vec<_>>());
        let mut child = self.command.spawn().expect("start the program");
        let mut stdin = child.stdin.take().expect("a pipe");
        let bytes = self.stdin;
        std::thread::spawn(move || {
            let _ = stdin.write_all(&bytes); // A program that does not read its input may close it.
        });
        let stdout = drain(child.stdout.take());
        let stderr = drain(child.stderr.take());
        Running { child, line, stdout, stderr, deadline: self.deadline }
    }
    /// Runs it to its end.
    pub fn run(self) -> Ran {
        self.spawn().wait()
    }
}

type Drain = std::thread::JoinHandle<Vec<u8>>;

fn drain(pipe: Option<impl Read + Send + 'static>) -> Drain {
    let mut pipe = pipe.expect("a pipe");
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

/// One that runs.
pub struct Running {
    child: Child,
    line: String,
    stdout: Drain,
    stderr: Drain,
    deadline: Duration,
}

impl Running {
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("wait").is_none()
    }
    /// `kill -9` of the process alone; what it started may live on.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }
    /// Any signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid()).expect("a pid");
        let _ = rustix::process::kill_process(pid, signal);
    }
    /// Its end; one that outlives the deadline is killed with its group, and the test fails.
    pub fn wait(mut self) -> Ran {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                break status;
            }
            if start.elapsed() > self.deadline {
                if let Some(group) = rustix::process::Pid::from_raw(self.pid()) {
                    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
                }
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!("{} did not end within {:?}", self.line, self.deadline);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        // A guest's background process may hold the pipes open; what is there by now counts.
        Ran {
            line: self.line,
            code: status.code(),
            signal: status.signal(),
            stdout: self.stdout.join().expect("stdout"),
            stderr: self.stderr.join().expect("stderr"),
        }
    }
}

/// What a run came to.
pub struct Ran {
    line: String,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl std::fmt::Debug for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Ran { line, code, signal, .. } = self;
        write!(
            f,
            "{line} ended with {code:?} (signal {signal:?})\n--- stdout\n{}--- stderr\n{}",
            self.out(),
            self.err()
        )
    }
}

impl Ran {
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
    /// It ended with this exit code.
    #[track_caller]
    pub fn code(self, code: i32) -> Ran {
        assert!(self.code == Some(code), "not {code}: {self:?}");
        self
    }
    /// What `$?` is in the shell that ran it: a program may end as its guest did, by the signal itself.
    #[track_caller]
    pub fn status(self, status: i32) -> Ran {
        let seen = self.code.or(self.signal.map(|signal| 128 + signal));
        assert!(seen == Some(status), "$? is not {status}: {self:?}");
        self
    }
    #[track_caller]
    pub fn ok(self) -> Ran {
        self.code(0)
    }
    /// It failed as a failed attempt does: exit code 1, nothing on stdout, and each of `words` on stderr,
    /// in any case.
    #[track_caller]
    pub fn fails(self, words: &[&str]) -> Ran {
        let ran = self.code(1).says(words);
        assert_eq!(ran.out(), "", "{} failed, but wrote to stdout", ran.line);
        ran
    }
    /// Each of `words` stands on stderr, in any case.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Ran {
        let text = self.err().to_lowercase();
        for word in words {
            assert!(
                text.contains(&word.to_lowercase()),
                "{}: no {word:?} on stderr:\n{}",
                self.line,
                self.err()
            );
        }
        self
    }
    /// Exactly this on stdout.
    #[track_caller]
    pub fn prints(self, text: &str) -> Ran {
        assert_eq!(self.out(), text, "stdout of {}; stderr:\n{}", self.line, self.err());
        self
    }
}

/// A helper program that must succeed; its stdout.
#[track_caller]
pub fn tool<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> Vec<u8> {
    let args: Vec<OsString> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
    let path = super::need::program(program).unwrap_or_else(|| panic!("no {program}"));
    let output = Command::new(path).args(&args).stdin(Stdio::null()).output().expect("start a tool");
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Copies a program that is to be run. By another process: a descriptor of ours that is open for writing would be in what other
/// tests fork just then, and the kernel refuses to execute the file that long (ETXTBSY, execve(2)).
#[track_caller]
pub fn copy_program(from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) {
    tool("cp", ["--preserve=mode".as_ref(), from.as_ref(), to.as_ref()]);
}

/// A filter program that must succeed on `input`; its stdout.
#[track_caller]
pub fn filter<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>, input: &[u8]) -> Vec<u8> {
    let ran = Cd::new(program).args(args).stdin(input).run().ok();
    ran.stdout
}
