//! Guests for another CPU: QEMU is found and registered, also in a guest that has no copy of it, and nothing of that
//! is seen in the host's mount table.

use std::fs;
use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};

use crate::support::command::Ran;
use crate::support::prelude::*;

/// One that an image may be for.
pub struct Cpu {
    name: &'static str,
    pub oci: &'static str,
    machine: u16,
    wide: bool,
    pub code: &'static [u8],
}

/// `exit(geteuid())` for each.
pub const CPUS: [Cpu; 5] = [
    Cpu {
        name: "aarch64",
        oci: "arm64",
        machine: 183,
        wide: true,
        code: &[0xe8, 0x15, 0x80, 0xd2, 1, 0, 0, 0xd4, 0xa8, 0x0b, 0x80, 0xd2, 1, 0, 0, 0xd4],
    },
    Cpu {
        name: "arm",
        oci: "arm",
        machine: 40,
        wide: false,
        code: &[0xc9, 0x70, 0xa0, 0xe3, 0, 0, 0, 0xef, 1, 0x70, 0xa0, 0xe3, 0, 0, 0, 0xef],
    },
    Cpu {
        name: "i686",
        oci: "386",
        machine: 3,
        wide: false,
        code: &[0xb8, 0xc9, 0, 0, 0, 0xcd, 0x80, 0x89, 0xc3, 0xb8, 1, 0, 0, 0, 0xcd, 0x80],
    },
    Cpu {
        name: "riscv64",
        oci: "riscv64",
        machine: 243,
        wide: true,
        code: &[0x93, 0x08, 0xf0, 0x0a, 0x73, 0, 0, 0, 0x93, 0x08, 0xd0, 0x05, 0x73, 0, 0, 0],
    },
    Cpu {
        name: "x86_64",
        oci: "amd64",
        machine: 62,
        wide: true,
        code: &[0xb8, 107, 0, 0, 0, 0x0f, 0x05, 0x89, 0xc7, 0xb8, 60, 0, 0, 0, 0x0f, 0x05],
    },
];

/// `sub esp, 400; uname(esp); write(1, esp + 260, 4); exit(0)`: the beginning of `machine`.
const UNAME_OF_I686: &[u8] = &[
    0x81, 0xec, 0x90, 1, 0, 0, 0x89, 0xe3, 0xb8, 122, 0, 0, 0, 0xcd, 0x80, 0x8d, 0x8c, 0x24, 4, 1, 0, 0,
    0xba, 4, 0, 0, 0, 0xbb, 1, 0, 0, 0, 0xb8, 4, 0, 0, 0, 0xcd, 0x80, 0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd,
    0x80,
];

impl Cpu {
    /// The smallest ELF file that is one: a header, one segment, the code.
    pub fn program(&self, code: &[u8]) -> Vec<u8> {
        let (header, entry): (u16, u16) = if self.wide { (64, 56) } else { (52, 32) };
        let word = |value: u64| value.to_le_bytes()[..if self.wide { 8 } else { 4 }].to_vec();
        let start = u64::from(header + entry);
        let size = start + code.len() as u64;
        let mut file = vec![0x7f, b'E', b'L', b'F', if self.wide { 2 } else { 1 }, 1, 1];
        file.resize(16, 0);
        file.extend([2, 0]);
        file.extend(self.machine.to_le_bytes());
        file.extend(1_u32.to_le_bytes());
        file.extend([word(0x40_0000 + start), word(header.into()), word(0)].concat());
        file.extend((if self.name == "arm" { 0x0500_0000_u32 } else { 0 }).to_le_bytes());
        file.extend([header, entry, 1, 0, 0, 0].into_iter().flat_map(u16::to_le_bytes));
        file.extend(1_u32.to_le_bytes());
        let flags = 5_u32.to_le_bytes();
        file.extend(if self.wide { &flags[..] } else { &[] });
        file.extend([0, 0x40_0000, 0x40_0000, size, size].into_iter().flat_map(word));
        file.extend(if self.wide { &[] } else { &flags[..] });
        file.extend(word(0x1_0000));
        file.extend(code);
        file
    }

    /// A container of it: the program as it is and setuid, and nothing else.
    fn install(&self, s: &Sandbox) -> Ran {
        let image = Image::of([
            Entry::dir("bin"),
            Entry::file("bin/sh", self.program(self.code)).mode(0o755),
            Entry::file("suid", self.program(self.code)).mode(0o4755).owner(9, 9),
            Entry::file("uname", self.program(UNAME_OF_I686)).mode(0o755),
            Entry::dir("dev"),
            Entry::dir("proc"),
            Entry::dir("sys"),
        ]);
        let layout = s.path(&format!("layout-{}", self.name));
        image.for_cpu(self.oci, None).write_layout(&layout, "latest");
        s.cd(["install", "-n", self.name, "-a", self.name]).arg(&layout).run()
    }
}

const MISC: &str = "/proc/sys/fs/binfmt_misc";

/// Does something with our registration for a CPU, if there is one.
fn with_registration(cpu: &Cpu, act: impl FnOnce(&Path)) {
    mount("binfmt_misc", MISC, "binfmt_misc", MountFlags::empty(), None).unwrap();
    let entry = Path::new(MISC).join(format!("chroot-distro-{}", cpu.name));
    if entry.exists() {
        act(&entry);
    }
    unmount(MISC, UnmountFlags::empty()).unwrap();
}

#[test]
fn programs_for_another_cpu_run_as_whom_they_should() {
    need!(Root, Tool("qemu-aarch64-static"), Tool("qemu-arm-static"), Tool("qemu-i386-static"));
    need!(Tool("qemu-riscv64-static"), Tool("qemu-x86_64-static"), Filesystem("binfmt_misc"));
    on_both_kernels(|s| {
        for cpu in &CPUS {
            let mut there = false;
            with_registration(cpu, |_| there = true);
            let installed = cpu.install(s).ok();
            assert!(!installed.err().contains("cannot run"), "{installed:?}");
            for mode in [&[][..], &["--isolated"], &["--minimal"]] {
                let run = |program: &'static str| {
                    s.cd([&["login", "--user", "7"], mode, &[cpu.name, "--", program]].concat()).run()
                };
                assert_eq!(run("/bin/sh").code(7).err(), "", "{mode:?}");
                run("/suid").code(9);
                if cpu.name == "i686" {
                    run("/uname").ok().prints("i686");
                }
                run("/absent").code(127);
            }
            let names: Vec<_> = fs::read_dir(s.rootfs(cpu.name)).unwrap().flatten().collect();
            assert!(names.iter().all(|name| name.file_name() != "usr"), "a copy of QEMU: {names:?}");
            assert!(s.settles());
            // Before Linux 6.7 it stays, and is the test's to take back, unless it was somebody else's.
            with_registration(cpu, |entry| {
                if !there {
                    fs::write(entry, "-1").unwrap();
                }
            });
        }
    });
}

/// What a guest finds as /proc/PID/exe is the host's file, and nobody's to write there.
#[test]
fn an_emulator_is_out_of_an_isolated_guests_reach() {
    need!(Root, Tool("qemu-aarch64-static"), Filesystem("binfmt_misc"));
    on_both_kernels(|s| {
        let cpu = &CPUS[0];
        let mut there = false;
        with_registration(cpu, |_| there = true);
        cpu.install(s).ok();
        // It branches to itself.
        let program = cpu.program(&[0, 0, 0, 0x14]);
        fs::write(s.rootfs(cpu.name).join("bin/sh"), program).unwrap();
        // A registration of the host's own, by a file that can be written.
        let mask = "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00".to_owned()
            + &"\\xff".repeat(8)
            + "\\xfe\\xff\\xff\\xff";
        let magic =
            "\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01".to_owned() + &"\\x00".repeat(9) + "\\x02\\x00\\xb7\\x00";
        let emulator = Path::new("/usr/bin/qemu-aarch64-static");
        mount("binfmt_misc", MISC, "binfmt_misc", MountFlags::empty(), None).unwrap();
        let line = format!(":cd-test-hosts:M::{magic}:{mask}:{}:OCF", emulator.display());
        fs::write(Path::new(MISC).join("register"), line).unwrap();
        let session = s.cd(["login", "--isolated", cpu.name, "--", "/bin/sh"]).spawn();
        // By its words: no path leads to a file by a mount that is in no tree.
        let runs_it = |pid: &i32| {
            fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("qemu"))
        };
        let pid = loop {
            if let Some(pid) = s.processes().into_iter().find(runs_it) {
                break pid;
            }
            std::thread::yield_now();
        };
        let flags = rustix::fs::statvfs(format!("/proc/{pid}/exe")).unwrap().f_flag;
        session.signal(rustix::process::Signal::KILL);
        session.wait();
        fs::write(Path::new(MISC).join("cd-test-hosts"), "-1").unwrap();
        unmount(MISC, UnmountFlags::empty()).unwrap();
        with_registration(cpu, |entry| {
            if !there {
                fs::write(entry, "-1").unwrap();
            }
        });
        assert!(flags.contains(rustix::fs::StatVfsMountFlags::RDONLY), "{flags:?}");
    });
}

#[test]
fn a_cpu_that_nothing_emulates_is_named_early() {
    need!(Root, Filesystem("binfmt_misc"));
    sandbox(|s| {
        let cpu = CPUS.iter().find(|cpu| cpu.name == "riscv64").unwrap();
        // As on a machine without QEMU where nothing is registered.
        mount("empty", MISC, "tmpfs", MountFlags::empty(), None).unwrap();
        let programs = ["qemu-riscv64-static", "qemu-riscv64"].map(|name| Path::new("/usr/bin").join(name));
        let there: Vec<_> = programs.into_iter().filter(|path| path.exists()).collect();
        for path in &there {
            mount_bind("/dev/null", path).unwrap();
        }
        cpu.install(s).ok().says(&["warning", "riscv64", "qemu-user-static"]);
        for mode in [&[][..], &["--isolated"], &["--minimal"]] {
            let ran = s.cd([&["login"], mode, &["riscv64", "--", "/bin/sh"]].concat()).run();
            ran.code(126).says(&["riscv64", "qemu-riscv64-static", "qemu-user-static"]);
        }
        for path in there {
            unmount(&path, UnmountFlags::empty()).unwrap();
        }
        unmount(MISC, UnmountFlags::empty()).unwrap();
    });
}
