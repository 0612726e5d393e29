//! The built-in image: an OCI layout with one layer, made of this very program. Nothing is downloaded.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use crate::error::{Attempt, Result};
use crate::oci::{Arch, Digest, media_type};

/// Where the program stands in it.
pub const PROBE: &str = "/bin/cd-probe";
/// Another name of it, a hard link, that prints a help page.
pub const HELP: &str = "/bin/cd-help";
/// A third, a symlink.
pub const LINK: &str = "/usr/bin/cd-probe";

const PASSWD: &[u8] = b"root:x:0:0::/root:/bin/cd-probe\ntester:x:1000:1000::/home/tester:/bin/cd-probe\n";
const GROUP: &[u8] = b"root:x:0:\ntester:x:1000:\nextra:x:2000:tester\n";

/// Writes the layout into `directory`, which must be empty.
pub fn write(directory: &Path) -> Result<()> {
    let program = fs::read("/proc/self/exe").attempt(|| "read this program")?;
    let tar = layer(&program).attempt(|| "make the built-in image's layer")?;
    let diff_id = Digest::of(&tar);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let gzip = gzip
        .write_all(&tar)
        .and_then(|()| gzip.finish())
        .attempt(|| "compress the built-in image's layer")?;
    fs::create_dir_all(directory.join("blobs/sha256")).attempt(|| "make the built-in image")?;
    let arch = Arch::HOST.oci();
    let config = json!({
        "architecture": arch,
        "os": "linux",
        "config": {"Env": ["SELFTEST=image"], "Cmd": [PROBE], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [diff_id.to_string()]},
    });
    let config = blob(directory, config.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json")?;
    let layer = blob(directory, &gzip, "application/vnd.oci.image.layer.v1.tar+gzip")?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": config,
        "layers": [layer],
    });
    let mut manifest = blob(directory, manifest.to_string().as_bytes(), media_type::OCI_MANIFEST)?;
    manifest["platform"] = json!({"architecture": arch, "os": "linux"});
    let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [manifest]});
    let write = |name: &str, text: String| {
        fs::write(directory.join(name), text).attempt(|| format!("write '{name}' of the built-in image"))
    };
    write("oci-layout", json!({"imageLayoutVersion": "1.0.0"}).to_string())?;
    write("index.json", index.to_string())
}

/// Stores a blob; its descriptor.
fn blob(directory: &Path, bytes: &[u8], media_type: &str) -> Result<Value> {
    let digest = Digest::of(bytes);
    let path = directory.join("blobs/sha256").join(digest.hex());
    fs::write(path, bytes).attempt(|| "write a blob of the built-in image")?;
    Ok(json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()}))
}

fn layer(program: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::with_capacity(program.len() + 16 * 1024));
    let mut entry = |path: &str, kind: EntryType, mode: u32, owner: u64, link: &str, contents: &[u8]| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_mtime(0);
        header.set_size(contents.len() as u64);
        if link.is_empty() {
            tar.append_data(&mut header, path, contents)
        } else {
            tar.append_link(&mut header, path, link)
        }
    };
    for directory in ["bin", "etc", "home", "root", "usr", "usr/bin"] {
        entry(directory, EntryType::Directory, 0o755, 0, "", b"")?;
    }
    entry("tmp", EntryType::Directory, 0o1777, 0, "", b"")?;
    entry("home/tester", EntryType::Directory, 0o700, 1000, "", b"")?;
    entry("bin/cd-probe", EntryType::Regular, 0o755, 0, "", program)?;
    entry("bin/cd-help", EntryType::Link, 0o755, 0, "bin/cd-probe", b"")?;
    entry("usr/bin/cd-probe", EntryType::Symlink, 0o777, 0, "../../bin/cd-probe", b"")?;
    entry("etc/passwd", EntryType::Regular, 0o644, 0, "", PASSWD)?;
    entry("etc/group", EntryType::Regular, 0o644, 0, "", GROUP)?;
    tar.into_inner()
}
