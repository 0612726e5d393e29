//! systemd 258 and newer need Linux 5.4: on older kernels its programs fail in ways that do not tell why.

use rustix::system::uname;

use crate::report::Report;
use crate::rootfs::Rootfs;

const SYSTEMD: u32 = 258;
const LINUX: (u32, u32) = (5, 4);

/// Warns when the guest's systemd is too new for this kernel.
pub fn warn(rootfs: &Rootfs, report: &dyn Report) {
    let release = uname();
    let Some(kernel) = version(&release.release().to_string_lossy()) else { return };
    let installed = ["usr/lib/systemd", "lib/systemd"].iter().find_map(|path| {
        let names = rootfs.dir(path).and_then(|directory| directory.names()).ok()?;
        names.iter().filter_map(|name| of_library(name.to_str()?)).max()
    });
    if let Some(systemd) = installed.filter(|&systemd| systemd >= SYSTEMD && kernel < LINUX) {
        report.warn(&format!(
            "systemd {systemd} in this image needs Linux 5.4 or newer, this kernel is {}.{}: \
             parts of the system may not work; an older release of the distribution will",
            kernel.0, kernel.1
        ));
    }
}

/// `libsystemd-shared-258.so`, `libsystemd-shared-258.1-2.fc43.so`
fn of_library(name: &str) -> Option<u32> {
    let rest = name.strip_prefix("libsystemd-shared-")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// `4.14.190-perf+` is (4, 14).
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions() {
        assert_eq!(version("4.14.190-perf+"), Some((4, 14)));
        assert_eq!(version("6.12"), Some((6, 12)));
        assert_eq!(version("x"), None);
        assert_eq!(of_library("libsystemd-shared-258.1-2.fc43.so"), Some(258));
        assert_eq!(of_library("libsystemd-shared-257.so"), Some(257));
        assert_eq!(of_library("libsystemd-core-258.so"), None);
    }
}
