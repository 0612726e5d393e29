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

use crate::error::{Attempt, Error, Kind, Result};

/// Begins a message: the terminal's master comes with it.
const TERMINAL: u8 = b'T';
/// Begins a message: the exit code, then the error, NUL, its hint.
const FAILURE: u8 = b'F';
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

/// The other end.
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
        let head = [FAILURE, error.exit_code()];
        let (message, hint) = (error.to_string(), error.hint_text().unwrap_or_default());
        let text = [&head, message.as_bytes(), &[0], hint.as_bytes()].concat();
        let text = &text[..text.len().min(LIMIT)];
        let mut none = SendAncillaryBuffer::default();
        let _ = sendmsg(&self.0, &[IoSlice::new(text)], &mut none, SendFlags::NOSIGNAL);
    }
}

impl Listener {
    /// Waits for the terminal, or for word that there will be none: `None`.
    pub fn terminal(&self) -> Result<Option<OwnedFd>> {
        self.hear()
    }

    /// Waits until the guest's program runs; what kept it from that otherwise.
    pub fn started(&self) -> Result<()> {
        while self.hear()?.is_some() {}
        Ok(())
    }

    /// The next message: a terminal, an error, or at the end nothing.
    fn hear(&self) -> Result<Option<OwnedFd>> {
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
        match &text[..length] {
            [FAILURE, code, text @ ..] => Err(failure(*code, text)),
            _ => Ok(ancillary.drain().find_map(|message| match message {
                RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
                _ => None,
            })),
        }
    }
}

fn failure(code: u8, text: &[u8]) -> Error {
    let text = String::from_utf8_lossy(text);
    let (message, hint) = text.split_once('\0').unwrap_or((&text, ""));
    let error = Error::new(Kind::System, message);
    let error = if hint.is_empty() { error } else { error.hint(hint) };
    // 1 is what an error has that says nothing of its code: whoever hears it may know better.
    if code == 1 { error } else { error.exits(code) }
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
        drop(speaker);
        let error = listener.started().unwrap_err();
        assert_eq!((error.to_string().as_str(), error.hint_text()), ("no", Some("look")));
        assert_eq!(error.exit_code(), 127);
        listener.started().unwrap();
        assert!(listener.terminal().unwrap().is_none());
    }
}
