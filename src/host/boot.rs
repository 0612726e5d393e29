//! What the host's init runs at the start of the machine: a unit of systemd or a script of OpenRC, put in place and
//! taken away as files, so that neither needs its tools. A file of that name which is not ours stays as it is.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::files::replace;
use super::snapshot::Host;
use crate::error::{Attempt, Error, Kind, Result};

const MARK: &str = "# Made by 'chroot-distro autostart'";

/// One that we know how to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// systemd
    Systemd,
    /// OpenRC
    OpenRc,
}

impl Init {
    /// The one that runs this host, by what it leaves in `/run` (sd_booted(3) does the same).
    pub fn of(host: &Host) -> Option<Init> {
        match () {
            () if host.file("/run/systemd/system").is_dir() => Some(Init::Systemd),
            () if host.file("/run/openrc").is_dir() => Some(Init::OpenRc),
            () => None,
        }
    }

    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Init::Systemd => "systemd",
            Init::OpenRc => "OpenRC",
        }
    }

    /// Its file for us, the link that enables it, and where that points.
    fn places(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Init::Systemd => (
                "/etc/systemd/system/chroot-distro.service",
                "/etc/systemd/system/multi-user.target.wants/chroot-distro.service",
                "../chroot-distro.service",
            ),
            Init::OpenRc => (
                "/etc/init.d/chroot-distro",
                "/etc/runlevels/default/chroot-distro",
                "/etc/init.d/chroot-distro",
            ),
        }
    }

    /// The file: `program autostart run` on the containers below `data_home`. Neither path needs quoting.
    fn text(self, program: &Path, data_home: &Path) -> String {
        let (program, data_home) = (program.display(), data_home.display());
        match self {
            // A failed start of one container ('-') must not end the others; those that run end with the unit.
            Init::Systemd => format!(
                "{MARK}\n[Unit]\nDescription=Containers of chroot-distro\nWants=network-online.target\n\
                 After=network-online.target local-fs.target\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\n\
                 Environment=XDG_DATA_HOME={data_home}\nExecStart=-{program} autostart run\n\n\
                 [Install]\nWantedBy=multi-user.target\n"
            ),
            Init::OpenRc => format!(
                "#!/sbin/openrc-run\n{MARK}\ndescription=\"Containers of chroot-distro\"\n\n\
                 depend() {{\n    need localmount\n    after net\n}}\n\nstart() {{\n    ebegin \"Starting containers\"\n    \
                 XDG_DATA_HOME={data_home} {program} autostart run\n    eend 0\n}}\n"
            ),
        }
    }

    /// Has it run `program autostart run` at the start of the machine.
    pub fn enable(self, host: &Host, program: &Path, data_home: &Path) -> Result<()> {
        let (file, link, target) = self.places();
        let (file, link) = (host.file(file), host.file(link));
        let text = self.text(program, data_home);
        match fs::read_to_string(&file) {
            Ok(there) if !there.contains(MARK) => {
                return Err(Error::new(
                    Kind::Exists,
                    format_args!("'{}' is not ours to replace", file.display()),
                ));
            }
            Ok(there) if there == text => {}
            _ => {
                let mode = if self == Init::OpenRc { 0o755 } else { 0o644 };
                replace(&file, text.as_bytes(), mode, File::sync_all)?;
            }
        }
        if let Some(directory) = link.parent() {
            fs::create_dir_all(directory).attempt(format_args!("make '{}'", directory.display()))?;
        }
        match symlink(target, &link) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(error).attempt(format_args!("make the link '{}'", link.display()))
            }
            _ => Ok(()),
        }
    }

    /// Undoes that.
    pub fn disable(self, host: &Host) -> Result<()> {
        let (file, link, _) = self.places();
        let (file, link) = (host.file(file), host.file(link));
        if !fs::read_to_string(&file).is_ok_and(|there| there.contains(MARK)) {
            return Ok(());
        }
        for path in [link, file] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.attempt(format_args!("remove '{}'", path.display()))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    /// A host that the given init runs, and its tree.
    fn host(run: &str, etc: &[&str]) -> (Host, TempDir) {
        let tree = TempDir::new();
        for directory in etc.iter().chain([&run]) {
            fs::create_dir_all(tree.path().join(directory)).unwrap();
        }
        (Host::at(tree.path(), [("", ""); 0]), tree)
    }

    #[test]
    fn put_in_place_enabled_and_taken_away() {
        for (init, run, etc) in [
            (Init::Systemd, "run/systemd/system", &["etc/systemd/system"][..]),
            (Init::OpenRc, "run/openrc", &["etc/init.d", "etc/runlevels/default"]),
        ] {
            let (host, _tree) = host(run, etc);
            assert_eq!(Init::of(&host), Some(init));
            let (file, link, _) = init.places();
            for _ in 0..2 {
                init.enable(&host, Path::new("/usr/bin/cd"), Path::new("/root/.local/share")).unwrap();
                let text = fs::read_to_string(host.file(file)).unwrap();
                assert!(
                    text.contains("/usr/bin/cd autostart run") && text.contains("/root/.local/share"),
                    "{text}"
                );
                assert!(host.file(link).is_symlink());
            }
            init.disable(&host).unwrap();
            assert!(!host.file(file).exists() && !host.file(link).is_symlink());
            init.disable(&host).unwrap();
            fs::write(host.file(file), "mine").unwrap();
            init.enable(&host, Path::new("/x"), Path::new("/y")).unwrap_err();
            init.disable(&host).unwrap();
            assert_eq!(fs::read_to_string(host.file(file)).unwrap(), "mine");
        }
    }
}
