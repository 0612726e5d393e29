//! `build`: slips on the command line and in the Dockerfile, what is said of them, and the last words.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use crate::support::command::Ran;
use crate::support::prelude::*;

/// No registry can be reached.
fn build(s: &Sandbox, dockerfile: &str, args: &[&str]) -> Ran {
    fs::create_dir_all(s.path("c")).unwrap();
    fs::write(s.path("c/Dockerfile"), dockerfile).unwrap();
    fs::write(s.path("c/f"), "contents\n").unwrap();
    let cd = s.cd([&["build", "-t", "app"], args, &["c"]].concat()).current_dir(s.path(""));
    cd.env("HTTPS_PROXY", "http://127.0.0.1:1").env("CD_DOWNLOAD_MAX_RETRIES", "0").run()
}

#[test]
fn a_stage_that_is_none() {
    need!(Root);
    sandbox(|s| {
        let stages = "FROM scratch AS build\nCOPY f /\nFROM scratch\nCOPY --from=build /f /g\n";
        build(s, stages, &["--check"]).ok();
        build(s, stages, &["--check", "--target", "biuld"]).code(2).says(&["no stage 'biuld'", "'build'"]);
        build(s, stages, &["--target", "3"]).code(2).says(&["numbers 0 to 1"]);
        build(s, stages, &["--no-cache-filter", "biuld"]).ok().says(&["--no-cache-filter biuld", "'build'"]);
        for step in ["COPY --from=biuld /f /h", "RUN --mount=from=biuld,target=/m true"] {
            let slip = format!("{stages}{step}\n");
            build(s, &slip, &["--check"]).code(1).says(&["StageNotFound", "'build'", "Dockerfile:5"]);
            build(s, &slip, &[]).fails(&["Dockerfile:5", "no stage above has the name 'biuld'", "'build'"]);
        }
        build(s, &format!("{stages}FROM biuld\n"), &[]).fails(&["no stage above has the name 'biuld'"]);
    });
}

#[test]
fn options_that_lead_to_nothing() {
    need!(Root);
    sandbox(|s| {
        let plain = "FROM scratch\nCOPY f /\n";
        build(s, plain, &["--build-arg", "=x"]).code(2).says(&["--build-arg '=x'", "name is empty"]);
        build(s, plain, &["--build-arg", "V=x"]).ok().says(&["--build-arg V", "no ARG declares it"]);
        build(s, plain, &["-q", "--progress", "much"]).code(2).says(&["--progress 'much'"]);
        build(s, plain, &["--ssh", "default=/tmp/none"]).fails(&["--ssh 'default=/tmp/none'", "/tmp/none"]);
        build(s, plain, &["--ssh", "default=/tmp/c/f"]).code(2).says(&["not the socket", "ssh-add"]);
        let _agent = UnixListener::bind(s.path("agent")).unwrap();
        build(s, plain, &["--ssh", "default=/tmp/agent"]).ok().says(&["--ssh: no RUN mounts"]);
        build(s, plain, &["--export", "out"]).code(2).says(&["type=local,dest=out"]);
        build(s, plain, &["-o", "type=registry,push=true"]).code(2).says(&["chroot-distro push NAME"]);
        for text in ["-", "type=tar,dest=-"] {
            build(s, plain, &["-o", text]).code(2).says(&["standard output", "chroot-distro save"]);
        }
        build(s, plain, &["-o", "out/a.tar"]).fails(&["no directory 'out/'", "mkdir -p"]);
        build(s, plain, &["--iidfile", "out/id"]).fails(&["no directory 'out/'"]);
        build(s, plain, &["-o", "a.tar", "-o", "a.tar"]).code(2).says(&["'a.tar' is named by two options"]);
        build(s, plain, &["--export", "out.tar"]).code(2).says(&["type=tar,dest=out.tar"]);
        build(s, plain, &["--cache-from", "type=local,src=none"])
            .ok()
            .says(&["no build cache in 'none' yet"]);
        for cache in ["type=inline", "type=gha", "type=registry", "type=local,ref=a"] {
            build(s, plain, &["--cache-to", cache]).code(2).says(&[cache, "type=registry,ref=IMAGE"]);
        }
        build(s, plain, &["--secret", "id=tokne,src=c/f"]).ok().says(&["--secret tokne: no RUN mounts it"]);
        let wants =
            "FROM scratch AS a\nRUN --mount=type=secret,id=token,required x\nFROM scratch\nCOPY f /\n";
        let ran = build(s, wants, &["--secret", "id=tokne,src=c/f"]).ok();
        ran.says(&["did you mean 'token'?", "requires the secret 'token'"]);
        let ran = build(s, wants, &["--secret", "id=token,src=c/f"]).ok();
        assert!(!ran.err().contains("secret"), "{ran:?}");
    });
}

#[test]
fn files_that_are_called_otherwise() {
    need!(Root);
    sandbox(|s| {
        build(s, "FROM scratch\nCOPY f /\n", &[]).ok();
        let cd = |args: &[&str]| s.cd(args).current_dir(s.path("")).run();
        cd(&["build", "c/Dockerfile"])
            .fails(&["neither a directory nor a tar archive", "--file c/Dockerfile"]);
        cd(&["build", "-f", "Dockerfile", "c"]).fails(&["current directory", "--file c/Dockerfile"]);
        fs::rename(s.path("c/Dockerfile"), s.path("c/Dockerfile.txt")).unwrap();
        fs::write(s.path("c/Dockerfile.dockerignore"), "").unwrap();
        cd(&["build", "c"]).fails(&["no 'Dockerfile'", "--file c/Dockerfile.txt"]);
        cd(&["build", "-t", "app", "-f", "c/Dockerfile.txt", "c"]).ok();
        // A wildcard that matches links to nothing alone.
        symlink("/nowhere", s.path("c/link")).unwrap();
        let ran = build(s, "FROM scratch\nCOPY lin* /\n", &[]).fails(&["'link' is a symbolic link"]);
        assert!(!ran.err().contains(".dockerignore"), "{ran:?}");
    });
}

#[test]
fn what_is_long_is_cut() {
    need!(Root);
    sandbox(|s| {
        let long = "x".repeat(100_000);
        let ran = build(s, &format!("FROM scratch\nCOPY {long} /\n"), &["--progress", "plain"]).code(1);
        assert!(ran.err().len() < 10_000, "{} bytes", ran.err().len());
        ran.says(&["Dockerfile:2", "xxx…"]);
    });
}

#[test]
fn the_json_of_a_failed_step_says_why_it_failed() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        s.cd(["commit", "-q", "c", "base:1"]).run().ok();
        let ran = build(s, "FROM base:1\nRUN exit 3\n", &["--progress", "rawjson"]).code(1);
        let read = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok();
        let vertexes = ran
            .err()
            .lines()
            .filter_map(read)
            .map(|status| status["vertexes"][0].clone())
            .collect::<Vec<_>>();
        let errors: Vec<&str> = vertexes.iter().filter_map(|vertex| vertex["error"].as_str()).collect();
        assert_eq!(errors, ["Dockerfile:2: RUN failed: exit code 3"], "{ran:?}");
        let ran = build(s, "FROM base:1\nCOPY gone /\n", &["--progress", "rawjson"]).code(1);
        ran.says(&["\"error\":\"Dockerfile:2: 'gone' is not there; "]);
    });
}

#[test]
fn triggers_say_where_they_come_from() {
    need!(Root);
    sandbox(|s| {
        build(s, "FROM scratch\nCOPY f /\nONBUILD COPY gone /\n", &["-t", "base:1"]).ok();
        let ran = build(s, "# one\nFROM base:1\nCOPY f /\n", &[]);
        ran.fails(&["Dockerfile:2: ONBUILD COPY of the base image 'base:1'", "'gone' is not there"]);
    });
}

#[test]
fn checks_know_the_base_image_and_json_that_is_none() {
    need!(Root);
    sandbox(|s| {
        build(s, "FROM scratch\nENV KNOWN=1\nCOPY f /\n", &["-t", "base:1"]).ok();
        let ran = build(s, "FROM base:1\nENV A=$KNOWN B=$OTHER\n", &["--check"]).code(1);
        assert!(ran.err().contains("'OTHER'") && !ran.err().contains("'KNOWN'"), "{ran:?}");
        build(s, "FROM scratch\nCMD [/bin/sh,\"x\"]\n", &["--check"]).code(1).says(&["double quotes"]);
    });
}

#[test]
fn another_cpu_than_the_image_has() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let other = if crate::support::image::host_architecture() == "arm64" { "amd64" } else { "arm64" };
        let image = Image::of([Entry::file("a", "x")]).for_cpu(other, None);
        crate::support::image::push_index(&registry, "foreign:1", &[image]);
        let dockerfile = format!("FROM {}\n", registry.reference("foreign:1"));
        let ran = build(s, &dockerfile, &["--allow-insecure"]).fails(&[other, "with --platform"]);
        assert!(!ran.err().contains("--architecture"), "{ran:?}");
    });
}

#[test]
fn files_of_several_platforms_have_directories_of_their_own() {
    need!(Root);
    sandbox(|s| {
        let dockerfile = "FROM scratch\nARG TARGETARCH\nCOPY <<a /a\n$TARGETARCH\na\n";
        let platforms = ["--platform", "linux/amd64,linux/arm/v7"];
        let exports = ["--export", "type=local,dest=d", "--export", "type=tar,dest=d.tar"];
        build(s, dockerfile, &[&platforms[..], &exports].concat()).ok();
        let read = |path: &str| fs::read_to_string(s.path("d").join(path)).unwrap();
        assert_eq!((read("linux_amd64/a"), read("linux_arm_v7/a")), ("amd64\n".into(), "arm\n".into()));
        let names = String::from_utf8(tool("tar", ["-tf".as_ref(), s.path("d.tar").as_os_str()])).unwrap();
        assert!(names.contains("linux_amd64/a") && names.contains("linux_arm_v7/a"), "{names}");
    });
}

#[test]
fn the_last_words_tell_what_to_do_next() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        s.cd(["commit", "-q", "c", "base:1"]).run().ok();
        let next = "chroot-distro install app:latest && chroot-distro login app";
        build(s, "FROM base:1\n", &[]).ok().says(&[next]);
        s.cd(["install", "-q", "app"]).run().ok();
        let same = build(s, "FROM base:1\n", &[]).ok();
        assert!(!same.err().contains("old image") && !same.err().contains(next), "{same:?}");
        let ran = build(s, "FROM base:1\nCOPY f /new\n", &[]).ok();
        ran.says(&["still on the old image: app.", "chroot-distro reset app"]);
        s.cd(["reset", "-q", "app"]).run().ok();
        assert!(s.rootfs("app").join("new").exists());
    });
}
