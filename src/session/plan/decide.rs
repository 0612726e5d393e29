//! What a session will be, decided before anything is done: inert data, comparable in tests. Pure.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use rustix::thread::CapabilitySet as Cap;

use super::entrypoint;
use super::environment::{DEFAULT_PATH, Environment, environment};
use super::steps::{Step, extra, own, runtime_dir, view};
use crate::cgroup::Limits;
use crate::error::{Error, Result};
use crate::guest::guest_file::GuestFile;
use crate::running::SessionKind;
use crate::session::confine::{Confinement, Filter, KEPT};
use crate::session::emulator;
use crate::session::facts::gather::Facts;
use crate::session::namespaces::Namespaces;
use crate::session::request::{Mode, Request};

/// Android's kernels up to 4.14 or so let a process open sockets in the first group only, and give the others `CAP_NET_RAW`
/// and `CAP_NET_ADMIN`, whatever its capability sets say (ANDROID_PARANOID_NETWORK; android_filesystem_config.h).
const INET: u32 = 3003;
const NET_RAW: u32 = 3004;
const NET_ADMIN: u32 = 3005;

/// How many processes an isolated container has, if nobody says: as with podman. A real one has some dozens.
const PROCESSES: u32 = 2048;

/// Who the guest process is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups, the primary one included.
    pub groups: Vec<u32>,
}

/// What is done where the working directory is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// `/` serves: it was nobody's wish.
    Replace,
    /// It is an error: the user asked for it.
    Refuse,
    /// It is made, root's and open to all: the image asks for it (`WorkingDir`, as docker has it).
    Make,
}

/// Everything that makes a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Sessions of one container are all isolated or none is.
    pub isolated: bool,
    /// To be made for the first session, joined by later ones.
    pub namespaces: Namespaces,
    /// The user of the host that root is, in a user namespace of the container's own.
    pub users: Option<u32>,
    /// What was wanted and this kernel lacks.
    pub missing: Vec<&'static str>,
    /// What the guest may do, where that is less than its user may.
    pub confinement: Option<Confinement>,
    /// What all of the container may have of the machine.
    pub limits: Limits,
    /// What is mounted for the first session.
    pub steps: Vec<Step>,
    /// What the user asked for on top; a later session too brings its own.
    pub binds: Vec<Step>,
    /// What is written into the guest for its user.
    pub files: Vec<GuestFile>,
    /// What is run for the first session, when the mounts are made: the guest's list of libraries is to be renewed.
    pub ldconfig: Option<PathBuf>,
    /// Of a UTS namespace of the container's own.
    pub hostname: Option<OsString>,
    /// The user and the groups that the program runs as.
    pub identity: Identity,
    /// All variables that the program gets.
    pub environment: Environment,
    /// Where it begins.
    pub working_dir: PathBuf,
    /// What is done where that is not there.
    pub working_dir_absent: Absent,
    /// The program and its arguments; never empty.
    pub argv: Vec<OsString>,
    /// Descriptors of its caller's, but for the standard streams, are not passed on.
    pub closed: bool,
    /// Neither it nor what it starts gains privileges.
    pub no_new_privs: bool,
    /// It is a 32-bit program of this CPU's.
    pub narrow: bool,
    /// Where the program is looked for, in the guest, when its name has no slash.
    pub search_path: OsString,
}

/// Turns a request and what is there into a plan. Refuses what cannot be had: `Unsupported`, or `Usage` for options that
/// contradict each other.
pub fn plan(request: &Request, facts: &Facts) -> Result<Plan> {
    let wanted = Namespaces::wanted(request);
    let lacking = wanted.without(facts.namespaces.types());
    let namespaces = wanted.without(lacking.types());
    let isolated = request.is_isolated();
    let wants_seccomp = isolated && !request.no_seccomp;
    // A build does without, and says so once.
    let silent = request.mode == Mode::Build && !lacking.net;
    let mut missing: Vec<&str> =
        lacking.each().into_iter().filter(|(.., is)| *is && !silent).map(|(name, ..)| name).collect();
    if wants_seccomp && !facts.seccomp {
        missing.push("seccomp filters");
    }
    if request.mode.is_private() && !silent && !facts.private_terminals {
        missing.push("private terminals");
    }
    if (request.strict && !missing.is_empty()) || lacking.net {
        let error = Error::unsupported(format_args!("this kernel has no {}", missing.join(", ")));
        return Err(if lacking.net {
            error.hint("leave out '--network none': the session then has the host's network")
        } else {
            error.hint("without '--strict' the session goes without")
        });
    }
    if !isolated && request.cap_add.is_some() {
        return Err(Error::usage(
            "--cap-add gives back what --isolated takes, and this session is not isolated",
        ));
    }
    if request.users && request.mode != Mode::Isolated {
        return Err(Error::usage("--userns auto is for --isolated, and this session is not isolated"));
    }
    let confinement = isolated.then(|| Confinement {
        filter: (wants_seccomp && facts.seccomp).then(|| filter(facts, namespaces)),
        capabilities: kept(facts) | request.cap_add.unwrap_or(Cap::empty()),
    });
    let hostname = request.hostname.clone().or(isolated.then(|| "localhost".into()));
    let environment = environment(facts, request);
    let search_path = environment.get(OsStr::new("PATH")).cloned().unwrap_or_else(|| DEFAULT_PATH.into());
    let mut view =
        view(request.mode, namespaces, &facts.shared, facts.dev.as_deref(), facts.private_terminals);
    view.extend(facts.machine.emulator.iter().flat_map(|emulator| emulator::steps(emulator, request.mode)));
    // Whoever joins needs a first process to find it by.
    let users = facts.users.filter(|_| request.mode == Mode::Isolated && namespaces.pid);
    let first = users.unwrap_or(0);
    if users.is_some() {
        own(&mut view, first);
    }
    let user = &facts.user;
    let mut binds = match &facts.runtime_dir {
        Some(path) => {
            runtime_dir(&view, path, first.saturating_add(user.uid), first.saturating_add(user.gid))
        }
        None => Vec::new(),
    };
    let fresh: Vec<Step> = view.iter().chain(&binds).cloned().collect();
    binds.extend(extra(&fresh, &facts.binds));
    Ok(Plan {
        isolated,
        namespaces,
        users,
        missing,
        confinement,
        limits: limits(request),
        steps: view,
        binds,
        files: facts.files.clone(),
        // The guest's own program as root, where its root is the host's anyway.
        ldconfig: facts
            .ldconfig
            .clone()
            .filter(|_| request.mode == Mode::Default && !request.namespaces && !request.no_new_privs),
        hostname: hostname.filter(|_| namespaces.uts),
        identity: identity(facts, confinement.as_ref()),
        environment,
        working_dir: working_dir(request, facts),
        working_dir_absent: absent(request),
        argv: argv(request, facts)?,
        closed: request.mode.is_private(),
        no_new_privs: request.no_new_privs,
        narrow: facts.machine.narrow,
        search_path,
    })
}

fn limits(request: &Request) -> Limits {
    let own = Limits { pids: (request.mode == Mode::Isolated).then_some(PROCESSES), ..Limits::default() };
    let mut limits = request.limits.or(own);
    limits.pids = limits.pids.filter(|&pids| pids != 0);
    limits
}

fn filter(facts: &Facts, namespaces: Namespaces) -> Filter {
    Filter { tracing: namespaces.pid && facts.filters_tracers, socketcall: has_socketcall(facts) }
}

/// Without `NET_RAW`, which is for packets of the host's network, where the filter cannot see what a socket is for.
fn kept(facts: &Facts) -> Cap {
    if has_socketcall(facts) { KEPT.difference(Cap::NET_RAW) } else { KEPT }
}

/// The C libraries of most distributions for 32-bit x86 make sockets by socketcall(2) alone.
fn has_socketcall(facts: &Facts) -> bool {
    cfg!(target_arch = "x86") || (cfg!(target_arch = "x86_64") && facts.machine.narrow)
}

fn identity(facts: &Facts, confinement: Option<&Confinement>) -> Identity {
    let user = &facts.user;
    let network = if facts.android { network_groups(user.uid, confinement) } else { Vec::new() };
    // The guest's files say who is in them, and an isolated guest gets no right by that.
    let closed = |group: u32| {
        facts.android
            && confinement.is_some()
            && (NET_RAW..=NET_ADMIN).contains(&group)
            && !network.contains(&group)
    };
    let mut groups = vec![user.gid];
    for &group in user.groups.iter().chain(&network).chain(&facts.device_groups) {
        if !groups.contains(&group) && !closed(group) {
            groups.push(group);
        }
    }
    Identity { uid: user.uid, gid: user.gid, groups }
}

/// Those that an Android kernel wants of who uses the network: root has its capabilities by them, another user may send
/// pings, and an isolated guest has no more than its capabilities say.
fn network_groups(uid: u32, confinement: Option<&Confinement>) -> Vec<u32> {
    match confinement {
        Some(confinement) if confinement.capabilities.contains(Cap::NET_ADMIN) => {
            vec![INET, NET_ADMIN]
        }
        Some(_) => vec![INET],
        None if uid == 0 => vec![INET, NET_RAW, NET_ADMIN],
        None => vec![INET, NET_RAW],
    }
}

fn working_dir(request: &Request, facts: &Facts) -> PathBuf {
    let own = || match request.kind {
        SessionKind::Login => facts.user.home.clone(),
        SessionKind::Run => facts.entry.as_ref().map_or("/".into(), |entry| entry.working_dir.clone()),
    };
    request.work_dir.clone().unwrap_or_else(own)
}

fn absent(request: &Request) -> Absent {
    match (&request.work_dir, request.kind) {
        (Some(_), _) if request.mode == Mode::Build => Absent::Make,
        (Some(_), _) => Absent::Refuse,
        (None, SessionKind::Login) => Absent::Replace,
        (None, SessionKind::Run) => Absent::Make,
    }
}

/// The image's program; or the command as it stands, or the user's shell as a login shell.
fn argv(request: &Request, facts: &Facts) -> Result<Vec<OsString>> {
    if request.kind == SessionKind::Run {
        return entrypoint::argv(request, facts.entry.as_ref());
    }
    if !request.command.is_empty() {
        return Ok(request.command.clone());
    }
    let shell = facts.shell.clone().ok_or_else(|| {
        Error::not_found("the container has no shell")
            .hint("name a program that it has after '--', or start the image's own with 'chroot-distro run'")
    })?;
    Ok(vec![shell.into(), "-l".into()])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::guest::accounts::User;
    use crate::session::bind::Restrict;
    use crate::session::facts::share::Share;
    use crate::session::request::Network;

    fn source(path: &str, target: &str) -> Share {
        let (path, target) = (path.into(), target.into());
        Share { path, target, directory: true, restrict: Restrict::NONE, required: true }
    }

    fn bind(path: &str, target: &str, required: bool) -> Step {
        let (source, target) = (path.into(), target.into());
        Step::Bind { source, target, directory: true, restrict: Restrict::NONE, required }
    }

    fn command(mode: Mode) -> Request {
        Request { mode, command: vec!["id".into()], ..Request::default() }
    }

    const ALL: Namespaces = Namespaces { pid: true, uts: true, ipc: true, cgroup: true, net: true };

    #[test]
    fn the_default_shares_what_the_host_has() {
        let facts = Facts {
            shared: vec![source("/proc", "/proc"), Share { required: false, ..source("/tmp", "/tmp") }],
            binds: vec![source("/srv", "/data")],
            ..Facts::default()
        };
        let plan = plan(&command(Mode::Default), &facts).unwrap();
        assert_eq!(plan.steps, [bind("/proc", "/proc", true), bind("/tmp", "/tmp", false)]);
        assert_eq!(plan.binds, [bind("/srv", "/data", true)]);
        assert_eq!(plan.namespaces, Namespaces::default());
        assert_eq!(plan.hostname, None);
        assert_eq!(plan.argv, ["id"]);
        assert_eq!(plan.working_dir, Path::new("/root"));
        assert_eq!(plan.identity, Identity { uid: 0, gid: 0, groups: vec![0] });
    }

    #[test]
    fn isolation_takes_the_namespaces_there_are_and_no_host_path() {
        let facts = Facts { namespaces: Namespaces { ipc: false, ..ALL }, ..Facts::default() };
        let plan = plan(&command(Mode::Isolated), &facts).unwrap();
        assert!(plan.isolated && plan.namespaces.pid && !plan.namespaces.ipc);
        assert!(plan.namespaces.cgroup && !plan.namespaces.net);
        assert_eq!(plan.missing, ["IPC namespaces"]);
        let filter = Some(Filter { tracing: true, socketcall: false });
        assert_eq!(plan.confinement, Some(Confinement { capabilities: KEPT, filter }));
        assert_eq!(plan.hostname, Some("localhost".into()));
        assert!(plan.steps.iter().all(|step| !matches!(step, Step::Bind { .. })));
        assert!(!plan.steps.iter().any(|step| matches!(step, Step::Mount { kind: "mqueue", .. })));
    }

    #[test]
    fn a_hostname_costs_a_uts_namespace() {
        let request = Request { hostname: Some("h".into()), ..command(Mode::Default) };
        let has = plan(&request, &Facts { namespaces: ALL, ..Facts::default() }).unwrap();
        assert_eq!(has.hostname, Some("h".into()));
        assert_eq!(has.namespaces, Namespaces { uts: true, ..Namespaces::default() });
        let lacks = plan(&request, &Facts::default()).unwrap();
        assert_eq!((lacks.hostname, lacks.missing), (None, vec!["UTS namespaces"]));
    }

    #[test]
    fn namespaces_can_be_had_with_the_host_s_paths() {
        let request = Request { namespaces: true, ..command(Mode::Default) };
        let shared = vec![source("/dev", "/dev"), source("/proc", "/proc"), source("/tmp", "/tmp")];
        let facts = Facts { namespaces: ALL, shared, ..Facts::default() };
        let made = plan(&request, &facts).unwrap();
        assert_eq!(made.namespaces, Namespaces { net: false, ..ALL });
        assert_eq!((made.isolated, made.confinement, made.hostname), (false, None, None));
        assert_eq!(made.steps[0], bind("/dev", "/dev", true));
        assert!(matches!(made.steps[1], Step::Mount { kind: "proc", .. }));
        assert_eq!(made.steps[2], bind("/tmp", "/tmp", true));
        // Without a PID namespace, a fresh /proc would be no other than the host's.
        let facts = Facts { namespaces: Namespaces { pid: false, ..ALL }, ..facts };
        assert_eq!(plan(&request, &facts).unwrap().steps[1], bind("/proc", "/proc", true));
    }

    #[test]
    fn what_is_missing_is_an_error_when_it_is_strict_or_a_network_that_nobody_is_to_have() {
        let facts =
            Facts { namespaces: Namespaces { cgroup: false, ..ALL }, seccomp: false, ..Facts::default() };
        let request = command(Mode::Isolated);
        assert_eq!(plan(&request, &facts).unwrap().missing, ["cgroup namespaces", "seccomp filters"]);
        let without = Request { no_seccomp: true, ..request.clone() };
        assert_eq!(plan(&without, &facts).unwrap().missing, ["cgroup namespaces"]);
        let error = plan(&Request { strict: true, ..request }, &facts).unwrap_err();
        assert!(error.to_string().contains("cgroup namespaces, seccomp filters"), "{error}");
        let alone = Request { network: Some(Network::None), ..command(Mode::Minimal) };
        assert!(plan(&alone, &facts).unwrap().namespaces.net);
        assert!(plan(&alone, &Facts::default()).unwrap_err().to_string().contains("network"));
    }

    #[test]
    fn capabilities_come_back_to_an_isolated_guest_only() {
        let request = Request { cap_add: Some(Cap::NET_ADMIN), ..command(Mode::Isolated) };
        let facts = Facts { namespaces: ALL, ..Facts::default() };
        let confinement = plan(&request, &facts).unwrap().confinement.unwrap();
        assert_eq!(confinement.capabilities, KEPT | Cap::NET_ADMIN);
        let request = Request { mode: Mode::Default, ..request };
        assert_eq!(plan(&request, &facts).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn mount_points_in_our_own_dev_are_made_before_any_bind() {
        let tty = Share { directory: false, ..source("/dev/ttyUSB0", "/dev/ttyUSB0") };
        let facts = Facts { binds: vec![source("/a", "/dev/a"), tty], ..Facts::default() };
        let plan = plan(&command(Mode::Isolated), &facts).unwrap();
        assert_eq!(
            plan.binds[..3],
            [
                Step::Directory { path: "/dev/a".into() },
                Step::Directory { path: "/dev".into() },
                Step::File { path: "/dev/ttyUSB0".into() },
            ]
        );
        assert_eq!(plan.binds.len(), 5);
    }

    #[test]
    fn android_s_network_groups_give_no_more_than_the_session_has() {
        let root = Facts { android: true, namespaces: ALL, ..Facts::default() };
        let user = User { uid: 1000, gid: 1000, groups: vec![1000, 3003], ..root.user.clone() };
        let user = Facts { user, ..root.clone() };
        // As the guest's /etc/group has it.
        let member = User { groups: vec![0, 1015, 3003, 3004, 3005], ..root.user.clone() };
        let member = Facts { user: member, ..root.clone() };
        let groups = |request: &Request, facts: &Facts| plan(request, facts).unwrap().identity.groups;
        let (open, isolated) = (command(Mode::Default), command(Mode::Isolated));
        assert_eq!(groups(&open, &root), [0, 3003, 3004, 3005]);
        assert_eq!(groups(&open, &user), [1000, 3003, 3004]);
        assert_eq!(groups(&isolated, &user), [1000, 3003]);
        assert_eq!(groups(&isolated, &member), [0, 1015, 3003]);
        let admin = Request { cap_add: Some(Cap::NET_ADMIN), ..isolated };
        assert_eq!(groups(&admin, &member), [0, 1015, 3003, 3005]);
        assert_eq!(groups(&open, &Facts { android: false, ..root.clone() }), [0]);
    }

    #[test]
    fn one_devpts_for_all_is_the_host_s_and_said_to_be_missing() {
        let facts = Facts { namespaces: ALL, private_terminals: false, ..Facts::default() };
        let request = command(Mode::Isolated);
        let made = plan(&request, &facts).unwrap();
        assert_eq!(made.missing, ["private terminals"]);
        assert!(made.steps.contains(&bind("/dev/pts", "/dev/pts", true)));
        assert!(made.steps.contains(&Step::Devices { nodes: &[("ptmx", 5, 2)] }));
        let is_devpts = |step: &Step| matches!(step, Step::Mount { kind: "devpts", .. });
        assert!(!made.steps.iter().any(is_devpts), "a mount would set its options anew");
        let error = plan(&Request { strict: true, ..request }, &facts).unwrap_err();
        assert!(error.to_string().contains("private terminals"), "{error}");
        let own = Facts { private_terminals: true, ..facts };
        assert!(plan(&command(Mode::Isolated), &own).unwrap().steps.iter().any(is_devpts));
    }

    #[test]
    fn without_a_command_it_is_a_login_shell() {
        let request = Request::default();
        let facts = Facts { shell: Some("/bin/sh".into()), ..Facts::default() };
        assert_eq!(plan(&request, &facts).unwrap().argv, ["/bin/sh", "-l"]);
        assert!(plan(&request, &Facts::default()).unwrap_err().hint_text().unwrap().contains("run"));
    }

    #[test]
    fn a_place_that_was_asked_for_is_required() {
        let request = Request { work_dir: Some("/w".into()), ..command(Mode::Default) };
        let plan = plan(&request, &Facts::default()).unwrap();
        assert_eq!(plan.working_dir_absent, Absent::Refuse);
        assert_eq!(plan.working_dir, Path::new("/w"));
    }
}
