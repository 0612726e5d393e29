//! A data directory that belongs to another user, as Termux's prefix does: what that one puts in the place of logs, records and
//! locks leads root to no file elsewhere, keeps it not waiting, and has it end no process of others.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::command::Ran;
use crate::support::prelude::*;

const OWNER: u32 = 10_123;

/// A container in a tree that its owner can change, and a directory of root's.
fn scene(s: &Sandbox) {
    make(s);
    for name in ["", "logs", "sessions", "locks"] {
        let path = s.data().join(name);
        fs::create_dir_all(&path).unwrap();
        chown(path, Some(OWNER), Some(OWNER)).unwrap();
    }
    fs::create_dir(s.path("roots")).unwrap();
    fs::write(s.path("roots/file"), "root's\n").unwrap();
}

fn start(s: &Sandbox) -> Ran {
    s.cd(["run", "-d", "--entrypoint", "/bin/sh", "c", "--", "-c", "echo out; sleep 100"]).deadline(30).run()
}

fn end(s: &Sandbox) {
    s.cd(["kill", "c"]).deadline(30).run().ok();
    assert!(s.settles());
}

fn is_untouched(s: &Sandbox) {
    let names: Vec<_> =
        fs::read_dir(s.path("roots")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["file"]);
    assert_eq!(fs::read_to_string(s.path("roots/file")).unwrap(), "root's\n");
}

fn fifo(path: &Path) {
    tool("mkfifo", [path]);
    chown(path, Some(OWNER), Some(OWNER)).unwrap();
}

#[test]
fn a_log_that_was_exchanged_is_neither_written_nor_waited_for() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        scene(s);
        let log = s.data().join("logs/c.log");
        symlink(s.path("roots/file"), &log).unwrap();
        s.cd(["logs", "c"]).deadline(30).run().code(1).says(&["c.log", "a link, a FIFO"]);
        fs::remove_file(&log).unwrap();
        fifo(&log);
        s.cd(["logs", "c"]).deadline(30).run().code(1).says(&["c.log", "a link, a FIFO"]);
        // A session puts it aside, and begins its own.
        start(s).ok();
        assert!(fs::symlink_metadata(&log).unwrap().is_file());
        end(s);
        is_untouched(s);
        // The whole directory.
        fs::remove_dir_all(s.data().join("logs")).unwrap();
        symlink(s.path("roots"), s.data().join("logs")).unwrap();
        start(s).code(125).says(&["begin the log"]);
        is_untouched(s);
        assert!(s.settles());
    });
}

#[test]
fn records_and_locks_that_were_exchanged_keep_nobody_waiting() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        scene(s);
        let record = s.data().join("sessions/c.1.2.session");
        fifo(&record);
        s.cd(["ps"]).deadline(30).run().ok();
        login(s, &[], "true").deadline(30).run().ok();
        fs::remove_file(&record).unwrap();
        for lock in ["locks/c.lock", "sessions/c.lock"] {
            let lock = s.data().join(lock);
            let _ = fs::remove_file(&lock);
            fifo(&lock);
            login(s, &[], "true").deadline(30).run().code(125).says(&["lock", "a link, a FIFO"]);
            fs::remove_file(&lock).unwrap();
            fs::hard_link(s.path("roots/file"), &lock).unwrap();
            login(s, &[], "true").deadline(30).run().code(125).says(&["lock", "another name"]);
            fs::remove_file(&lock).unwrap();
            is_untouched(s);
        }
        login(s, &[], "true").run().ok();
    });
}

#[test]
fn a_record_of_another_users_names_no_process_to_end() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        scene(s);
        start(s).ok();
        let mut records =
            fs::read_dir(s.data().join("sessions")).unwrap().flatten().map(|entry| entry.path());
        let record = records.find(|path| path.extension().is_some_and(|end| end == "session")).unwrap();
        let mut text: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
        end(s);
        let mut bystander = Command::new("sleep").arg("1000").spawn().unwrap();
        let stat = fs::read_to_string(format!("/proc/{}/stat", bystander.id())).unwrap();
        let started: u64 =
            stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap().parse().unwrap();
        text["pid"] = bystander.id().into();
        text["start_ticks"] = started.into();
        let forged = s.data().join(format!("sessions/c.{}.{started}.session", bystander.id()));
        fs::write(&forged, text.to_string()).unwrap();
        chown(&forged, Some(OWNER), Some(OWNER)).unwrap();
        let shown = s.cd(["ps", "--json"]).run().ok().out();
        let killed = s.cd(["kill", "c"]).deadline(30).run();
        let lives = bystander.try_wait().unwrap().is_none();
        bystander.kill().unwrap();
        bystander.wait().unwrap();
        assert!(lives, "{killed:?}");
        assert_eq!(shown.trim(), "[]");
        killed.fails(&["not running"]);
    });
}
