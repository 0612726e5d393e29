//! The last step: become the guest's program. What it inherits is what the plan says, and nothing of ours.

use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{CWD, Mode as FileMode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Gid, Signal, Uid, chdir, set_dumpable_behavior};
use rustix::thread::{set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::channel::Speaker;
use super::hand_over::{end_with_parent, hand_over};
use super::streams::Streams;
use crate::error::{Attempt, Error, Kind, Result};
use crate::report::Report;
use crate::rootfs::Rootfs;
use crate::session::plan::decide::{Absent, Identity, Plan};
use crate::session::terminal::pair::lead;
use crate::sys::process::{Disposition, be_narrow, close_all_but, execve, on_signal};

/// Exit codes of the shell's, and so of chroot(1)'s and env(1)'s.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// How the program is started.
pub struct Launch {
    /// Its standard streams.
    pub streams: Streams,
    /// To the process outside, if one waits to hear what comes of it.
    pub speaker: Option<Speaker>,
    /// It ends with its parent.
    pub stood_for: bool,
    /// It gets a process of its own, where children are born now.
    pub below: bool,
}

impl Launch {
    /// There will be no program: tells whoever waits for it. An error is left only to who prints it.
    pub fn fail(self, error: Error) -> Result<u8> {
        match self.speaker {
            Some(speaker) => Ok(speaker.failed(&error)),
            None => Err(error),
        }
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.streams.descriptors().into_iter().chain(self.speaker.iter().map(AsFd::as_fd)).collect()
    }
}

/// Puts the streams in place and executes the plan's program, in the root that the process has already. Returns only to
/// say why not, or with an exit code to those who cannot hear that. A closed one has no descriptor but standard input,
/// output and error: the caller has dropped all of its own but those of `launch`.
pub fn execute(plan: &Plan, launch: Launch, report: &dyn Report) -> Result<u8> {
    if plan.closed {
        // Not only at the exec: until then a path of the guest's may lead through one, /proc/self/fd/N/.., to the host.
        close_all_but(launch.descriptors());
    }
    match become_program(plan, &launch, report) {
        Ok(never) => match never {},
        Err(error) => launch.fail(error),
    }
}

/// Takes the plan's streams and identity, goes to its directory and executes its program.
fn become_program(plan: &Plan, launch: &Launch, report: &dyn Report) -> Result<Infallible> {
    let speaker = launch.speaker.as_ref();
    let has_terminal = launch.streams.attach(plan.identity.uid, speaker, report)?;
    if plan.narrow {
        be_narrow();
    }
    if let Some(confinement) = &plan.confinement {
        confinement.apply()?;
    }
    let is_there = enter_as_root(plan)?;
    assume(&plan.identity)?;
    if plan.no_new_privs {
        set_no_new_privs(true).attempt("forbid new privileges (PR_SET_NO_NEW_PRIVS, Linux 3.5)")?;
    }
    if !is_there {
        go_to_working_dir(plan, report)?;
    }
    // Rust's runtime ignores it; the guest's pipelines count on it.
    on_signal(Signal::PIPE, Disposition::Default).attempt("restore SIGPIPE")?;
    let argv = plan.argv.iter().map(|word| c_string(word)).collect::<Result<Vec<_>>>()?;
    let environment = plan
        .environment
        .iter()
        .map(|(key, value)| c_string(&[key.as_os_str(), value].join(OsStr::new("="))))
        .collect::<Result<Vec<_>>>()?;
    let below = speaker.filter(|_| launch.below);
    if launch.stood_for {
        // Changing the user would have cleared it.
        end_with_parent()?;
    }
    if let Some(speaker) = below {
        hand_over(speaker)?;
    }
    if has_terminal || plan.isolated {
        lead(has_terminal)?;
    }
    if below.is_some_and(|speaker| !speaker.is_noted()) {
        return Err(Error::new(Kind::System, "nobody waits for the session any more"));
    }
    Err(refusal(plan, search(&plan.argv[0], &plan.search_path, &argv, &environment)))
}

fn c_string(text: &OsStr) -> Result<CString> {
    CString::new(text.as_bytes())
        .map_err(|_| Error::usage(format_args!("a NUL byte in '{}'", text.display())))
}

fn refusal(plan: &Plan, error: io::Error) -> Error {
    let name = &plan.argv[0];
    let attempt = format!("run '{}'", name.display());
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR) if name.as_bytes().contains(&b'/') => Error::io(attempt, error)
            .hint("it is not in the container, or the interpreter or loader that it names is not")
            .exits(NOT_FOUND),
        Some(libc::ENOENT | libc::ENOTDIR) => Error::io(attempt, error)
            .hint(format_args!(
                "it is in no directory of the container's PATH ({})",
                plan.search_path.display()
            ))
            .exits(NOT_FOUND),
        Some(libc::ENOEXEC) => {
            Error::io(attempt, error).hint("it is made for another machine").exits(NOT_EXECUTABLE)
        }
        _ => Error::io(attempt, error).exits(NOT_EXECUTABLE),
    }
}

/// Groups while still root, the user last: it takes the right to change the others along. Root keeps what the
/// capability sets of the process have.
fn assume(identity: &Identity) -> Result<()> {
    let groups: Vec<Gid> = identity.groups.iter().map(|&gid| Gid::from_raw(gid)).collect();
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    set_thread_groups(&groups).attempt("set the supplementary groups")?;
    set_thread_res_gid(gid, gid, gid).attempt(format_args!("become group {}", identity.gid))?;
    set_thread_res_uid(uid, uid, uid).attempt(format_args!("become user {}", identity.uid))?;
    // Changing them may have made its memory its user's to read (fs.suid_dumpable), with what is not the guest's in it.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).attempt("hide this program's memory")
}

/// The image's own directory, made if it is not there, as runc makes it: in the root of the guest, by its root. Whether the
/// process is there. What root may not enter, as on some network filesystems, its user perhaps may.
fn enter_as_root(plan: &Plan) -> Result<bool> {
    let directory = &plan.working_dir;
    if plan.working_dir_absent != Absent::Make {
        return Ok(false);
    }
    if chdir(directory) == Err(Errno::NOENT) {
        let attempt =
            || format!("make the image's working directory '{}' in the container", directory.display());
        let root = openat(CWD, c"/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, FileMode::empty());
        Rootfs::new(root.attempt(attempt)?)
            .create_dir_all(directory, 0o755)
            .attempt(attempt)
            .map_err(|error| error.hint(OTHER_DIRECTORY))?;
    }
    Ok(chdir(directory).is_ok())
}

/// What to try where the image's directory will not do.
const OTHER_DIRECTORY: &str = "name another directory with '--work-dir'";

/// As the user: what they may not enter they do not get into.
fn go_to_working_dir(plan: &Plan, report: &dyn Report) -> Result<()> {
    let directory = &plan.working_dir;
    let attempt = format_args!("change to '{}' in the container", directory.display());
    let refused = |error: Errno, hint: &str| Err(error).attempt(attempt).map_err(|error| error.hint(hint));
    match (chdir(directory), plan.working_dir_absent) {
        (Ok(()), _) => Ok(()),
        (Err(error), Absent::Refuse) => {
            refused(error, "name a directory that is there and that the user may enter")
        }
        (Err(error), Absent::Make) => refused(error, OTHER_DIRECTORY),
        (Err(error), Absent::Replace) => {
            report.detail(&format!("cannot change to '{}': {error}", directory.display()));
            chdir(c"/").attempt("change to '/' in the container")
        }
    }
}

/// As execvp(3): a name with a slash is a path, any other is looked for; EACCES is remembered, and what the kernel
/// calls no program is a shell script.
fn search(name: &OsStr, search_path: &OsStr, argv: &[CString], environment: &[CString]) -> io::Error {
    if name.is_empty() {
        return io::Error::from_raw_os_error(libc::ENOENT);
    }
    if name.as_bytes().contains(&b'/') {
        return attempt(&argv[0], argv, environment);
    }
    let mut refused = io::Error::from_raw_os_error(libc::ENOENT);
    for directory in search_path.as_bytes().split(|&byte| byte == b':') {
        let directory = if directory.is_empty() { b"." } else { directory };
        let Ok(path) = CString::new([directory, b"/", name.as_bytes()].concat()) else { continue };
        let error = attempt(&path, argv, environment);
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => {}
            Some(libc::EACCES) => refused = error,
            _ => return error,
        }
    }
    refused
}

fn attempt(path: &CString, argv: &[CString], environment: &[CString]) -> io::Error {
    let error = execve(path, argv, environment);
    if error.raw_os_error() == Some(libc::ENOEXEC) && !is_elf(path) {
        let script: Vec<CString> =
            [c"sh".to_owned(), path.clone()].into_iter().chain(argv.iter().skip(1).cloned()).collect();
        execve(c"/bin/sh", &script, environment);
    }
    error
}

/// The kernel refuses both a foreign program and a script without `#!`; only the latter is for the shell.
fn is_elf(path: &CString) -> bool {
    let mut magic = [0; 4];
    let read =
        File::open(OsStr::from_bytes(path.as_bytes())).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == *b"\x7fELF"
}
