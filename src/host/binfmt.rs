//! Who runs programs for another CPU here: the CPU itself, a program registered with the kernel's `binfmt_misc`, or a
//! QEMU that could be (Documentation/admin-guide/binfmt-misc.rst).
//!
//! Registrations are the kernel's own and hold for the whole machine. From Linux 6.7 on they end with the last mount
//! of that filesystem, before with the next start.

use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_remount, unmount};

use super::device;
use super::elf;
use super::executable::is_executable;
use super::probe::{Answer, in_child};
use super::snapshot::Host;
use crate::error::{Attempt, Error, Result};
use crate::oci::Arch;
use crate::sys::descriptor::through;
use crate::sys::process::execve;

/// Where the kernel has it mounted everywhere.
pub const MOUNT_POINT: &str = "/proc/sys/fs/binfmt_misc";

/// Of the filesystem's superblock (linux/magic.h).
const MAGIC: u32 = 0x4249_4e4d;

/// Whether this CPU and kernel run programs for `arch` without help, as x86_64 does for i686 where the kernel was
/// built so. Tried where it can differ. Only while single-threaded.
pub fn is_native(arch: Arch) -> bool {
    let related = |a, b| matches!((a, b), (Arch::X86_64, Arch::I686) | (Arch::Aarch64, Arch::Arm));
    if arch == Arch::HOST {
        return true;
    }
    if !related(arch, Arch::HOST) && !related(Arch::HOST, arch) {
        return false;
    }
    // What stands in the way of trying is no answer.
    in_child(|| try_program(arch)).is_ok_and(|answer| match answer {
        Answer::Refused(errno) => errno != libc::ENOEXEC,
        answer => answer == Answer::Works,
    })
}

fn try_program(arch: Arch) -> io::Result<()> {
    let file = memfd_create("program", MemfdFlags::empty())?;
    let path = CString::new(through(&file)).unwrap_or_default();
    let mut file = File::from(file);
    file.write_all(&elf::exit_program(arch))?;
    // The kernel refuses to execute what is open for writing.
    let readable = File::open(OsStr::from_bytes(path.as_bytes()))?;
    drop(file);
    let path = CString::new(through(&readable)).unwrap_or_default();
    Err(execve(&path, &[c"program".to_owned()], &[]))
}

/// A registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// The program that runs the others.
    pub interpreter: PathBuf,
    /// `F`: it was opened when it was registered, so that it need not be found in a guest.
    pub fixed: bool,
    magic: Vec<u8>,
    mask: Vec<u8>,
}

impl Handler {
    /// From its file; `None` for one that is disabled, goes by a file's extension, or looks elsewhere than at the
    /// beginning.
    fn parse(text: &str) -> Option<Handler> {
        let field = |key: &str| {
            text.lines().find_map(|line| Some(line.strip_prefix(key)?.trim_start_matches(':').trim()))
        };
        if text.lines().next()? != "enabled" || field("offset")? != "0" {
            return None;
        }
        let magic = hex(field("magic")?)?;
        let mask = match field("mask") {
            Some(mask) => hex(mask)?,
            None => vec![0xff; magic.len()],
        };
        Some(Handler {
            interpreter: field("interpreter")?.into(),
            fixed: field("flags").is_some_and(|flags| flags.contains('F')),
            magic,
            mask,
        })
    }

    /// Whether it is meant for programs of `arch`.
    pub fn covers(&self, arch: Arch) -> bool {
        let identity = elf::identity(arch);
        let bytes = self.magic.iter().zip(&self.mask).zip(identity);
        self.magic.len() == identity.len()
            && self.mask.len() == identity.len()
            && bytes.into_iter().all(|((magic, mask), byte)| magic & mask == byte & mask)
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let pairs = digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    if digits.len().is_multiple_of(2) { pairs.collect() } else { None }
}

/// The registrations for `arch`, as far as the filesystem is mounted.
pub fn entries(host: &Host, arch: Arch) -> Vec<Handler> {
    let files = fs::read_dir(host.file(MOUNT_POINT)).into_iter().flatten().flatten();
    let texts = files
        .filter(|file| file.file_name() != "register" && file.file_name() != "status")
        .filter_map(|file| fs::read_to_string(file.path()).ok());
    texts.filter_map(|text| Handler::parse(&text)).filter(|entry| entry.covers(arch)).collect()
}

/// QEMU's user-mode emulator for one CPU, not yet registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emulator {
    /// Whose programs it runs.
    pub arch: Arch,
    /// On the host.
    pub path: PathBuf,
    /// Debian's takes the program's own name for itself as an argument before the others.
    name_first: bool,
    /// The kernel opens it when it is registered (Linux 4.8). Else it must be seen in the guest at the same path.
    pub fixed: bool,
}

/// As QEMU calls the CPU.
fn qemu_name(arch: Arch) -> &'static str {
    match arch {
        Arch::Aarch64 => "aarch64",
        Arch::Arm => "arm",
        Arch::I686 => "i386",
        Arch::Riscv64 => "riscv64",
        Arch::X86_64 => "x86_64",
    }
}

impl Emulator {
    /// Looks for one in the host's `PATH`. `libraries`: the guest sees the host's, so that it need not be a static one.
    pub fn find(host: &Host, arch: Arch, libraries: bool) -> Result<Emulator> {
        let name = qemu_name(arch);
        let mut dynamic = None;
        for program in [format!("qemu-{name}-static"), format!("qemu-{name}")] {
            for path in directories(host).into_iter().map(|directory| directory.join(&program)) {
                match is_dynamic(&host.file(&path)) {
                    Some(true) if !libraries => dynamic = dynamic.or(Some(path)),
                    Some(_) => return Ok(Emulator::at(host, arch, path)),
                    None => {}
                }
            }
        }
        let lack = match dynamic {
            Some(path) => format!(
                "cannot run {arch} programs: '{}' needs libraries that the guest does not have",
                path.display()
            ),
            None => format!("cannot run {arch} programs: there is no qemu-{name}-static on this machine"),
        };
        Err(Error::unsupported(lack).hint(advice(host, name, libraries)))
    }

    fn at(host: &Host, arch: Arch, path: PathBuf) -> Emulator {
        let named = Path::new("/usr/libexec/qemu-binfmt").join(format!("{}-binfmt-P", qemu_name(arch)));
        let same = |path: &Path| fs::canonicalize(host.file(path)).ok();
        let name_first = same(&named).is_some_and(|found| Some(found) == same(&path));
        Emulator {
            arch,
            path: if name_first { named } else { path },
            name_first,
            fixed: device::kernel_is((4, 8)),
        }
    }

    fn name(&self) -> String {
        format!("chroot-distro-{}", self.arch)
    }

    /// What is written to `register`. `O` and `C`: the program is opened by the kernel and its setuid bit counts.
    fn registration(&self) -> Vec<u8> {
        let mut mask = [0xff; elf::IDENTITY];
        // Any system's programs, executable or position-independent ones.
        (mask[7], mask[16]) = (0, 0xfe);
        let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
        let (magic, mask) = (escaped(&elf::identity(self.arch)), escaped(&mask));
        let mut line = format!(":{}:M::{magic}:{mask}:", self.name()).into_bytes();
        line.extend_from_slice(self.path.as_os_str().as_bytes());
        line.extend_from_slice(b":OC");
        line.extend(self.fixed.then_some(b'F'));
        line.extend(self.name_first.then_some(b'P'));
        line
    }

    /// Registers it, unless another one for the same CPU is registered and `anew` is not asked for: then it takes the place
    /// of ours, and is asked before the others (the kernel asks the youngest first). Only in a mount namespace of our own
    /// with the host's files in view: the filesystem is mounted there if it is not yet.
    pub fn register(&self, host: &Host, anew: bool) -> Result<()> {
        mount_if_needed()?;
        let is_there = || entries(host, self.arch).iter().any(|entry| entry.fixed || !self.fixed);
        if !anew && is_there() {
            return Ok(());
        }
        let attempt =
            || format!("register '{}' for {} programs (binfmt_misc)", self.path.display(), self.arch);
        if fs::read_to_string(Path::new(MOUNT_POINT).join("status")).is_ok_and(|s| s.trim() == "disabled") {
            return Err(Error::unsupported("the kernel's binfmt_misc is disabled on this machine")
                .hint(format_args!("enable it: echo 1 > {MOUNT_POINT}/status")));
        }
        let own = Path::new(MOUNT_POINT).join(self.name());
        if own.exists() {
            // Of another state of things: disabled, or of an older kernel's kind, or open to be written.
            fs::write(&own, "-1").attempt(attempt)?;
        }
        // A guest finds the emulator's own file as /proc/PID/exe, by the mount that it was registered from.
        cover_read_only(&self.path).attempt(attempt)?;
        match fs::write(Path::new(MOUNT_POINT).join("register"), self.registration()) {
            // Another session was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            written => written.attempt(attempt),
        }
    }
}

/// A mount of the file on itself that cannot be written, in this mount namespace alone. The kernel keeps it as long as it has
/// the file open.
fn cover_read_only(path: &Path) -> io::Result<()> {
    mount_bind(path, path)?;
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    Ok(mount_remount(path, flags, c"")?)
}

/// Whether a program that may be executed needs a loader; `None`: it is none.
fn is_dynamic(path: &Path) -> Option<bool> {
    if !is_executable(path) {
        return None;
    }
    let mut beginning = Vec::new();
    File::open(path).ok()?.take(4096).read_to_end(&mut beginning).ok()?;
    elf::is_dynamic(&beginning)
}

/// Where programs are. A colon would end the path in a registration, and no directory of `PATH` has one.
fn directories(host: &Host) -> Vec<PathBuf> {
    let path = host.var("PATH").unwrap_or_default().as_bytes();
    let mut directories: Vec<PathBuf> =
        path.split(|&byte| byte == b':').map(|dir| OsStr::from_bytes(dir).into()).collect();
    directories.extend(["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from));
    directories.extend(host.termux().map(|termux| termux.prefix.join("bin")));
    directories.retain(|directory| directory.is_absolute());
    directories
}

fn advice(host: &Host, name: &str, libraries: bool) -> String {
    let package = name.replace('_', "-");
    match host.termux() {
        Some(_) if libraries => format!("install it: pkg install qemu-user-{package}"),
        Some(_) => format!("with --isolated it must be a static one: put a qemu-{name}-static into PATH"),
        None => "install QEMU's static user-mode emulators; the package is called qemu-user-static in most \
                 distributions"
            .to_owned(),
    }
}

fn mount_if_needed() -> Result<()> {
    let is_mounted = || {
        // An automount point mounts it when it is asked for something inside.
        let _ = fs::metadata(Path::new(MOUNT_POINT).join("status"));
        rustix::fs::statfs(MOUNT_POINT).is_ok_and(|found| found.f_type as u32 == MAGIC)
    };
    if is_mounted() {
        return Ok(());
    }
    let mount = |at: &str| mount("binfmt_misc", at, "binfmt_misc", MountFlags::empty(), c"");
    if !Path::new(MOUNT_POINT).exists() && mount("/proc/sys/fs").is_ok() {
        // Mounting it anywhere has the kernel load its module, which then makes the usual place.
        let _ = unmount("/proc/sys/fs", UnmountFlags::DETACH);
    }
    mount(MOUNT_POINT)
        .attempt("mount binfmt_misc, by which the kernel runs programs for another CPU")
        .map_err(|error| {
            error.hint(
                "this kernel was built without CONFIG_BINFMT_MISC: it runs programs of its own CPU only",
            )
        })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::testing::TempDir;

    const DEBIAN: &str = "enabled\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: POF\noffset 0\n\
        magic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n";

    #[test]
    fn reads_what_the_kernel_tells() {
        let entry = Handler::parse(DEBIAN).unwrap();
        assert!(entry.fixed && entry.covers(Arch::Aarch64) && !entry.covers(Arch::Arm));
        assert_eq!(entry.interpreter, Path::new("/usr/libexec/qemu-binfmt/aarch64-binfmt-P"));
        assert!(!Handler::parse(&DEBIAN.replace("POF", "PO")).unwrap().fixed);
        for not in [
            DEBIAN.replace("enabled", "disabled"),
            DEBIAN.replace("offset 0", "offset 4"),
            DEBIAN.replace("magic 7f4", "magic 7f"),
            "enabled\ninterpreter /usr/bin/wine\nflags: \nextension .exe\n".to_owned(),
            String::new(),
        ] {
            assert_eq!(Handler::parse(&not), None, "{not}");
        }
        let python = "enabled\ninterpreter /usr/bin/python3\nflags: \noffset 0\nmagic a70d0d0a\n";
        assert!(Arch::ALL.iter().all(|&arch| !Handler::parse(python).unwrap().covers(arch)));
    }

    #[test]
    fn prefers_a_static_emulator() {
        let tree = TempDir::new();
        let bin = tree.path().join("usr/bin");
        fs::create_dir_all(&bin).unwrap();
        let host = Host::at(tree.path(), [("PATH", "relative:/usr/bin")]);
        let error = Emulator::find(&host, Arch::I686, false).unwrap_err();
        assert!(error.to_string().contains("qemu-i386-static"), "{error}");
        assert!(error.hint_text().unwrap().contains("qemu-user-static"));
        let mut program = elf::exit_program(Arch::HOST);
        let put = |name: &str, program: &[u8]| {
            fs::write(bin.join(name), program).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        };
        let table = if program[4] == 2 { 64 } else { 52 };
        program[table] = 3;
        put("qemu-i386", &program);
        let error = Emulator::find(&host, Arch::I686, false).unwrap_err();
        assert!(error.to_string().contains("needs libraries"), "{error}");
        assert_eq!(Emulator::find(&host, Arch::I686, true).unwrap().path, Path::new("/usr/bin/qemu-i386"));
        program[table] = 1;
        put("qemu-i386-static", &program);
        let found = Emulator::find(&host, Arch::I686, false).unwrap();
        assert_eq!((found.path.as_path(), found.name_first), (Path::new("/usr/bin/qemu-i386-static"), false));
        fs::create_dir_all(tree.path().join("usr/libexec/qemu-binfmt")).unwrap();
        let named = tree.path().join("usr/libexec/qemu-binfmt/i386-binfmt-P");
        std::os::unix::fs::symlink("../../bin/qemu-i386-static", named).unwrap();
        let debian = Emulator::find(&host, Arch::I686, false).unwrap();
        assert_eq!((debian.path.file_name(), debian.name_first), (Some("i386-binfmt-P".as_ref()), true));
    }

    #[test]
    fn registers_as_the_kernel_reads() {
        let emulator = Emulator { arch: Arch::Arm, path: "/usr/bin/q".into(), name_first: true, fixed: true };
        let line = String::from_utf8(emulator.registration()).unwrap();
        assert!(line.starts_with(r":chroot-distro-arm:M::\x7f\x45\x4c\x46\x01\x01\x01\x00"), "{line}");
        assert!(line.contains(r"\x02\x00\x28\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff"), "{line}");
        assert!(line.ends_with(r"\xfe\xff\xff\xff:/usr/bin/q:OCFP"), "{line}");
    }

    #[test]
    fn this_cpu_runs_its_own_programs() {
        assert!(is_native(Arch::HOST) && !is_native(Arch::Riscv64));
        assert_eq!(in_child(|| try_program(Arch::HOST)).unwrap(), Answer::Works);
    }
}
