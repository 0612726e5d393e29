//! What people download, packed from stand-ins for the programs: the module for Android's root managers, the packages
//! for Termux, the install script.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::support::command::filter;
use crate::support::http;
use crate::support::need::program;
use crate::support::prelude::*;

/// As Android's root managers, as we, and as Termux call them.
const CPUS: [(&str, &str, &str); 5] = [
    ("arm64", "aarch64", "aarch64"),
    ("arm", "armv7", "arm"),
    ("x86", "i686", "i686"),
    ("x64", "x86_64", "x86_64"),
    ("riscv64", "riscv64", ""),
];

fn cross(name: &str) -> String {
    format!("{}/cross/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn package(words: &[&str]) -> Cd {
    Cd::new("python3").arg(cross("package")).args(words).args([
        "--dist",
        "/tmp/dist",
        "--tool",
        "/tmp/bin/chroot-distro",
    ])
}

fn write(path: impl AsRef<Path>, mode: u32, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Programs that tell for which CPU they are, make one link when asked for links, and say how they were called.
fn dist(s: &Sandbox) {
    for (_, cpu, _) in CPUS {
        let script = format!(
            "#!/bin/sh\ncase $1 in\n--version) echo 'chroot-distro 9 {cpu}';;\n\
             --install) ln -sf chroot-distro \"$3/cd-login\";;\n*) echo \"$@\";;\nesac\n"
        );
        write(s.path("dist").join(format!("chroot-distro-{cpu}")), 0o755, script);
    }
    let sums = filter("sh", ["-c", "cd /tmp/dist && sha256sum *"], b"");
    fs::write(s.path("dist/SHA256SUMS"), sums).unwrap();
}

/// A phone's root directory, with the module unpacked where the installer unpacks it.
fn phone(s: &Sandbox) -> std::path::PathBuf {
    let phone = s.path("phone");
    let _ = fs::remove_dir_all(&phone);
    for directory in ["bin", "system/bin", "data/adb/modules_update", "data/media/0"] {
        fs::create_dir_all(phone.join(directory)).unwrap();
    }
    fs::write(phone.join("data/media/0/photo"), "mine").unwrap();
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
    // By another process: what this one writes is busy in children that other tests fork meanwhile (ETXTBSY).
    tool("cp", [busybox.unwrap(), phone.join("bin/busybox").to_str().unwrap()]);
    for name in ["sh", "mkdir", "cp", "mv", "rm", "ln", "readlink", "sleep", "cat", "chmod", "find", "ls"] {
        symlink("busybox", phone.join("bin").join(name)).unwrap();
    }
    let module = phone.join("data/adb/modules_update/chroot-distro");
    fs::create_dir(&module).unwrap();
    let zip = zip(s);
    tool("busybox", ["unzip", "-q", zip.to_str().unwrap(), "-d", module.to_str().unwrap()]);
    phone
}

fn zip(s: &Sandbox) -> std::path::PathBuf {
    s.path(&format!("dist/chroot-distro-{}-module.zip", env!("CARGO_PKG_VERSION")))
}

/// Busybox's shell inside the phone, which is what the root managers run module scripts by.
fn ash(phone: &Path, script: &str) -> Cd {
    Cd::new(program("chroot").unwrap())
        .arg(phone)
        .args(["/bin/busybox", "ash", "-c", script])
        .env("PATH", "/bin:/system/bin")
}

/// The installer: its functions as far as the script needs them, then the script.
fn install(phone: &Path, arch: &str, manager: &str) -> Cd {
    let script = format!(
        "ui_print() {{ echo \"$1\"; }}\n\
         abort() {{ echo \"$1\" >&2; exit 1; }}\n\
         set_perm() {{ chmod $4 $1; }}\n\
         MODPATH=/data/adb/modules_update/chroot-distro ARCH={arch} API=33 BOOTMODE=true {manager}\n\
         . $MODPATH/customize.sh\n"
    );
    ash(phone, &script)
}

#[test]
fn the_module_is_what_installers_expect() {
    need!(Root, Tool("python3"), Tool("busybox"));
    sandbox(|s| {
        dist(s);
        package(&["module", "--url", "https://example.com/r/"]).run().ok();
        let first = fs::read(zip(s)).unwrap();
        package(&["module", "--url", "https://example.com/r"]).run().ok();
        assert!(first == fs::read(zip(s)).unwrap(), "two packings differ");
        let phone = phone(s);
        let module = phone.join("data/adb/modules_update/chroot-distro");
        let read = |name: &str| fs::read_to_string(module.join(name)).unwrap();
        assert_eq!(read("META-INF/com/google/android/updater-script"), "#MAGISK\n");
        let prop = read("module.prop");
        for line in [
            "id=chroot-distro",
            concat!("version=", env!("CARGO_PKG_VERSION")),
            "versionCode=",
            "author=",
            "description=",
            "updateJson=https://example.com/r/update.json",
        ] {
            assert!(prop.lines().any(|there| there.starts_with(line)), "no {line} in {prop}");
        }
        let all = tool("find", [module.to_str().unwrap(), "-type", "f", "-printf", "%P\n"]);
        for name in String::from_utf8(all).unwrap().lines() {
            assert!(!read(name).contains('\r'), "{name}");
        }
        // Unpackers that keep permissions: Python's own listing shows them.
        let listing = "import sys,zipfile\nfor f in zipfile.ZipFile(sys.argv[1]).infolist():\n \
                       print(oct(f.external_attr >> 16), f.date_time[0], f.filename)";
        let listing = String::from_utf8(tool("python3", ["-c", listing, zip(s).to_str().unwrap()])).unwrap();
        for line in listing.lines() {
            let program = line.contains(" bin/") || line.contains("update-binary") || line.ends_with(".sh");
            assert!(line.starts_with(if program { "0o100755 1980 " } else { "0o100644 1980 " }), "{line}");
        }
        assert_eq!(listing.lines().count(), 11, "{listing}");
        assert!(!listing.to_lowercase().contains("cert") && !listing.contains(".RSA"), "it is signed");
    });
}

#[test]
fn each_root_manager_finds_the_right_program() {
    need!(Root, Tool("python3"), Tool("busybox"));
    sandbox(|s| {
        dist(s);
        package(&["module"]).run().ok();
        let magisk = "data/adb/modules_update/chroot-distro/system/bin";
        for (manager, directory) in
            [("", magisk), ("KSU=true", "data/adb/ksu/bin"), ("APATCH=true KSU=true", "data/adb/ap/bin")]
        {
            for (android, cpu, _) in CPUS {
                let phone = phone(s);
                let ran = install(&phone, android, manager).run().ok();
                assert!(ran.out().contains(&format!("chroot-distro 9 {cpu}")), "{ran:?}");
                let path = format!("/{directory}:/bin");
                let run = |name: &str| ash(&phone, &format!("PATH={path} {name} --version")).run().ok().out();
                assert_eq!(run("chroot-distro"), format!("chroot-distro 9 {cpu}\n"));
                assert_eq!(run("cd-login"), format!("chroot-distro 9 {cpu}\n"));
                let module = phone.join("data/adb/modules_update/chroot-distro");
                assert!(!module.join("bin").exists(), "the other programs stay");
                // Once more, over what is there.
                fs::remove_dir_all(&module).unwrap();
                fs::create_dir(&module).unwrap();
                tool("busybox", ["unzip", "-q", zip(s).to_str().unwrap(), "-d", module.to_str().unwrap()]);
                install(&phone, android, manager).run().ok();
                let names = ash(&phone, &format!("ls -A /{directory}")).run().ok().out();
                assert_eq!(names, "cd-login\nchroot-distro\n");
            }
        }
    });
}

#[test]
fn what_cannot_run_is_not_installed() {
    need!(Root, Tool("python3"), Tool("busybox"));
    sandbox(|s| {
        dist(s);
        write("/tmp/dist/chroot-distro-aarch64", 0o755, "#!/bin/sh\nexit 1\n");
        package(&["module"]).run().ok();
        let phone = phone(s);
        write(phone.join("data/adb/ksu/bin/chroot-distro"), 0o755, "the one before");
        install(&phone, "mips", "KSU=true").run().code(1).says(&["no chroot-distro for this CPU: mips"]);
        install(&phone, "arm64", "KSU=true").run().code(1).says(&["does not run on this device"]);
        assert_eq!(ash(&phone, "cat /data/adb/ksu/bin/*").run().ok().out(), "the one before");
        assert_eq!(ash(&phone, "ls -A /data/adb/ksu/bin").run().ok().out(), "chroot-distro\n");
    });
}

#[test]
fn the_device_starts_what_is_listed_once_it_is_up_and_unlocked() {
    need!(Root, Tool("python3"), Tool("busybox"));
    sandbox(|s| {
        dist(s);
        package(&["module"]).run().ok();
        for manager in ["", "KSU=true", "APATCH=true"] {
            let phone = phone(s);
            install(&phone, "x64", manager).run().ok();
            // At the next start the module is in its place.
            fs::rename(phone.join("data/adb/modules_update"), phone.join("data/adb/modules")).unwrap();
            fs::create_dir_all(phone.join("data/user_de/0/com.termux")).unwrap();
            // Each wait does what it waits for: first the start, then the unlocking.
            write(
                phone.join("system/bin/getprop"),
                0o755,
                "#!/bin/sh\n[ $1 = sys.boot_completed ] && cat /booted\n",
            );
            fs::remove_file(phone.join("bin/sleep")).unwrap();
            write(
                phone.join("bin/sleep"),
                0o755,
                "#!/bin/sh\necho wait >>/waits\nif [ -e /booted ]; then mkdir -p /data/data/com.termux/files; \
                 else echo 1 >/booted; fi\n",
            );
            ash(&phone, "exec sh /data/adb/modules/chroot-distro/service.sh").run().ok().prints("");
            let module = phone.join("data/adb/modules/chroot-distro");
            assert_eq!(
                fs::read_to_string(module.join("autostart.log")).unwrap(),
                "autostart run\n",
                "{manager}"
            );
            assert_eq!(fs::read_to_string(phone.join("waits")).unwrap(), "wait\nwait\n");
        }
    });
}

#[test]
fn removing_the_module_deletes_nothing_of_the_users() {
    need!(Root, Tool("python3"), Tool("busybox"));
    sandbox(|s| {
        dist(s);
        package(&["module"]).run().ok();
        let phone = phone(s);
        install(&phone, "x64", "KSU=true").run().ok();
        write(phone.join("data/adb/ksu/bin/cd-mine"), 0o755, "mine");
        symlink("busybox", phone.join("data/adb/ksu/bin/cd-other")).unwrap();
        let containers =
            phone.join("data/data/com.termux/files/usr/var/lib/chroot-distro/containers/box/rootfs");
        write(containers.join("file"), 0o644, "mine");
        let uninstall = "exec sh /data/adb/modules_update/chroot-distro/uninstall.sh";
        ash(&phone, uninstall).run().ok().prints("");
        assert_eq!(ash(&phone, "ls -A /data/adb/ksu/bin").run().ok().out(), "cd-mine\ncd-other\n");
        assert_eq!(fs::read_to_string(containers.join("file")).unwrap(), "mine");
        assert_eq!(fs::read_to_string(phone.join("data/media/0/photo")).unwrap(), "mine");
        ash(&phone, uninstall).run().ok();
    });
}

#[test]
fn update_binary_hands_over_to_magisk() {
    need!(Root, Tool("python3"), Tool("busybox"));
    sandbox(|s| {
        dist(s);
        package(&["module"]).run().ok();
        let phone = phone(s);
        let script = "exec sh /data/adb/modules_update/chroot-distro/META-INF/com/google/android/update-binary 3 1 /x.zip";
        let refused = ash(&phone, script).run().code(1);
        assert!(refused.out().contains("Magisk 20.4"), "{refused:?}");
        let functions =
            "MAGISK_VER_CODE=27000\ninstall_module() { echo \"installing $ZIPFILE to $OUTFD\"; }\n";
        write(phone.join("data/adb/magisk/util_functions.sh"), 0o644, functions);
        ash(&phone, script).run().ok().prints("installing /x.zip to 1\n");
        write(phone.join("data/adb/magisk/util_functions.sh"), 0o644, functions.replace("27000", "19000"));
        ash(&phone, script).run().code(1);
    });
}

#[test]
fn what_is_new_in_this_version_is_told() {
    let changes = fs::read_to_string(cross("CHANGELOG.md")).unwrap();
    assert!(changes.contains(concat!("\n## ", env!("CARGO_PKG_VERSION"))), "no section for this version");
}

#[test]
fn the_scripts_are_clean() {
    need!(Tool("shellcheck"));
    let names = [
        "install.sh",
        "kernels",
        "release",
        "try",
        "module/customize.sh",
        "module/service.sh",
        "module/uninstall.sh",
    ];
    tool(
        "shellcheck",
        names.map(cross).iter().chain([&cross("module/META-INF/com/google/android/update-binary")]),
    );
}

#[test]
fn a_package_for_each_cpu_of_termux() {
    need!(Root, Tool("python3"), Tool("dpkg-deb"));
    sandbox(|s| {
        dist(s);
        package(&["deb"]).run().ok();
        let packed =
            |cpu: &str| s.path(&format!("dist/chroot-distro_{}_{cpu}.deb", env!("CARGO_PKG_VERSION")));
        let first = fs::read(packed("arm")).unwrap();
        package(&["deb"]).run().ok();
        assert!(first == fs::read(packed("arm")).unwrap(), "two packings differ");
        for (_, ours, termux) in CPUS.into_iter().filter(|(_, _, termux)| !termux.is_empty()) {
            let deb = packed(termux);
            let deb = deb.to_str().unwrap();
            let control = String::from_utf8(tool("dpkg-deb", ["--field", deb])).unwrap();
            for line in [
                "Package: chroot-distro\n",
                concat!("Version: ", env!("CARGO_PKG_VERSION"), "\n"),
                &format!("Architecture: {termux}\n"),
                "Maintainer: ",
                "Installed-Size: ",
                "Description: ",
            ] {
                assert!(control.contains(line), "no {line} in {control}");
            }
            let root = s.path(&format!("unpacked-{termux}"));
            tool("dpkg-deb", ["-x", deb, root.to_str().unwrap()]);
            let usr = root.join("data/data/com.termux/files/usr");
            let program = usr.join("bin/chroot-distro");
            assert_eq!(
                Cd::new(&program).arg("--version").run().ok().out(),
                format!("chroot-distro 9 {ours}\n")
            );
            assert_eq!(fs::metadata(usr.join("bin/cd-login")).unwrap().permissions().mode() & 0o777, 0o755);
            let completion =
                fs::read_to_string(usr.join("share/bash-completion/completions/cd-login")).unwrap();
            assert!(completion.contains("_chroot_distro"));
            assert!(usr.join("share/zsh/site-functions/_chroot-distro").is_file());
            assert!(usr.join("share/fish/vendor_completions.d/cd-login.fish").is_file());
            assert!(usr.join("share/man/man1/chroot-distro.1.gz").is_file());
            // Nothing outside the prefix, and everything root's.
            let listing = String::from_utf8(tool("dpkg-deb", ["-c", deb])).unwrap();
            for line in listing.lines() {
                let path = line.split(" ./").nth(1).unwrap();
                let prefix = "data/data/com.termux/files/usr/";
                assert!(path.starts_with(prefix) || prefix.starts_with(path), "{line}");
                assert!(line.contains(" root/root "), "{line}");
            }
        }
    });
}

/// The stand-in for this machine.
fn own() -> String {
    let machine = rustix::system::uname();
    format!("chroot-distro 9 {}\n", machine.machine().to_str().unwrap().replace("armv7l", "armv7"))
}

#[test]
fn the_install_script_checks_what_it_installs() {
    need!(Root, Tool("curl"), Tool("wget"));
    sandbox(|s| {
        dist(s);
        let script = cross("install.sh");
        let install = |from: &str| Cd::new("sh").args([&script, from, "/tmp/in"]).run();
        let installed = || Cd::new("/tmp/in/chroot-distro").arg("--version").run().ok().out();
        install("/tmp/dist").code(1).says(&["no directory /tmp/in"]);
        fs::create_dir(s.path("in")).unwrap();
        install("/tmp/dist").ok();
        assert_eq!(installed(), own());
        // By curl, then by wget alone.
        let names = fs::read_dir(s.path("dist")).unwrap().flatten();
        let files = names
            .map(|entry| (format!("/r/{}", entry.file_name().display()), fs::read(entry.path()).unwrap()));
        let server = http::files(files.collect());
        let url = format!("http://{}/r/", server.host());
        for fetcher in ["curl", "wget"] {
            fs::remove_file(s.path("in/chroot-distro")).unwrap();
            let tools = s.path(fetcher);
            fs::create_dir(&tools).unwrap();
            for name in ["uname", "mkdir", "rm", "mv", "cp", "grep", "sha256sum", "chmod", "sh", fetcher] {
                symlink(program(name).unwrap(), tools.join(name)).unwrap();
            }
            let sh = program("sh").unwrap();
            Cd::new(sh).args([&script, &url, "/tmp/in"]).env("PATH", &tools).run().ok();
            assert_eq!(installed(), own());
        }
        install(&format!("{url}none")).code(1).says(&["cannot get"]);
        // Damaged, unlisted, not able to run: the one that is there stays.
        for name in CPUS.map(|(_, cpu, _)| format!("/tmp/dist/chroot-distro-{cpu}")) {
            let text = fs::read_to_string(&name).unwrap();
            fs::write(&name, text + "\n").unwrap();
        }
        install("/tmp/dist").code(1).says(&["is not the file that SHA256SUMS tells of"]);
        fs::write("/tmp/dist/SHA256SUMS", "").unwrap();
        install("/tmp/dist").code(1).says(&["does not name"]);
        assert_eq!(installed(), own());
        assert_eq!(fs::read_dir(s.path("in")).unwrap().count(), 1, "litter");
        Cd::new("sh").args([&script]).run().code(1).says(&["usage"]);
    });
}
