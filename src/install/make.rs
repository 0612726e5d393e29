//! The two ways to a container: a new one, and one made anew in the place of itself.

use super::fill::{NewContainer, fill};
use super::reset::Recorded;
use crate::error::{Attempt, Result};
use crate::guest::provision::provision;
use crate::guest::systemd;
use crate::host::Host;
use crate::net::Settings;
use crate::report::Report;
use crate::store::{Container, Staged, Store};

/// Makes the container. When that fails, nothing of it stays.
pub fn install(store: &Store, new: &NewContainer, host: &Host, report: &dyn Report) -> Result<Container> {
    let make = || {
        // First, so that a name that is taken costs no download.
        let mut staged = store.stage(&new.name, "install")?;
        report.info(&format!("Installing {} as '{}'", new.source, new.name));
        let document = fill(store, new, host, &mut staged, report)?;
        finish(&staged, host, report)?;
        staged.commit(document.as_ref())
    };
    make().attempt(|| format!("install '{}'", new.name))
}

/// Makes the container anew from the image that it was installed from, or leaves it as it is. It is there, and can be
/// used, until the new one is whole; then what runs inside is ended.
pub fn reset(
    store: &Store,
    container: &Container,
    settings: Settings,
    host: &Host,
    report: &dyn Report,
) -> Result<Container> {
    let name = container.name();
    let make = || {
        let recorded = Recorded::of(container)?;
        let mut replacement = store.stage_again(container, "reset")?;
        report.info(&format!("Installing {} anew as '{name}'", recorded.image_ref));
        let document = recorded.fill(store, name, settings, host, replacement.staged(), report)?;
        finish(replacement.staged(), host, report)?;
        replacement.commit(document.as_ref(), &|old| old.seize("reset"))
    };
    make().attempt(|| format!("reset '{name}'"))
}

/// Provisions the new tree, and warns of what will not work in it.
fn finish(staged: &Staged, host: &Host, report: &dyn Report) -> Result<()> {
    provision(staged.rootfs(), host, report)?;
    systemd::warn(staged.rootfs(), report);
    Ok(())
}
