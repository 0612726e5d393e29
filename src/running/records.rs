//! Records of live sessions: `sessions/<container>.<pid>.<start>.session`, small JSON files.
//!
//! A record whose process is gone is not a session. The number alone proves nothing, so a record also holds
//! when the process started, in which boot, and in which PID namespace; all stay what they are when the process
//! executes the guest. The start is part of the name too: whoever deletes a stale record cannot meet the record of
//! a later process with the same number.
//!
//! The Python tool deletes a `<pid>.json` that it does not hold locked: hence the other name. Its own records
//! are understood here, alive while it holds their lock.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::geteuid;
use serde_json::{Value, json};

use super::lasting::Lasting;
use super::processes::{self, Process};
use crate::error::Result;
use crate::report::Report;
use crate::store::{Name, Records};

const OURS: &str = ".session";
const PYTHONS: &str = ".json";
/// Of the variables that a session was given, beside its record and for root's eyes only: `NAME=VALUE`, each ended by
/// NUL.
const VARIABLES: &str = "env";
/// What began a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SessionKind {
    /// `login`: a shell or a command.
    #[default]
    Login,
    /// `run`: the image's entry point.
    Run,
}

impl SessionKind {
    /// `login` or `run`.
    pub fn as_str(self) -> &'static str {
        match self {
            SessionKind::Login => "login",
            SessionKind::Run => "run",
        }
    }
}

/// One session.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// The process that is or becomes the guest's first.
    pub pid: u32,
    /// The container that it is in.
    pub container: Name,
    /// Which command began it.
    pub kind: SessionKind,
    /// As the guest's accounts name them.
    pub user: String,
    /// The guest's command line.
    pub command: Vec<String>,
    /// When: seconds since 1970.
    pub started: u64,
    /// The container's private mount namespace, as an inode number of nsfs.
    pub mount_namespace: Option<u64>,
    /// In namespaces of its own.
    pub isolated: bool,
    /// With the core pseudo-filesystems only.
    pub minimal: bool,
    /// Whether it runs in the background.
    pub detached: bool,
    /// PID 1 of the container's PID namespace, by its number outside.
    pub first_process: Option<u32>,
}

impl Session {
    /// Whether it is a login shell: no command was given.
    pub(super) fn is_shell(&self) -> bool {
        self.kind == SessionKind::Login && matches!(&self.command[..], [_, option] if option == "-l")
    }
}

/// A record on disk; removed when dropped. A process that executes the guest leaves it to stand for it.
#[derive(Debug)]
pub struct Registration(Records, String);

impl Drop for Registration {
    fn drop(&mut self) {
        remove(&self.0, &self.1);
    }
}

/// The record last: without it nobody would come to delete the other.
fn remove(records: &Records, record: &str) {
    records.remove(beside(record));
    records.remove(record);
}

/// The name of the file beside a record that holds the session's variables.
fn beside(record: &str) -> String {
    format!("{}.{VARIABLES}", record.rsplit_once('.').map_or(record, |(stem, _)| stem))
}

/// Names and values.
pub type Variables = Vec<(OsString, OsString)>;

/// Records `session` and the variables that it was given; nothing when its process has ended meanwhile, as one that other
/// guests see can at any moment. `lasting`: the record is to outlive it while somebody is in this mount namespace.
pub(super) fn register(
    records: &Records,
    session: &Session,
    variables: &[(OsString, OsString)],
    lasting: Option<Lasting>,
    report: &dyn Report,
) -> Result<Option<Registration>> {
    let Some(process) = Process::of(session.pid) else { return Ok(None) };
    let name = format!("{}.{}.{}{OURS}", session.container, session.pid, process.started);
    let record = json!({
        "pid": session.pid,
        "container": session.container.as_str(),
        "kind": session.kind.as_str(),
        "command": session.command,
        "user": session.user,
        "start_time": session.started,
        "isolated": session.isolated,
        "minimal": session.minimal,
        "detached": session.detached,
        "mount_namespace": session.mount_namespace,
        "lasting": lasting.map(Lasting::to_json),
        "first_process": session.first_process,
        "start_ticks": process.started,
        "boot_id": boot_id(),
        "pid_namespace": pid_namespace(),
    });
    let registration = Registration(records.clone(), name);
    match write(&registration, &record, variables) {
        Err(error) if error.is_full() => {
            report.warn(&format!("'ps' may not list this session: {error}"));
        }
        written => written?,
    }
    Ok(Some(registration))
}

fn write(
    Registration(records, name): &Registration,
    record: &Value,
    variables: &[(OsString, OsString)],
) -> Result<()> {
    records.write(name, record.to_string().as_bytes(), 0o644)?;
    if variables.is_empty() {
        return Ok(());
    }
    let text: Vec<u8> = variables
        .iter()
        .flat_map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat())
        .collect();
    records.write(&beside(name), &text, 0o600)
}

/// The variables that the live sessions of `user` in `container` were given; each name once, later sessions win.
pub(super) fn variables(records: &Records, container: &Name, user: &str) -> Result<Variables> {
    let mut names = records.names()?;
    names.retain(|name| name.strip_suffix(VARIABLES).is_some_and(|name| name.ends_with('.')));
    if names.is_empty() {
        return Ok(Variables::new());
    }
    let of = |session: &Session| {
        let begin = format!("{container}.{}.", session.pid);
        let is = move |name: &&String| {
            let rest =
                name.strip_prefix(&begin).and_then(|rest| rest.strip_suffix(VARIABLES)?.strip_suffix('.'));
            rest.is_some_and(|started| started.parse::<u64>().is_ok())
        };
        names.iter().find(is)
    };
    let mut sessions = live(records)?;
    sessions.retain(|session| session.container == *container && session.user == user);
    let mut all = Variables::new();
    for name in sessions.iter().filter_map(of) {
        let text = records.read(name)?.unwrap_or_default();
        for entry in text.split(|&byte| byte == 0) {
            let Some(at) = entry.iter().position(|&byte| byte == b'=') else { continue };
            let (name, value) = (OsStr::from_bytes(&entry[..at]), OsStr::from_bytes(&entry[at + 1..]));
            all.retain(|(known, _)| known != name);
            all.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(all)
}

/// The live sessions, oldest first. Root deletes stale records of ours on the way.
pub(super) fn live(records: &Records) -> Result<Vec<Session>> {
    let mut live = Vec::new();
    let here = Here { boot_id: boot_id(), pid_namespace: pid_namespace() };
    for name in records.names()? {
        if name.starts_with('.') || !(name.ends_with(OURS) || name.ends_with(PYTHONS)) {
            continue;
        }
        let Ok(Some(text)) = records.read(&name) else { continue };
        let record: Value = serde_json::from_slice(&text).unwrap_or_default();
        let session = parse(&record);
        if name.ends_with(OURS) {
            match here.judge(session.as_ref(), &record) {
                Verdict::Live => live.extend(session),
                Verdict::Stale if geteuid().is_root() => remove(records, &name),
                Verdict::Stale | Verdict::Lasting(_) | Verdict::Elsewhere => {}
            }
        } else if name.ends_with(PYTHONS) && held(records, &name) {
            live.extend(session);
        }
    }
    live.sort_by_key(|session| (session.started, session.pid));
    Ok(live)
}

/// The mount namespaces of sessions of `container` that have ended, as far as somebody still is in them.
pub(super) fn lasting(records: &Records, container: &Name) -> Result<Vec<u64>> {
    let here = Here { boot_id: boot_id(), pid_namespace: pid_namespace() };
    let namespace = |name: String| {
        let record: Value = serde_json::from_slice(&records.read(&name).ok()??).ok()?;
        let session = parse(&record).filter(|session| session.container == *container)?;
        match here.judge(Some(&session), &record) {
            Verdict::Lasting(namespace) => Some(namespace),
            _ => None,
        }
    };
    let names = records.names()?.into_iter().filter(|name| name.ends_with(OURS));
    Ok(names.filter_map(namespace).collect())
}

/// What a record says to us.
enum Verdict {
    Live,
    Stale,
    /// Its process is gone, and somebody is in its mount namespace.
    Lasting(u64),
    /// Its numbers are those of a PID namespace that is not ours.
    Elsewhere,
}

/// Where we read records.
struct Here {
    boot_id: String,
    pid_namespace: Option<u64>,
}

impl Here {
    fn judge(&self, session: Option<&Session>, record: &Value) -> Verdict {
        let Some(session) = session.filter(|_| record["boot_id"] == *self.boot_id) else {
            return Verdict::Stale;
        };
        if record["pid_namespace"].as_u64() != self.pid_namespace {
            return Verdict::Elsewhere;
        }
        let runs = match Process::of(session.pid) {
            Some(process) => record["start_ticks"].as_u64() == Some(process.started),
            None => processes::may_be_hidden(session.pid),
        };
        if runs {
            return Verdict::Live;
        }
        let lasting = Lasting::parse(&record["lasting"]).and_then(Lasting::inhabited);
        lasting.map_or(Verdict::Stale, Verdict::Lasting)
    }
}

/// Whether somebody has the file locked. Asked for a shared lock, which disturbs nobody who waits for none.
fn held(records: &Records, name: &str) -> bool {
    records
        .open(name)
        .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::AGAIN))
}

fn parse(record: &Value) -> Option<Session> {
    let flag = |key: &str| record[key].as_bool().unwrap_or(false);
    Some(Session {
        pid: record["pid"].as_u64()?.try_into().ok()?,
        container: Name::parse(record["container"].as_str()?).ok()?,
        kind: if record["kind"] == "run" { SessionKind::Run } else { SessionKind::Login },
        user: record["user"].as_str().unwrap_or_default().to_owned(),
        command: match &record["command"] {
            Value::Array(words) => words.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        },
        started: record["start_time"].as_f64()? as u64,
        mount_namespace: record["mount_namespace"].as_u64(),
        isolated: flag("isolated"),
        minimal: flag("minimal"),
        detached: flag("detached"),
        first_process: record["first_process"].as_u64().and_then(|pid| pid.try_into().ok()),
    })
}

/// This boot's name; empty where the kernel does not tell.
fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// The one whose numbers we use, as an inode number of nsfs; `None` where the kernel has no such namespaces. Asked once: a
/// child of ours that is born in another one still sees the host's `/proc` when it records itself.
fn pid_namespace() -> Option<u64> {
    static ASKED: OnceLock<Option<u64>> = OnceLock::new();
    *ASKED.get_or_init(|| Some(fs::metadata("/proc/self/ns/pid").ok()?.ino()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::report::Silent;
    use crate::testing::TempDir;
    use std::fs::File;

    fn session(pid: u32) -> Session {
        Session {
            pid,
            container: Name::parse("a.b").unwrap(),
            kind: SessionKind::Run,
            user: "root".to_owned(),
            command: vec!["sh".to_owned(), "-c".to_owned()],
            started: 7,
            mount_namespace: Some(9),
            isolated: true,
            minimal: false,
            detached: true,
            first_process: Some(1),
        }
    }

    #[test]
    fn a_record_is_a_session_while_its_process_runs() {
        let temp = TempDir::new();
        let records = Records::at(temp.path());
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let registration = register(&records, &session(child.id()), &[], None, &Silent).unwrap().unwrap();
        assert_eq!(live(&records).unwrap(), [session(child.id())]);
        let path = temp.path().join(&registration.1);
        let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(live(&records).unwrap().is_empty());
        assert!(!path.exists(), "a stale record goes");
        // The same number, started at another time: somebody else.
        record["pid"] = std::process::id().into();
        fs::write(&path, record.to_string()).unwrap();
        assert!(live(&records).unwrap().is_empty());
        assert!(!path.exists());
        assert!(register(&records, &session(child.id()), &[], None, &Silent).unwrap().is_none());
        let registration =
            register(&records, &session(std::process::id()), &[], None, &Silent).unwrap().unwrap();
        drop(registration);
        assert!(records.names().unwrap().is_empty());
    }

    #[test]
    fn variables_are_beside_the_record_and_go_with_it() {
        use std::os::unix::fs::PermissionsExt;

        let temp = TempDir::new();
        let records = Records::at(temp.path());
        let session = session(std::process::id());
        let given = [("A", "1"), ("B", "x=\ny"), ("A", "2")].map(|(name, value)| (name.into(), value.into()));
        let registration = register(&records, &session, &given, None, &Silent).unwrap().unwrap();
        let path = temp.path().join(beside(&registration.1));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(live(&records).unwrap().len(), 1);
        assert_eq!(variables(&records, &session.container, &session.user).unwrap(), given[1..]);
        assert_eq!(variables(&records, &session.container, "other").unwrap(), []);
        drop(registration);
        assert!(records.names().unwrap().is_empty());
    }

    #[test]
    fn a_record_is_believed_only_of_this_boot_and_judged_only_among_our_own_numbers() {
        let temp = TempDir::new();
        let records = Records::at(temp.path());
        let registration =
            register(&records, &session(std::process::id()), &[], None, &Silent).unwrap().unwrap();
        let path = temp.path().join(&registration.1);
        let record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for (key, value, stays) in [
            ("pid_namespace", json!(1), true),
            ("boot_id", json!("another"), false),
            ("pid", json!("x"), false),
        ] {
            let mut other = record.clone();
            other[key] = value;
            fs::write(&path, other.to_string()).unwrap();
            assert!(live(&records).unwrap().is_empty(), "{key}");
            assert_eq!(path.exists(), stays, "{key}");
        }
        fs::write(&path, record.to_string()).unwrap();
        assert_eq!(live(&records).unwrap().len(), 1);
    }

    #[test]
    fn a_record_of_the_python_tool_lives_while_it_is_locked() {
        let temp = TempDir::new();
        let records = Records::at(temp.path());
        let path = temp.path().join("84.json");
        fs::write(
            &path,
            r#"{"pid": 84, "container": "deb", "kind": "login", "command": ["/bin/bash"], "user": "root",
                "start_time": 1795559559.58, "isolated": false, "minimal": false, "detached": false}"#,
        )
        .unwrap();
        assert!(live(&records).unwrap().is_empty());
        assert!(path.exists(), "it is not ours to delete");
        let held = File::open(&path).unwrap();
        flock(&held, FlockOperation::LockExclusive).unwrap();
        let live = live(&records).unwrap();
        assert_eq!((live[0].pid, live[0].started), (84, 1_795_559_559));
    }
}
