//! From a request to the guest's program: the container's locks and records, the first session and the later ones.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{CWD, Mode as FileMode, OFlags, openat};
use rustix::mount::MountFlags;
use rustix::process::{Pid, getpid, umask};
use rustix::system::sethostname;

use super::channel::{self, Listener};
use super::detach::{in_background, let_go};
use super::holder::Holder;
use super::live::Live;
use super::program;
use super::relay::Relay;
use super::streams::Streams;
use crate::error::{Attempt, Error, Kind, Result};
use crate::guest::{ldconfig, provision, renumber};
use crate::host::Host;
use crate::report::Report;
use crate::rootfs::Rootfs;
use crate::running::{Registration, Session, mount_namespace};
use crate::session::alignment;
use crate::session::confine::shield::shield;
use crate::session::facts::gather::{Facts, gather};
use crate::session::mount::apply;
use crate::session::mount::late;
use crate::session::mount::root;
use crate::session::plan::decide::{Plan, plan};
use crate::session::plan::environment::environment;
use crate::session::plan::print;
use crate::session::plan::steps::Step;
use crate::session::profile;
use crate::session::request::{Mode, Network, Request, Terminal};
use crate::session::terminal::line::Line;
use crate::session::terminal::outer::wants_terminal;
use crate::store::{Container, Lock};
use crate::sys::namespace::Namespaces;
use crate::sys::network::loopback_up;
use crate::sys::process::{Fork, fork};

/// Enters the container and runs what the request says. Only while single-threaded.
///
/// Where it can, the process becomes the guest's program and this does not return. With a PID namespace, and with a
/// terminal of the session's own, it returns the program's exit code, 128+N when signal N ended it; detached, 0 once the
/// program runs. An error exits with 126 or 127 when the program cannot be executed or found.
pub fn enter(container: &Container, request: &Request, host: &Host, report: &dyn Report) -> Result<u8> {
    if request.mode == Mode::Isolated {
        shield()?;
    }
    Entry::new(container, request, host, report)?.enter()
}

/// The command line that comes nearest to what [`enter`] would do; see [`print`].
pub fn describe(container: &Container, request: &Request, host: &Host) -> Result<String> {
    let rootfs = container.rootfs()?;
    let facts = gather(request, &rootfs, container.provenance()?.as_ref(), host)?;
    let root =
        std::fs::read_link(root::through(rootfs.as_fd())).attempt(|| "find the container's directory")?;
    Ok(print::command_line(&plan(request, &facts)?, &root))
}

/// How long a container may take to end before a new session begins: that many pauses.
const PATIENCE: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// Where a session's process goes.
enum Way {
    /// Into namespaces that it makes.
    New,
    /// To the others.
    Join(Live),
    /// Below PID 1, which has made the namespaces.
    Below(Holder, Live),
}

/// What came of going there.
enum Arrived {
    /// This is the process that becomes the guest's program, by this plan.
    Inside(Box<Plan>),
    /// That process ended with this exit code.
    Ended(u8),
}

/// While a session is set up.
type Locks = (Lock, Lock);

/// A session on its way in.
struct Entry<'a> {
    container: &'a Container,
    request: Request,
    host: &'a Host,
    report: &'a dyn Report,
    rootfs: Rootfs,
    facts: Facts,
    plan: Plan,
}

impl<'a> Entry<'a> {
    fn new(
        container: &'a Container,
        request: &Request,
        host: &'a Host,
        report: &'a dyn Report,
    ) -> Result<Entry<'a>> {
        let rootfs = container.rootfs()?;
        let facts = gather(request, &rootfs, container.provenance()?.as_ref(), host)?;
        let (plan, request) = (plan(request, &facts)?, request.clone());
        Ok(Entry { container, request, host, report, rootfs, facts, plan })
    }

    fn enter(mut self) -> Result<u8> {
        // Released when the guest's program is executed or runs, or with this process.
        let locks = (self.container.lock_shared("login")?, self.container.lock_setup(self.report)?);
        umask(FileMode::from_raw_mode(0o022));
        self.align()?;
        for file in &self.plan.files {
            if let Err(error) = file.write(&self.rootfs) {
                self.report.warn(&error.to_string());
            }
        }
        let running = self.running()?;
        if let Some(live) = &running {
            self.share_variables()?;
            self.go_along_with(live)?;
        }
        if self.request.detach {
            return self.in_background(running, locks);
        }
        let (mut listener, mut streams) = (None, Streams::Inherited);
        if wants_terminal(self.request.terminal) {
            let (ours, speaker) = channel::pair()?;
            listener = Some(ours);
            streams = Streams::Terminal { required: self.request.terminal == Terminal::Always, speaker };
        }
        self.go(running, locks, streams, listener)
    }

    fn in_background(self, running: Option<Live>, locks: Locks) -> Result<u8> {
        let (container, report) = (self.container, self.report);
        let log = container.open_log()?;
        // What failed was told.
        in_background(log, self.host, |streams| {
            self.go(running, locks, streams, None).unwrap_or_else(|error| error.exit_code())
        })?;
        report.info(&format!("Output goes to: {}", container.log_path().display()));
        Ok(0)
    }

    /// Becomes the guest's program, or waits for the process that does.
    fn go(
        self,
        running: Option<Live>,
        locks: Locks,
        mut streams: Streams,
        listener: Option<Listener>,
    ) -> Result<u8> {
        let report = self.report;
        // What is of the host is not open any more after that, when paths of the guest's are followed.
        match self.arrive(running, locks, &mut streams, listener) {
            Ok(Arrived::Ended(code)) => Ok(code),
            Ok(Arrived::Inside(plan)) => program::execute(&plan, streams, report),
            Err(error) => streams.fail(error),
        }
    }

    /// Goes to where the guest's program is to be, by a child where only a child gets there or somebody has to wait.
    fn arrive(
        mut self,
        running: Option<Live>,
        locks: Locks,
        streams: &mut Streams,
        listener: Option<Listener>,
    ) -> Result<Arrived> {
        if listener.is_none() && !self.plan.namespaces.pid {
            self.set_up(&running.map_or(Way::New, Way::Join))?;
            return Ok(Arrived::Inside(self.plan.into()));
        }
        drop(running);
        let relay = Relay::prepare(listener.is_some())?;
        let forked = self.fork();
        if listener.is_some() && !matches!(forked, Ok((_, Fork::Child))) {
            // Of the child's end nothing is to be open here.
            *streams = Streams::Inherited;
        }
        let (way, fork) = forked?;
        match fork {
            Fork::Child => {
                relay.undo()?;
                self.set_up(&way)?;
                Ok(Arrived::Inside(self.plan.into()))
            }
            Fork::Parent(pid) => {
                drop(locks);
                if matches!(streams, Streams::Log { .. }) {
                    *streams = Streams::Inherited;
                    let_go()?;
                }
                let ended = wait(&relay, pid, listener.as_ref());
                if let Way::Below(holder, _) = way {
                    // Nobody joins while it is decided whether anybody is left. The record of who ended goes on the way.
                    let _setup = self.container.lock_setup(self.report)?;
                    if self.container.sessions()?.is_empty() {
                        holder.end();
                    }
                }
                ended.map(Arrived::Ended)
            }
        }
    }

    /// Plans anew without namespaces that the kernel turned out to refuse.
    fn go_without(&mut self, namespaces: Namespaces) -> Result<()> {
        self.facts.namespaces = self.facts.namespaces.without(namespaces);
        self.plan = plan(&self.request, &self.facts)?;
        Ok(())
    }

    /// A running container has the namespaces that it has.
    fn go_along_with(&mut self, live: &Live) -> Result<()> {
        let name = self.container.name();
        let own = live.has_own_network();
        if self.request.network.is_some_and(|network| (network == Network::None) != own) {
            let network = if own { "a network of its own" } else { "the host's network" };
            return Err(Error::new(Kind::Busy, format!("'{name}' is running with {network}"))
                .hint("leave out '--network' to join it, or leave its other sessions first"));
        }
        let own = live.has_own_pids();
        if self.request.mode != Mode::Isolated && self.request.namespaces != own {
            let with = if own { "with" } else { "without" };
            self.report
                .warn(&format!("'{name}' is running {with} namespaces of its own: so is this session"));
        }
        self.plan.namespaces.pid = live.has_own_pids();
        Ok(())
    }

    /// Gives the guest's user the number of whoever shares a home or a display with them, while nobody is inside.
    fn align(&mut self) -> Result<()> {
        let user = &self.facts.user;
        let Some(uid) = alignment::wanted(&self.request, user, self.host) else { return Ok(()) };
        let aligned = match self.running()? {
            Some(_) => Err(Error::new(Kind::Busy, "somebody is in the container")),
            None => renumber(&self.rootfs, user, uid),
        };
        let name = user.name.display();
        match aligned {
            Ok(()) => {
                self.report.info(&format!("'{name}' in the container has your user id now: {uid}"));
                *self = Entry::new(self.container, &self.request, self.host, self.report)?;
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
        for session in self.container.sessions()? {
            let Some(live) = Live::of(session.first_process.unwrap_or(session.pid), &self.rootfs)? else {
                continue;
            };
            if session.isolated != self.plan.isolated {
                let name = self.container.name();
                let mode = if session.isolated { "with" } else { "without" };
                return Err(Error::new(Kind::Busy, format!("'{name}' is running {mode} isolation")).hint(
                    format!("join it the same way, or end its sessions: chroot-distro unmount {name}"),
                ));
            }
            if live.has_own_pids() && session.first_process.is_none() {
                // The Python tool's: it keeps its namespaces alive in its own way.
                continue;
            }
            return Ok(Some(live));
        }
        if self.plan.isolated && self.plan.namespaces.pid {
            // What others left running is not isolated; and a PID namespace is joined through a session's record.
            return Ok(None);
        }
        for process in self.container.processes()? {
            match Live::of(process.pid, &self.rootfs)? {
                Some(live) if !live.has_own_pids() => return Ok(Some(live)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// A session that joins others has their variables too; its own win.
    fn share_variables(&mut self) -> Result<()> {
        let shared = self.container.session_variables()?;
        if !shared.is_empty() {
            self.request.env.splice(0..0, shared);
            self.plan = plan(&self.request, &self.facts)?;
        }
        Ok(())
    }

    /// Makes what is not there yet, and goes there.
    fn set_up(&self, way: &Way) -> Result<()> {
        match way {
            Way::New => {
                self.make()?;
                // It stands for what this process becomes. Should that fail, the record is stale at once.
                std::mem::forget(self.register(getpid(), mount_namespace(std::process::id()), None)?);
                root::switch_root()
            }
            Way::Join(live) => {
                apply::make_mount_points(&self.rootfs, &self.plan.binds)?;
                std::mem::forget(self.register(getpid(), live.mount_namespace(), None)?);
                self.join(live, &self.plan.binds)
            }
            Way::Below(holder, live) => {
                // By the process itself, while it still sees the host's `/proc`: there is no moment when it runs without
                // a record. Should that fail, it is a session all the same.
                std::mem::forget(self.register(outer_pid()?, live.mount_namespace(), Some(holder.pid)));
                // The first session's binds are there already.
                self.join(live, if holder.is_ours() { &[] } else { &self.plan.binds })
            }
        }
    }

    /// Makes the mounts, in new namespaces.
    fn make(&self) -> Result<()> {
        for refreshed in [
            provision::refresh(&self.rootfs, self.host),
            provision::hostname(&self.rootfs, self.plan.hostname.as_deref()),
            self.refresh_profile(),
        ] {
            if let Err(error) = refreshed {
                self.report.warn(&error.to_string());
            }
        }
        apply::make_mount_points(&self.rootfs, self.plan.steps.iter().chain(&self.plan.binds))?;
        let types = self.plan.namespaces.types().difference(Namespaces::NEWPID);
        let keep = if self.plan.isolated { MountFlags::NODEV } else { MountFlags::empty() };
        let (root, refused) = root::unshare_root(&self.rootfs, types, keep)?;
        if refused.is_empty() {
            return self.furnish(&root, &self.plan);
        }
        let facts = Facts { namespaces: self.facts.namespaces.without(refused), ..self.facts.clone() };
        self.furnish(&root, &plan(&self.request, &facts)?)
    }

    /// In the namespaces that `plan` is for.
    fn furnish(&self, root: &Rootfs, plan: &Plan) -> Result<()> {
        if !plan.missing.is_empty() {
            let missing = plan.missing.join(", ");
            self.report.warn(&format!("this kernel has no {missing}: the session goes without"));
        }
        if let Some(emulator) = &self.facts.machine.emulator {
            emulator.register(self.host)?;
        }
        apply::run(root, plan.steps.iter().chain(&plan.binds), self.report)?;
        if let Some(program) = &self.plan.ldconfig
            && let Err(error) = ldconfig::run(program, root)
        {
            self.report.warn(&error.to_string());
        }
        if plan.namespaces.net {
            loopback_up().attempt(|| "bring the loopback interface up")?;
        }
        match &plan.hostname {
            Some(name) => {
                sethostname(name.as_bytes()).attempt(|| format!("set the hostname '{}'", name.display()))
            }
            None => Ok(()),
        }
    }

    fn refresh_profile(&self) -> Result<()> {
        let prefix = self.facts.termux_prefix.as_ref().filter(|_| self.request.mode == Mode::Default);
        let shared =
            prefix.map(|prefix| (environment(&self.facts, self.request.mode, &[]), prefix.join("bin")));
        profile::refresh(&self.rootfs, shared.as_ref().map(|(shared, bin)| (shared, bin.as_os_str())))
    }

    /// Forks the process that becomes the guest's program: below the running PID 1, or a new one where the plan has
    /// one and the kernel lets us. The one that is found may be about to end: then once more.
    fn fork(&mut self) -> Result<(Way, Fork)> {
        let attempt = || "start the session's process";
        for _ in 0..PATIENCE {
            let (holder, live) = match self.running()? {
                None if !self.plan.namespaces.pid => return Ok((Way::New, fork().attempt(attempt)?)),
                None => match self.first_process()? {
                    Some(first) => first,
                    None => {
                        self.go_without(Namespaces::NEWPID)?;
                        continue;
                    }
                },
                Some(live) if !live.has_own_pids() => {
                    return Ok((Way::Join(live), fork().attempt(attempt)?));
                }
                Some(live) => match Holder::share(&live)? {
                    Some(holder) => (holder, live),
                    None => {
                        sleep(PAUSE);
                        continue;
                    }
                },
            };
            if !holder.is_ours() {
                apply::make_mount_points(&self.rootfs, &self.plan.binds)?;
            }
            match live.fork()? {
                Some(fork) => return Ok((Way::Below(holder, live), fork)),
                None => sleep(PAUSE),
            }
        }
        Err(Error::new(Kind::Busy, "the container is ending and does not come to its end")
            .hint("a process inside waits for the kernel, perhaps for a disk or a network filesystem"))
    }

    /// Starts PID 1, which makes the mounts.
    fn first_process(&self) -> Result<Option<(Holder, Live)>> {
        let holder = Holder::start(self.plan.confinement, || {
            self.make()?;
            root::switch_root()
        })?;
        let Some(holder) = holder else { return Ok(None) };
        match Live::of(holder.pid, &self.rootfs)? {
            Some(live) => Ok(Some((holder, live))),
            None => Err(Error::new(Kind::System, "the container's first process has ended at once")),
        }
    }

    fn register(
        &self,
        pid: Pid,
        mount_namespace: Option<u64>,
        first_process: Option<u32>,
    ) -> Result<Registration> {
        let command = self.plan.argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let pid = pid.as_raw_pid().unsigned_abs();
        let session = Session {
            pid,
            container: self.container.name().clone(),
            kind: self.request.kind,
            user: self.facts.user.name.to_string_lossy().into_owned(),
            command,
            started,
            mount_namespace,
            isolated: self.plan.isolated,
            minimal: self.request.mode == Mode::Minimal,
            detached: self.request.detach,
            first_process,
        };
        self.container.register_session(&session, &self.request.env)
    }

    /// Goes where the others are, and brings what the user wants to see there on top.
    fn join(&self, live: &Live, binds: &[Step]) -> Result<()> {
        let detached = apply::detach(binds, &live.rootfs()?)?;
        live.join()?;
        let hostname = rustix::system::uname();
        let hostname = OsStr::from_bytes(hostname.nodename().to_bytes());
        if self.request.hostname.as_ref().is_some_and(|wanted| wanted != hostname) {
            let (name, hostname) = (self.container.name(), hostname.display());
            self.report
                .warn(&format!("'{name}' is running with the hostname '{hostname}': so is this session"));
        }
        if detached.is_empty() {
            return Ok(());
        }
        let root = openat(CWD, c"/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, FileMode::empty())
            .attempt(|| "open the container's root")?;
        let root = Rootfs::new(root);
        late::make(&root, &self.plan.steps, binds)?;
        apply::attach(&root, &detached, self.report)
    }
}

/// Our own number as the host's `/proc` has it, from a new PID namespace.
fn outer_pid() -> Result<Pid> {
    let attempt = || "read '/proc/self'";
    let link = std::fs::read_link("/proc/self").attempt(attempt)?;
    let number = link.to_str().and_then(|text| text.parse().ok());
    number.and_then(Pid::from_raw).ok_or_else(|| Error::new(Kind::System, "'/proc/self' names no process"))
}

/// Waits for the session's process `pid`, relaying the terminal of which `listener` hears; its exit code.
fn wait(relay: &Relay, pid: Pid, listener: Option<&Listener>) -> Result<u8> {
    let Some(listener) = listener else { return relay.run(pid, None) };
    let line = listener.terminal().and_then(|master| master.map(Line::new).transpose());
    let (line, failed) = line.map_or_else(|error| (None, Some(error)), |line| (line, None));
    let code = relay.run(pid, line)?;
    match failed {
        Some(error) => Err(error),
        None => listener.started().map(|()| code),
    }
}
