//! What belongs to a container follows its name, also when a rename is killed halfway: its log, the Python tool's state of
//! its sessions, its line among those that start with the machine.
//!
//! Before the directory gets its new name, the old one is noted in it. Whoever looks next finds the note, with nobody
//! holding the container, and finishes.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::container::{Container, settle};
use super::layout::Layout;
use super::lock::{Lock, LockMode};
use super::name::Name;
use super::scratch::{self, Scratch};
use super::{files, lists, logs};
use crate::error::{Attempt, Result};
use crate::sys::point;

/// Beside the root; ours alone. Holds the old name.
const NOTE: &str = ".renamed";
/// Bytes; more than any name.
const LIMIT: u64 = 4096;

impl Container {
    /// Gives it, which nobody uses, the free name `new`; both locks are held, from [`Container::lock_with`].
    pub fn move_to(&self, new: &Name, _locks: &(Lock, Lock)) -> Result<Container> {
        let scratch = Scratch::new(&self.layout.staging(), new)?;
        note(self, new)?;
        point::reach("rename.ready");
        let container = settle(&self.layout, new, &self.path, &scratch)?;
        point::reach("rename.settled");
        // From here on it has its new name; the rest is what belongs to it.
        finish(&container, &self.name)?;
        Ok(container)
    }
}

fn note_of(container: &Container) -> PathBuf {
    container.path.join(NOTE)
}

/// Notes the name of a container that is to be called `new`. What an earlier one of that name left goes.
fn note(container: &Container, new: &Name) -> Result<()> {
    let layout = &container.layout;
    recover_all(layout)?;
    scratch::delete(&layout.session_state(new), &mut |_| ())?;
    logs::remove(&layout.logs(), new)?;
    files::write(&note_of(container), container.name.as_str().as_bytes(), 0o644)
}

/// Brings over what belongs to `container`, which was called `old`. The locks of both names are held. Done twice, it is as
/// done once.
fn finish(container: &Container, old: &Name) -> Result<()> {
    let (layout, new) = (&container.layout, &container.name);
    let state = layout.session_state(old);
    if state.exists() {
        fs::rename(&state, layout.session_state(new))
            .attempt(format_args!("rename '{}'", state.display()))?;
    }
    point::reach("rename.stated");
    logs::rename(&layout.logs(), old, new)?;
    point::reach("rename.logged");
    lists::follow(layout, old, Some(new))?;
    point::reach("rename.followed");
    files::remove(&layout.setup_lock(old))?;
    files::remove(&layout.lock(old))?;
    files::remove(&note_of(container))
}

/// Finishes the renames that were killed. Who may not, or finds a container in somebody's hands, leaves it to the next.
pub(super) fn recover_all(layout: &Layout) -> Result<()> {
    let names = files::names(&layout.containers())?;
    let containers = names.iter().filter_map(|name| Container::find(layout, &Name::parse(name).ok()?));
    containers.for_each(|container| recover(&container));
    Ok(())
}

/// The same for one.
pub(super) fn recover(container: &Container) {
    if note_of(container).exists() {
        let _ = try_recover(container);
    }
}

fn try_recover(container: &Container) -> Result<()> {
    let layout = &container.layout;
    let lock = |name: &Name| Lock::take(&layout.lock(name), LockMode::Exclusive, "rename", Duration::ZERO);
    let _lock = lock(&container.name)?;
    let text = files::read(&note_of(container), LIMIT)?.unwrap_or_default();
    match Name::parse(String::from_utf8_lossy(&text).trim()) {
        Ok(old) if old != container.name => {
            let _old = lock(&old)?;
            // One that has the old name by now has its own.
            match Container::find(layout, &old) {
                None => finish(container, &old),
                Some(_) => files::remove(&note_of(container)),
            }
        }
        // It never got the new one.
        _ => files::remove(&note_of(container)),
    }
}
