//! One container in the place of another: at every moment one of the two is there, also after a power cut.
//!
//! renameat2(2) exchanges them in one step. Before Linux 3.15, and on filesystems that cannot, the old one steps aside
//! first, to a name that nothing lists. Whoever finds it there, with nobody holding the container, brings it back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::container::Container;
use super::layout::Layout;
use super::lock::{Lock, LockMode};
use super::name::Name;
use super::scratch::Scratch;
use crate::error::{Attempt, Result};

/// Ends the name of one that stepped aside. It begins with a dot: no container's does.
const ASIDE: &str = ".replaced";

fn aside(layout: &Layout, name: &Name) -> PathBuf {
    layout.containers().join(format!(".{name}{ASIDE}"))
}

/// Puts `directory` where the container is, and the container where `directory` was. Its lock is held.
pub(super) fn replace(layout: &Layout, name: &Name, directory: &Path) -> Result<()> {
    let target = layout.container(name);
    let exchanged = match renameat_with(CWD, directory, CWD, &target, RenameFlags::EXCHANGE) {
        Err(Errno::NOSYS | Errno::INVAL | Errno::PERM) => in_steps(&target, &aside(layout, name), directory),
        exchanged => exchanged.map_err(io::Error::from),
    };
    exchanged.attempt(format_args!("replace '{}'", target.display()))
}

fn in_steps(target: &Path, aside: &Path, directory: &Path) -> io::Result<()> {
    fs::rename(target, aside)?;
    crate::sys::point::reach("replace.aside");
    if let Err(error) = fs::rename(directory, target) {
        let _ = fs::rename(aside, target);
        return Err(error);
    }
    crate::sys::point::reach("replace.moved");
    fs::rename(aside, directory)
}

/// Brings back, or deletes, what an interrupted replacement left: `entry` of the containers' directory.
pub(super) fn recover(layout: &Layout, entry: &str) -> Result<()> {
    let name = entry.strip_prefix('.').and_then(|entry| entry.strip_suffix(ASIDE));
    let Some(name) = name.and_then(|name| Name::parse(name).ok()) else { return Ok(()) };
    let _lock = Lock::take(&layout.lock(&name), LockMode::Exclusive, "recover", Duration::ZERO)?;
    let (aside, target) = (aside(layout, &name), layout.container(&name));
    if !aside.exists() {
        return Ok(());
    }
    if Container::find(layout, &name).is_none() {
        return fs::rename(&aside, &target).attempt(format_args!("bring back '{}'", target.display()));
    }
    let scratch = Scratch::new(&layout.staging(), &name)?;
    fs::rename(&aside, scratch.path().join(name.as_str()))
        .attempt(format_args!("move '{}' away", aside.display()))?;
    scratch.remove(&mut |_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scene;
    use crate::store::{Store, files, scratch};

    #[test]
    fn an_interrupted_replacement_is_undone_or_finished_by_whoever_looks_next() {
        let scene = Scene::new();
        let layout = scene.layout();
        let store = Store { layout: layout.clone() };
        let name = Name::parse("a.b").unwrap();
        let make = |path: &Path, mark: &str| {
            fs::create_dir_all(path.join("rootfs")).unwrap();
            fs::write(path.join("mark"), mark).unwrap();
        };
        let mark = || fs::read_to_string(layout.container(&name).join("mark")).unwrap();
        make(&aside(&layout, &name), "old");
        // Not while somebody is at it.
        let lock = Lock::take(&layout.lock(&name), LockMode::Exclusive, "reset", Duration::ZERO).unwrap();
        assert!(store.containers().unwrap().is_empty());
        drop(lock);
        assert_eq!(store.containers().unwrap().len(), 1);
        assert_eq!(mark(), "old");
        make(&aside(&layout, &name), "older");
        assert_eq!(store.container(&name).unwrap().name(), &name);
        assert_eq!(store.containers().unwrap().len(), 1);
        assert_eq!((mark(), aside(&layout, &name).exists()), ("old".to_owned(), false));
        assert!(files::names(&layout.staging()).unwrap().is_empty());
        // Both ways of replacing end alike.
        for steps in [false, true] {
            let new = layout.staging().join("new");
            make(&new, "new");
            if steps {
                in_steps(&layout.container(&name), &aside(&layout, &name), &new).unwrap();
            } else {
                replace(&layout, &name, &new).unwrap();
            }
            assert_eq!(
                (mark().as_str(), fs::read_to_string(new.join("mark")).unwrap().as_str()),
                ("new", "old")
            );
            replace(&layout, &name, &new).unwrap();
            scratch::delete(&new, &mut |_| ()).unwrap();
        }
    }
}
