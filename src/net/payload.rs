//! What a request carries: a form, a manifest, a piece of a blob.
//!
//! It is opened anew each time that the request is sent, for a challenge or a redirect has it sent again. Exactly as
//! many bytes go out as were announced; a payload that has fewer is an error of its own, not of the network.

use std::io::{self, Read};

/// What a request carries.
pub trait Payload {
    /// `Content-Type`.
    fn content_type(&self) -> &str;

    /// `Content-Length`, in bytes.
    fn length(&self) -> u64;

    /// From the first byte on, however often it was read before.
    fn open(&self) -> io::Result<Box<dyn Read + '_>>;
}

/// `application/x-www-form-urlencoded`, the text already encoded.
pub struct Form(pub String);

impl Payload for Form {
    fn content_type(&self) -> &str {
        "application/x-www-form-urlencoded"
    }

    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.0.as_bytes()))
    }
}

/// A payload on its way. Keeps what went wrong with it, since ureq's error does not tell whether the file or the
/// connection failed; and ureq asks for ever where a payload ends early.
pub(super) struct Outgoing<'a> {
    reader: Box<dyn Read + 'a>,
    left: u64,
    failure: Option<io::Error>,
}

impl<'a> Outgoing<'a> {
    pub(super) fn open(payload: Option<&'a dyn Payload>) -> io::Result<Outgoing<'a>> {
        let (reader, left) = match payload {
            Some(payload) => (payload.open()?, payload.length()),
            None => (Box::new(io::empty()) as Box<dyn Read>, 0),
        };
        Ok(Outgoing { reader, left, failure: None })
    }

    /// Why it could not be read.
    pub(super) fn failure(self) -> Option<io::Error> {
        self.failure
    }
}

impl Read for Outgoing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let failed = loop {
            match self.reader.read(&mut buffer[..most]) {
                Ok(0) if most > 0 => break io::Error::from(io::ErrorKind::UnexpectedEof),
                Ok(count) => {
                    self.left -= count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
        };
        let told = io::Error::from(failed.kind());
        self.failure = Some(failed);
        Err(told)
    }
}
