//! The two ways to a container: a new one, and one made anew in the place of itself.

use super::fill::{NewContainer, fill};
use super::reset::Recorded;
use crate::error::{Attempt, Result};
use crate::guest::provision::provision;
use crate::guest::systemd;
use crate::host::Host;
use crate::layer::{Index, Trust};
use crate::net::Settings;
use crate::report::Report;
use crate::store::{Container, Staged, Store};

/// Makes the container. When that fails, nothing of it stays.
pub fn install(store: &Store, new: &NewContainer, host: &Host, report: &dyn Report) -> Result<Container> {
    let make = || {
        // First, so that a name that is taken costs no download.
        let mut staged = store.stage(&new.name, "install")?;
        report.info(&format!("Installing {} as '{}'", new.source, new.name));
        let mut filled = fill(store, new, host, &mut staged, report)?;
        finish(&staged, &mut filled.index, host, report)?;
        staged.commit(filled.provenance.as_ref())
    };
    make().attempt(format_args!("install '{}'", new.name))
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
        let mut filled = recorded.fill(store, name, settings, host, replacement.staged(), report)?;
        finish(replacement.staged(), &mut filled.index, host, report)?;
        replacement.commit(filled.provenance.as_ref(), &|old| old.seize("reset"))
    };
    make().attempt(format_args!("reset '{name}'"))
}

/// Provisions the new tree, warns of what will not work in it, and keeps the index of what it is then: what is written
/// here is no change that somebody made.
fn finish(staged: &Staged, index: &mut Index, host: &Host, report: &dyn Report) -> Result<()> {
    let rootfs = staged.rootfs();
    provision(rootfs, host, report)?;
    systemd::warn(rootfs, report);
    let root = rootfs.dir("").attempt("open the new root")?;
    index.settle(root, Trust::Metadata, &[]).attempt("index the new container")?;
    staged.put_index(&index.to_bytes())
}
