//! A session on a bare directory: no store, no container, no records.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::unix::fs::symlink;

use super::*;
use crate::host::Host;
use crate::report::Silent;
use crate::session::request::Request;
use crate::testing::{TempDir, alone, needs_root};

/// A directory with a shell in it.
fn bare() -> TempDir {
    let tree = TempDir::new();
    fs::create_dir(tree.path().join("bin")).unwrap();
    fs::copy("/bin/busybox", tree.path().join("bin/busybox")).unwrap();
    symlink("busybox", tree.path().join("bin/sh")).unwrap();
    tree
}

/// Runs `script` in `tree`; how it ended, and what it wrote.
fn sh(tree: &TempDir, request: Request, script: &str) -> (Result<Ended>, String) {
    let command: Vec<OsString> = ["/bin/sh", "-c", script].map(OsString::from).into();
    let host = Host::detect();
    let root = Rootfs::new(tree.open());
    let draft = Draft::gather(Request { command, ..request }, &root, None, &host).unwrap();
    let path = tree.path().join("output");
    let mut output = File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
    let stdio = Stdio {
        input: None,
        output: Some(output.try_clone().unwrap().into()),
        error: Some(output.try_clone().unwrap().into()),
    };
    let ended = run(&root, draft, stdio, &Silent);
    let mut text = String::new();
    output.rewind().unwrap();
    output.read_to_string(&mut text).unwrap();
    (ended, text)
}

fn with_namespaces() -> Request {
    Request { namespaces: true, ..Request::default() }
}

#[test]
fn a_bare_directory_is_enough() {
    needs_root!();
    alone("session::enter::run::tests::a_bare_directory_is_enough", || {
        let tree = bare();
        let mounts = || fs::read_to_string("/proc/self/mountinfo").unwrap();
        let before = mounts();
        for request in [Request::default(), with_namespaces()] {
            let (ended, text) = sh(&tree, request, "echo $$ >/made; echo out; echo err >&2; exit 3");
            assert_eq!((ended.unwrap(), text.as_str()), (Ended::Exited(3), "out\nerr\n"));
            assert!(tree.path().join("made").exists());
        }
        // The number of the last one is of a PID namespace of its own, where PID 1 is ours.
        assert_eq!(fs::read_to_string(tree.path().join("made")).unwrap(), "2\n");
        assert_eq!(mounts(), before);
        assert_eq!(fs::read_link("/proc/self/root").unwrap(), std::path::Path::new("/"));
    });
}

#[test]
fn how_it_ended_is_told_apart() {
    needs_root!();
    alone("session::enter::run::tests::how_it_ended_is_told_apart", || {
        let tree = bare();
        for request in [Request::default(), with_namespaces()] {
            let (ended, _) = sh(&tree, request.clone(), "kill -9 $$");
            assert_eq!(ended.unwrap(), Ended::Signaled(9));
            let (ended, _) = sh(&tree, request, "exit 137");
            assert_eq!(ended.unwrap(), Ended::Exited(137));
        }
    });
}

#[test]
fn what_is_no_program_is_an_error_and_not_an_end() {
    needs_root!();
    alone("session::enter::run::tests::what_is_no_program_is_an_error_and_not_an_end", || {
        let tree = bare();
        fs::remove_file(tree.path().join("bin/sh")).unwrap();
        for request in [Request::default(), with_namespaces()] {
            let (ended, _) = sh(&tree, request, "");
            let error = ended.unwrap_err();
            assert_eq!((error.exit_code(), error.kind()), (127, Kind::NotFound), "{error}");
        }
        let isolated = Request { mode: Mode::Isolated, ..Request::default() };
        assert_eq!(sh(&tree, isolated, "").0.unwrap_err().kind(), Kind::Denied);
    });
}

#[test]
fn what_it_started_ends_with_it_and_it_with_its_caller() {
    needs_root!();
    alone("session::enter::run::tests::what_it_started_ends_with_it_and_it_with_its_caller", || {
        let tree = bare();
        // The FIFO has a reader as long as one of them lives.
        let fifo = tree.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, FileMode::RUSR, 0).unwrap();
        let nobody = || {
            let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK;
            rustix::fs::open(&fifo, flags, FileMode::empty()).err() == Some(rustix::io::Errno::NXIO)
        };
        let reader = "exec 3<>/fifo; /bin/busybox sleep 1000 & echo";
        let (ended, _) = sh(&tree, with_namespaces(), reader);
        assert_eq!(ended.unwrap(), Ended::Exited(0));
        assert!(nobody());
        let Fork::Parent(caller) = fork().unwrap() else {
            let _ = sh(&tree, with_namespaces(), "exec 3<>/fifo; /bin/busybox sleep 1000");
            std::process::exit(0);
        };
        while nobody() {
            std::thread::yield_now();
        }
        rustix::process::kill_process(caller, Signal::KILL).unwrap();
        wait(caller).unwrap();
        while !nobody() {
            std::thread::yield_now();
        }
    });
}

#[test]
fn a_step_of_a_build_sees_its_own_world_and_leaves_nothing_of_it() {
    needs_root!();
    alone(
        "session::enter::run::tests::a_step_of_a_build_sees_its_own_world_and_leaves_nothing_of_it",
        || {
            let tree = bare();
            let shown = TempDir::new();
            fs::write(shown.path().join("conf"), "ours").unwrap();
            let bind = |source: std::path::PathBuf, target: &str| crate::session::Bind {
                source,
                target: Some(target.into()),
                restrict: crate::session::bind::Restrict::NONE,
            };
            let request = Request {
                mode: Mode::Build,
                kind: crate::running::SessionKind::Run,
                work_dir: Some("/a/work".into()),
                env: vec![("A".into(), "1".into())],
                binds: vec![bind(shown.path().join("conf"), "/etc/conf")],
                ..Request::default()
            };
            let look = "echo $PWD $HOME $(/bin/busybox cat /etc/conf) $(/bin/busybox env | /bin/busybox wc -l)
            : >/dev/null && [ -c /dev/full ] && [ -e /proc/1/stat ] && [ -d /dev/shm ] && /bin/busybox mkdir /made";
            let (ended, text) = sh(&tree, request, look);
            assert_eq!((ended.unwrap(), text.as_str()), (Ended::Exited(0), "/a/work / ours 5\n"));
            let mut left: Vec<_> =
                fs::read_dir(tree.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            left.sort();
            assert_eq!(left, ["a", "bin", "made", "output"]);
        },
    );
}
