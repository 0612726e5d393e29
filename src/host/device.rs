//! What this host is, for bug reports: nothing in it tells who or where one is.

use std::fs;
use std::process::{Command, Stdio};

use rustix::system::uname;

use super::snapshot::Host;

impl Host {
    /// Rows of a name and a value: kernel, platform, distribution or Android's version and the model.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let kernel = uname();
        let mut rows = vec![
            (
                "kernel",
                format!("{} {}", kernel.release().to_string_lossy(), kernel.machine().to_string_lossy()),
            ),
            ("platform", self.platform()),
        ];
        let os = fs::read_to_string(self.file("/etc/os-release")).unwrap_or_default();
        rows.extend(pretty_name(&os).map(|name| ("distribution", name)));
        if self.is_android() {
            rows.extend(android(&self.properties()));
        }
        let managers = [("Magisk", "magisk"), ("KernelSU", "ksu"), ("APatch", "ap")];
        let there = managers.into_iter().filter(|(_, name)| self.exists(format!("/data/adb/{name}")));
        let there: Vec<&str> = there.map(|(name, _)| name).collect();
        rows.extend((!there.is_empty()).then(|| ("manager", there.join(", "))));
        let selinux = match fs::read_to_string(self.file("/sys/fs/selinux/enforce")).as_deref().map(str::trim)
        {
            Ok("1") => "enforcing",
            Ok(_) => "permissive",
            Err(_) => "none",
        };
        rows.push(("selinux", selinux.to_owned()));
        let cgroup = match self.exists("/sys/fs/cgroup/cgroup.controllers") {
            true => "version 2",
            false if self.exists("/sys/fs/cgroup") => "version 1, or none",
            false => "none",
        };
        rows.push(("cgroup", cgroup.to_owned()));
        rows
    }

    fn platform(&self) -> String {
        match (self.termux(), self.is_android()) {
            (Some(_), _) => {
                let version = self.var("TERMUX_VERSION").map(|version| format!(" {}", version.display()));
                format!("Termux{}", version.unwrap_or_default())
            }
            (None, true) => "Android".to_owned(),
            (None, false) => "Linux".to_owned(),
        }
    }

    /// The output of Android's getprop: `[key]: [value]` lines.
    pub(super) fn properties(&self) -> String {
        let mut getprop = Command::new(self.file("/system/bin/getprop"));
        let output = getprop.env_remove("LD_PRELOAD").stdin(Stdio::null()).stderr(Stdio::null()).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }
}

/// Whether the running kernel is this version or a later one.
pub fn kernel_is(version: (u32, u32)) -> bool {
    let kernel = uname();
    let release = kernel.release().to_string_lossy();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= version
}

/// `PRETTY_NAME` of os-release(5).
pub fn pretty_name(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    let name = value.trim().trim_matches(['"', '\'']);
    (!name.is_empty()).then(|| name.to_owned())
}

/// Serial numbers, accounts and addresses are properties too: only these are read.
fn android(properties: &str) -> Vec<(&'static str, String)> {
    let property = |key: &str| {
        let mut lines = properties.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: ["));
        lines.find(|(name, _)| *name == key).map_or("", |(_, value)| value.trim_end_matches(']'))
    };
    let version = format!(
        "{}, API {}, security patch {}",
        property("ro.build.version.release"),
        property("ro.build.version.sdk"),
        property("ro.build.version.security_patch")
    );
    let device = format!("{} {}", property("ro.product.manufacturer"), property("ro.product.model"));
    vec![("android", version), ("device", device), ("abis", property("ro.product.cpu.abilist").to_owned())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_properties_are_told() {
        let text = "[ro.build.version.release]: [14]\n[ro.build.version.sdk]: [34]\n[ro.serialno]: [S3CRET]\n\
                    [ro.build.version.security_patch]: [2024-05-01]\n[ro.product.manufacturer]: [Google]\n\
                    [ro.product.model]: [Pixel 6]\n[ro.product.cpu.abilist]: [arm64-v8a,armeabi-v7a]\n";
        let told: Vec<String> =
            android(text).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            told,
            [
                "android=14, API 34, security patch 2024-05-01",
                "device=Google Pixel 6",
                "abis=arm64-v8a,armeabi-v7a"
            ]
        );
    }

    #[test]
    fn the_distributions_name() {
        assert_eq!(pretty_name("ID=x\nPRETTY_NAME=\"Debian 12\"\n").as_deref(), Some("Debian 12"));
        assert_eq!(pretty_name("PRETTY_NAME=\n"), None);
    }
}
