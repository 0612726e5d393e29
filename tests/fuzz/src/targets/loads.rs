//! Archives of images, as `load` takes them into a store.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use chroot_distro::host::Paths;
use chroot_distro::image::{Archive, Holds, Place, load};
use chroot_distro::oci::Digest;
use chroot_distro::report::Silent;
use chroot_distro::store::Store;

use super::Target;
use super::archives::with_checksums;
use super::seeds::{Seed, tar};

pub const LOADS: Target = Target {
    name: "loads",
    seeds,
    words: &[
        "index.json",
        "manifest.json",
        "blobs/sha256/",
        "../",
        "[]",
        "{}",
        "null",
        "\"size\":",
        "\"digest\":",
        "\"layers\":",
        "\"manifests\":",
        "\"Layers\":",
        "\"RepoTags\":",
        "\"io.containerd.image.name\":",
    ],
    longest: 32 << 10,
    run,
};

/// Whatever is loaded, each image that is listed is whole.
fn run(input: &[u8]) {
    let input = with_checksums(input);
    let at = place();
    let store =
        Store::open(Paths { data: at.join("data"), cache: at.join("cache"), trusted: at.join("data") });
    let path = at.join("archive");
    File::create(&path).and_then(|mut file| file.write_all(&input)).expect("a file");
    let archive =
        Archive::new(File::open(&path).expect("a file"), "x".to_owned(), &Silent).expect("an archive");
    if let Ok(Holds::Image(contents)) = archive.survey()
        && load(&store, &Place::Archive(&archive, &contents), &Silent).is_ok()
    {
        let library = store.library();
        for image in library.images().expect("the images") {
            let document = library.document(&image.descriptor).expect("a verified document");
            assert!(document.is_some(), "an image is listed that is not here");
        }
    }
    let _ = std::fs::remove_dir_all(at.join("data/images"));
}

/// A directory of this process's own.
fn place() -> PathBuf {
    let at = std::env::temp_dir().join(format!("cd-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&at).expect("a directory");
    at
}

fn seeds() -> Vec<Vec<u8>> {
    let layer = tar([Seed::new("f", b'0', "text")]);
    let config = format!(
        r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        Digest::of(&layer)
    );
    let list = r#"[{"Config":"c.json","RepoTags":["x:1"],"Layers":["l.tar"]}]"#;
    let described = |bytes: &[u8]| format!(r#""digest":"{}","size":{}"#, Digest::of(bytes), bytes.len());
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{{}}},"layers":[{{{}}}]}}"#,
        described(config.as_bytes()),
        described(&layer)
    );
    let index = format!(
        r#"{{"manifests":[{{{},"annotations":{{"io.containerd.image.name":"docker.io/library/x:1"}}}}]}}"#,
        described(manifest.as_bytes())
    );
    let blob =
        |bytes: &[u8]| -> &'static str { String::leak(format!("blobs/sha256/{}", Digest::of(bytes).hex())) };
    vec![
        tar([
            Seed::new("manifest.json", b'0', list),
            Seed::new("c.json", b'0', config.clone()),
            Seed::new("l.tar", b'0', layer.clone()),
        ]),
        tar([
            Seed::new("manifest.json", b'0', list),
            Seed::new("c.json", b'0', config.clone()),
            Seed::link("l.tar", b'2', "d/../m.tar"),
            Seed::new("m.tar", b'0', layer.clone()),
        ]),
        tar([
            Seed::new("index.json", b'0', index),
            Seed::new(blob(manifest.as_bytes()), b'0', manifest.clone()),
            Seed::new(blob(config.as_bytes()), b'0', config.clone()),
            Seed::new(blob(&layer), b'0', layer.clone()),
        ]),
    ]
}
