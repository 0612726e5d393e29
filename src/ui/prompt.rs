//! Questions on the terminal.

use std::io::{self, BufRead, IsTerminal, Read, Write, stderr, stdin};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use crate::error::{Attempt, Error, Kind, Result};

/// The longest answer, in bytes.
const LONGEST: u64 = 64 << 10;

/// Asks for a line, shown while it is typed.
pub fn line(question: &str) -> Result<String> {
    ask(question);
    first_line()
}

/// Asks for a secret, shown nowhere. Ctrl-C is an error, so that the terminal gets its settings back.
pub fn secret(question: &str) -> Result<String> {
    let Ok(before) = tcgetattr(stdin()) else { return first_line() };
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
    quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(stdin(), OptionalActions::Flush, &quiet).attempt("hide what is typed")?;
    let _restored = Restored(before);
    // Only now: who answers at once is not seen, and loses no letter.
    ask(question);
    let typed = typed(&mut stdin().lock());
    let _ = stderr().write_all(b"\n");
    typed
}

/// The first line of standard input, whoever gives it.
pub fn first_line() -> Result<String> {
    let mut bytes = Vec::new();
    stdin().lock().take(LONGEST).read_until(b'\n', &mut bytes).attempt("read standard input")?;
    let text = String::from_utf8(bytes).map_err(|_| Error::invalid("standard input is not UTF-8"))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// Whether there is somebody to ask.
pub fn is_possible() -> bool {
    stdin().is_terminal()
}

fn ask(question: &str) {
    // Who cannot see it is asked all the same.
    let _ = stderr().write_all(question.as_bytes()).and_then(|()| stderr().flush());
}

/// A line as a terminal in raw mode gives it.
fn typed(input: &mut dyn Read) -> Result<String> {
    let mut text = Vec::new();
    let mut byte = [0];
    loop {
        match input.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io("read the terminal", error)),
        }
        match byte[0] {
            b'\n' | b'\r' => break,
            // Ctrl-C and Ctrl-\.
            3 | 28 => return Err(Error::new(Kind::Usage, "interrupted").exits(130)),
            // Ctrl-D.
            4 if text.is_empty() => break,
            // Backspace, of a letter of any length.
            8 | 127 => while text.pop().is_some_and(|last| last & 0xC0 == 0x80) {},
            // Ctrl-U.
            21 => text.clear(),
            letter if (text.len() as u64) < LONGEST => text.push(letter),
            _ => {}
        }
    }
    String::from_utf8(text).map_err(|_| Error::invalid("what was typed is not UTF-8"))
}

struct Restored(Termios);

impl Drop for Restored {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed() {
        for (keys, text) in [
            (&b"ab\n"[..], Some("ab")),
            (b"abc\x7f\x08d\r", Some("ad")),
            ("a\u{e9}\u{7f}b\n".as_bytes(), Some("ab")),
            (b"wrong\x15right\n", Some("right")),
            (b"\x04", Some("")),
            (b"ab\x03", None),
            (b"\xff\n", None),
        ] {
            assert_eq!(typed(&mut &keys[..]).ok().as_deref(), text, "{keys:?}");
        }
    }
}
