//! Contexts that are directories and archives.

use std::fs;

use super::scene::{archive, on_disk};
use crate::build::copy::{Context, Opened};
use crate::host::Paths;
use crate::report::Silent;
use crate::store::Store;
use crate::testing::{TempDir, needs_root};

fn open(temp: &TempDir, path: &std::path::Path) -> crate::error::Result<Context> {
    let store = Store::open(Paths::below(temp.path()));
    let scratch = temp.path().join("scratch");
    match Context::open(path.as_os_str(), &scratch, &store, &Silent)? {
        Opened::Context(context) => Ok(context),
        Opened::Dockerfile(_) => panic!("it is a context"),
    }
}

#[test]
fn directories_and_archives_are_contexts() {
    needs_root!();
    let temp = TempDir::new();
    let tree = &[
        "./",
        "Dockerfile=FROM scratch",
        "d/",
        "d/.dockerignore=no",
        "d/X=x",
        "d/X.dockerignore=a",
        ".dockerignore=b",
    ];
    let directory = on_disk(tree);
    archive(&temp, "c.tar", tree);
    for path in [directory.path().to_owned(), temp.path().join("c.tar")] {
        let context = || open(&temp, &path).unwrap();
        assert_eq!(context().read("Dockerfile").unwrap().unwrap(), b"FROM scratch");
        assert_eq!(context().read("../d/X").unwrap().unwrap(), b"x");
        assert_eq!(context().read("none").unwrap(), None);
        let ignores = |dockerfile: Option<&str>, name: &str| {
            context().files(dockerfile).unwrap().ignores(name.as_ref())
        };
        assert!(ignores(Some("d/X"), "a") && !ignores(Some("d/X"), "b"));
        assert!(ignores(Some("Dockerfile"), "b") && ignores(None, "b") && !ignores(None, "a"));
    }
}

#[test]
fn what_is_no_context_is_told() {
    needs_root!();
    let temp = TempDir::new();
    let none = open(&temp, &temp.path().join("none")).unwrap_err();
    assert!(
        none.to_string().starts_with("cannot open the build context '") && none.hint_text().is_some(),
        "{none}"
    );
    fs::write(temp.path().join("text"), "FROM scratch").unwrap();
    let text = open(&temp, &temp.path().join("text")).unwrap_err().to_string();
    assert!(text.contains("neither a directory nor a tar archive"), "{text}");
}

#[test]
fn links_of_a_context_do_not_lead_out() {
    needs_root!();
    let temp = TempDir::new();
    fs::write(temp.path().join("secret"), "s").unwrap();
    let directory = on_disk(&["abs>/etc/passwd", "rel>../../../../../etc/passwd"]);
    for name in ["abs", "rel", "../secret"] {
        assert_eq!(open(&temp, directory.path()).unwrap().read(name).unwrap(), None, "{name}");
    }
}

#[test]
fn each_archive_is_a_context_of_its_own() {
    needs_root!();
    let temp = TempDir::new();
    archive(&temp, "one.tar", &["a=1"]);
    archive(&temp, "two.tar", &["b=2"]);
    let one = open(&temp, &temp.path().join("one.tar")).unwrap();
    let two = open(&temp, &temp.path().join("two.tar")).unwrap();
    assert_eq!((one.read("a").unwrap().unwrap(), one.read("b").unwrap()), (b"1".to_vec(), None));
    assert_eq!((two.read("b").unwrap().unwrap(), two.read("a").unwrap()), (b"2".to_vec(), None));
}
