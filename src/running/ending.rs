//! How processes are brought to their end: asked first, then killed. Never one outside the container: who is inside is
//! looked up again and again until nobody is.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::processes::Process;
use super::records::{Session, SessionKind};
use crate::error::{Error, Kind, Result};

/// How long who was asked is given before SIGKILL: documented, two seconds.
pub const GRACE: Duration = Duration::from_secs(2);
/// How long SIGKILL is given: only a process stuck in the kernel outlives it.
const LAST_GRACE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);

/// Who is to end.
#[derive(Debug, Default)]
pub(super) struct Doomed {
    pub(super) processes: Vec<Process>,
    /// Those that some of the processes belong to.
    pub(super) sessions: Vec<Session>,
}

/// Ends what `find` finds, again and again until it finds nothing: asks, waits for `grace`, sends SIGKILL. `stop` is
/// the image's StopSignal. `Busy` names who survived.
pub(super) fn end(find: &dyn Fn() -> Result<Doomed>, stop: Signal, grace: Duration) -> Result<()> {
    let begun = Instant::now();
    let mut asked: Vec<Process> = Vec::new();
    loop {
        let doomed = find()?;
        if doomed.processes.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > grace.saturating_add(LAST_GRACE) {
            let pids: Vec<_> = doomed.processes.iter().map(|process| process.pid.to_string()).collect();
            return Err(Error::new(Kind::Busy, format!("processes do not end: {}", pids.join(", ")))
                .hint("they wait for the kernel, perhaps for a disk or a network filesystem"));
        }
        let kill = begun.elapsed() > grace;
        let leaders = doomed.leaders();
        for process in &doomed.processes {
            let signals = match () {
                () if kill => vec![Signal::KILL],
                () if asked.contains(process) => continue,
                () => doomed.request(process, &leaders, stop),
            };
            if !signals.is_empty() {
                asked.push(*process);
            }
            signals.into_iter().try_for_each(|signal| process.signal(signal))?;
        }
        thread::sleep(PAUSE);
    }
}

impl Doomed {
    /// The main processes of what `run` started.
    fn leaders(&self) -> Vec<u32> {
        let runs = |pid: u32| {
            self.sessions.iter().any(|session| session.pid == pid && session.kind == SessionKind::Run)
        };
        self.processes.iter().map(|process| process.pid).filter(|&pid| runs(pid)).collect()
    }

    /// What asks a process to end. An image's program ends its children itself, in its own order: while it lives they
    /// are not asked. An interactive shell ends only when its terminal hangs up. What is stopped wakes to hear of it.
    fn request(&self, process: &Process, leaders: &[u32], stop: Signal) -> Vec<Signal> {
        if leaders.contains(&process.pid) {
            vec![stop, Signal::CONT]
        } else if process.descends_from(leaders) {
            Vec::new()
        } else if self.sessions.iter().any(|session| session.pid == process.pid && session.is_shell()) {
            vec![Signal::TERM, Signal::HUP, Signal::CONT]
        } else {
            vec![Signal::TERM, Signal::CONT]
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::store::Name;

    /// A shell that runs `script`, which says a line when it is ready.
    fn shell(script: &str) -> (Child, Process) {
        let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
        let process = Process::of(child.id()).unwrap();
        (child, process)
    }

    fn session(pid: u32, kind: SessionKind) -> Session {
        Session {
            pid,
            container: Name::parse("a").unwrap(),
            kind,
            user: String::new(),
            command: Vec::new(),
            started: 0,
            mount_namespace: None,
            isolated: false,
            minimal: false,
            detached: false,
            first_process: None,
        }
    }

    fn doomed(process: Process, sessions: Vec<Session>) -> impl Fn() -> Result<Doomed> {
        move || {
            let processes = Some(process).filter(Process::alive).into_iter().collect();
            Ok(Doomed { processes, sessions: sessions.clone() })
        }
    }

    #[test]
    fn ends_the_polite_the_stopped_and_the_stubborn() {
        for script in
            ["echo; exec sleep 60", "echo; kill -STOP $$", "trap '' TERM; echo; while :; do sleep 1; done"]
        {
            let (mut child, process) = shell(script);
            end(&doomed(process, Vec::new()), Signal::TERM, GRACE).unwrap();
            assert!(!process.alive());
            child.wait().unwrap();
        }
    }

    #[test]
    fn asks_as_the_image_says() {
        // Not QUIT: who runs the tests in the background may have it ignored, and then no shell can trap it.
        let script = "trap 'exit 3' USR1; trap 'exit 4' TERM; echo; while :; do sleep 0.01; done";
        for (kind, code) in [(SessionKind::Run, 3), (SessionKind::Login, 4)] {
            let (mut child, process) = shell(script);
            end(&doomed(process, vec![session(process.pid, kind)]), Signal::USR1, GRACE).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(code), "{kind:?}");
        }
    }

    #[test]
    fn leaves_the_children_of_an_image_to_it() {
        let child = Process::of(std::process::id()).unwrap();
        let parent = rustix::process::getppid().unwrap().as_raw_pid().unsigned_abs();
        let request = |leaders: &[u32]| Doomed::default().request(&child, leaders, Signal::QUIT);
        let shell = Session {
            command: vec!["/bin/sh".into(), "-l".into()],
            ..session(child.pid, SessionKind::Login)
        };
        let doomed = Doomed { processes: vec![child], sessions: vec![shell] };
        assert!(doomed.request(&child, &[], Signal::QUIT).contains(&Signal::HUP));
        assert!(request(&[parent]).is_empty());
        assert_eq!(request(&[]), [Signal::TERM, Signal::CONT]);
        assert_eq!(request(&[child.pid]), [Signal::QUIT, Signal::CONT]);
    }
}
