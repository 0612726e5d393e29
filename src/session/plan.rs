//! What a session will be, decided before anything is done: inert data, comparable in tests. Pure.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::emulator;
use super::environment::{DEFAULT_PATH, Environment, environment};
use super::facts::Facts;
use super::guest_file::GuestFile;
use super::steps::{Step, extra, runtime_dir, view};
use super::{Mode, Request};
use crate::error::{Error, Result};

/// Android's kernels let a process open sockets only in these groups: `inet`, `net_raw` and `net_admin`
/// (android_filesystem_config.h).
const ANDROID_NETWORK: [u32; 3] = [3003, 3004, 3005];

/// Namespaces of the container's own, besides the mount namespace that it always has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Namespaces {
    pub pid: bool,
    pub uts: bool,
    pub ipc: bool,
}

/// Who the guest process is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups, the primary one included.
    pub groups: Vec<u32>,
}

/// Everything that makes a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Sessions of one container are all isolated or none is.
    pub isolated: bool,
    /// To be made for the first session, joined by later ones.
    pub namespaces: Namespaces,
    /// Namespaces that were wanted and that this kernel lacks.
    pub missing: Vec<&'static str>,
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
    /// Who runs it.
    pub identity: Identity,
    /// All of it.
    pub environment: Environment,
    /// Where it begins. When it is not `required` and not there, `/` serves.
    pub working_dir: PathBuf,
    /// Asked for by the user.
    pub working_dir_required: bool,
    /// The program and its arguments; never empty.
    pub argv: Vec<OsString>,
    /// Where the program is looked for, in the guest, when its name has no slash.
    pub search_path: OsString,
}

/// Decides.
pub fn plan(request: &Request, facts: &Facts) -> Result<Plan> {
    let wanted = match request.mode {
        Mode::Isolated => Namespaces { pid: true, uts: true, ipc: true },
        _ => Namespaces { uts: request.hostname.is_some(), ..Namespaces::default() },
    };
    let has = facts.namespaces;
    let namespaces =
        Namespaces { pid: wanted.pid && has.pid, uts: wanted.uts && has.uts, ipc: wanted.ipc && has.ipc };
    let missing =
        [("PID", wanted.pid && !has.pid), ("UTS", wanted.uts && !has.uts), ("IPC", wanted.ipc && !has.ipc)];
    let hostname = request.hostname.clone().unwrap_or_else(|| "localhost".into());
    let environment = environment(facts, request.mode, &request.env);
    let search_path = environment.get(OsStr::new("PATH")).cloned().unwrap_or_else(|| DEFAULT_PATH.into());
    let mut view = view(request.mode, namespaces, &facts.shared, facts.dev.as_deref());
    view.extend(facts.emulator.iter().flat_map(|emulator| emulator::steps(emulator, request.mode)));
    let user = &facts.user;
    let mut binds = match &facts.runtime_dir {
        Some(path) => runtime_dir(&view, path, user.uid, user.gid),
        None => Vec::new(),
    };
    let fresh: Vec<Step> = view.iter().chain(&binds).cloned().collect();
    binds.extend(extra(&fresh, &facts.binds));
    Ok(Plan {
        isolated: request.mode == Mode::Isolated,
        namespaces,
        missing: missing.into_iter().filter_map(|(name, missing)| missing.then_some(name)).collect(),
        steps: view,
        binds,
        files: facts.files.clone(),
        // The guest's own program as root, where its root is the host's anyway.
        ldconfig: facts
            .ldconfig
            .clone()
            .filter(|_| request.mode == Mode::Default && !request.namespaces && !request.no_new_privs),
        hostname: namespaces.uts.then_some(hostname),
        identity: identity(facts),
        environment,
        working_dir: request.work_dir.clone().unwrap_or_else(|| facts.user.home.clone()),
        working_dir_required: request.work_dir.is_some(),
        argv: argv(request, facts)?,
        search_path,
    })
}

fn identity(facts: &Facts) -> Identity {
    let user = &facts.user;
    let android: &[u32] = if facts.android { &ANDROID_NETWORK } else { &[] };
    let mut groups = vec![user.gid];
    for &group in user.groups.iter().chain(android).chain(&facts.device_groups) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    Identity { uid: user.uid, gid: user.gid, groups }
}

/// The command as it stands, or the user's shell as a login shell.
fn argv(request: &Request, facts: &Facts) -> Result<Vec<OsString>> {
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
    use crate::rootfs::accounts::User;
    use crate::session::bind::Restrict;
    use crate::session::facts::source::Source;

    fn source(path: &str, target: &str) -> Source {
        let (path, target) = (path.into(), target.into());
        Source { path, target, directory: true, restrict: Restrict::NONE, required: true }
    }

    fn bind(path: &str, target: &str, required: bool) -> Step {
        let (source, target) = (path.into(), target.into());
        Step::Bind { source, target, directory: true, restrict: Restrict::NONE, required }
    }

    fn command(mode: Mode) -> Request {
        Request { mode, command: vec!["id".into()], ..Request::default() }
    }

    const ALL: Namespaces = Namespaces { pid: true, uts: true, ipc: true };

    #[test]
    fn the_default_shares_what_the_host_has() {
        let facts = Facts {
            shared: vec![source("/proc", "/proc"), Source { required: false, ..source("/tmp", "/tmp") }],
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
        assert_eq!(plan.missing, ["IPC"]);
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
        assert_eq!((lacks.hostname, lacks.missing), (None, vec!["UTS"]));
    }

    #[test]
    fn mount_points_in_our_own_dev_are_made_before_any_bind() {
        let tty = Source { directory: false, ..source("/dev/ttyUSB0", "/dev/ttyUSB0") };
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
    fn android_users_get_the_network_groups() {
        let mut facts = Facts { android: true, ..Facts::default() };
        facts.user = User { gid: 1000, groups: vec![1000, 3003], ..facts.user };
        let plan = plan(&command(Mode::Default), &facts).unwrap();
        assert_eq!(plan.identity.groups, [1000, 3003, 3004, 3005]);
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
        assert!(plan.working_dir_required);
        assert_eq!(plan.working_dir, Path::new("/w"));
    }
}
