use super::*;
use crate::testing::{TempDir, in_mount_namespace};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

/// Writes down what it sees: `d/` a directory, `d|` a mount point, `<d` leaving.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    over: Option<&'static str>,
}

impl Visit for Log {
    type Error = io::Error;

    fn enter(&mut self, at: &Visited<'_>, opened: &Dir) -> io::Result<Next> {
        assert_eq!(at.metadata.inode, Metadata::from(rustix::fs::fstat(opened)?).inode);
        let path = at.path().display().to_string();
        self.lines.push(format!("{path}{}", if at.mounted { '|' } else { '/' }));
        Ok(if self.over == Some(&path) { Next::Over } else { Next::Into })
    }

    fn other(&mut self, at: &Visited<'_>) -> io::Result<()> {
        assert_eq!(at.dir.metadata(at.leaf)?.inode, at.metadata.inode);
        self.lines.push(at.path().display().to_string());
        Ok(())
    }

    fn leave(&mut self, left: &Dir) -> io::Result<()> {
        self.lines.push(format!("<{}", left.names()?.len()));
        Ok(())
    }

    fn failed(&mut self, doing: Doing, path: &Path, error: io::Error) -> io::Result<()> {
        self.lines.push(format!("{doing:?} {}: {:?}", path.display(), error.kind()));
        if doing == Doing::Climb { Err(error) } else { Ok(()) }
    }
}

fn log(root: &TempDir, order: Order, over: Option<&'static str>) -> Vec<String> {
    let mut log = Log { over, ..Log::default() };
    below(root.open().into(), order, &mut log).unwrap();
    log.lines
}

#[test]
fn each_name_is_visited_once_and_no_link_is_followed() {
    let root = TempDir::new();
    let at = |path: &str| root.path().join(path);
    fs::create_dir_all(at("b/empty")).unwrap();
    fs::create_dir(at("over")).unwrap();
    fs::write(at("b/file"), "").unwrap();
    fs::write(at("b-file"), "").unwrap();
    fs::write(at("over/hidden"), "").unwrap();
    symlink("b", at("a")).unwrap();
    let sorted = log(&root, Order::Sorted, Some("over"));
    assert_eq!(sorted, ["a", "b/", "b/empty/", "<0", "b/file", "<2", "b-file", "over/"]);
    let any = log(&root, Order::Any, Some("over"));
    assert_eq!(any.iter().collect::<BTreeSet<_>>(), sorted.iter().collect());
}

#[test]
fn a_mount_point_is_a_place_and_no_more() {
    in_mount_namespace(|| {
        let root = TempDir::new();
        let outside = TempDir::new();
        fs::write(outside.path().join("canary"), "").unwrap();
        fs::create_dir_all(root.path().join("d/bound")).unwrap();
        let bound = root.path().join("d/bound");
        rustix::mount::mount_bind(outside.path(), &bound).unwrap();
        for order in [Order::Any, Order::Sorted] {
            assert_eq!(log(&root, order, None), ["d/", "d/bound|", "<1"]);
        }
        rustix::mount::unmount(&bound, rustix::mount::UnmountFlags::DETACH).unwrap();
    });
}

/// A directory becomes a link after its name was read.
#[test]
fn what_takes_the_place_of_a_directory_is_told_of() {
    struct Swap<'a>(&'a TempDir, Log);
    impl Visit for Swap<'_> {
        type Error = io::Error;
        fn enter(&mut self, at: &Visited<'_>, opened: &Dir) -> io::Result<Next> {
            if at.leaf == "a" {
                fs::remove_dir(self.0.path().join("b")).unwrap();
                symlink("/", self.0.path().join("b")).unwrap();
            }
            self.1.enter(at, opened)
        }
        fn other(&mut self, at: &Visited<'_>) -> io::Result<()> {
            self.1.other(at)
        }
        fn failed(&mut self, doing: Doing, path: &Path, error: io::Error) -> io::Result<()> {
            self.1.failed(doing, path, error)
        }
    }
    let root = TempDir::new();
    fs::create_dir(root.path().join("a")).unwrap();
    fs::create_dir(root.path().join("b")).unwrap();
    let mut swap = Swap(&root, Log::default());
    below(root.open().into(), Order::Sorted, &mut swap).unwrap();
    assert_eq!(swap.1.lines, ["a/", "Open b: NotADirectory"]);
}

/// A tree is moved away while the walk is too deep in it for its parents to be open.
#[test]
fn goes_up_to_no_other_parent() {
    struct Move<'a>(&'a TempDir, Log);
    impl Visit for Move<'_> {
        type Error = io::Error;
        fn enter(&mut self, at: &Visited<'_>, opened: &Dir) -> io::Result<Next> {
            self.1.enter(at, opened)
        }
        fn other(&mut self, _at: &Visited<'_>) -> io::Result<()> {
            fs::rename(self.0.path().join("tree/d/d"), self.0.path().join("kept/moved"))
        }
        fn failed(&mut self, doing: Doing, path: &Path, error: io::Error) -> io::Result<()> {
            self.1.failed(doing, path, error)
        }
    }
    let root = TempDir::new();
    let at = |path: &str| root.path().join(path);
    let deepest = at("tree").join("d/".repeat(100));
    fs::create_dir_all(&deepest).unwrap();
    fs::create_dir_all(at("kept/d")).unwrap();
    fs::write(deepest.join("file"), "").unwrap();
    let tree = fs::File::open(at("tree")).unwrap();
    let mut moving = Move(&root, Log::default());
    let error = below(std::os::fd::OwnedFd::from(tree).into(), Order::Any, &mut moving).unwrap_err();
    assert_eq!(error.to_string(), "the tree was moved meanwhile");
    assert_eq!(moving.1.lines.last().unwrap(), "Climb d/d: Other");
}

/// A directory is removed after it was opened.
#[test]
fn a_directory_that_vanishes_is_empty() {
    struct Remove<'a>(&'a TempDir, Log);
    impl Visit for Remove<'_> {
        type Error = io::Error;
        fn enter(&mut self, at: &Visited<'_>, opened: &Dir) -> io::Result<Next> {
            if at.leaf == "b" {
                fs::remove_dir_all(self.0.path().join("b")).unwrap();
            }
            self.1.enter(at, opened)
        }
        fn other(&mut self, at: &Visited<'_>) -> io::Result<()> {
            self.1.other(at)
        }
        fn failed(&mut self, doing: Doing, path: &Path, error: io::Error) -> io::Result<()> {
            self.1.failed(doing, path, error)
        }
    }
    let root = TempDir::new();
    fs::create_dir(root.path().join("a")).unwrap();
    fs::create_dir_all(root.path().join("b/c")).unwrap();
    for order in [Order::Sorted, Order::Any] {
        let _ = fs::create_dir_all(root.path().join("b/c"));
        let mut remove = Remove(&root, Log::default());
        below(root.open().into(), order, &mut remove).unwrap();
        remove.1.lines.sort();
        assert_eq!(remove.1.lines, ["a/", "b/"], "{order:?}");
    }
}
