use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::testing::TempDir;

/// A log of these parts, the last one being `a.log`.
fn log(dir: &TempDir, parts: &[&str]) -> Log {
    let name = Name::parse("a").unwrap();
    let [before @ .., now] = parts else { panic!("no part") };
    fs::write(logs::path(dir.path(), &name), now).unwrap();
    if let [before] = before {
        let path = logs::previous(dir.path(), &name);
        fs::write(&path, before).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    }
    Log::open(dir.path(), &name).unwrap().unwrap()
}

fn rest(log: &mut Log) -> String {
    let mut text = Vec::new();
    assert!(
        log.read(&mut |lines| {
            text.extend_from_slice(lines);
            true
        })
        .unwrap()
    );
    text.extend_from_slice(&log.unfinished);
    String::from_utf8(text).unwrap()
}

#[test]
fn the_last_lines() {
    let long = format!("{}\nb\nc", "a".repeat(3 * BUFFER));
    for (parts, lines, expected) in [
        (&["a\nb\nc\n"][..], 0, ""),
        (&["a\nb\nc\n"], 1, "c\n"),
        (&["a\nb\nc\n"], 2, "b\nc\n"),
        (&["a\nb\nc\n"], 3, "a\nb\nc\n"),
        (&["a\nb\nc\n"], 9, "a\nb\nc\n"),
        (&["a\nb"], 1, "b"),
        (&["a\nb"], 0, ""),
        (&["\n\n\n"], 2, "\n\n"),
        (&[""], 3, ""),
        (&["a"], 1, "a"),
        (&[&long], 2, "b\nc"),
        (&[&long], 3, &long),
        (&["a\nb", "c\nd\n"], 1, "d\n"),
        (&["a\nb", "c\nd\n"], 2, "bc\nd\n"),
        (&["a\nb", "c\nd\n"], 9, "a\nbc\nd\n"),
        (&["a\nb\n", "c\n"], 1, "c\n"),
        (&["a\nb\n", "c\n"], 2, "b\nc\n"),
        (&["a\nb\n", ""], 1, "b\n"),
        (&["a\nb\n", ""], 0, ""),
        (&["a\nb\nc\n", &long], 4, &format!("c\n{long}")),
    ] {
        let dir = TempDir::new();
        let mut log = log(&dir, parts);
        log.seek_to_last(lines).unwrap();
        assert_eq!(rest(&mut log), expected, "{lines} lines of {} parts", parts.len());
    }
}

#[test]
fn lines_come_whole_and_a_cut_log_from_its_start() {
    let dir = TempDir::new();
    let mut log = log(&dir, &["one\ntw"]);
    let mut seen = Vec::new();
    let mut read = |log: &mut Log| {
        log.read(&mut |lines| {
            seen.push(String::from_utf8(lines.to_vec()).unwrap());
            true
        })
        .unwrap();
        seen.clone()
    };
    assert_eq!(read(&mut log), ["one\n"]);
    let mut writer = File::options().append(true).open(&log.path).unwrap();
    writer.write_all(b"o\n").unwrap();
    assert_eq!(read(&mut log), ["one\n", "two\n"]);
    writer.set_len(0).unwrap();
    writer.write_all(b"x\n").unwrap();
    assert_eq!(read(&mut log), ["one\n", "two\n", "x\n"]);
}

#[test]
fn who_takes_no_more_ends_it_and_is_told_nothing_twice() {
    let dir = TempDir::new();
    let mut log = log(&dir, &["one\ntwo\n"]);
    assert!(!log.read(&mut |_| false).unwrap());
    assert_eq!(rest(&mut log), "");
    // Nothing has come, so nobody is asked to take it.
    assert!(log.read(&mut |_| false).unwrap());
}

#[test]
fn what_takes_its_place_is_read_on_once() {
    let dir = TempDir::new();
    let mut log = log(&dir, &["one\ntw"]);
    assert!(!log.is_replaced());
    assert_eq!(rest(&mut log), "one\ntw");
    fs::rename(&log.path, &log.previous).unwrap();
    fs::set_permissions(&log.previous, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(!log.is_replaced());
    fs::write(&log.path, "o\nthree\n").unwrap();
    assert!(log.is_replaced());
    log.go_on().unwrap();
    assert!(!log.is_replaced());
    assert_eq!(rest(&mut log), "two\nthree\n");
}

#[test]
fn it_is_written_while_somebody_holds_it() {
    let dir = TempDir::new();
    let log = log(&dir, &[""]);
    assert!(!log.is_written());
    let writer = File::options().append(true).open(&log.path).unwrap();
    flock(&writer, FlockOperation::NonBlockingLockExclusive).unwrap();
    assert!(log.is_written() && log.is_written());
    drop(writer);
    assert!(!log.is_written());
}
