//! Tells the program its commit and that commit's date, and packs the guides; the version is Cargo's. Nothing else is
//! decided at build time.

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use flate2::{Compression, GzBuilder};

/// Where the guides are: one Markdown file each, whose name is the topic.
const GUIDES: &str = "src/docs";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rustc-env=CHROOT_DISTRO_COMMIT={}", git(&["rev-parse", "--short=12", "HEAD"]));
    println!("cargo:rustc-env=CHROOT_DISTRO_DATE={}", git(&["log", "-1", "--format=%cs"]));
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed={GUIDES}");
    println!("cargo:rustc-env=CHROOT_DISTRO_TOPICS={}", pack_guides()?);
    Ok(())
}

/// What git says; nothing outside a clone.
fn git(arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success());
    output.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default().trim().to_owned()
}

/// Writes `guides` for the program to include: one gzip stream of all texts by topic, a NUL before each but the first. The
/// same texts make the same bytes. The topics, in that order.
fn pack_guides() -> Result<String, Box<dyn Error>> {
    let mut paths: Vec<_> =
        fs::read_dir(GUIDES)?.map(|entry| Ok(entry?.path())).collect::<Result<_, Box<dyn Error>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    let out = std::env::var("OUT_DIR")?;
    let mut packed =
        GzBuilder::new().write(File::create(Path::new(&out).join("guides"))?, Compression::best());
    let mut topics = Vec::new();
    for path in &paths {
        packed.write_all(if topics.is_empty() { b"" } else { b"\0" })?;
        packed.write_all(fs::read_to_string(path)?.as_bytes())?;
        topics.extend(path.file_stem().and_then(|stem| stem.to_str()));
    }
    packed.finish()?;
    Ok(topics.join(" "))
}
