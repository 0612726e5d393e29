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
