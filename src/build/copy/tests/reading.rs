//! Digests, and files that change.

use std::fs;
use std::os::unix::fs::FileExt;

use super::scene::{From, Sent, archive, files, on_disk, wanted};
use crate::build::copy::{Downloaded, Source, select};
use crate::layer::{Index, Target};
use crate::oci::Digest;
use crate::rootfs::Dir;
use crate::testing::{TempDir, in_mount_namespace, needs_root};

const CONTEXT: From<'_> = From::Context("");

fn digest(source: &TempDir, from: From<'_>, instruction: &str) -> Digest {
    let (files, wanted) = (files(source, from), wanted(instruction));
    select(&files, &wanted).unwrap().digest().unwrap()
}

#[test]
fn a_digest_is_of_contents_and_never_of_times() {
    needs_root!();
    const TREE: &[&str] = &["a=A", "d/", "d/f@755=F", "d/h&d/f", "d/l>f", "e/"];
    let of = |tree: &[&str], from, instruction| digest(&on_disk(tree), from, instruction);
    let same = of(TREE, CONTEXT, "COPY . /x");
    let source = on_disk(TREE);
    for path in ["a", "d/f", "d"] {
        let file = fs::File::open(source.path().join(path)).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    assert_eq!(digest(&source, CONTEXT, "COPY . /x"), same);
    // Owners of a context mean nothing, those of a stage do.
    let owned = &["a@644,1:1=A", "d/", "d/f@755,1:1=F", "d/h&d/f", "d/l>f", "e/"];
    assert_eq!(of(owned, CONTEXT, "COPY . /x"), same);
    assert_ne!(of(owned, From::Stage, "COPY . /x"), of(TREE, From::Stage, "COPY . /x"));
    for changed in [
        &["a=B", "d/", "d/f@755=F", "d/h&d/f", "d/l>f", "e/"][..],
        &["a@600=A", "d/", "d/f@755=F", "d/h&d/f", "d/l>f", "e/"],
        &["a=A", "d@700/", "d/f@755=F", "d/h&d/f", "d/l>f", "e/"],
        &["a=A", "d/", "d/f@755=F", "d/h@755=F", "d/l>f", "e/"],
        &["a=A", "d/", "d/f@755=F", "d/h&d/f", "d/l>h", "e/"],
        &["a=A", "d/", "d/f@755=F", "d/h&d/f", "d/l>f"],
        &["a=A", "d/", "d/f@755=F", "d/h&d/f", "d/l>f", "e="],
        &["b=A", "d/", "d/f@755=F", "d/h&d/f", "d/l>f", "e/"],
    ] {
        assert_ne!(of(changed, CONTEXT, "COPY . /x"), same, "{changed:?}");
    }
    assert_eq!(
        of(&["a=A", "d/", "d/f@755=F", "d/h&d/f", "d/l>f", "e/", "z="], From::Context("z"), "COPY . /x"),
        same
    );
    assert_ne!(of(TREE, CONTEXT, "COPY a /x"), of(&["b=A"], CONTEXT, "COPY b /x"));
    // Not copied, not read.
    assert_eq!(of(&["a=A", "b=1"], CONTEXT, "COPY a /x"), of(&["a=A", "b=2"], CONTEXT, "COPY a /x"));
    // The same words, grouped another way.
    assert_ne!(of(&[], CONTEXT, "COPY <<ab=c /x/"), of(&[], CONTEXT, "COPY <<a=bc /x/"));
}

#[test]
fn attributes_count_and_are_kept_but_the_hosts() {
    needs_root!();
    let source = on_disk(&["a=A", "d/"]);
    let set = |name: &str, key: &str| {
        Dir::from(source.open()).set_xattr(name.as_ref(), key.as_ref(), b"1").unwrap()
    };
    let before = digest(&source, CONTEXT, "COPY . /");
    set("a", "trusted.overlay.x");
    assert_eq!(digest(&source, CONTEXT, "COPY . /"), before);
    set("a", "trusted.x");
    set("d", "trusted.y");
    assert_ne!(digest(&source, CONTEXT, "COPY . /"), before);
    let shown: Vec<_> = super::scene::sent(&source, CONTEXT, &[], "COPY . /")
        .into_iter()
        .map(|entry| entry.xattrs.into_iter().map(|(key, _)| key).collect::<Vec<_>>())
        .collect();
    assert_eq!(shown, [["trusted.x"], ["trusted.y"]]);
}

#[test]
fn a_file_that_changes_meanwhile_is_told() {
    needs_root!();
    let source = on_disk(&["a=A", "d/", "d/f=F"]);
    let (files, wanted) = (files(&source, CONTEXT), wanted("COPY . /x"));
    let selection = select(&files, &wanted).unwrap();
    let placed = selection.place(&Index::new()).unwrap();
    fs::write(source.path().join("d/f"), "more").unwrap();
    for error in [selection.digest().map(drop), placed.send(&mut Sent::default())] {
        let told = error.unwrap_err().to_string();
        assert!(told.ends_with("'d/f': it was changed while the build was reading it"), "{told}");
    }
    fs::remove_file(source.path().join("a")).unwrap();
    assert!(placed.send(&mut Sent::default()).unwrap_err().to_string().contains("'a': cannot open it"));
}

#[test]
fn holes_stay_holes() {
    needs_root!();
    let source = TempDir::new();
    let file = fs::File::create(source.path().join("sparse")).unwrap();
    file.write_all_at(b"end", 1 << 30).unwrap();
    let before = digest(&source, CONTEXT, "COPY sparse /x");
    assert_eq!(digest(&source, CONTEXT, "COPY sparse /x"), before);
    let to = TempDir::new();
    let rootfs = crate::rootfs::Rootfs::new(to.open());
    files(&source, CONTEXT).lay_out(&rootfs, &crate::report::Silent).unwrap();
    let found = Dir::from(to.open()).metadata("sparse".as_ref()).unwrap();
    assert_eq!(found.size, (1 << 30) + 3);
    assert!(found.bytes_on_disk() < 1 << 20);
}

#[test]
fn names_of_whiteouts_cannot_be_in_a_layer() {
    needs_root!();
    let source = on_disk(&[".wh.a=A"]);
    let (files, wanted) = (files(&source, CONTEXT), wanted("COPY . /x"));
    let selection = select(&files, &wanted).unwrap();
    let placed = selection.place(&Index::new()).unwrap();
    let mut layer = crate::layer::pack::Writer::layer(Vec::new());
    layer.begin().unwrap();
    let told = placed.send(&mut layer).unwrap_err().to_string();
    assert!(told.contains(".wh.a") && told.contains("whiteout"), "{told}");
}

#[test]
fn a_context_is_laid_out_without_what_is_ignored() {
    needs_root!();
    let source = on_disk(&["a@644,5:5=A", "d/", "d/b=B", "d/c=C"]);
    let to = TempDir::new();
    let rootfs = crate::rootfs::Rootfs::new(to.open());
    files(&source, From::Context("d/c")).lay_out(&rootfs, &crate::report::Silent).unwrap();
    assert_eq!(super::scene::listing(&to), ["a=A", "d/", "d/b=B"]);
}

#[test]
fn a_download_is_a_file_or_an_archive() {
    needs_root!();
    let temp = TempDir::new();
    archive(&temp, "a.tar", &["f=F"]);
    let downloaded = |unpack| Downloaded {
        name: "a.tar".into(),
        file: fs::File::open(temp.path().join("a.tar")).unwrap(),
        size: fs::metadata(temp.path().join("a.tar")).unwrap().len(),
        modified: 42,
        unpack,
    };
    for (unpack, destination, expected) in
        [(false, "/x/", "x 755 0, x/a.tar 600 42"), (true, "/x", "x 755 0, x/f 644 1000000000")]
    {
        let files = files(&temp, CONTEXT);
        let mut wanted = wanted(&format!("ADD {destination}"));
        wanted.sources.push(Source::Downloaded(downloaded(unpack)));
        wanted.now = 0;
        let selection = select(&files, &wanted).unwrap();
        selection.digest().unwrap();
        let mut sent = Sent::default();
        selection.place(&Index::new()).unwrap().send(&mut sent).unwrap();
        let shown: Vec<String> = sent
            .0
            .iter()
            .map(|entry| format!("{} {:o} {}", entry.name, entry.mode, entry.mtime.seconds))
            .collect();
        assert_eq!(shown.join(", "), expected);
    }
}

#[test]
fn what_is_mounted_in_a_context_belongs_to_it() {
    in_mount_namespace(|| {
        let source = on_disk(&["a=A", "m/", "m/hidden=H"]);
        let other = on_disk(&["b=B", "c/", "c/d=D"]);
        let at = source.path().join("m");
        rustix::mount::mount_bind(other.path(), &at).unwrap();
        let found = super::scene::copied(&source, From::Context("m/b"), &[], "COPY . /x");
        rustix::mount::unmount(&at, rustix::mount::UnmountFlags::DETACH).unwrap();
        assert_eq!(found.unwrap(), ["x/", "x/a=A", "x/m/", "x/m/c/", "x/m/c/d=D"]);
    });
}
