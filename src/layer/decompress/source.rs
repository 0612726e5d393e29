//! Both ends of a decoder, so that its caller learns why the source failed and not what the decoder made of it.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

/// The first error of the source. Decoders wrap it, or take it for a damaged stream; the user wants the cause.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<io::Error>>>);

impl Failure {
    fn set(&self, error: io::Error) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    pub(super) fn prefer<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(error))
    }
}

/// The compressed side: remembers why it failed.
pub(super) struct Compressed<'a> {
    inner: Box<dyn Read + Send + 'a>,
    failure: Failure,
}

impl<'a> Compressed<'a> {
    pub(super) fn new(inner: Box<dyn Read + Send + 'a>, failure: Failure) -> Compressed<'a> {
        Compressed { inner, failure }
    }
}

impl Read for Compressed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.failure.set(error);
            }
            kind.into()
        })
    }
}

/// The uncompressed side: reports the source's error instead of what the decoder made of it.
pub(super) struct Uncompressed<'a> {
    inner: Box<dyn Read + Send + 'a>,
    failure: Failure,
}

impl<'a> Uncompressed<'a> {
    pub(super) fn new(inner: Box<dyn Read + Send + 'a>, failure: Failure) -> Uncompressed<'a> {
        Uncompressed { inner, failure }
    }
}

impl Read for Uncompressed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buffer);
        self.failure.prefer(result)
    }
}

/// The stream is damaged, or is none that we know.
pub(super) fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}
