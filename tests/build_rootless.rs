//! `build` by an ordinary user: what has no RUN needs no root, and becomes the same image.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use serde_json::Value;

use crate::support::prelude::*;

const USER: u32 = 1000;

/// As that user, whose own directories are in `/tmp/u`. Nobody gives root.
fn user<'a>(s: &Sandbox, args: impl IntoIterator<Item = &'a str>) -> Cd {
    let home = s.path("u");
    if !home.exists() {
        fs::create_dir(&home).unwrap();
        chown(&home, Some(USER), Some(USER)).unwrap();
    }
    let cd = s.cd(args).uid(USER).current_dir(s.path("")).env("HOME", &home);
    cd.env("XDG_DATA_HOME", home.join("data")).env("XDG_CACHE_HOME", home.join("cache"))
}

fn digest(cd: Cd) -> String {
    let listed: Value = serde_json::from_str(&cd.run().ok().out()).unwrap();
    listed[0]["digest"].as_str().unwrap().to_owned()
}

fn write(s: &Sandbox, dockerfile: &str) {
    fs::create_dir_all(s.path("c/sub")).unwrap();
    fs::write(s.path("c/sub/file"), "contents\n").unwrap();
    fs::set_permissions(s.path("c/sub/file"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(s.path("c/Dockerfile"), dockerfile).unwrap();
}

#[test]
fn metadata_copy_and_add_make_the_image_that_root_makes() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        Image::busybox().write_layout(&s.path("layout"), "one");
        write(
            s,
            "FROM base\nENV A=1\nWORKDIR /home/user/new\nUSER user\nCOPY --chown=user:staff sub sub\nCOPY sub /bin/../etc/\n\
             ADD --chmod=600 sub/file /root/\nCMD [\"x\"]\n",
        );
        let args = [
            "build",
            "-t",
            "app",
            "--build-context",
            "base=oci-layout:///tmp/layout",
            "-o",
            "/tmp/u/a.tar",
            "c",
        ];
        user(s, args).env("SOURCE_DATE_EPOCH", "1000000000").run().ok();
        let own = digest(user(s, ["images", "--json", "app"]));
        fs::remove_file("/tmp/u/a.tar").unwrap();
        s.cd(args).env("SOURCE_DATE_EPOCH", "1000000000").current_dir("/tmp").run().ok();
        assert_eq!(digest(s.cd(["images", "--json", "app"])), own);
        // Root makes containers of it.
        user(s, ["install", "app"]).run().fails(&["root is needed"]);
        fs::remove_dir_all(s.path("u")).unwrap();
    });
}

#[test]
fn what_lays_out_a_tree_needs_root() {
    need!(Root);
    sandbox(|s| {
        let build = |dockerfile: &str, args: &[&'static str]| {
            write(s, dockerfile);
            user(s, [&["build", "-t", "app"], args, &["c"]].concat()).run()
        };
        for dockerfile in
            ["FROM scratch\nRUN x\n", "FROM scratch AS a\nCOPY sub /\nFROM scratch\nCOPY --from=a / /\n"]
        {
            build(dockerfile, &[]).fails(&["root is needed"]);
        }
        build("FROM scratch\nRUN x\n", &["--check"]).ok();
        build("FROM scratch\nCOPY sub /\n", &["--install-as", "app"]).fails(&["root is needed"]);
        build("FROM scratch\nCOPY sub /\n", &["--export", "type=local,dest=d"]).fails(&["root is needed"]);
        // What a base image brings is known late.
        build("FROM scratch\nCOPY sub /\nONBUILD RUN x\n", &["-t", "base:1"]).ok();
        build("FROM base:1\n", &[]).fails(&["Dockerfile:1", "RUN needs root"]);
        // Where root keeps its images, or has something, root is asked for.
        let lock = s.path("u/data/chroot-distro/locks/.build.lock");
        chown(&lock, Some(0), Some(0)).unwrap();
        build("FROM scratch\nCOPY sub /\n", &[]).fails(&["root is needed"]);
        write(s, "FROM scratch\nCOPY sub /\n");
        s.cd(["build", "-q", "-t", "app", "c"]).current_dir(s.path("")).run().ok();
        s.cd(["build", "-t", "app", "c"]).uid(USER).current_dir(s.path("")).run().fails(&["root is needed"]);
    });
}
