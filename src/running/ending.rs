//! How processes are brought to their end: asked first, then killed. Never one outside the container: who is inside is
//! looked up again and again until nobody is.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::hunt::{Doomed, Hunt};
use super::processes::Process;
use super::records::SessionKind;
use super::sweep::Sweep;
use crate::cgroup::Group;
use crate::error::{Error, Kind, Result};

/// How long who was asked is given before SIGKILL: documented, two seconds.
pub const GRACE: Duration = Duration::from_secs(2);
/// How long SIGKILL is given: only a process stuck in the kernel outlives it.
const LAST_GRACE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
/// Between two looks that find nobody.
const SHORT: Duration = Duration::from_millis(1);

/// Ends whom `hunt` finds, again and again until several looks find nobody: asks, waits for `grace`, sends SIGKILL. `stop`
/// is the image's StopSignal. `Busy` names who survived.
pub(super) fn end(hunt: &dyn Hunt, stop: Signal, grace: Duration) -> Result<()> {
    let begun = Instant::now();
    let mut asked: Vec<Process> = Vec::new();
    let (mut sweep, mut silence) = (Sweep::default(), Silence::default());
    loop {
        let doomed = hunt.find()?;
        if doomed.is_empty {
            if silence.is_enough(doomed.is_whole) {
                return Ok(());
            }
            thread::sleep(SHORT);
            continue;
        }
        silence.is_broken();
        if begun.elapsed() > grace.saturating_add(LAST_GRACE) {
            return Err(doomed.survived());
        }
        if begun.elapsed() > grace {
            sweep.kill(hunt, &doomed)?;
        } else {
            doomed.ask(&mut asked, stop)?;
        }
        thread::sleep(PAUSE);
    }
}

/// How sure it is that nobody is left: who forks and ends in one breath may be missed by a look.
#[derive(Debug, Default)]
pub(super) struct Silence {
    looks: u32,
    broken: bool,
}

impl Silence {
    /// After one more look that found nobody.
    pub(super) fn is_enough(&mut self, is_whole: bool) -> bool {
        self.looks += if is_whole { 5 } else { 1 };
        self.looks >= if self.broken { 15 } else { 5 }
    }

    fn is_broken(&mut self) {
        *self = Silence { looks: 0, broken: true };
    }
}

impl Doomed {
    /// Asks those to end that were not asked before.
    fn ask(&self, asked: &mut Vec<Process>, stop: Signal) -> Result<()> {
        // Who was stopped with all the others hears of nothing.
        self.groups.iter().for_each(Group::thaw);
        let leaders = self.leaders();
        for process in self.processes.iter().filter(|process| !asked.contains(process)).collect::<Vec<_>>() {
            let signals = self.request(process, &leaders, stop);
            if !signals.is_empty() {
                asked.push(*process);
            }
            signals.into_iter().try_for_each(|signal| process.signal(signal))?;
        }
        Ok(())
    }

    fn survived(&self) -> Error {
        let of_groups = self.groups.iter().flat_map(Group::processes);
        let mut pids: Vec<u32> = self.processes.iter().map(|process| process.pid).chain(of_groups).collect();
        pids.sort_unstable();
        pids.dedup();
        let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
        Error::new(Kind::Busy, format_args!("processes do not end: {}", pids.join(", ")))
            .hint("they wait for the kernel, perhaps for a disk or a network filesystem")
    }

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
    use crate::running::records::Session;
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

    struct One(Process, Vec<Session>);

    impl Hunt for One {
        fn find(&self) -> Result<Doomed> {
            let processes = Some(self.0).filter(Process::alive).into_iter().collect();
            let is_empty = !self.0.alive();
            Ok(Doomed { processes, sessions: self.1.clone(), is_empty, is_whole: true, ..Doomed::default() })
        }
    }

    #[test]
    fn ends_the_polite_the_stopped_and_the_stubborn() {
        for script in
            ["echo; exec sleep 60", "echo; kill -STOP $$", "trap '' TERM; echo; while :; do sleep 1; done"]
        {
            let (mut child, process) = shell(script);
            end(&One(process, Vec::new()), Signal::TERM, GRACE).unwrap();
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
            end(&One(process, vec![session(process.pid, kind)]), Signal::USR1, GRACE).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(code), "{kind:?}");
        }
    }

    #[test]
    fn one_look_is_enough_only_where_nobody_was_and_nobody_can_have_been_missed() {
        let looks = |broken: bool, is_whole: bool| {
            let mut silence = Silence::default();
            if broken {
                silence.is_broken();
            }
            1 + (0..).take_while(|_| !silence.is_enough(is_whole)).count()
        };
        assert_eq!([looks(false, true), looks(false, false)], [1, 5]);
        assert_eq!([looks(true, true), looks(true, false)], [3, 15]);
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
        let doomed = Doomed { processes: vec![child], sessions: vec![shell], ..Doomed::default() };
        assert!(doomed.request(&child, &[], Signal::QUIT).contains(&Signal::HUP));
        assert!(request(&[parent]).is_empty());
        assert_eq!(request(&[]), [Signal::TERM, Signal::CONT]);
        assert_eq!(request(&[child.pid]), [Signal::QUIT, Signal::CONT]);
    }
}
