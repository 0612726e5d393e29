//! The containers to start with the machine: `autostart`, a name a line, in the order of starting. Ours alone.

use super::files;
use super::layout::Layout;
use super::lock::Lock;
use super::name::Name;
use crate::error::Result;

/// Bytes: thousands of names.
const LIMIT: u64 = 1 << 20;

/// The list. What is no name is passed over.
pub(super) fn list(layout: &Layout) -> Result<Vec<Name>> {
    let text = files::read(&layout.autostart(), LIMIT)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&text).lines().filter_map(|line| Name::parse(line.trim()).ok()).collect())
}

/// Changes the list, or leaves it when `change` does; the list as it is now.
pub(super) fn change(layout: &Layout, change: &dyn Fn(&mut Vec<Name>)) -> Result<Vec<Name>> {
    let _lock = Lock::wait(&layout.autostart_lock(), &|| ())?;
    let before = list(layout)?;
    let mut after = before.clone();
    change(&mut after);
    if after != before {
        let text: String = after.iter().map(|name| format!("{name}\n")).collect();
        files::write(&layout.autostart(), text.as_bytes(), 0o644)?;
    }
    Ok(after)
}

/// What became of a container: another name, or none. Nothing is made where there is no list.
pub(super) fn follow(layout: &Layout, name: &Name, now: Option<&Name>) -> Result<()> {
    if list(layout)?.contains(name) {
        change(layout, &|list| {
            *list = std::mem::take(list)
                .into_iter()
                .filter_map(|there| if there == *name { now.cloned() } else { Some(there) })
                .collect();
        })?;
    }
    Ok(())
}
