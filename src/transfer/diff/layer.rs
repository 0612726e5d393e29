//! What has changed in a container, as a layer of an image.

use std::collections::HashSet;
use std::ffi::OsString;

use super::container::Since;
use crate::error::{Attempt, Result};
use crate::image::{Layer, NewLayer};
use crate::layer::{Index, Trust, changes};
use crate::report::Report;
use crate::store::{Container, Store};

/// The layer of what [`since_install`](super::since_install) tells of; none when that is nothing. The container may be
/// running: each file is as it is when it is read. `epoch`: seconds since 1970, no file is dated later.
pub fn layer(
    store: &Store,
    container: &Container,
    epoch: Option<i64>,
    report: &dyn Report,
) -> Result<Option<Layer>> {
    let _lock = container.lock_shared("commit")?;
    let Since { before, now, changes: told } = Since::install(store, container, report)?;
    let told: HashSet<OsString> = told
        .into_iter()
        .map(|change| change.path.strip_prefix("/").unwrap_or(&change.path).as_os_str().to_owned())
        .collect();
    let mut layer = NewLayer::new(store, epoch)?;
    let sent = changes(&before, &now.index, &now.rootfs, &|path| told.contains(path), &mut layer)?;
    if sent == 0 { Ok(None) } else { layer.finish().map(Some) }
}

/// The layer of all that a container holds: of one that came from no image.
pub fn whole(store: &Store, container: &Container, epoch: Option<i64>, report: &dyn Report) -> Result<Layer> {
    let _lock = container.lock_shared("commit")?;
    let (rootfs, mut now) = (container.rootfs()?, Index::new());
    let root = rootfs.dir("").attempt("open its root")?;
    for place in now.settle(root, Trust::Stamps, &[])? {
        report.warn(&format!("something is mounted on '{}': what is there is left out", place.display()));
    }
    let mut layer = NewLayer::new(store, epoch)?;
    changes(&Index::new(), &now, &rootfs, &|_| true, &mut layer)?;
    layer.finish()
}
