//! A stage's tree.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Mode, OFlags, open};

use super::above::Above;
use super::base::{apply_layer, base};
use super::overlay::{Overlay, own_namespace};
use crate::error::{Attempt, Result};
use crate::image::Layer;
use crate::layer::{Index, Recording, RootfsTarget, Target, Trust, changes, send};
use crate::report::Report;
use crate::rootfs::Rootfs;
use crate::rootfs::walk::Order;
use crate::store::{KeptTree, Store, Work};

/// The tree of a stage, on disk, with its index. It is gone when it is dropped; when the process is killed, nothing of it
/// stays mounted, and the next build deletes its files.
pub struct Tree<'a> {
    store: &'a Store,
    report: &'a dyn Report,
    root: Rootfs,
    index: Index,
    /// Whether the index lacks the stamps of what a layer put there.
    stale: bool,
    /// None where the tree is a copy of the base's.
    overlay: Option<Overlay>,
    _above: Option<Above>,
    _base: KeptTree,
    _work: Work,
}

impl<'a> Tree<'a> {
    /// Lays out what `layers` make, bottom first: of a base image, for their tree is kept for other builds. The layers of
    /// `above` stand on top of them. Moves the process into a mount namespace of its own: only while single-threaded.
    ///
    /// # Errors
    ///
    /// [`Kind::NotFound`](crate::error::Kind::NotFound) when a layer's blob is neither in the cache nor kept.
    pub fn new(
        store: &'a Store,
        layers: &[Layer],
        above: &[Layer],
        report: &'a dyn Report,
    ) -> Result<Tree<'a>> {
        /// The namespace is inherited by whatever this process forks.
        static OWN: AtomicBool = AtomicBool::new(false);
        let (base, mut index) = base(store, layers, report)?;
        // First: the kernel takes no directory of another namespace as a layer of an overlay (since Linux 6.15).
        if !OWN.swap(true, Ordering::Relaxed) {
            own_namespace()?;
        }
        let below = base.rootfs()?;
        let work = store.work()?;
        crate::sys::point::reach("stage.work");
        let (overlay, on_top) = mount(store, &below, above, &mut index, &work)?;
        let path = work.path().join("merged");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = open(&path, flags, Mode::empty()).attempt(format_args!("open '{}'", path.display()))?;
        let root = Rootfs::new(root);
        let rest = if on_top.is_some() { &[] } else { above };
        let mut tree = Tree {
            store,
            report,
            root,
            index,
            stale: false,
            overlay,
            _above: on_top,
            _base: base,
            _work: work,
        };
        crate::sys::point::reach("stage.laid_out");
        if tree.overlay.is_none() {
            report.detail("overlayfs cannot be used here: the base image's files are copied");
            tree.copy(&below)?;
        }
        rest.iter().try_for_each(|layer| tree.apply(layer))?;
        Ok(tree)
    }

    fn copy(&mut self, below: &Rootfs) -> Result<()> {
        let from = below.dir("").attempt("open the base image's root")?;
        let mut target = RootfsTarget::new(&self.root, self.report);
        target.begin()?;
        send(from, "", Order::Any, &mut target, &mut |_| ())?;
        target.end()?;
        target.finish()?;
        self.settle(Trust::Metadata)
    }

    /// Where the tree stands, for a RUN.
    pub fn root(&mut self) -> Result<&Rootfs> {
        if std::mem::take(&mut self.stale) {
            self.settle(Trust::Metadata)?;
        }
        Ok(&self.root)
    }

    /// What stands there, as of the last [`Tree::apply`] or [`Tree::step`].
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Puts a layer on top: of a step that the cache knows, or that did not need the tree.
    pub fn apply(&mut self, layer: &Layer) -> Result<()> {
        // What a RUN has changed is settled by its step; nothing else changes the tree.
        let mut target = RootfsTarget::new(&self.root, self.report);
        apply_layer(self.store, layer, &mut Recording::new(&mut target, &mut self.index))?;
        target.finish()?;
        self.stale = true;
        Ok(())
    }

    /// Sends what has changed since the last step, or the last layer that was put on top; how many entries these are.
    pub fn step(&mut self, layer: &mut dyn Target) -> Result<u64> {
        let before = self.index.clone();
        self.settle(Trust::Contents).attempt("compare the files before and after")?;
        layer.begin()?;
        let sent = changes(&before, &self.index, &self.root, &|_| true, layer)?;
        layer.end()?;
        Ok(sent)
    }

    #[cfg(test)]
    pub(super) fn is_overlay(&self) -> bool {
        self.overlay.is_some()
    }

    #[cfg(test)]
    pub(super) fn has_above(&self) -> bool {
        self._above.is_some()
    }

    fn settle(&mut self, trust: Trust) -> Result<()> {
        match &self.overlay {
            Some(overlay) => self.index.settle_upper(&self.root, overlay.upper()?, trust),
            None => {
                let root = self.root.dir("").attempt("open the root")?;
                self.index.settle(root, trust, &[]).map(drop)
            }
        }
    }
}

/// An overlay over `below`, and what of `above` it has in a directory of its own: all or nothing.
fn mount(
    store: &Store,
    below: &Rootfs,
    above: &[Layer],
    index: &mut Index,
    work: &Work,
) -> Result<(Option<Overlay>, Option<Above>)> {
    if let Some((above, all)) = Above::new(store, above, below, index, work)
        && let Some(overlay) = Overlay::mount(&[above.as_fd(), below.as_fd()], work)?
    {
        *index = all;
        return Ok((Some(overlay), Some(above)));
    }
    Ok((Overlay::mount(&[below.as_fd()], work)?, None))
}
