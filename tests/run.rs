//! `run`: what an image says is to run, as whom and where, what replaces it, and sessions in the background.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::prelude::*;

/// A container named `c` of a busybox image with this configuration.
fn make(s: &Sandbox, config: &[(&str, Value)]) -> String {
    let image = config.iter().fold(Image::busybox(), |image, (key, value)| image.with(key, value.clone()));
    image.write_layout(&s.path("layout"), "latest");
    let ran = s.cd(["install", "-n", "c", "/tmp/layout"]).run().ok();
    fs::remove_dir_all(s.path("layout")).unwrap();
    ran.err()
}

fn run<'a>(s: &Sandbox, options: &[&'a str], arguments: &[&'a str]) -> Cd {
    s.cd([&["run"], options, &["c", "--"], arguments].concat())
}

#[test]
fn entry_point_and_command_combine_as_documented() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        let (entrypoint, cmd) = (json!(["echo", "e"]), || json!(["echo", "c"]));
        let hint = make(s, &[("Entrypoint", entrypoint.clone()), ("Cmd", cmd())]);
        assert!(hint.contains("Start shell: chroot-distro login c\n"), "{hint}");
        assert!(hint.contains("Run entrypoint: chroot-distro run c\n"), "{hint}");
        s.cd(["run", "c"]).run().ok().prints("e echo c\n");
        s.applet("cd-run", ["c"]).run().ok().prints("e echo c\n");
        run(s, &[], &["a", "-b", "--c"]).run().ok().prints("e a -b --c\n");
        run(s, &["--entrypoint", "pwd"], &[]).run().ok().prints("/\n");
        run(s, &["--entrypoint", "/bin/echo"], &["x"]).run().ok().prints("x\n");
        s.cd(["run", "c"]).env("CD_ENTRYPOINT", "pwd").run().ok().prints("/\n");
        // An empty one takes the image's away, and its Cmd with it.
        for mode in [&[][..], &["--isolated"], &["--minimal"]] {
            run(s, &[mode, &["--entrypoint", ""]].concat(), &["echo", "a"]).run().ok().prints("a\n");
            run(s, &[mode, &["--entrypoint="]].concat(), &[]).run().code(125).says(&["entry point is empty"]);
            run(s, mode, &["echo", "a"]).env("CD_ENTRYPOINT", "").run().ok().prints("a\n");
            run(s, mode, &[]).env("CD_ENTRYPOINT", "").run().code(125).says(&["empty", "hint"]);
        }
        run(s, &["--entrypoint", "pwd"], &[]).env("CD_ENTRYPOINT", "").run().ok().prints("/\n");
        run(s, &["--entrypoint="], &["pwd"]).env("CD_ENTRYPOINT", "/absent").run().ok().prints("/\n");
        run(s, &["--entrypoint", "/absent"], &[]).run().code(127).says(&["/absent"]);
        s.cd(["remove", "-q", "c"]).run().ok();

        let hint = make(s, &[("Cmd", cmd())]);
        assert!(!hint.contains("Run entrypoint"), "{hint}");
        s.cd(["run", "c"]).run().ok().prints("c\n");
        run(s, &[], &["pwd"]).run().ok().prints("/\n");
        s.cd(["remove", "-q", "c"]).run().ok();

        make(s, &[("Entrypoint", entrypoint)]);
        s.cd(["run", "c"]).run().ok().prints("e\n");
        run(s, &[], &["a"]).run().ok().prints("e a\n");
        s.cd(["remove", "-q", "c"]).run().ok();

        make(s, &[]);
        s.cd(["run", "c"]).run().code(125).says(&["neither", "Entrypoint", "hint"]);
        run(s, &[], &["echo", "a"]).run().ok().prints("a\n");
        s.cd(["remove", "-q", "c"]).run().ok();

        make(s, &[("Entrypoint", json!([""])), ("Cmd", cmd())]);
        s.cd(["run", "c"]).run().ok().prints("c\n");
        run(s, &[], &["pwd"]).run().ok().prints("/\n");
        s.cd(["remove", "-q", "c"]).run().ok();

        make(s, &[("Entrypoint", json!("echo shell form")), ("Cmd", json!({"odd": 1}))]);
        s.cd(["run", "c"]).run().ok().prints("shell form\n");
    });
}

#[test]
fn a_container_without_an_image_has_nothing_to_run() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        fs::write(s.path("root.tar"), crate::support::image::userland()).unwrap();
        s.cd(["install", "-q", "-n", "c", "/tmp/root.tar"]).run().ok();
        s.cd(["run", "c"]).run().code(125).says(&["not made from an image", "login"]);
        run(s, &["--entrypoint", "echo"], &["a"]).run().ok().prints("a\n");
    });
}

#[test]
fn user_directory_and_environment_are_the_images_unless_asked_for() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let script = "echo $(id -u):$(id -g) $(pwd) $HOME $USER $FROM";
        make(
            s,
            &[
                ("Entrypoint", json!(["/bin/sh", "-c", script])),
                ("User", json!("user:staff")),
                ("WorkingDir", json!("tmp")),
                ("Env", json!(["PATH=/bin", "FROM=image"])),
            ],
        );
        for mode in [&[][..], &["--isolated"]] {
            run(s, mode, &[]).run().ok().prints("1000:50 /tmp /home/user user image\n");
            let own = [mode, &["-u", "0", "-w", "/etc", "-e", "FROM=me"]].concat();
            run(s, &own, &[]).run().ok().prints("0:0 /etc /root root me\n");
        }
        run(s, &[], &[])
            .env("CD_USER", "1000")
            .env("CD_WORKDIR", "/")
            .run()
            .ok()
            .prints("1000:1001 / /home/user user image\n");
        s.cd(["login", "c", "--", "id", "-u"]).run().ok().prints("0\n");
        s.cd(["remove", "-q", "c"]).run().ok();
    });
}

#[test]
fn a_working_directory_that_the_image_lacks_is_made() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        for (name, working_dir, place) in [
            ("absent", "/srv/app/deep", "/srv/app/deep"),
            ("relative", "srv", "/srv"),
            ("dots", "/../srv/./x/../y/", "/srv/y"),
            ("volatile", "/tmp/made", "/tmp/made"),
        ] {
            make(s, &[("WorkingDir", json!(working_dir)), ("User", json!("user"))]);
            for mode in [&[][..], &["--isolated"], &["--minimal"]] {
                let shown = ["/bin/sh", "-c", "pwd; stat -c %a:%u:%g ."];
                let ran = run(s, mode, &shown).run().ok();
                ran.prints(&format!("{place}\n755:0:0\n"));
            }
            // A session that joins another one has it made too.
            if name == "absent" {
                let log = s.data().join("logs/c.log");
                fs::remove_dir_all(s.rootfs("c").join("srv")).unwrap();
                let wait = "echo began; until test -e /home/user/stop; do sleep 0.05; done";
                run(s, &["-d", "-w", "/"], &["/bin/sh", "-c", wait]).run().ok();
                holds(&log, "began\n");
                run(s, &[], &["pwd"]).run().ok().prints("/srv/app/deep\n");
                fs::write(s.rootfs("c").join("home/user/stop"), "").unwrap();
                assert!(s.settles(), "left {:?}", s.processes());
            }
            s.cd(["remove", "-q", "c"]).run().ok();
            let _ = fs::remove_dir(s.path("made"));
        }
    });
}

#[test]
fn a_working_directory_that_cannot_be_one_is_an_error() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        for place in ["/etc/passwd", "/etc/passwd/x"] {
            make(s, &[("Cmd", json!(["pwd"])), ("WorkingDir", json!(place))]);
            for mode in [&[][..], &["--isolated"], &["--minimal"]] {
                s.cd([&["run"], mode, &["c"]].concat())
                    .run()
                    .code(125)
                    .says(&[place, "--work-dir"])
                    .prints("");
                s.cd([&["run"], mode, &["-w", "/bin", "c"]].concat()).run().ok().prints("/bin\n");
                // To log in is another matter.
                s.cd([&["login"], mode, &["c", "--", "pwd"]].concat()).run().ok();
            }
            s.cd(["remove", "-q", "c"]).run().ok();
        }
        // Images with root's directory and another user run, as they do elsewhere.
        make(s, &[("Cmd", json!(["pwd"])), ("WorkingDir", json!("/root")), ("User", json!("user"))]);
        fs::set_permissions(s.rootfs("c").join("root"), fs::Permissions::from_mode(0o700)).unwrap();
        for mode in [&[][..], &["--isolated"]] {
            s.cd([&["run"], mode, &["c"]].concat()).run().ok().prints("/root\n");
            s.cd([&["run"], mode, &["-w", "/root", "c"]].concat()).run().code(125).says(&["/root"]);
        }
    });
}

#[test]
fn a_user_may_lack_either_half() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        for (user, id) in [
            (json!("1000:"), "1000:1001:1001 50\n"),
            (json!("user:"), "1000:1001:1001 50\n"),
            (json!(":50"), "0:50:50\n"),
            (json!(":staff"), "0:50:50\n"),
            (json!(1000), "1000:1001:1001 50\n"),
            (json!("4321"), "4321:0:0\n"),
        ] {
            let script = "echo $(id -u):$(id -g):$(id -G)";
            make(s, &[("Cmd", json!(["/bin/sh", "-c", script])), ("User", user.clone())]);
            for mode in [&[][..], &["--isolated"], &["--minimal"]] {
                s.cd([&["run"], mode, &["c"]].concat()).run().ok().prints(id);
                if let Some(user) = user.as_str() {
                    login(s, &[mode, &["-u", user]].concat(), script).run().ok().prints(id);
                }
            }
            s.cd(["remove", "-q", "c"]).run().ok();
        }
        make(s, &[("Cmd", json!(["id"])), ("User", json!({"uid": 0}))]);
        s.cd(["run", "c"]).run().code(125).says(&["User"]).prints("");
        for user in [":", "", "user:absent", ":absent"] {
            let ran = login(s, &["-u", user], "id").run();
            assert!(
                ran.code.is_some_and(|code| code == if user.len() < 2 { 2 } else { 125 }),
                "{user}: {ran:?}"
            );
        }
    });
}

#[test]
fn images_without_a_shell_and_scripts_as_root_program() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let busybox = fs::read(crate::support::need::program("busybox").unwrap()).unwrap();
        Image::of([
            Entry::file("echo", busybox).mode(0o755),
            Entry::file("script", "#!/echo from a script\n").mode(0o755),
        ])
        .with("Entrypoint", json!(["/echo"]))
        .with("Cmd", json!(["hello"]))
        .write_layout(&s.path("layout"), "latest");
        s.cd(["install", "-q", "-n", "c", "/tmp/layout"]).run().ok();
        for mode in [&[][..], &["--isolated"], &["--minimal"]] {
            run(s, mode, &[]).run().ok().prints("hello\n");
            let ran = run(s, &[mode, &["--entrypoint", "/script"]].concat(), &["a"]).run().ok();
            ran.prints("from a script /script a\n");
            s.cd([&["login"], mode, &["c", "--", "/echo", "x"]].concat()).run().ok().prints("x\n");
            s.cd([&["login"], mode, &["c"]].concat())
                .run()
                .code(125)
                .says(&["no shell", "chroot-distro run"]);
        }
    });
}

#[test]
fn no_new_privileges_are_gained_when_that_is_asked_for() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s, &[("Cmd", json!(["grep", "NoNewPrivs", "/proc/self/status"]))]);
        run(s, &["--no-new-privs"], &[]).run().ok().prints("NoNewPrivs:\t1\n");
        run(s, &[], &[]).env("CD_NO_NEW_PRIVS", "1").run().ok().prints("NoNewPrivs:\t1\n");
        run(s, &[], &[]).run().ok().prints("NoNewPrivs:\t0\n");
    });
}

/// Waits until a file has this in it.
fn holds(path: &std::path::Path, text: &str) -> String {
    for _ in 0..3000 {
        match fs::read_to_string(path) {
            Ok(found) if found.contains(text) => return found,
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    panic!("{} never had {text:?}", path.display());
}

#[test]
fn a_detached_run_goes_on_and_writes_its_log() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s, &[("Entrypoint", json!(["/bin/sh", "-c"]))]);
        let log = s.data().join("logs/c.log");
        for mode in [&[][..], &["--isolated"]] {
            let script =
                "echo out; echo err >&2; tty; until test -e /root/stop; do sleep 0.05; done; echo end";
            // It returns while the session goes on, and has closed our pipes.
            let ran = run(s, &[mode, &["-d"]].concat(), &[script]).run().ok().prints("");
            assert!(ran.err().contains(log.to_str().unwrap()), "{ran:?}");
            holds(&log, "out\nerr\nnot a tty\n");
            assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
            fs::write(s.rootfs("c").join("root/stop"), "").unwrap();
            assert_eq!(holds(&log, "end"), "out\nerr\nnot a tty\nend\n");
            assert!(s.settles(), "{mode:?} left {:?}", s.processes());
            fs::remove_file(s.rootfs("c").join("root/stop")).unwrap();

            run(s, &[mode, &["-d"]].concat(), &["echo next"]).run().ok();
            holds(&log, "next\n");
            holds(&s.data().join("logs/c.log.1"), "end\n");
            // What keeps it from starting is told at once, with its own code.
            let failing = |options: &[&'static str]| run(s, &[mode, &["-d"], options].concat(), &["x"]).run();
            failing(&["--entrypoint", "/absent"]).code(127).says(&["/absent"]);
            failing(&["--entrypoint", "/etc/passwd"]).code(126).says(&["passwd"]);
            failing(&["-w", "/absent"]).code(125).says(&["/absent"]);
            failing(&["-t"]).code(2);
        }
        s.cd(["remove", "-q", "c"]).run().ok();
        assert!(!log.exists(), "the log goes with its container");
    });
}

#[test]
fn a_detached_run_keeps_nothing_of_its_callers() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s, &[("Entrypoint", json!(["/bin/sh", "-c"]))]);
        fs::create_dir(s.path("work")).unwrap();
        for mode in [&[][..], &["--isolated"]] {
            let wait = "echo began; until test -e /root/stop; do sleep 0.05; done";
            run(s, &[mode, &["-d"]].concat(), &[wait])
                .with_the_root_open(7)
                .current_dir(s.path("work"))
                .run()
                .ok();
            holds(&s.data().join("logs/c.log"), "began\n");
            for pid in s.processes() {
                let link = |name: &str| fs::read_link(format!("/proc/{pid}/{name}")).ok();
                assert_ne!(link("fd/7"), Some("/".into()), "{mode:?}");
                assert_ne!(link("cwd"), Some(s.path("work")), "{mode:?}");
            }
            fs::write(s.rootfs("c").join("root/stop"), "").unwrap();
            assert!(s.settles(), "{mode:?} left {:?}", s.processes());
            fs::remove_file(s.rootfs("c").join("root/stop")).unwrap();
        }
    });
}
