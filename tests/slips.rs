//! What is typed in a hurry: each slip ends in an error that says what to type, and nothing is written or deleted.

use std::fs;

use crate::support::prelude::*;

/// A container `c`, and a working directory `w` with the file `f` and the directory `proj`.
fn scene(s: &Sandbox) {
    make(s);
    fs::create_dir_all(s.path("w/proj")).unwrap();
    fs::write(s.path("w/f"), "f").unwrap();
    fs::write(s.path("w/proj/p"), "p").unwrap();
}

fn cd(s: &Sandbox, args: &[&str]) -> Cd {
    s.cd(args).current_dir(s.path("w"))
}

fn names(s: &Sandbox, path: &str) -> Vec<String> {
    let entries = fs::read_dir(s.path(path)).unwrap().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_forgotten_colon_makes_no_file_on_the_host() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        scene(s);
        let hint = "'c' is a container; for a path in it, write 'c:/...'";
        for words in [
            &["copy", "f", "c"][..],
            &["copy", "f", "c", "/root/"],
            &["copy", "-r", "c", "proj"],
            &["copy", "-m", "f", "c"],
            &["sync", "proj", "c"],
            &["sync", "-n", "c", "proj"],
        ] {
            cd(s, words).run().code(2).says(&[hint]);
        }
        cd(s, &["copy", "f", "c/root/f"]).run().code(2).says(&["write 'c:/root/f'"]);
        // One side has its colon: then nothing of the name may be there, and it is only told.
        cd(s, &["copy", "c:/etc/passwd", "c/x"]).run().fails(&["'c:/x'"]);
        cd(s, &["copy", "c", "c:/x"]).run().fails(&[hint]);
        cd(s, &["copy", "c", "-"]).run().fails(&[hint]);
        assert_eq!(names(s, "w"), ["f", "proj"]);
        // What is on the host is meant, whatever a container is called.
        fs::create_dir(s.path("w/c")).unwrap();
        cd(s, &["copy", "f", "c"]).run().ok();
        cd(s, &["sync", "proj", "c/sub"]).run().ok();
        cd(s, &["copy", "f", "./new"]).run().ok();
        assert_eq!(names(s, "w/c"), ["f", "sub"]);
    });
}

#[test]
fn what_only_a_shell_understands_is_told() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        scene(s);
        cd(s, &["copy", "f", "c:~"]).run().code(2).says(&["'c:/root/'"]);
        cd(s, &["copy", "f", "c:~/g"]).run().code(2).says(&["'c:/~/g'"]);
        cd(s, &["copy", "c:/bin/*", "."]).run().fails(&["not expanded", "copy 'c:/bin' with '-r'"]);
        cd(s, &["copy", "c:proc/version", "."]).run().fails(&["login c -- cat /proc/version"]);
        assert!(!s.rootfs("c").join("~").exists());
        cd(s, &["copy", "f", "c:/~"]).run().ok();
        fs::write(s.rootfs("c").join("bin/*"), "star").unwrap();
        cd(s, &["copy", "c:/bin/*", "star"]).run().ok();
        assert_eq!(fs::read_to_string(s.path("w/star")).unwrap(), "star");
    });
}

#[test]
fn errors_of_copy_name_the_destination_and_options_of_cp_have_an_answer() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        scene(s);
        cd(s, &["copy", "f", "c:/none/"]).run().fails(&["'c:/none/' is no directory"]);
        cd(s, &["copy", "f", "c:/none/x"]).run().fails(&["the directory of 'c:/none/x'"]);
        cd(s, &["sync", "f", "c:/none/x"]).run().fails(&["the directory of 'c:/none/x'"]);
        cd(s, &["copy", "-r", "proj", "f"]).run().fails(&["a directory never replaces one"]);
        for (option, answer) in
            [("-R", "'-r'"), ("-rf", "'-r'"), ("-p", "always kept"), ("--owner=a", "--chown")]
        {
            cd(s, &["copy", option, "proj", "c:/"]).run().code(2).says(&["unknown option", answer]);
        }
        cd(s, &["sync", "-avz", "proj", "c:/opt"]).run().code(2).says(&["'-av'"]);
    });
}

#[test]
fn sync_with_delete_never_empties_a_container_and_a_dry_run_counts() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        scene(s);
        std::os::unix::fs::symlink("/", s.rootfs("c").join("top")).unwrap();
        for root in ["c:/", "c:", "c:/top", "c:/bin/.."] {
            for options in ["-d", "-dn"] {
                cd(s, &["sync", options, "proj", root])
                    .run()
                    .code(2)
                    .says(&["'-d' would delete", "c:/opt/app"]);
            }
        }
        assert!(s.rootfs("c").join("bin/busybox").exists() && s.rootfs("c").join("top").is_symlink());
        let ran = cd(s, &["sync", "-n", "proj", "c:/"]).run().ok();
        assert!(ran.err().contains("Would add 1, change"), "{ran:?}");
        fs::create_dir_all(s.rootfs("c").join("opt/app/old")).unwrap();
        let ran = cd(s, &["sync", "-nd", "proj", "c:/opt/app"]).run().ok();
        assert!(ran.err().contains("Would add 1, change 1, delete 1"), "{ran:?}");
        cd(s, &["sync", "-d", "proj", "c:/opt/app"]).run().ok();
        assert!(!s.rootfs("c").join("opt/app/old").exists());
    });
}

#[test]
fn a_word_too_many_is_told_where_it_goes() {
    need!(Root);
    for (words, answer) in [
        (&["backup", "box", "box.tar.xz"][..], "--output box.tar.xz"),
        (&["export", "box", "x"], "--output x"),
        (&["restore", "a.tar", "name"], "restore --name name FILE"),
        (&["clone", "--name", "t4", "box"], "clone CONTAINER NAME"),
        (&["pull", "--name", "mine", "alpine"], "tag IMAGE NAME"),
        (&["kill", "-9", "web"], "--time 0"),
        (&["kill", "-KILL", "web"], "--time 0"),
        (&["list", "box"], "shows all containers"),
        (&["backup", "box/"], "did you mean 'box'?"),
    ] {
        Cd::bare(words).run().code(2).prints("").says(&[answer]);
    }
}

#[test]
fn a_directory_is_refused_as_an_archive_before_anything_is_read() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        scene(s);
        for command in ["backup", "export"] {
            cd(s, &[command, "c", "-o", "proj"]).run().code(2).says(&["is a directory", "'proj/c.tar.xz'"]);
            let ran = cd(s, &[command, "c", "-o", "none/"]).run().code(2);
            let told = ran.says(&["not there", "'none/c.tar.xz'"]).err();
            assert!(!told.contains("archiving"), "{told}");
        }
        cd(s, &["backup", "c", "-o", "proj/c.tar"]).run().ok();
        // Without './' it is an image's name: nobody is asked for it.
        fs::copy(s.path("w/proj/c.tar"), s.path("w/r.tar")).unwrap();
        cd(s, &["install", "r.tar"]).run().code(2).says(&["'./r.tar'"]);
        assert_eq!(s.names(), ["c"]);
    });
}

#[test]
fn what_is_only_read_needs_no_root_where_the_caller_may_read_it() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        scene(s);
        cd(s, &["backup", "-q", "c", "-o", "b.tar"]).run().ok();
        let whole = fs::read(s.path("w/b.tar")).unwrap();
        cd(s, &["restore", "--verify", "b.tar"]).uid(1000).run().fails(&["root"]);
        fs::write(s.path("w/open.tar"), &whole).unwrap();
        cd(s, &["restore", "--verify", "open.tar"]).uid(1000).run().ok().says(&["is whole"]);
        let ran = cd(s, &["restore", "--list", "open.tar"]).uid(1000).run().ok();
        assert!(ran.out().starts_with("c/rootfs/") && !ran.err().contains("reading"), "{}", ran.err());
        cd(s, &["restore", "--list"]).stdin(whole.clone()).uid(1000).run().ok();
        cd(s, &["restore", "open.tar"]).uid(1000).run().fails(&["root"]);
        // A file that was cut short is not called read.
        fs::write(s.path("w/cut.tar"), &whole[..whole.len() / 2]).unwrap();
        let told = cd(s, &["restore", "-n", "d", "cut.tar"]).run().fails(&["'cut.tar'"]).err();
        assert!(told.contains("reading: stopped") && !told.contains("done"), "{told}");
        fs::write(s.path("w/none.tar"), "no archive").unwrap();
        cd(s, &["restore", "none.tar"]).run().fails(&["'none.tar'"]);
    });
}

#[test]
fn remove_says_that_something_ran_and_diff_says_why() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        fs::write(s.rootfs("c").join("new"), "").unwrap();
        let told = s.cd(["diff", "-v", "c"]).run().ok().out();
        assert!(told.contains("A /new\n") && told.contains("C / (time)\n"), "{told}");
        assert!(s.cd(["diff", "c"]).run().ok().out().contains("C /\n"));
        let session = login(s, &[], "echo > /up; exec sleep 1000").spawn();
        appears(&s.rootfs("c").join("up"));
        s.cd(["remove", "c"]).run().ok().says(&["Stopping what runs in 'c'"]);
        session.wait();
        make(s);
        assert!(!s.cd(["remove", "c"]).run().ok().err().contains("Stopping"));
    });
}
