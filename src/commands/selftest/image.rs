//! The built-in image: an OCI layout whose first layer is made of this very program. Nothing is downloaded.
//!
//! The further ones are one and the same layer as other programs compress it, so that every decompressor runs.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::error::{Attempt, Result};
use crate::layer::pack::Writer;
use crate::layer::{Compression, Compressor, Entry, EntryKind, Name};
use crate::oci::{Arch, Digest, media_type};

/// Where the program stands in it.
pub const PROBE: &str = "/bin/cd-probe";
/// Another name of it, a hard link, that prints a help page.
pub const HELP: &str = "/bin/cd-help";
/// A third, a symlink.
pub const LINK: &str = "/usr/bin/cd-probe";

/// Of all layers: how one is compressed shows in its bytes.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

const PASSWD: &[u8] = b"root:x:0:0::/root:/bin/cd-probe\ntester:x:1000:1000::/home/tester:/bin/cd-probe\n";
const GROUP: &[u8] = b"root:x:0:\ntester:x:1000:\nextra:x:2000:tester\n";

/// A layer of [`small`], compressed by bzip2, xz and zstd (`-9`), and by xz with `--format=lzma`.
const COMPRESSED: [&[u8]; 4] = [
    include_bytes!("layer/tar.bz2"),
    include_bytes!("layer/tar.lzma"),
    include_bytes!("layer/tar.xz"),
    include_bytes!("layer/tar.zst"),
];

/// Writes the layout into `directory`, which must be empty.
pub fn write(directory: &Path) -> Result<()> {
    let program = fs::read("/proc/self/exe").attempt("read this program")?;
    let tar = layer(&program).attempt("make the built-in image's layer")?;
    let diff_id = Digest::of(&tar);
    let mut gzip = Compressor::new(Vec::new(), Compression::Gzip, Some(1))?;
    let gzip =
        gzip.write_all(&tar).and_then(|()| gzip.finish()).attempt("compress the built-in image's layer")?;
    fs::create_dir_all(directory.join("blobs/sha256")).attempt("make the built-in image")?;
    let mut layers = vec![blob(directory, &gzip, LAYER)?];
    let mut diff_ids = vec![diff_id.to_string()];
    let diff_id = Digest::of(&small()?).to_string();
    for compressed in COMPRESSED {
        layers.push(blob(directory, compressed, LAYER)?);
        diff_ids.push(diff_id.clone());
    }
    let arch = Arch::HOST.oci();
    let config = json!({
        "architecture": arch,
        "os": "linux",
        "config": {"Env": ["SELFTEST=image"], "Cmd": [PROBE], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = blob(directory, config.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json")?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": config,
        "layers": layers,
    });
    let mut manifest = blob(directory, manifest.to_string().as_bytes(), media_type::OCI_MANIFEST)?;
    manifest["platform"] = json!({"architecture": arch, "os": "linux"});
    let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [manifest]});
    let write = |name: &str, text: String| {
        fs::write(directory.join(name), text).attempt(format_args!("write '{name}' of the built-in image"))
    };
    write("oci-layout", json!({"imageLayoutVersion": "1.0.0"}).to_string())?;
    write("index.json", index.to_string())
}

/// Stores a blob; its descriptor.
fn blob(directory: &Path, bytes: &[u8], media_type: &str) -> Result<Value> {
    let digest = Digest::of(bytes);
    let path = directory.join("blobs/sha256").join(digest.hex());
    fs::write(path, bytes).attempt("write a blob of the built-in image")?;
    Ok(json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()}))
}

fn layer(program: &[u8]) -> Result<Vec<u8>> {
    let directory = |name: &str| Entry::new(name, EntryKind::Directory);
    let file =
        |name: &str, contents: &[u8]| Entry::new(name, EntryKind::File { size: contents.len() as u64 });
    let entries: [(Entry, &[u8]); 13] = [
        (directory("bin")?, b""),
        (directory("etc")?, b""),
        (directory("home")?, b""),
        (directory("root")?, b""),
        (directory("usr")?, b""),
        (directory("usr/bin")?, b""),
        (directory("tmp")?.mode(0o1777), b""),
        (directory("home/tester")?.mode(0o700).owner(1000, 1000), b""),
        (file("bin/cd-probe", program)?.mode(0o755), program),
        (Entry::new("bin/cd-help", EntryKind::HardLink(Name::parse(b"bin/cd-probe")?))?, b""),
        (Entry::new("usr/bin/cd-probe", EntryKind::Symlink("../../bin/cd-probe".into()))?, b""),
        (file("etc/passwd", PASSWD)?, PASSWD),
        (file("etc/group", GROUP)?, GROUP),
    ];
    let mut tar = Writer::layer(Vec::with_capacity(program.len() + 16 * 1024));
    for (entry, contents) in &entries {
        tar.append(entry, contents)?;
    }
    tar.finish()
}

/// The layer that stands here in four forms, uncompressed.
fn small() -> Result<Vec<u8>> {
    let text = b"bzip2 lzma xz zstd\n".repeat(40);
    let mut tar = Writer::layer(Vec::new());
    let file = Entry::new("etc/compressed", EntryKind::File { size: text.len() as u64 })?;
    tar.append(&file.mode(0o644), &text[..])?;
    tar.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::layer::decompress;

    #[test]
    fn the_four_forms_are_of_one_layer() {
        let small = small().unwrap();
        for compressed in COMPRESSED {
            let mut tar = Vec::new();
            decompress(compressed).unwrap().read_to_end(&mut tar).unwrap();
            assert_eq!(tar, small);
        }
    }
}
