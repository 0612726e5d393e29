//! Variables: the switches that this program reads, and those that go into a guest: passed on by name, from a file, of the
//! account, the time zone.

use std::fs;

use serde_json::json;

use crate::support::prelude::*;

/// Each switch, what shows it in a guest's shell, and what that prints when it is on; else it prints `off`.
const SWITCHES: &[(&str, &str, &str)] = &[
    ("CD_USE_ISOLATION", "test $$ -lt 9 && test ! -e /tmp/shared && echo on || echo off", "on\n"),
    ("CD_USE_NS", "test $$ -lt 9 && test -e /tmp/shared && echo on || echo off", "on\n"),
    ("CD_NO_NEW_PRIVS", "grep -q NoNewPrivs:.1 /proc/self/status && echo on || echo off", "on\n"),
];

#[test]
fn a_switch_is_on_or_off_by_any_usual_word_and_nothing_else() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        fs::create_dir(s.path("shared")).unwrap();
        for (variable, script, on) in SWITCHES {
            for word in ["1", "true", "yes", "On", "TRUE"] {
                login(s, &[], script).env(variable, word).run().ok().prints(on);
            }
            for word in ["", "0", "false", "No", "off"] {
                login(s, &[], script).env(variable, word).run().ok().prints("off\n");
            }
            for word in ["2", "ture", "enabled"] {
                let ran = login(s, &[], "echo ran").env(variable, word).run().code(2);
                ran.says(&[&format!("{variable}={word}"), "neither on nor off", "hint"]).prints("");
                let ran = s.cd(["run", "c", "--", "echo", "ran"]).env(variable, word).run().code(2);
                ran.says(&[variable]).prints("");
            }
        }
        // An isolated guest without the filter: only then has it one to be without.
        let filters = "grep -c Seccomp:.2 /proc/self/status";
        for (word, filtered) in [("yes", "0\n"), ("no", "1\n")] {
            login(s, &["--isolated"], filters).env("CD_NO_SECCOMP", word).run().prints(filtered);
        }
        login(s, &["--isolated"], filters).env("CD_NO_SECCOMP", "y").run().code(2).says(&["CD_NO_SECCOMP=y"]);
    });
}

#[test]
fn a_switch_about_root_is_read_by_the_same_words() {
    need!(Root);
    sandbox(|s| {
        let remove = |variable: &str, word: &str| {
            let user = s.cd(["remove", "absent"]).uid(1000).env("PATH", "/tmp/none");
            user.env_remove("CHROOT_DISTRO_NO_ELEVATE").env(variable, word).run()
        };
        for word in ["1", "TRUE", "yes", "on"] {
            remove("CHROOT_DISTRO_NO_ELEVATE", word).code(1).says(&["elevation is turned off"]);
        }
        for word in ["", "0", "False", "no", "off"] {
            remove("CHROOT_DISTRO_NO_ELEVATE", word).code(1).says(&["there is no sudo, doas, pkexec or su"]);
        }
        for variable in ["CHROOT_DISTRO_NO_ELEVATE", "CHROOT_DISTRO_USE_SUDO"] {
            remove(variable, "maybe").code(2).says(&[&format!("{variable}=maybe")]);
            // Root needs neither, but is told of the mistake too.
            s.cd(["remove", "absent"]).env(variable, "maybe").run().code(2).says(&[variable]);
        }
    });
}

/// What a variable is inside, `-` where it is not set.
fn inside(s: &Sandbox, options: &[&str], name: &str) -> Cd {
    login(s, options, &format!("echo \"${{{name}--}}\""))
}

#[test]
fn a_name_alone_passes_the_callers_value_on() {
    need!(Root, Tool("busybox"));
    in_every_mode(&Image::busybox().with("Env", json!(["FROM=image"])), |s, mode| {
        let get = |options: &[&'static str], name: &str| inside(s, &[mode, options].concat(), name);
        for options in [&["-e", "MINE"][..], &["--env=MINE"], &["-eMINE"], &["-e", "MINE=x", "-e", "MINE"]] {
            get(options, "MINE").env("MINE", "a b=\"c\"").run().ok().prints("a b=\"c\"\n");
        }
        get(&["-e", "MINE"], "MINE").env("MINE", "").run().ok().prints("\n");
        // Who does not have it gives none, and nothing is passed on that was not named.
        get(&["-e", "MINE"], "MINE").run().ok().prints("-\n");
        get(&["-e", "OTHER"], "MINE").env("MINE", "x").run().ok().prints("-\n");
        get(&["-e", "MINE", "-e", "MINE=y"], "MINE").env("MINE", "x").run().ok().prints("y\n");
        get(&["-e", "FROM"], "FROM").env("FROM", "me").run().ok().prints("me\n");
        get(&[], "MINE").env("CD_ENV", "MINE\nA=1").env("MINE", "x").run().ok().prints("x\n");
        s.cd([&["run"], mode, &["-e", "MINE", "c", "--", "sh", "-c", "echo $MINE"]].concat())
            .env("MINE", "x")
            .run()
            .ok()
            .prints("x\n");
        get(&["-e", "=x"], "MINE").run().code(2).says(&["no name"]);
        get(&["-e", ""], "MINE").run().code(2).says(&["no name"]);
    });
}

#[test]
fn a_file_of_variables_is_read_as_docker_reads_it() {
    need!(Root, Tool("busybox"));
    in_every_mode(&Image::busybox(), |s, mode| {
        let file = |text: &[u8]| fs::write(s.path("env"), text).unwrap();
        let get = |options: &[&'static str], name: &str| {
            inside(s, &[mode, &["--env-file", "/tmp/env"], options].concat(), name)
        };
        file(b"\xef\xbb\xbfFIRST=1\n# SECOND=2\n\n  THIRD=a # b \n\tMINE\nNONE\nQUOTED=\"q\"\nCRLF=x\r\nLAST=a=b");
        for (name, value) in [
            ("FIRST", "1"),
            ("SECOND", "-"),
            ("THIRD", "a # b "),
            ("MINE", "of the caller"),
            ("NONE", "-"),
            ("QUOTED", "\"q\""),
            ("CRLF", "x"),
            ("LAST", "a=b"),
        ] {
            get(&[], name).env("MINE", "of the caller").run().ok().prints(&format!("{value}\n"));
        }
        // Bytes that are no text come through as they are.
        file(b"BYTES=\xff\xfe\n");
        assert_eq!(get(&[], "BYTES").run().ok().stdout, b"\xff\xfe\n");
        // Files in their order over CD_ENV, and below --env, wherever that stands.
        file(b"A=file\n");
        fs::write(s.path("more"), "A=more\n").unwrap();
        get(&[], "A").env("CD_ENV", "A=environment").run().ok().prints("file\n");
        get(&["--env-file=/tmp/more"], "A").run().ok().prints("more\n");
        get(&["-e", "A=option", "--env-file=/tmp/more"], "A").run().ok().prints("option\n");
        for (text, told) in [("A=1\nexport B=2\n", "line 2"), ("=x\n", "line 1"), ("A B\n", "blank")] {
            file(text.as_bytes());
            get(&[], "A").run().code(2).says(&[told, "/tmp/env"]).prints("");
        }
        inside(s, &["--env-file", "/tmp/absent"], "A").run().code(125).says(&["/tmp/absent", "variables"]);
        inside(s, &["--env-file", "/tmp"], "A").run().code(125).says(&["/tmp", "directory"]);
    });
}

/// Europe/Berlin, as far as a reader of its last line is concerned.
const BERLIN: &[u8] = b"TZif2\0\0\nCET-1CEST,M3.5.0,M10.5.0/3\n";
const RULE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

#[test]
fn a_login_has_the_time_zone_of_the_host() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let host = Machine::linux(s);
        host.file("/usr/share/zoneinfo/Europe/Berlin", BERLIN);
        host.link("/etc/localtime", "../usr/share/zoneinfo/Europe/Berlin");
        let zone = "echo ${TZ--}; date -d @0 +%H";
        let berlin = format!("{RULE}\n01\n");
        for mode in [&[][..], &["--isolated"]] {
            host.login(mode, zone).run().ok().prints(&berlin);
            host.login(mode, zone).env("CD_NO_TZ", "1").run().ok().prints("-\n00\n");
            host.login(&[mode, &["-e", "TZ=UTC0"]].concat(), zone).run().ok().prints("UTC0\n00\n");
            host.login(mode, zone).env("CD_ENV", "TZ=JST-9").run().ok().prints("JST-9\n09\n");
            // The caller's own zone is theirs.
            host.login(mode, zone).env("TZ", "JST-9").run().ok().prints("JST-9\n09\n");
            let run = [&["run"], mode, &["c", "--", "/bin/sh", "-c", zone]].concat();
            host.cd(run).run().ok().prints("-\n00\n");
        }
        host.login(&["--minimal"], zone).run().ok().prints("-\n00\n");
        host.login(&[], zone).env("CD_NO_TZ", "maybe").run().code(2).says(&["CD_NO_TZ"]);
        // The name where the guest has that zone's file.
        let guest = |path: &str| host.rootfs().join(path);
        fs::create_dir_all(guest("usr/share/zoneinfo/Europe")).unwrap();
        fs::write(guest("usr/share/zoneinfo/Europe/Berlin"), BERLIN).unwrap();
        host.login(&[], "echo $TZ").run().ok().prints("Europe/Berlin\n");
        fs::remove_dir_all(guest("usr/share")).unwrap();
        // Nothing was written.
        for entry in fs::read_dir(guest("etc")).unwrap().flatten() {
            let text = fs::read(entry.path()).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&text).contains("CET"), "{entry:?}");
            assert!(
                !["localtime", "timezone", "TZ"].contains(&entry.file_name().to_str().unwrap()),
                "{entry:?}"
            );
        }
    });
}

#[test]
fn a_time_zone_that_somebody_chose_for_the_guest_stays() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        let host = Machine::linux(s);
        host.file("/usr/share/zoneinfo/Europe/Berlin", BERLIN);
        host.link("/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin");
        let etc = host.rootfs().join("etc");
        let told = || host.login(&[], "echo ${TZ--}").run().ok().out();
        let link = |target: &str| std::os::unix::fs::symlink(target, etc.join("localtime")).unwrap();
        for (target, expected) in [
            ("/usr/share/zoneinfo/Asia/Tokyo", "-\n".to_owned()),
            ("../usr/share/zoneinfo/Etc/UTC", format!("{RULE}\n")),
            ("/usr/share/zoneinfo/UTC", format!("{RULE}\n")),
        ] {
            link(target);
            assert_eq!(told(), expected, "{target}");
            fs::remove_file(etc.join("localtime")).unwrap();
        }
        for (name, text, expected) in [
            ("localtime", &b"TZif2\0\0\nJST-9\n"[..], "-\n"),
            ("timezone", b"Asia/Tokyo\n", "-\n"),
            ("TZ", b"JST-9\n", "-\n"),
            ("environment", b"TZ=Asia/Tokyo\n", "-\n"),
            ("timezone", b"Etc/UTC\n", "CET-1CEST,M3.5.0,M10.5.0/3\n"),
        ] {
            fs::write(etc.join(name), text).unwrap();
            assert_eq!(told(), expected, "{name}");
            fs::remove_file(etc.join(name)).unwrap();
        }
        // Some hosts have a directory there, and it is nobody's choice.
        fs::create_dir(etc.join("timezone")).unwrap();
        assert_eq!(told(), format!("{RULE}\n"));
        host.cd(["remove", "-q", "c"]).run().ok();
        Image::busybox().with("Env", json!(["TZ=JST-9"])).write_layout(&host.path("/tz"), "latest");
        host.cd(["install", "-q", "-n", "c", "/tz"]).run().ok();
        assert_eq!(told(), "JST-9\n");
        host.cd(["install", "-q", "-n", "bare", "/layout"]).run().ok();
        // A host that says nothing gives nothing, and one in universal time need not say so.
        fs::remove_file(host.path("/etc/localtime")).unwrap();
        host.cd(["login", "bare", "--", "/bin/sh", "-c", "echo ${TZ--}"]).run().ok().prints("-\n");
        host.link("/etc/localtime", "/usr/share/zoneinfo/Etc/UTC");
        host.cd(["login", "bare", "--", "/bin/sh", "-c", "echo ${TZ--}"]).run().ok().prints("-\n");
    });
}

#[test]
fn a_phone_tells_its_time_zone_by_a_property() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        let phone = Machine::phone(s, &Image::busybox());
        let busybox = fs::read(crate::support::need::program("busybox").unwrap()).unwrap();
        phone.program("/system/bin/busybox", busybox);
        let getprop = "#!/system/bin/busybox sh\necho '[persist.sys.timezone]: [Europe/Berlin]'\n";
        phone.program("/system/bin/getprop", getprop);
        let mut zones = b"tzdata2026a\0\0\0\0\x18\0\0\0\x4c\0\0\0\0Europe/Berlin".to_vec();
        zones.resize(24 + 44, 0);
        zones.extend(u32::try_from(BERLIN.len()).unwrap().to_be_bytes());
        zones.extend([&[0; 4], BERLIN].concat());
        phone.file("/apex/com.android.tzdata/etc/tz/tzdata", zones);
        for mode in [&[][..], &["--isolated"]] {
            phone.login(mode, "echo $TZ; date -d @0 +%H").run().ok().prints(&format!("{RULE}\n01\n"));
        }
        // It is told to each session, and written nowhere.
        let profile = phone.rootfs().join("etc/profile.d/termux-profile.sh");
        assert!(!fs::read_to_string(profile).unwrap_or_default().contains("TZ="));
    });
}

#[test]
fn a_login_says_whose_account_it_is() {
    need!(Root, Tool("busybox"));
    in_every_mode(&Image::busybox().with("Env", json!(["SHELL=/image", "LOGNAME=image"])), |s, mode| {
        let shown = "echo ${LOGNAME--} ${SHELL--}";
        let passwd = "root:x:0:0::/root:/bin/sh\nuser:x:1000:1001::/home/user:/bin/ash\nbare:x:7:7::/:\n\
                      gone:x:8:8::/:/bin/absent\n";
        fs::write(s.rootfs("c").join("etc/passwd"), passwd).unwrap();
        let ash = s.rootfs("c").join("bin/ash");
        if !ash.exists() {
            std::os::unix::fs::symlink("sh", ash).unwrap();
        }
        if mode == ["--minimal"] {
            login(s, mode, shown).run().ok().prints("- -\n");
            return;
        }
        login(s, mode, shown).run().ok().prints("root /bin/sh\n");
        for (user, expected) in [
            ("user", "user /bin/ash\n"),
            ("1000", "user /bin/ash\n"),
            ("4321", "4321 /bin/sh\n"),
            ("bare", "bare /bin/sh\n"),
            ("gone", "gone /bin/sh\n"),
        ] {
            login(s, &[mode, &["-u", user]].concat(), shown).run().ok().prints(expected);
        }
        let own = ["-u", "user", "-e", "SHELL=/own", "-e", "LOGNAME=me"];
        login(s, &[mode, &own].concat(), shown).run().ok().prints("me /own\n");
        let run = [&["run"], mode, &["-u", "user", "c", "--", "/bin/sh", "-c", shown]].concat();
        s.cd(run).run().ok().prints("image /image\n");
    });
}
