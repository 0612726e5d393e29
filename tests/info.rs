//! `info`: what a bug report needs is in it, and nothing private.

use std::fs;

use serde_json::{Value, json};

use crate::support::prelude::*;

/// A Debian, and an image with one program and nothing else, under names that are nobody's business.
fn furnish(s: &Sandbox) {
    let os = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n";
    let debian =
        [Entry::dir("etc"), Entry::file("etc/os-release", os), Entry::file("bin/sh", "#!/x\n").mode(0o755)];
    let images = [
        ("secret-shop", Image::of(debian)),
        (
            "secret-probe",
            Image::of([Entry::file("server", "x")]).with("Entrypoint", json!(["/server-of-acme"])),
        ),
    ];
    for (name, image) in images {
        image.write_layout(&s.path("acme-image"), "latest");
        s.cd(["install", "-q", "-n", name, "/tmp/acme-image"]).run().ok();
        fs::remove_dir_all(s.path("acme-image")).unwrap();
    }
}

fn json_of(s: &Sandbox, words: &[&str]) -> Value {
    let ran = s.cd([&["info", "--json"], words].concat()).run().ok();
    serde_json::from_slice(&ran.stdout).unwrap()
}

#[test]
fn it_tells_of_the_machine_and_of_the_containers() {
    need!(Root);
    on_both_kernels(|s| {
        furnish(s);
        let document = json_of(s, &[]);
        let version = s.cd(["--version"]).run().ok().out();
        assert_eq!(document["version"], version.trim());
        let kernel = rustix::system::uname();
        let release = kernel.release().to_str().unwrap();
        assert!(document["system"]["kernel"].as_str().unwrap().starts_with(release));
        assert_eq!(document["kernel"]["mount namespace"], "yes");
        let state = |name: &str| {
            let checks = document["health"].as_array().unwrap();
            checks.iter().find(|check| check["check"] == name).unwrap()["state"].as_str().unwrap().to_owned()
        };
        for name in ["capabilities", "data directory", "clock"] {
            assert!(state(name) != "PROBLEM", "{document:#}");
        }
        let [probe, shop] = &document["containers"].as_array().unwrap()[..] else { panic!("{document:#}") };
        assert_eq!(shop["distribution"], "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(shop["start"], "a shell");
        assert_eq!(probe["distribution"], Value::Null);
        assert_eq!(probe["start"], "its image's program");
        for container in [probe, shop] {
            assert_eq!(container["runs_here"], true);
            assert_eq!(container["architecture"], document["built_for"]);
            assert_eq!(container["sessions"], 0);
        }
        let page = s.cd(["info"]).run().ok().out();
        for wanted in
            ["SYSTEM", "KERNEL", "HEALTH", "CONTAINERS", release, "no base distribution", "Debian", "openat2"]
        {
            assert!(page.contains(wanted), "no {wanted} in {page}");
        }
        for alias in ["nf", "version-info"] {
            assert!(s.cd([alias]).run().ok().out().starts_with(&version));
        }
    });
}

#[test]
fn nothing_private_is_in_it() {
    need!(Root);
    sandbox(|s| {
        furnish(s);
        let host = rustix::system::uname();
        let addresses = String::from_utf8(tool("cat", ["/etc/resolv.conf"])).unwrap();
        let servers = addresses.lines().filter_map(|line| line.strip_prefix("nameserver "));
        for format in [&["info"][..], &["info", "--json"]] {
            let report = s.cd(format).env("SUDO_USER", "someuser").env("USER", "someuser").run().ok().out();
            let private = ["secret", "acme", "/tmp", "someuser", host.nodename().to_str().unwrap()];
            for word in private.into_iter().chain(servers.clone()).filter(|word| word.len() > 2) {
                assert!(!report.contains(word), "{word} is in {report}");
            }
            let told = s.cd(format).arg("--names").run().ok().out();
            assert!(told.contains("secret-shop") && told.contains("secret-probe"), "{told}");
        }
    });
}

#[test]
fn it_needs_root_and_leaves_nothing() {
    need!(Root);
    sandbox(|s| {
        s.cd(["info"]).uid(1000).run().fails(&["root is needed"]);
        let before = fs::read_dir("/tmp").unwrap().count();
        s.cd(["info"]).run().ok();
        assert_eq!(fs::read_dir("/tmp").unwrap().count(), before);
        assert!(!s.data().exists());
    });
}
