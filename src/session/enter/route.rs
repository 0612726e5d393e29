//! The route into a container: its locks and records, the first session and the later ones.
//!
//! One loop: find who is inside, plan, try, and learn what the kernel refuses or that the others are just ending.

use std::ffi::OsStr;
use std::mem::{forget, take};
use std::os::unix::ffi::OsStrExt;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::Mode as FileMode;
use rustix::process::{Pid, getpid, umask};

use super::channel::{self, Speaker};
use super::detach::in_background;
use super::ended::Ended;
use super::flows::Flows;
use super::holder::Holder;
use super::join::join;
use super::let_go::let_go;
use super::limits;
use super::live::Live;
use super::make::{NO_BOUNDARY, first_process, make};
use super::outside::Outside;
use super::pipes::{pipes, refuse_places};
use super::program::{self, Launch};
use super::relay::{Passing, Relay};
use super::streams::Streams;
use super::way::{Way, own_users};
use crate::error::{Attempt, Error, Kind, Result};
use crate::guest::{provision, renumber};
use crate::host::Host;
use crate::report::Report;
use crate::rootfs::Rootfs;
use crate::running::{Registration, Session, mount_namespace};
use crate::session::alignment;
use crate::session::confine::risks;
use crate::session::confine::shield::shield;
use crate::session::draft::Draft;
use crate::session::mount::{apply, root};
use crate::session::plan::decide::Plan;
use crate::session::plan::environment::environment;
use crate::session::plan::print;
use crate::session::profile;
use crate::session::request::{Mode, Network, Request, Terminal};
use crate::session::terminal::outer::wants_terminal;
use crate::store::{Container, Lock};
use crate::sys::descriptor::through;
use crate::sys::namespace::NamespaceTypes;
use crate::sys::process::{Fork, fork, set_title};

/// Enters the container and runs what the request says. Only while single-threaded.
///
/// Where it can, the process becomes the guest's program and this does not return. With a PID namespace, and with a
/// terminal of the session's own, it returns the program's exit code, 128+N when signal N ended it; detached, 0 once the
/// program runs. An error exits with 126 or 127 when the program cannot be executed or found.
pub fn enter(container: &Container, request: &Request, host: &Host, report: &dyn Report) -> Result<u8> {
    if request.mode == Mode::Isolated {
        shield()?;
    }
    let rootfs = container.rootfs()?;
    let draft = gather(container, request, &rootfs, host)?;
    Entering { container, report, rootfs, draft }.enter()
}

/// The command line that comes nearest to what [`enter`] would do; see [`print`].
pub fn describe(container: &Container, request: &Request, host: &Host) -> Result<String> {
    let rootfs = container.rootfs()?;
    let plan = gather(container, request, &rootfs, host)?.plan()?;
    let root = std::fs::read_link(through(rootfs.as_fd())).attempt("find the container's directory")?;
    Ok(print::command_line(&plan, &root))
}

fn gather<'a>(
    container: &Container,
    request: &Request,
    rootfs: &Rootfs,
    host: &'a Host,
) -> Result<Draft<'a>> {
    Draft::gather(request.clone(), rootfs, container.provenance()?.as_ref(), host)
}

/// How long a container may take to end before a new session begins: that many pauses.
const PATIENCE: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// What is seen inside of a process that is about to become the guest's program.
const TITLE: &[u8] = b"chroot-distro: session";

/// What came of going there.
enum Arrived {
    /// This is the process that becomes the guest's program, by this plan.
    Inside(Box<Plan>),
    /// A child is, and this process waits for it.
    Outside(Box<Waiting>),
}

/// What a process has that waits for the guest's program.
struct Waiting {
    outside: Outside,
    relay: Relay,
    flows: Flows,
    way: Way,
    plan: Plan,
}

/// While a session is set up.
type Locks = (Lock, Lock);

/// A session on its way in.
struct Entering<'a> {
    container: &'a Container,
    report: &'a dyn Report,
    rootfs: Rootfs,
    draft: Draft<'a>,
}

impl Entering<'_> {
    fn enter(mut self) -> Result<u8> {
        // What is refused anyway is refused before anything changes.
        self.draft.plan()?;
        if self.draft.request.mode == Mode::Isolated && !self.draft.request.detach {
            refuse_places()?;
        }
        for risk in self.draft.request.cap_add.map(risks).unwrap_or_default() {
            self.report.warn(&risk);
        }
        // Released when the guest's program is executed or runs, or with this process.
        let command = self.draft.request.kind.as_str();
        let locks = (self.container.lock_shared(command)?, self.container.lock_setup(command, self.report)?);
        umask(FileMode::from_raw_mode(0o022));
        self.align()?;
        let launch = |streams, speaker| Launch { streams, speaker, stood_for: false, below: false };
        if !self.draft.request.detach {
            return self.go(locks, launch(Streams::Inherited, None));
        }
        let (container, report) = (self.container, self.report);
        let (log, host) = (container.begin_log()?, self.draft.host);
        // An error was told to the process that waits for the beginning.
        in_background(log, host, |streams, speaker| {
            self.go(locks, launch(streams, Some(speaker))).unwrap_or_else(|error| error.exit_code())
        })?;
        report.info(&format!("Output goes to: {}", container.log_path().display()));
        Ok(0)
    }

    /// Becomes the guest's program, or waits for the process that does.
    fn go(mut self, locks: Locks, mut launch: Launch) -> Result<u8> {
        let report = self.report;
        match self.arrive(&mut launch) {
            Ok(Arrived::Outside(outside)) => self.wait(*outside, locks, launch).map(Ended::code),
            Ok(Arrived::Inside(plan)) => {
                // Nothing of the host's is open any more when paths of the guest's are followed.
                drop((self, locks));
                program::execute(&plan, launch, report)
            }
            Err(error) => launch.fail(error),
        }
    }

    /// Goes to where the guest's program is to be, or has a child go there.
    fn arrive(&mut self, launch: &mut Launch) -> Result<Arrived> {
        for _ in 0..PATIENCE {
            let running = self.running()?;
            let plan = self.plan(running.as_ref())?;
            if let Some(arrived) = self.attempt(plan, running, launch)? {
                return Ok(arrived);
            }
        }
        Err(Error::new(Kind::Busy, "the container is ending and does not come to its end")
            .hint("a process inside waits for the kernel, perhaps for a disk or a network filesystem"))
    }

    /// Plans the session beside those that are running. A container has the network and the namespaces that it has.
    fn plan(&mut self, running: Option<&Live>) -> Result<Plan> {
        let Some(live) = running else {
            self.draft.share(Vec::new());
            return self.draft.plan();
        };
        let own = live.has_own_network();
        if self.draft.request.network.is_some_and(|network| (network == Network::None) != own) {
            let (name, network) =
                (self.container.name(), if own { "a network of its own" } else { "the host's network" });
            return Err(Error::new(Kind::Busy, format_args!("'{name}' is running with {network}"))
                .hint("leave out '--network' to join it, or leave its other sessions first"));
        }
        self.draft.facts.users = live.users().map(|users| users.first);
        let user = self.draft.facts.user.name.to_string_lossy();
        let variables = self.container.session_variables(&user)?;
        self.draft.share(variables);
        let mut plan = self.draft.plan()?;
        plan.namespaces.pid = live.has_own_pids();
        Ok(plan)
    }

    /// Goes, or has a child go where somebody has to wait: for the end of a PID namespace, and to pass on bytes. None:
    /// something was learnt, and it is to be planned again.
    fn attempt(&mut self, plan: Plan, running: Option<Live>, launch: &mut Launch) -> Result<Option<Arrived>> {
        let request = &self.draft.request;
        let terminal = !request.detach && wants_terminal(request.terminal);
        // In the background the streams are pipes already.
        let apart = plan.isolated && !request.detach;
        let below = plan.namespaces.pid;
        if !terminal && !below && !apart {
            return self.set_up(&running.map_or(Way::New, Way::Join), plan).map(Some);
        }
        let Some(way) = self.way(&plan, running)? else { return Ok(None) };
        let first = way.users().map(|users| users.first);
        let (streams, flows) = match (apart, terminal) {
            (true, terminal) => pipes(terminal)?,
            (false, true) => {
                let required = self.draft.request.terminal == Terminal::Always;
                (Streams::Terminal { required, error: None }, Flows::default())
            }
            (false, false) => (take(&mut launch.streams), Flows::default()),
        };
        if let Some(first) = first {
            streams.give(first.saturating_add(plan.identity.uid));
        }
        let (listener, speaker) = channel::pair()?;
        let relay = Relay::prepare(terminal, apart)?;
        match fork().attempt("start the session's process")? {
            Fork::Child => {
                relay.undo()?;
                drop((listener, flows));
                *launch = Launch { streams, speaker: Some(speaker), stood_for: below || apart, below };
                self.set_up(&way, plan).map(Some)
            }
            Fork::Parent(child) => {
                let outside = Outside { child, listener, below };
                Ok(Some(Arrived::Outside(Box::new(Waiting { outside, relay, flows, way, plan }))))
            }
        }
    }

    /// Where the guest's program is to be: with the others, or below a PID 1 that is started where the plan has one. None
    /// where the kernel refuses that, or where the one that is found is about to end.
    fn way(&mut self, plan: &Plan, running: Option<Live>) -> Result<Option<Way>> {
        match running {
            None if !plan.namespaces.pid => Ok(Some(Way::New)),
            None => {
                self.prepare_guest(plan);
                let users = own_users(self.container, &self.rootfs, plan, &mut self.draft, self.report)?;
                let plan = self.draft.plan()?;
                let started =
                    first_process(&self.rootfs, &plan, &mut self.draft, users.as_ref(), self.report)?;
                let Some((holder, live)) = started else {
                    self.draft.learn(NamespaceTypes::NEWPID);
                    return Ok(None);
                };
                Ok(Some(Way::Below(holder, live)))
            }
            Some(live) if !live.has_own_pids() => Ok(Some(Way::Join(live))),
            Some(live) => match Holder::share(&live)? {
                Some(holder) => Ok(Some(Way::Below(holder, live))),
                None => Ok(pause()),
            },
        }
    }

    /// Gives the guest's user the number of whoever shares a home or a display with them, while nobody is inside.
    fn align(&mut self) -> Result<()> {
        let (request, host, user) = (&self.draft.request, self.draft.host, &self.draft.facts.user);
        let Some(uid) = alignment::wanted(request, user, host) else { return Ok(()) };
        let aligned = match self.running()? {
            Some(_) => Err(Error::new(Kind::Busy, "somebody is in the container")),
            None => renumber(&self.rootfs, user, uid),
        };
        let name = user.name.display();
        match aligned {
            Ok(()) => {
                self.report.info(&format!("'{name}' in the container has your user id now: {uid}"));
                self.draft = gather(self.container, request, &self.rootfs, host)?;
            }
            Err(error) => self.report.warn(&format!(
                "'{name}' keeps the user id {} instead of yours, {uid}: what you share may be closed to them: {error}",
                user.uid
            )),
        }
        Ok(())
    }

    /// Where the container's other sessions are, or what they left running. Refuses to mix isolated and not.
    fn running(&self) -> Result<Option<Live>> {
        let isolated = self.draft.request.mode == Mode::Isolated;
        for session in self.container.sessions()? {
            let process = session.first_process.unwrap_or(session.pid);
            let users = if session.isolated { self.container.users()? } else { None };
            let Some(live) = Live::of(process, &self.rootfs, users)? else { continue };
            if session.isolated != isolated {
                let name = self.container.name();
                let mode = if session.isolated { "with" } else { "without" };
                return Err(Error::new(Kind::Busy, format_args!("'{name}' is running {mode} isolation"))
                    .hint(format_args!(
                        "join it the same way, or end its sessions: chroot-distro unmount {name}"
                    )));
            }
            if live.has_own_pids() && session.first_process.is_none() {
                // The Python tool's: it keeps its namespaces alive in its own way.
                continue;
            }
            return Ok(Some(live));
        }
        if isolated && self.draft.facts.namespaces.pid {
            // What others left running is not isolated; and a PID namespace is joined through a session's record.
            return Ok(None);
        }
        for process in self.container.at_home()? {
            match Live::of(process.pid, &self.rootfs, None)? {
                Some(live) if !live.has_own_pids() => return Ok(Some(live)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Makes what is not there yet, and goes there.
    fn set_up(&mut self, way: &Way, mut plan: Plan) -> Result<Arrived> {
        if plan.isolated || plan.namespaces.pid {
            set_title(TITLE);
        }
        for file in &plan.files {
            if let Err(error) = file.write(&self.rootfs) {
                self.report.warn(&error.to_string());
            }
        }
        match way {
            Way::New => {}
            Way::Join(live) => limits::join(&self.rootfs, &self.draft, live, false)?,
            Way::Below(holder, live) => limits::join(&self.rootfs, &self.draft, live, holder.is_ours())?,
        }
        match way {
            Way::New => {
                self.prepare_guest(&plan);
                let landmarks;
                (plan, landmarks) = make(&self.rootfs, plan, &mut self.draft, None, self.report)?;
                // It stands for what this process becomes. Should that fail, the record is stale at once.
                forget(self.register(&plan, getpid(), mount_namespace(std::process::id()), None)?);
                root::switch_root(plan.isolated, &landmarks)?;
            }
            Way::Join(live) => {
                apply::make_mount_points(&self.rootfs, &plan.binds)?;
                forget(self.register(&plan, getpid(), live.mount_namespace(), None)?);
                self.join(live, &plan)?;
            }
            Way::Below(holder, live) => {
                if holder.is_ours() {
                    // The first session's binds are there already.
                    live.join()?;
                } else {
                    apply::make_mount_points(&self.rootfs, &plan.binds)?;
                    self.join(live, &plan)?;
                }
            }
        }
        if let Some(users) = way.users() {
            users.enter()?;
        }
        Ok(Arrived::Inside(plan.into()))
    }

    /// Brings what the guest reads of the host up to date, before its first session.
    fn prepare_guest(&self, plan: &Plan) {
        for refreshed in [
            provision::refresh(&self.rootfs, self.draft.host, !plan.namespaces.net),
            provision::hostname(&self.rootfs, plan.hostname.as_deref()),
            self.refresh_profile(),
        ] {
            if let Err(error) = refreshed {
                self.report.warn(&error.to_string());
            }
        }
    }

    fn refresh_profile(&self) -> Result<()> {
        let Draft { facts, request, .. } = &self.draft;
        let prefix = facts.termux_prefix.as_ref().filter(|_| request.mode == Mode::Default);
        let request = Request { env: Vec::new(), ..request.clone() };
        let shared = prefix.map(|prefix| (environment(facts, &request), prefix.join("bin")));
        profile::refresh(&self.rootfs, shared.as_ref().map(|(shared, bin)| (shared, bin.as_os_str())))
    }

    fn register(
        &self,
        plan: &Plan,
        pid: Pid,
        mount_namespace: Option<u64>,
        first_process: Option<u32>,
    ) -> Result<Option<Registration>> {
        let command = plan.argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let pid = pid.as_raw_pid().unsigned_abs();
        let request = &self.draft.request;
        let session = Session {
            pid,
            container: self.container.name().clone(),
            kind: request.kind,
            user: self.draft.facts.user.name.to_string_lossy().into_owned(),
            command,
            started,
            mount_namespace,
            isolated: plan.isolated,
            minimal: request.mode == Mode::Minimal,
            detached: request.detach,
            first_process,
        };
        self.container.register_session(&session, &self.draft.variables(), self.report)
    }

    /// Goes where the others are, and tells what is not as it was asked for.
    fn join(&self, live: &Live, plan: &Plan) -> Result<()> {
        let (request, name) = (&self.draft.request, self.container.name());
        let own = live.has_own_pids();
        if request.mode == Mode::Isolated && !own {
            self.report.warn(&format!("'{name}' is running without a PID namespace{NO_BOUNDARY}"));
        }
        if request.users && live.users().is_none() {
            self.report.warn(&format!("'{name}' is running without a user namespace: so is this session"));
        }
        if request.mode != Mode::Isolated && request.namespaces != own {
            let with = if own { "with" } else { "without" };
            self.report
                .warn(&format!("'{name}' is running {with} namespaces of its own: so is this session"));
        }
        join(live, plan, self.report)?;
        let hostname = rustix::system::uname();
        let hostname = OsStr::from_bytes(hostname.nodename().to_bytes());
        if request.hostname.as_ref().is_some_and(|wanted| wanted != hostname) {
            let hostname = hostname.display();
            self.report
                .warn(&format!("'{name}' is running with the hostname '{hostname}': so is this session"));
        }
        Ok(())
    }

    /// Waits for the session's process, then ends PID 1 if nobody else is inside.
    fn wait(self, waiting: Waiting, locks: Locks, launch: Launch) -> Result<Ended> {
        let Waiting { outside, relay, mut flows, way, plan } = waiting;
        drop(launch.streams);
        if self.draft.request.detach {
            let_go()?;
        }
        let ended = self.run(&outside, &relay, (&way, &plan), &mut flows, locks, launch.speaker);
        if let Way::Below(holder, _) = way {
            // Nobody joins while it is decided whether anybody is left. The record of who ended goes on the way.
            // Who cannot find out lets go of it all the same.
            let setup = self.container.lock_setup("login", self.report);
            if setup.is_ok() && self.container.sessions().is_ok_and(|sessions| sessions.is_empty()) {
                holder.end();
            }
        }
        flows.finish(relay.signals(), self.report);
        ended
    }

    /// Records the session's process while nobody else comes in, and waits for its end.
    fn run(
        &self,
        outside: &Outside,
        relay: &Relay,
        (way, plan): (&Way, &Plan),
        flows: &mut Flows,
        locks: Locks,
        speaker: Option<Speaker>,
    ) -> Result<Ended> {
        let begun = outside.begun(&mut |pid| match way {
            // There is no moment when it runs without a record. Should that fail, the record is stale at once.
            Way::Below(holder, live) => {
                self.register(plan, pid, live.mount_namespace(), Some(holder.pid)).map(forget)
            }
            _ => Ok(()),
        });
        drop(locks);
        let begun = begun.inspect_err(|error| speaker.iter().for_each(|speaker| speaker.failure(error)))?;
        // In the background somebody waits to hear whether the program runs.
        let started =
            speaker.map(|speaker| outside.listener.started().inspect_err(|error| speaker.failure(error)));
        let passing = Passing { process: begun.process, line: begun.line, flows };
        let ended = relay.run(begun.child, passing, self.report)?;
        started.unwrap_or_else(|| outside.listener.started()).map(|()| ended)
    }
}

/// Lets those inside come to their end.
fn pause<T>() -> Option<T> {
    sleep(PAUSE);
    None
}
