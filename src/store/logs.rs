//! What detached sessions print: `logs/<container>.log`, and the one before it as `<container>.log.1`. For root's eyes
//! only: programs print secrets.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::files;
use super::name::Name;
use crate::error::{Attempt, Result};

const MODE: u32 = 0o600;

/// Where it is.
pub(super) fn path(directory: &Path, name: &Name) -> PathBuf {
    directory.join(format!("{name}.log"))
}

fn previous(directory: &Path, name: &Name) -> PathBuf {
    directory.join(format!("{name}.log.1"))
}

/// An empty one, to be appended to. What wrote the one before goes on writing there.
pub(super) fn create(directory: &Path, name: &Name) -> Result<File> {
    files::make_dir(directory)?;
    let path = path(directory, name);
    let attempt = || format!("begin the log '{}'", path.display());
    match fs::rename(&path, previous(directory, name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).attempt(attempt),
        _ => {}
    }
    OpenOptions::new().append(true).create_new(true).mode(MODE).open(&path).attempt(attempt)
}

/// Gives both to a container of another name, which has none.
pub(super) fn rename(directory: &Path, old: &Name, new: &Name) -> Result<()> {
    remove(directory, new)?;
    for of in [path, previous] {
        let (from, to) = (of(directory, old), of(directory, new));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed.attempt(|| format!("rename '{}'", from.display()))?,
        }
    }
    Ok(())
}

/// Deletes both.
pub(super) fn remove(directory: &Path, name: &Name) -> Result<()> {
    files::remove(&path(directory, name))?;
    files::remove(&previous(directory, name))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::store::tests::Scene;

    #[test]
    fn a_new_one_leaves_the_last_one_beside_it() {
        let scene = Scene::new();
        let name = Name::parse("a").unwrap();
        for text in ["one", "two", "three"] {
            create(scene.root(), &name).unwrap().write_all(text.as_bytes()).unwrap();
        }
        let (now, before) = (path(scene.root(), &name), previous(scene.root(), &name));
        assert_eq!(fs::read_to_string(&now).unwrap(), "three");
        assert_eq!(fs::read_to_string(&before).unwrap(), "two");
        assert_eq!(fs::metadata(&now).unwrap().permissions().mode() & 0o777, MODE);
        remove(scene.root(), &name).unwrap();
        remove(scene.root(), &name).unwrap();
        assert!(files::names(scene.root()).unwrap().is_empty());
    }
}
