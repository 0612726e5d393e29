//! Tells the program its commit and that commit's date; the version is Cargo's. Nothing else is decided at build time.

use std::process::Command;

fn main() {
    println!("cargo:rustc-env=CHROOT_DISTRO_COMMIT={}", git(&["rev-parse", "--short=12", "HEAD"]));
    println!("cargo:rustc-env=CHROOT_DISTRO_DATE={}", git(&["log", "-1", "--format=%cs"]));
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=.git/HEAD");
}

/// What git says; nothing outside a clone.
fn git(arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success());
    output.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default().trim().to_owned()
}
