//! A user at a terminal: types, reads, resizes the window and closes it, and looks whether the settings are as before.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};

use super::command::Cd;
use super::sys;

/// How long anything may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);

/// A shell leads the session, as on any terminal; it runs the program, says how that ended, and waits.
const LEADER: &str = r#"sh -c 'echo "<pid=$$>"; exec "$@"' sh "$@"; echo "<exit=$?>"; read end"#;

/// The same, but the program is a job, begins in the background, and is brought to the foreground once it has stopped;
/// also later, then after a line of input.
const BACKGROUND: &str = r#"set -m; sh -c 'echo "<pid=$$>"; exec "$@"' sh "$@" &
    stopped() { grep -q 'State:.T' /proc/$!/status 2>/dev/null; }
    until stopped; do sleep 0.05; done
    echo "<stopped>"; fg >/dev/null; code=$?
    while stopped; do echo "<stopped>"; read go; fg >/dev/null; code=$?; done
    echo "<exit=$code>"; read end"#;

/// A terminal on which the program runs.
pub struct Terminal {
    master: File,
    leader: Child,
    before: Termios,
    seen: Arc<Mutex<Vec<u8>>>,
    /// How much of it was asked for already.
    read: usize,
    /// The program's pid.
    pub pid: i32,
}

impl Terminal {
    /// Runs `program` with `args`; `shell` is a shell in the right world.
    pub fn run<S: AsRef<OsStr>>(shell: Cd, program: &str, args: impl IntoIterator<Item = S>) -> Terminal {
        Terminal::led_by(LEADER, shell, program, args)
    }
    /// Begins it in the background; it gets the terminal after `<stopped>`.
    pub fn run_in_background<S: AsRef<OsStr>>(
        shell: Cd,
        program: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Terminal {
        Terminal::led_by(BACKGROUND, shell, program, args)
    }
    fn led_by<S: AsRef<OsStr>>(
        leader: &str,
        shell: Cd,
        program: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a pty");
        unlockpt(&master).expect("unlock");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave: OwnedFd = open(name.as_c_str(), flags, Mode::empty()).expect("its slave");
        tcsetwinsize(&master, size(24, 80)).expect("a size");
        let mut command = shell.args(["-c", leader, "sh", program]).args(args).env("TERM", "vt100").command;
        let stream = || Stdio::from(slave.try_clone().expect("a descriptor"));
        command.stdin(stream()).stdout(stream()).stderr(stream());
        sys::on_its_terminal(&mut command);
        let before = tcgetattr(&master).expect("settings");
        let leader = command.spawn().expect("start the program");
        let master = File::from(master);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, into) = (master.try_clone().expect("a descriptor"), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                into.lock().expect("no panic").extend_from_slice(&buffer[..length]);
            }
        });
        let mut terminal = Terminal { master, leader, before, seen, read: 0, pid: 0 };
        terminal.pid = terminal.number("<pid=");
        terminal
    }

    /// Types.
    pub fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("type");
    }
    /// Waits until `text` appears after what was waited for before; what stands between.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let seen = self.seen.lock().expect("no panic").clone();
            let fresh = String::from_utf8_lossy(&seen[self.read..]).into_owned();
            if let Some(at) = seen[self.read..].windows(text.len()).position(|part| part == text.as_bytes()) {
                let between = String::from_utf8_lossy(&seen[self.read..self.read + at]).into_owned();
                self.read += at + text.len();
                return between;
            }
            assert!(begun.elapsed() < PATIENCE, "{text:?} did not appear in {fresh:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    #[track_caller]
    fn number(&mut self, before: &str) -> i32 {
        self.expect(before);
        self.expect(">\r\n").parse().expect("a number")
    }
    /// The window has another size.
    pub fn resize(&self, rows: u16, columns: u16) {
        tcsetwinsize(&self.master, size(rows, columns)).expect("resize");
    }
    /// A signal to the program alone.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_raw(self.pid).expect("a pid"), signal);
    }
    /// Whether keys go through as they are.
    pub fn is_raw(&self) -> bool {
        !self.settings().local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }
    fn settings(&self) -> Termios {
        tcgetattr(&self.master).expect("settings")
    }
    /// The settings are those that it was started with.
    #[track_caller]
    pub fn assert_restored(&self) {
        let text = |settings: &Termios| format!("{settings:?}");
        assert_eq!(text(&self.settings()), text(&self.before), "the terminal was not given back as it was");
    }
    /// Waits until something is so.
    #[track_caller]
    pub fn until(&self, what: &str, condition: impl Fn(&Terminal) -> bool) {
        let begun = Instant::now();
        while !condition(self) {
            assert!(begun.elapsed() < PATIENCE, "never: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    /// The program's exit code, the shell's `$?`; the settings are as before.
    #[track_caller]
    pub fn ends(mut self) -> i32 {
        let code = self.number("<exit=");
        self.assert_restored();
        self.types("\n");
        self.leader.wait().expect("the shell");
        code
    }
    /// The window is closed.
    pub fn close(mut self) {
        let _ = self.leader.kill();
        let _ = self.leader.wait();
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}
