//! What the process that makes a stage tells the one that started it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::dockerfile::Lines;
use crate::error::{Error, Result, told};
use crate::report::{Report, Silent, Task};

/// Bytes; a stage's config with a long history is far smaller.
const LIMIT: u32 = 64 << 20;

/// One message.
#[derive(Debug)]
pub enum Message {
    /// A step begins: how it is shown.
    Step(String),
    /// What the step came from: `CACHED`, or nothing. It took this many milliseconds.
    Done(String, u64),
    /// A line for the user.
    Info(String),
    /// A line for `--verbose`.
    Detail(String),
    /// Something went wrong that stops nothing.
    Warn(String),
    /// The stage is made: what it has come to.
    Made(Value),
    /// It is not; in which lines of the Dockerfile, if that is known.
    Failed(Error, Option<Lines>),
}

impl Message {
    /// Sends it, whole.
    pub fn send(&self, to: &mut dyn Write) -> io::Result<()> {
        let text = |text: &String| text.as_bytes().to_vec();
        let (tag, payload) = match self {
            Message::Step(shown) => (b'S', text(shown)),
            Message::Done(how, time) => (b'D', [&time.to_le_bytes(), how.as_bytes()].concat()),
            Message::Info(line) => (b'I', text(line)),
            Message::Detail(line) => (b'V', text(line)),
            Message::Warn(line) => (b'W', text(line)),
            Message::Made(value) => (b'M', value.to_string().into_bytes()),
            Message::Failed(error, lines) => {
                let Lines { first, last } = lines.unwrap_or(Lines { first: 0, last: 0 });
                let numbers = [first, last].map(|number| u32::try_from(number).unwrap_or_default());
                let numbers = numbers.map(u32::to_le_bytes).concat();
                (b'F', [numbers, told::write(error)].concat())
            }
        };
        let length = u32::try_from(payload.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        to.write_all(&[&[tag][..], &length.to_le_bytes(), &payload].concat())
    }

    /// Receives one; none when the sender has ended.
    pub fn receive(from: &mut dyn Read) -> Result<Option<Message>> {
        let mut head = [0; 5];
        let [tag, length @ ..] = match from.read_exact(&mut head) {
            Ok(()) => head,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(Error::io("hear of the stage", error)),
        };
        let length = u32::from_le_bytes(length);
        let mut payload = vec![0; length.min(LIMIT) as usize];
        from.read_exact(&mut payload).map_err(|error| Error::io("hear of the stage", error))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Some(match tag {
            b'S' => Message::Step(text(&payload)),
            b'D' => {
                let (time, how) = payload.split_at(payload.len().min(8));
                Message::Done(text(how), u64::from_le_bytes(time.try_into().unwrap_or_default()))
            }
            b'I' => Message::Info(text(&payload)),
            b'V' => Message::Detail(text(&payload)),
            b'W' => Message::Warn(text(&payload)),
            b'M' => Message::Made(serde_json::from_slice(&payload).unwrap_or_default()),
            _ => {
                let (numbers, error) = payload.split_at(payload.len().min(8));
                let error = told::read(error).unwrap_or_else(|| Error::invalid("it failed"));
                Message::Failed(error, lines(numbers))
            }
        }))
    }
}

fn lines(numbers: &[u8]) -> Option<Lines> {
    let (first, last) = numbers.split_at_checked(4)?;
    let number = |bytes: &[u8]| Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize);
    Some(Lines { first: number(first).filter(|first| *first > 0)?, last: number(last)? })
}

/// What a stage's process has to say, sent to the one that prints.
pub struct Speaker(Mutex<File>);

impl Speaker {
    /// To the other end of `messages`.
    pub fn new(messages: File) -> Speaker {
        Speaker(Mutex::new(messages))
    }

    /// Sends it. Who does not listen any more has ended, and ends us.
    pub fn say(&self, message: &Message) {
        let mut messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = message.send(&mut *messages);
    }
}

impl Report for Speaker {
    fn info(&self, line: &str) {
        self.say(&Message::Info(line.to_owned()));
    }

    fn warn(&self, line: &str) {
        self.say(&Message::Warn(line.to_owned()));
    }

    fn detail(&self, line: &str) {
        self.say(&Message::Detail(line.to_owned()));
    }

    fn task(&self, _: &str, _: Option<u64>) -> Box<dyn Task> {
        Box::new(Silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_received() {
        let mut bytes = Vec::new();
        for message in [
            Message::Step("[1/2] RUN x".into()),
            Message::Done("CACHED".into(), 7),
            Message::Warn("w".into()),
            Message::Made(serde_json::json!({"a": 1})),
            Message::Failed(Error::not_found("no").hint("look"), Some(Lines { first: 3, last: 4 })),
        ] {
            message.send(&mut bytes).unwrap();
        }
        let mut from = bytes.as_slice();
        let mut next = || Message::receive(&mut from).unwrap();
        assert!(matches!(next(), Some(Message::Step(shown)) if shown == "[1/2] RUN x"));
        assert!(matches!(next(), Some(Message::Done(how, 7)) if how == "CACHED"));
        assert!(matches!(next(), Some(Message::Warn(_))));
        assert!(matches!(next(), Some(Message::Made(value)) if value["a"] == 1));
        let Some(Message::Failed(error, Some(lines))) = next() else { panic!() };
        assert_eq!((error.hint_text(), lines.first, lines.last), (Some("look"), 3, 4));
        assert!(next().is_none());
        assert!(Message::receive(&mut &b"S\x09\0\0\0x"[..]).is_err());
    }
}
