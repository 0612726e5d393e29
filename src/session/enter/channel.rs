//! What the process that becomes the guest's program tells the one that started it: first the terminal that it made, in
//! the end why it could not become that program. That it did is told by silence: executing closes the channel.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv, recvmsg, send, sendmsg, socketpair,
};
use rustix::process::Pid;

use super::ended::Ended;
use crate::error::told;
use crate::error::{Attempt, Error, Kind, Result};

/// Begins a message: the terminal's master comes with it.
const TERMINAL: u8 = b'T';
/// Begins a message: the program's process has this number; whether the listener is its parent.
const FORKED: u8 = b'P';
/// The answer to that.
const NOTED: u8 = b'N';
/// Begins a message: an error follows.
const FAILURE: u8 = b'F';
/// Begins a message: the program's exit code, or the signal that ended it.
const EXITED: u8 = b'E';
const SIGNALED: u8 = b'S';
/// Bytes; an error is a line or two.
const LIMIT: usize = 16 << 10;

/// The end of the process that is to become the guest's program.
#[derive(Debug)]
pub struct Speaker(OwnedFd);

impl AsFd for Speaker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The end of the process that started it.
#[derive(Debug)]
pub struct Listener(OwnedFd);

/// Both ends, closed on exec.
pub fn pair() -> Result<(Listener, Speaker)> {
    let (listener, speaker) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .attempt("make a socket pair")?;
    Ok((Listener(listener), Speaker(speaker)))
}

impl Speaker {
    /// Hands out the master of the session's terminal.
    pub fn terminal(&self, master: BorrowedFd<'_>) -> Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let master = [master];
        ancillary.push(SendAncillaryMessage::ScmRights(&master));
        sendmsg(&self.0, &[IoSlice::new(&[TERMINAL])], &mut ancillary, SendFlags::NOSIGNAL)
            .map(drop)
            .attempt("hand out the session's terminal")
    }

    /// Tells of the process that becomes the program: its number, and whether the listener is its parent.
    pub fn forked(&self, pid: Pid, is_its_parent: bool) {
        let number = pid.as_raw_pid().to_ne_bytes();
        self.say(&[&[FORKED, is_its_parent.into()], &number[..]].concat());
    }

    /// Waits until the listener has noted what [`Speaker::forked`] told; false when it is gone.
    pub fn is_noted(&self) -> bool {
        loop {
            match recv(&self.0, &mut [0; 1], RecvFlags::empty()) {
                Err(Errno::INTR) => {}
                answer => return answer.is_ok_and(|(_, length)| length == 1),
            }
        }
    }

    /// Says why there is no session. Nobody may be listening any more.
    pub fn failure(&self, error: &Error) {
        let text = [vec![FAILURE], told::write(error)].concat();
        self.say(&text[..text.len().min(LIMIT)]);
    }

    /// The same; the exit code of who says it.
    pub fn failed(&self, error: &Error) -> u8 {
        self.failure(error);
        error.exit_code()
    }

    /// Says how the program ended that another process has become.
    pub fn ended(&self, ended: Ended) {
        self.say(&match ended {
            Ended::Exited(code) => [EXITED, code],
            Ended::Signaled(signal) => [SIGNALED, signal],
        });
    }

    fn say(&self, text: &[u8]) {
        let mut none = SendAncillaryBuffer::default();
        let _ = sendmsg(&self.0, &[IoSlice::new(text)], &mut none, SendFlags::NOSIGNAL);
    }
}

impl Listener {
    /// Answers [`Word::Forked`]: the process goes on.
    pub fn noted(&self) {
        // Should it be gone, that is seen by whoever waits for it.
        let _ = send(&self.0, &[NOTED], SendFlags::NOSIGNAL);
    }

    /// Waits until the guest's program runs; what kept it from that otherwise.
    pub fn started(&self) -> Result<()> {
        while self.hear()?.is_some() {}
        Ok(())
    }

    /// Waits until nobody speaks any more: how the program ended, if somebody said so.
    pub fn ended(&self) -> Result<Option<Ended>> {
        let mut ended = None;
        while let Some(word) = self.hear()? {
            if let Word::Ended(how) = word {
                ended = Some(how);
            }
        }
        Ok(ended)
    }

    /// The next message; none at the end. A failure is an error.
    pub fn hear(&self) -> Result<Option<Word>> {
        let mut text = vec![0; LIMIT];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let length = loop {
            let mut into = [IoSliceMut::new(&mut text)];
            match recvmsg(&self.0, &mut into, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                // It was killed before it read our answer.
                Err(Errno::CONNRESET) => return Ok(None),
                received => break received.attempt("hear of the session")?.bytes,
            }
        };
        let terminal = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
            _ => None,
        });
        match &text[..length] {
            [FAILURE, error @ ..] => Err(told::read(error).unwrap_or_else(|| {
                Error::new(Kind::System, "the session's process did not say what failed")
            })),
            [FORKED, is_its_parent, number @ ..] => {
                let number = number.try_into().ok().map(i32::from_ne_bytes).and_then(Pid::from_raw);
                Ok(number.map(|pid| Word::Forked(pid, *is_its_parent != 0)))
            }
            [EXITED, code] => Ok(Some(Word::Ended(Ended::Exited(*code)))),
            [SIGNALED, signal] => Ok(Some(Word::Ended(Ended::Signaled(*signal)))),
            _ => Ok(terminal.map(Word::Terminal)),
        }
    }
}

/// What is heard.
pub enum Word {
    /// The session's terminal: its master.
    Terminal(OwnedFd),
    /// The process that becomes the program, and whether the listener is its parent.
    Forked(Pid, bool),
    /// How the program ended.
    Ended(Ended),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::identity::same_file;

    #[test]
    fn a_terminal_and_an_error_come_through() {
        let (listener, speaker) = pair().unwrap();
        let sent = std::fs::File::open("/dev/null").unwrap();
        speaker.terminal(sent.as_fd()).unwrap();
        let Some(Word::Terminal(got)) = listener.hear().unwrap() else { panic!("no terminal") };
        assert!(same_file(&rustix::fs::fstat(&got).unwrap(), &rustix::fs::fstat(&sent).unwrap()));
        speaker.forked(rustix::process::getpid(), true);
        let Some(Word::Forked(pid, true)) = listener.hear().unwrap() else { panic!("no process") };
        assert_eq!(pid, rustix::process::getpid());
        listener.noted();
        assert!(speaker.is_noted());
        speaker.failure(&Error::not_found("no").hint("look").exits(127));
        speaker.ended(Ended::Signaled(9));
        drop(speaker);
        let error = listener.started().unwrap_err();
        assert_eq!((error.to_string().as_str(), error.hint_text()), ("no", Some("look")));
        assert_eq!((error.exit_code(), error.kind()), (127, Kind::NotFound));
        assert_eq!(listener.ended().unwrap(), Some(Ended::Signaled(9)));
        listener.started().unwrap();
        assert!(listener.hear().unwrap().is_none());
    }
}
