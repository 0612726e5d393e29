//! `logs`: what a detached run printed.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use crate::error::{Attempt, Error, Result};

/// How often a log that is followed is looked at.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes read at once.
const BUFFER: usize = 64 << 10;
/// Bytes of an unfinished line that are waited with; a longer one is passed on in parts.
const LINE_MAX: usize = 1 << 20;

/// print what a container's last detached run wrote.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro logs nextcloud",
    example = "chroot-distro logs -f -n 20 nextcloud",
    note = "The log of the run before is kept beside it, with '.1' after its name."
)]
pub struct Logs {
    /// go on as it grows, until the run ends
    #[argh(switch, short = 'f')]
    follow: bool,

    /// begin with the last N lines
    #[argh(option, short = 'n', arg_name = "N")]
    lines: Option<u64>,

    /// the container
    #[argh(positional)]
    container: String,
}

impl Run for Logs {
    const NAME: &'static str = "logs";
    const LONG_ALIASES: &'static [(&'static str, &'static str)] = &[("--tail", "--lines")];
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--lines", "--tail")];

    fn run(self, app: &App) -> Result<u8> {
        let container = app.container(&self.container)?;
        let path = container.log_path();
        let attempt = || format!("read '{}'", path.display());
        let Some(mut log) = Log::open(&path).attempt(attempt)? else {
            return Err(Error::not_found(format!("container '{}' has no log", container.name())).hint(
                format!("a detached run writes one: chroot-distro run --detach {}", container.name()),
            ));
        };
        if let Some(lines) = self.lines {
            log.seek_to_last(lines).attempt(attempt)?;
        }
        loop {
            // Asked first: what it wrote last is read after that.
            let ended = !self.follow || !container.sessions()?.iter().any(|session| session.detached);
            let read = log.read(&mut |lines| app.ui.raw(lines)).attempt(attempt)?;
            let replaced = read && self.follow && !log.is_at(&path);
            if replaced && let Some(next) = Log::open(&path).attempt(attempt)? {
                app.ui.raw(&log.unfinished);
                log = next;
                continue;
            }
            if !read || ended || !app.ui.pause(PAUSE) {
                app.ui.raw(&log.unfinished);
                return Ok(0);
            }
        }
    }
}

/// A log, and how far it was read.
struct Log {
    file: File,
    /// A line whose end has not come yet.
    unfinished: Vec<u8>,
}

impl Log {
    fn open(path: &Path) -> std::io::Result<Option<Log>> {
        match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            opened => Ok(Some(Log { file: opened?, unfinished: Vec::new() })),
        }
    }

    /// Whether `path` still names it.
    fn is_at(&self, path: &Path) -> bool {
        match (self.file.metadata(), fs::metadata(path)) {
            (Ok(here), Ok(there)) => (here.dev(), here.ino()) == (there.dev(), there.ino()),
            // It is being replaced just now, or was deleted: the next look tells.
            _ => true,
        }
    }

    /// Passes on what has come, in whole lines; false when `sink` takes no more. One that was cut short is read from its
    /// start.
    fn read(&mut self, sink: &mut dyn FnMut(&[u8]) -> bool) -> std::io::Result<bool> {
        if self.file.metadata()?.len() < self.file.stream_position()? {
            self.file.rewind()?;
        }
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = self.file.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { return Ok(true) };
            self.unfinished.extend_from_slice(bytes);
            let whole = match self.unfinished.iter().rposition(|&byte| byte == b'\n') {
                Some(end) => end + 1,
                None if self.unfinished.len() > LINE_MAX => self.unfinished.len(),
                None => continue,
            };
            let lines: Vec<u8> = self.unfinished.drain(..whole).collect();
            if !sink(&lines) {
                return Ok(false);
            }
        }
    }

    /// Goes to where the last so many lines begin; an unfinished one counts.
    fn seek_to_last(&mut self, lines: u64) -> std::io::Result<()> {
        let mut end = self.file.seek(SeekFrom::End(0))?;
        let length = end;
        let mut wanted = lines;
        while end > 0 {
            let start = end.saturating_sub(BUFFER as u64);
            let mut bytes = vec![0; (end - start) as usize];
            self.file.seek(SeekFrom::Start(start))?;
            self.file.read_exact(&mut bytes)?;
            for (at, _) in bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
                let after = start + at as u64 + 1;
                // The line end that ends the file begins no line.
                if after == length && lines > 0 {
                    continue;
                }
                if wanted <= 1 {
                    let begin = if wanted == 0 { length } else { after };
                    self.file.seek(SeekFrom::Start(begin))?;
                    return Ok(());
                }
                wanted -= 1;
            }
            end = start;
        }
        self.file.seek(SeekFrom::Start(if lines == 0 { length } else { 0 }))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::testing::TempDir;

    fn log(text: &str) -> Log {
        let dir = TempDir::new();
        let path = dir.path().join("log");
        let mut file =
            File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        Log { file, unfinished: Vec::new() }
    }

    fn rest(log: &mut Log) -> String {
        let mut text = Vec::new();
        assert!(
            log.read(&mut |lines| {
                text.extend_from_slice(lines);
                true
            })
            .unwrap()
        );
        text.extend_from_slice(&log.unfinished);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn the_last_lines() {
        let long = format!("{}\nb\nc", "a".repeat(3 * BUFFER));
        for (text, lines, expected) in [
            ("a\nb\nc\n", 0, ""),
            ("a\nb\nc\n", 1, "c\n"),
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc\n", 3, "a\nb\nc\n"),
            ("a\nb\nc\n", 9, "a\nb\nc\n"),
            ("a\nb", 1, "b"),
            ("a\nb", 0, ""),
            ("\n\n\n", 2, "\n\n"),
            ("", 3, ""),
            ("a", 1, "a"),
            (&long, 2, "b\nc"),
            (&long, 3, &long),
        ] {
            let mut log = log(text);
            log.seek_to_last(lines).unwrap();
            assert_eq!(rest(&mut log), expected, "{lines} lines of {} bytes", text.len());
        }
    }

    #[test]
    fn lines_come_whole_and_a_cut_log_from_its_start() {
        let mut log = log("one\ntw");
        let mut seen = Vec::new();
        let mut read = |log: &mut Log| {
            log.read(&mut |lines| {
                seen.push(String::from_utf8(lines.to_vec()).unwrap());
                true
            })
            .unwrap();
            seen.clone()
        };
        assert_eq!(read(&mut log), ["one\n"]);
        let mut writer = log.file.try_clone().unwrap();
        let at = log.file.stream_position().unwrap();
        writer.write_all(b"o\n").unwrap();
        log.file.seek(SeekFrom::Start(at)).unwrap();
        assert_eq!(read(&mut log), ["one\n", "two\n"]);
        writer.set_len(0).unwrap();
        writer.rewind().unwrap();
        writer.write_all(b"x\n").unwrap();
        log.file.seek(SeekFrom::Start(8)).unwrap();
        assert_eq!(read(&mut log), ["one\n", "two\n", "x\n"]);
    }

    #[test]
    fn who_takes_no_more_ends_it_and_is_told_nothing_twice() {
        let mut log = log("one\ntwo\n");
        assert!(!log.read(&mut |_| false).unwrap());
        assert_eq!(rest(&mut log), "");
        // Nothing has come, so nobody is asked to take it.
        assert!(log.read(&mut |_| false).unwrap());
    }
}
