//! What the process that becomes the guest's program tells the one that started it: first the terminal that it made, in
//! the end why it could not become that program. That it did is told by silence: executing closes the channel.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use super::ended::Ended;
use crate::error::told;
use crate::error::{Attempt, Error, Kind, Result};

/// Begins a message: the terminal's master comes with it.
const TERMINAL: u8 = b'T';
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
            .attempt(|| "make a socket pair")?;
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
            .attempt(|| "hand out the session's terminal")
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

    /// One for each of two processes that may have something to say.
    pub fn try_clone(&self) -> Result<Speaker> {
        self.0.try_clone().map(Speaker).attempt(|| "speak of the session")
    }

    fn say(&self, text: &[u8]) {
        let mut none = SendAncillaryBuffer::default();
        let _ = sendmsg(&self.0, &[IoSlice::new(text)], &mut none, SendFlags::NOSIGNAL);
    }
}

impl Listener {
    /// Waits for the terminal, or for word that there will be none: `None`.
    pub fn terminal(&self) -> Result<Option<OwnedFd>> {
        match self.hear()? {
            Some(Word::Terminal(master)) => Ok(Some(master)),
            _ => Ok(None),
        }
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

    /// The next message; none at the end.
    fn hear(&self) -> Result<Option<Word>> {
        let mut text = vec![0; LIMIT];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let length = loop {
            let mut into = [IoSliceMut::new(&mut text)];
            match recvmsg(&self.0, &mut into, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                received => break received.attempt(|| "hear of the session")?.bytes,
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
            [EXITED, code] => Ok(Some(Word::Ended(Ended::Exited(*code)))),
            [SIGNALED, signal] => Ok(Some(Word::Ended(Ended::Signaled(*signal)))),
            _ => Ok(terminal.map(Word::Terminal)),
        }
    }
}

/// What is heard.
enum Word {
    Terminal(OwnedFd),
    Ended(Ended),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::mount::root::same_file;

    #[test]
    fn a_terminal_and_an_error_come_through() {
        let (listener, speaker) = pair().unwrap();
        let sent = std::fs::File::open("/dev/null").unwrap();
        speaker.terminal(sent.as_fd()).unwrap();
        let got = listener.terminal().unwrap().unwrap();
        assert!(same_file(&rustix::fs::fstat(&got).unwrap(), &rustix::fs::fstat(&sent).unwrap()));
        speaker.failure(&Error::not_found("no").hint("look").exits(127));
        speaker.try_clone().unwrap().ended(Ended::Signaled(9));
        drop(speaker);
        let error = listener.started().unwrap_err();
        assert_eq!((error.to_string().as_str(), error.hint_text()), ("no", Some("look")));
        assert_eq!((error.exit_code(), error.kind()), (127, Kind::NotFound));
        assert_eq!(listener.ended().unwrap(), Some(Ended::Signaled(9)));
        listener.started().unwrap();
        assert!(listener.terminal().unwrap().is_none());
    }
}
