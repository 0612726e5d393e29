//! System calls that a test answers in the kernel's stead, and a trace of them: what no filter by numbers can show of another
//! kernel, because it depends on paths and places. By seccomp_unotify(2), Linux 5.5.
#![allow(unsafe_code)]

use std::fs::{self, File};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

use super::command::{Cd, Ran};
use super::sys::{EQUALS, LOAD_NUMBER, RETURN, step};

/// A call that waits for its answer.
pub struct Call {
    pub number: libc::c_long,
    pub pid: u32,
    arguments: [u64; 6],
}

/// What is said to it.
pub enum Answer {
    /// The running kernel does it.
    Go,
    /// This errno.
    Errno(i32),
}

impl Call {
    /// An argument that is a path, or another string.
    pub fn text(&self, argument: usize) -> String {
        let memory = File::open(self.proc("mem")).expect("the memory of who calls");
        let mut bytes = Vec::new();
        let mut byte = [0];
        // One by one: what follows the string may not be there.
        while memory.read_at(&mut byte, self.arguments[argument] + bytes.len() as u64).unwrap_or(0) == 1
            && byte[0] != 0
        {
            bytes.push(byte[0]);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
    /// An argument that is a number.
    pub fn number(&self, argument: usize) -> u64 {
        self.arguments[argument]
    }
    /// Whether who calls works in its root directory.
    pub fn is_at_its_root(&self) -> bool {
        let file = |name: &str| fs::metadata(self.proc(name)).map(|found| (found.dev(), found.ino())).ok();
        file("cwd") == file("root")
    }
    /// Takes away all mounts below the root of who calls, in its mount namespace.
    pub fn lose_its_mounts(&self) {
        std::thread::scope(|scope| drop(scope.spawn(|| self.detach_all()).join()));
    }

    fn detach_all(&self) {
        let namespace = File::open(self.proc("ns/mnt")).expect("its mount namespace");
        // SAFETY: this thread opened no descriptors that it expects to share.
        unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::FS) }.expect("unshare");
        rustix::thread::move_into_link_name_space(
            namespace.as_fd(),
            Some(rustix::thread::LinkNameSpaceType::Mount),
        )
        .expect("enter it");
        let root = self.proc("root");
        for entry in fs::read_dir(&root).expect("its root").flatten() {
            // Most are no mounts.
            let _ = rustix::mount::unmount(entry.path(), rustix::mount::UnmountFlags::DETACH);
        }
    }

    fn proc(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.pid)
    }
}

/// Runs it; `answer` hears of each of `calls` that it makes, or what it starts.
pub fn run(mut cd: Cd, calls: &[libc::c_long], answer: &(dyn Fn(&Call) -> Answer + Sync)) -> Ran {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    send_listener(&mut cd.command, calls, theirs);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(move || watch(&receive(&ours), answer));
        let ran = cd.run();
        watcher.join().expect("the watcher");
        ran
    })
}

/// A filter for `command` that asks for each of `calls`; whom to ask goes through `socket`.
fn send_listener(command: &mut Command, calls: &[libc::c_long], socket: UnixStream) {
    let mut program = vec![step(LOAD_NUMBER, 0, 0, 0)];
    for (index, call) in calls.iter().enumerate() {
        program.push(step(EQUALS, (calls.len() - index) as u8, 0, *call as u32));
    }
    program.push(step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW));
    program.push(step(RETURN, 0, 0, libc::SECCOMP_RET_USER_NOTIF));
    // SAFETY: after the fork, system calls alone, on memory allocated before it.
    unsafe {
        command.pre_exec(move || {
            let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
            let (set, flag) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
            let listener = libc::syscall(libc::SYS_seccomp, set, flag, &program);
            if listener == -1 {
                return Err(io::Error::last_os_error());
            }
            let listener = rustix::fd::BorrowedFd::borrow_raw(listener as i32);
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            let listeners = [listener];
            ancillary.push(SendAncillaryMessage::ScmRights(&listeners));
            sendmsg(&socket, &[IoSlice::new(b"x")], &mut ancillary, SendFlags::empty())?;
            Ok(())
        });
    }
}

fn receive(socket: &UnixStream) -> OwnedFd {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)
        .expect("the listener");
    let mut listeners = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect(),
        _ => Vec::new(),
    });
    listeners.next().expect("a listener")
}

/// `_IOWR('!', 0, struct seccomp_notif)` and `_IOWR('!', 1, struct seccomp_notif_resp)` (linux/seccomp.h).
const RECEIVE: u32 = 0xc050_2100;
const SEND: u32 = 0xc018_2101;

/// Answers until all who may ask have ended.
fn watch(listener: &OwnedFd, answer: &dyn Fn(&Call) -> Answer) {
    loop {
        let mut ready = [PollFd::new(listener, PollFlags::IN)];
        poll(&mut ready, None).expect("poll");
        if !ready[0].revents().contains(PollFlags::IN) {
            return;
        }
        // SAFETY: all zeroes is a valid request, and what the kernel wants to find.
        let mut asked: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes a request, to one that outlives the call.
        if unsafe { libc::ioctl(listener.as_raw_fd(), RECEIVE as _, &mut asked) } == -1 {
            // Who asked was killed.
            continue;
        }
        let call = Call { number: asked.data.nr.into(), pid: asked.pid, arguments: asked.data.args };
        let (error, flags) = match answer(&call) {
            Answer::Go => (0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
            Answer::Errno(errno) => (-errno, 0),
        };
        let mut told = libc::seccomp_notif_resp { id: asked.id, val: 0, error, flags };
        // SAFETY: the kernel reads an answer, from one that outlives the call.
        unsafe { libc::ioctl(listener.as_raw_fd(), SEND as _, &mut told) };
    }
}
