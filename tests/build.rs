//! `build`: steps, stages, the cache, mounts, networks, platforms, and where an image goes.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::digest;
use crate::support::prelude::*;

/// A context with a shell, and a Dockerfile in it.
pub fn context(s: &Sandbox, dockerfile: &str) {
    fs::create_dir_all(s.path("c/sub")).unwrap();
    let busybox = crate::support::need::program("busybox").unwrap();
    fs::copy(busybox, s.path("c/busybox")).unwrap();
    fs::write(s.path("c/sub/file"), "contents\n").unwrap();
    fs::write(s.path("c/Dockerfile"), dockerfile).unwrap();
}

/// Begins a Dockerfile: a stage with a shell.
pub const SHELL: &str = "FROM scratch AS shell\nCOPY busybox /bin/busybox\n\
                     RUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n";

pub fn build(s: &Sandbox, args: &[&str]) -> Cd {
    s.cd([&["build", "-t", "app"], args, &["c"]].concat()).current_dir(s.path(""))
}

/// Builds, and makes the container `app` of it.
fn built(s: &Sandbox, dockerfile: &str) -> PathBuf {
    context(s, dockerfile);
    build(s, &["--install-as", "app"]).run().ok();
    s.rootfs("app")
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn blob(s: &Sandbox, digest: &str) -> Vec<u8> {
    let hex = digest.strip_prefix("sha256:").unwrap();
    let bytes = fs::read(s.data().join("images/blobs/sha256").join(hex)).unwrap();
    assert_eq!(crate::support::digest(&bytes), digest);
    bytes
}

fn json_of(s: &Sandbox, digest: &Value) -> Value {
    serde_json::from_slice(&blob(s, digest.as_str().unwrap())).unwrap()
}

/// The digest, manifest and config of the kept image `app`.
pub fn image(s: &Sandbox) -> (String, Value, Value) {
    let listed: Value = serde_json::from_str(&s.cd(["images", "--json", "app"]).run().ok().out()).unwrap();
    let digest = listed[0]["digest"].as_str().unwrap().to_owned();
    let manifest = json_of(s, &json!(digest));
    let config = json_of(s, &manifest["config"]["digest"]);
    (digest, manifest, config)
}

#[test]
fn stages_and_steps_become_an_image() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let dockerfile = format!(
            "{SHELL}ARG WHO=nobody
            ENV GREETING=hello
            WORKDIR /srv/app
            RUN echo $GREETING $WHO >greeting; chmod 4755 greeting; ln greeting other; rm /bin/vi
            FROM shell AS unused
            RUN exit 1
            FROM scratch
            COPY --from=shell /bin /bin
            COPY --from=0 --chown=5:6 /srv /srv
            COPY --chmod=640 sub/ /etc/
            LABEL a=b
            EXPOSE 80
            USER 7:8
            CMD [\"/bin/cat\", \"/srv/app/greeting\"]\n"
        );
        let root = built(s, &dockerfile);
        assert_eq!(read(root.join("srv/app/greeting")), "hello nobody\n");
        let (one, other) = (root.join("srv/app/greeting"), root.join("srv/app/other"));
        let metadata = fs::metadata(one).unwrap();
        assert_eq!(metadata.ino(), fs::metadata(other).unwrap().ino());
        assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (5, 6, 0o4755));
        assert_eq!(fs::metadata(root.join("etc/file")).unwrap().mode() & 0o7777, 0o640);
        assert!(root.join("bin/ls").exists() && !root.join("bin/vi").exists());
        for left in ["proc", "sys", "dev", "etc/resolv.conf", "etc/hosts", "etc/Dockerfile"] {
            assert!(
                !root.join(left).exists() || left.starts_with("etc/") && left != "etc/Dockerfile",
                "{left}"
            );
        }
        let (_, manifest, config) = image(s);
        let own = &config["config"];
        assert_eq!(
            (&own["User"], &own["Labels"]["a"], &own["ExposedPorts"]),
            (&json!("7:8"), &json!("b"), &json!({"80/tcp": {}}))
        );
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 3);
        let history = config["history"].as_array().unwrap();
        assert_eq!(history.iter().filter(|entry| entry["empty_layer"] != true).count(), 3);
        s.cd(["run", "app"]).run().ok().prints("hello nobody\n");
        s.assert_store();
    });
}

#[test]
fn what_did_not_change_comes_from_the_cache_and_is_the_same_image() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        context(s, &format!("{SHELL}COPY sub /sub\nRUN cat /sub/file >/copied\nENV A=1\n"));
        build(s, &[]).run().ok();
        let (first, ..) = image(s);
        // Times are no change.
        fs::write(s.path("c/sub/file"), "contents\n").unwrap();
        fs::write(s.path("c/nobody-copies-this"), "x").unwrap();
        let ran = build(s, &["--progress", "plain"]).run().ok();
        assert_eq!(ran.err().matches(" CACHED").count(), 4, "{ran:?}");
        assert_eq!(image(s).0, first);
        fs::write(s.path("c/sub/file"), "changed!\n").unwrap();
        let ran = build(s, &["--progress", "plain"]).run().ok();
        assert_eq!(ran.err().matches(" CACHED").count(), 2, "{ran:?}");
        assert_ne!(image(s).0, first);
        let ran = build(s, &["--progress", "plain", "--no-cache"]).run().ok();
        assert_eq!(ran.err().matches(" CACHED").count(), 0, "{ran:?}");
        s.assert_store();
    });
}

#[test]
fn a_step_that_depends_on_no_time_makes_the_same_bytes_with_and_without_overlayfs() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        context(
            s,
            &format!(
                "{SHELL}RUN mkdir -p /a/b && echo x >/a/b/c && rm /bin/vi && chmod 700 /bin/sh && ln /a/b/c /a/d\n"
            ),
        );
        let digest = |cd: Cd, copies: bool| {
            let ran = cd.env("SOURCE_DATE_EPOCH", "1000000000").run().ok();
            assert_eq!(ran.err().contains("overlayfs cannot be used"), copies, "{ran:?}");
            image(s).0
        };
        let overlaid = digest(build(s, &["-v"]), false);
        assert_eq!(digest(build(s, &["-v", "--no-cache"]), false), overlaid);
        // On an overlay there can be no other.
        let dirs = ["lower", "upper", "work", "on-overlay"].map(|name| s.path(name));
        dirs.iter().for_each(|dir| fs::create_dir(dir).unwrap());
        let [lower, upper, work, cache] = dirs.map(|dir| dir.display().to_string());
        let options =
            std::ffi::CString::new(format!("lowerdir={lower},upperdir={upper},workdir={work}")).unwrap();
        rustix::mount::mount("overlay", &cache, "overlay", rustix::mount::MountFlags::empty(), &*options)
            .unwrap();
        let copied = digest(build(s, &["-v"]).env("XDG_CACHE_HOME", &cache), true);
        assert_eq!(copied, overlaid);
        rustix::mount::unmount(&cache, rustix::mount::UnmountFlags::DETACH).unwrap();
        let (.., config) = image(s);
        assert_eq!(config["created"], "2001-09-09T01:46:40Z");
    });
}

#[test]
fn mounts_of_a_run_show_what_they_say_and_stay_out_of_the_image() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let root = built(
            s,
            &format!(
                "{SHELL}FROM shell
                RUN --mount=type=bind,target=/context cat /context/sub/file && ! touch /context/x
                RUN --mount=type=bind,target=/context,rw touch /context/x && ls /context/x
                RUN --mount=type=bind,target=/context ! ls /context/x
                RUN --mount=type=bind,from=shell,source=/bin,target=/other ls /other/busybox
                RUN --mount=type=cache,target=/cache echo line >>/cache/log
                RUN --mount=type=cache,target=/cache cat /cache/log >/seen
                RUN --mount=type=tmpfs,target=/memory touch /memory/x
                RUN --network=none ! ip route | grep .
                RUN sleep 1000 &
                RUN echo $HOME $HOSTNAME $$ >/where\n"
            ),
        );
        assert_eq!(read(root.join("seen")), "line\n");
        for left in ["context", "other", "cache", "memory", "x"] {
            assert!(!root.join(left).exists(), "{left}");
        }
        assert!(!s.path("c/x").exists());
    });
}

#[test]
fn a_secret_is_in_nothing_that_is_kept() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        let secret = "a-Secret-that-nobody-else-has";
        context(
            s,
            &format!(
                "{SHELL}RUN --mount=type=secret,id=token test $(wc -c </run/secrets/token) = 29
                RUN --mount=type=secret,id=token,env=TOKEN test -n \"$TOKEN\"
                RUN test ! -e /run/secrets\n"
            ),
        );
        fs::write(s.path("token"), secret).unwrap();
        let args = ["--secret", "id=token,src=token", "-o", "out.tar"];
        build(s, &args).run().ok();
        for file in
            tool("find", [s.data().as_os_str(), s.cache().as_os_str(), "-type".as_ref(), "f".as_ref()])
                .split(|&byte| byte == b'\n')
                .filter(|line| !line.is_empty())
        {
            let bytes = fs::read(std::ffi::OsStr::from_bytes(file)).unwrap();
            assert!(!contains(&bytes, secret.as_bytes()), "{}", String::from_utf8_lossy(file));
        }
        // Also where the first step of all has it, nothing is left mounted.
        build(s, &["-t", "base", "--secret", "id=token,src=token"]).run().ok();
        context(s, "FROM base\nRUN --mount=type=secret,id=token --mount=type=tmpfs,target=/t true\n");
        build(s, &["--secret", "id=token,src=token"]).run().ok();
        assert!(!read("/proc/self/mountinfo".into()).contains("build_scratch"));
        context(s, "FROM base\nRUN --mount=type=secret,id=token cat /run/secrets/token\n");
        build(s, &["--no-cache"]).run().fails(&["RUN failed"]);
        s.cd(["build", "--secret", "id=token,src=none", "c"]).run().code(1);
        s.cd(["build", "--secret", "src=token", "c"]).current_dir(s.path("")).run().code(2);
    });
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_failure_shows_the_lines_the_output_and_the_code() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        context(s, &format!("{SHELL}# about\nRUN echo printed; \\\n    exit 7\n"));
        let ran = build(s, &[]).run().code(1);
        let err = ran.err();
        for part in ["printed", "Dockerfile:5", ">>> RUN echo printed", "exit code 7"] {
            assert!(err.contains(part), "{part}: {err}");
        }
        assert_eq!(s.cd(["images", "-q"]).run().ok().out(), "");
        for (dockerfile, code, words) in [
            ("FROM scratch\nRNU x\n", 1, "Dockerfile:2"),
            ("FROM scratch\nCOPY none /\n", 1, "'none'"),
            ("FROM scratch\nCOPY --from=later / /\n", 1, "later"),
            ("RUN x\n", 1, "Dockerfile:1"),
            ("FROM scratch\nCOPY none /\nRUN --security=insecure x\n", 1, "Dockerfile:3"),
            ("FROM scratch\nADD https://h/r.git /\n", 1, "git"),
            ("FROM scratch\nADD --checksum=sha256:00 sub /\n", 1, "--checksum"),
            ("FROM scratch\nRUN --mount=type=cache,target=/.. x\n", 1, "the root"),
            ("FROM scratch\nRUN --mount=type=tmpfs x\n", 1, "no target"),
            ("FROM scratch\nRUN []\n", 1, "RUN has no command"),
            ("FROM scratch\nRUN x\n", 1, "/bin/sh"),
            ("# check=error=true\nFROM scratch as x\nFROM scratch\n", 1, "Casing"),
            ("", 1, "Dockerfile"),
        ] {
            fs::write(s.path("c/Dockerfile"), dockerfile).unwrap();
            let ran = build(s, &["--allow-insecure"]).env("CD_DOWNLOAD_MAX_RETRIES", "0").run().code(code);
            assert!(ran.err().contains(words), "{dockerfile}: {ran:?}");
        }
        fs::write(s.path("c/Dockerfile"), "FROM scratch\nENV A_PASSWORD=x\n").unwrap();
        build(s, &["--check"]).run().code(1).says(&["SecretsUsedInArgOrEnv", "Dockerfile:2"]);
        fs::write(s.path("c/Dockerfile"), "FROM scratch\nENV A=x\n").unwrap();
        build(s, &["--check"]).run().ok();
        s.cd(["build", "none"]).run().code(1);
        s.cd(["build", "--target", "none", "c"]).current_dir(s.path("")).run().code(2);
        s.assert_store();
    });
}

#[test]
fn triggers_platforms_and_named_contexts() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        context(s, "FROM scratch\nCOPY sub /\nONBUILD COPY busybox /from-trigger\n");
        s.cd(["build", "-t", "base:1", "c"]).current_dir(s.path("")).run().ok();
        fs::create_dir(s.path("named")).unwrap();
        fs::write(s.path("named/n"), "").unwrap();
        context(s, "FROM base:1\nCOPY --from=other n /n\nCOPY --from=base:1 file /again\n");
        let args =
            ["--build-context", "other=named", "--platform", "linux/amd64,linux/arm64", "-o", "two.tar"];
        build(s, &args).run().fails(&["linux/arm64"]);
        let platform = format!("linux/{}", crate::support::image::host_architecture());
        build(s, &["--build-context", "other=named", "--platform", &platform, "--install-as", "app"])
            .run()
            .ok();
        for there in ["n", "file", "again", "from-trigger"] {
            assert!(s.rootfs("app").join(there).exists(), "{there}");
        }
        crate::support::image::Image::busybox().write_layout(&s.path("layout"), "one");
        context(s, "FROM l\nCOPY sub /\n");
        let layout = |tag: &str| format!("l=oci-layout://{}{tag}", s.path("layout").display());
        for tag in ["", ":one"] {
            build(s, &["--build-context", &layout(tag)]).run().ok();
        }
        build(s, &["--build-context", &layout(":two")]).run().code(1).says(&["'two'", "one"]);
        context(s, "FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY sub /\n");
        build(s, &["--platform", "linux/amd64,linux/arm64,linux/arm/v7"]).run().ok();
        let listed: Value =
            serde_json::from_str(&s.cd(["images", "--json", "app"]).run().ok().out()).unwrap();
        assert_eq!(listed[0]["platforms"], json!(["linux/amd64", "linux/arm64", "linux/arm/v7"]));
        let index = json_of(s, &listed[0]["digest"]);
        for (entry, arch) in index["manifests"].as_array().unwrap().iter().zip(["amd64", "arm64", "arm"]) {
            let config = json_of(s, &json_of(s, &entry["digest"])["config"]["digest"]);
            assert_eq!(
                (&config["config"]["Labels"]["arch"], &config["architecture"]),
                (&json!(arch), &json!(arch))
            );
        }
        s.assert_store();
    });
}

#[test]
fn an_image_goes_where_it_is_sent_and_nothing_is_overwritten() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        context(s, "FROM scratch\nCOPY --chown=5:6 sub/file /file\nCMD [\"x\"]\n");
        let args = ["-o", "a.oci.tar", "-o", "type=docker,dest=b.tar", "--export", "type=tar,dest=c.tar.gz"];
        let more = ["--export", "type=local,dest=d", "--iidfile", "id", "--metadata-file", "meta"];
        build(s, &[&args[..], &more].concat()).run().ok();
        let (digest, manifest, _) = image(s);
        assert_eq!(read(s.path("id")), manifest["config"]["digest"].as_str().unwrap());
        let meta: Value = serde_json::from_str(&read(s.path("meta"))).unwrap();
        assert_eq!(meta["containerimage.digest"], digest);
        let file = fs::metadata(s.path("d/file")).unwrap();
        assert_eq!((file.uid(), file.gid()), (5, 6));
        let names = tool("tar", ["-tzf".as_ref(), s.path("c.tar.gz").as_os_str()]);
        assert!(String::from_utf8(names).unwrap().contains("file"));
        for archive in ["a.oci.tar", "b.tar"] {
            let name = archive.split('.').next().unwrap();
            s.cd(["install", "-n", name]).arg(s.path(archive)).run().ok();
            assert_eq!(read(s.rootfs(name).join("file")), "contents\n");
        }
        for taken in [&["-o", "a.oci.tar"][..], &["--export", "type=local,dest=d"], &["--install-as", "a"]] {
            build(s, taken).run().code(1).says(&["exists"]);
        }
        for wrong in ["type=git,dest=x", "type=tar", ""] {
            build(s, &["--export", wrong]).run().code(2);
        }
        assert_eq!(fs::metadata(s.path("d")).unwrap().permissions().mode() & 0o777, 0o755);
    });
}

#[test]
fn contexts_come_from_standard_input_and_archives_and_ignore_what_they_say() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        context(s, "FROM scratch\nCOPY . /\n");
        fs::write(s.path("c/.dockerignore"), "busybox\nsub\n!sub/file\n").unwrap();
        build(s, &["--export", "type=local,dest=plain"]).run().ok();
        assert!(s.path("plain/sub/file").exists() && !s.path("plain/busybox").exists());
        tool(
            "tar",
            [
                "-C".as_ref(),
                s.path("c").as_os_str(),
                "-czf".as_ref(),
                s.path("c.tgz").as_os_str(),
                ".".as_ref(),
            ],
        );
        let tar = fs::read(s.path("c.tgz")).unwrap();
        let from = |args: &[&str], input: Vec<u8>| {
            s.cd([&["build", "-t", "app"], args].concat()).current_dir(s.path("")).stdin(input).run()
        };
        from(&["--export", "type=local,dest=archive", "c.tgz"], Vec::new()).ok();
        from(&["--export", "type=local,dest=stdin", "-"], tar).ok();
        let other = b"FROM scratch\nCOPY sub/file /only\n".to_vec();
        from(&["--export", "type=local,dest=file", "-f", "-", "c"], other).ok();
        from(&["-"], b"FROM scratch\nLABEL a=b\n".to_vec()).ok();
        assert!(s.path("archive/sub/file").exists() && !s.path("stdin/busybox").exists());
        assert!(s.path("stdin/Dockerfile").exists() && s.path("file/only").exists());
        from(&["-"], b"FROM scratch\nCOPY x /\n".to_vec()).code(1);
        from(&["-f", "-", "-"], Vec::new()).code(2);
        assert_eq!(digest(b"").len(), 71);
    });
}
