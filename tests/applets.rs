//! The program's other names: `--install [-s] DIR` makes the links, `--list` names them.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::support::prelude::*;

/// A copy of the program in a directory of its own; the links' names.
fn installed(s: &Sandbox) -> Vec<String> {
    fs::create_dir(s.path("own")).unwrap();
    copy_program("/tmp/bin/chroot-distro", "/tmp/own/chroot-distro");
    let names = s.cd(["--list"]).run().ok().out();
    assert!(names.starts_with("cd-install\n") && names.contains("cd-login\n"), "{names}");
    assert!(!names.contains("probe") && !names.contains("--"), "{names}");
    names.lines().map(str::to_owned).collect()
}

fn own(args: &[&str]) -> Cd {
    Cd::new("/tmp/own/chroot-distro").args(args).env("HOME", "/tmp/home").current_dir("/tmp/own")
}

#[test]
fn each_command_gets_its_link() {
    need!(Root);
    sandbox(|s| {
        let names = installed(s);
        fs::create_dir(s.path("hard")).unwrap();
        fs::create_dir(s.path("soft")).unwrap();
        own(&["--install", "/tmp/hard"]).run().ok().prints("");
        own(&["--install", "-s", "/tmp/soft"]).run().ok().prints("");
        own(&["--install", ".", "--symbolic"]).run().ok();
        let program = fs::metadata("/tmp/own/chroot-distro").unwrap().ino();
        for name in &names {
            assert_eq!(fs::symlink_metadata(s.path("hard").join(name)).unwrap().ino(), program);
            let far = fs::read_link(s.path("soft").join(name)).unwrap();
            assert_eq!(far.to_str(), Some("/tmp/own/chroot-distro"));
            // Beside the program: the two move together.
            assert_eq!(fs::read_link(s.path("own").join(name)).unwrap().to_str(), Some("chroot-distro"));
        }
        for directory in ["hard", "soft", "own"] {
            let page = Cd::new(s.path(directory).join("cd-login")).arg("--help").run().ok().out();
            assert!(page.starts_with("Usage: cd-login [OPTIONS] CONTAINER"), "{page}");
        }
        // Once more changes nothing.
        own(&["--install", "-s", "/tmp/hard"]).run().ok();
        assert_eq!(fs::symlink_metadata("/tmp/hard/cd-login").unwrap().ino(), program);
    });
}

#[test]
fn nothing_of_others_is_replaced() {
    need!(Root);
    sandbox(|s| {
        installed(s);
        fs::create_dir(s.path("links")).unwrap();
        fs::write("/tmp/links/cd-remove", "mine").unwrap();
        own(&["--install", "-s", "/tmp/links"]).run().fails(&[
            "cd-remove",
            "another file",
            "nothing was changed",
        ]);
        assert_eq!(fs::read_to_string("/tmp/links/cd-remove").unwrap(), "mine");
        assert_eq!(fs::read_dir("/tmp/links").unwrap().count(), 1);
        fs::remove_file("/tmp/links/cd-remove").unwrap();
        std::os::unix::fs::symlink("/bin/sh", "/tmp/links/cd-remove").unwrap();
        own(&["--install", "-s", "/tmp/links"]).run().fails(&["a link to something else"]);
    });
}

#[test]
fn mistakes_are_told() {
    need!(Root);
    sandbox(|s| {
        installed(s);
        own(&["--install"]).run().code(2).says(&["DIR is missing"]);
        own(&["--install", "/tmp/none"]).run().fails(&["/tmp/none", "No such file"]);
        own(&["--list", "x"]).run().code(2).says(&["unexpected argument 'x'"]);
        own(&["list", "--list"]).run().code(2).says(&["unknown option '--list'"]);
        own(&["--install", "/proc"]).run().code(1);
        // /dev is another filesystem than /tmp of the sandbox.
        own(&["--install", "/dev"]).run().fails(&["cd-install", "use '-s'"]);
    });
}
