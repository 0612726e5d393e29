//! Layers into a root: fetched by several threads at once, applied in order by this one, each from its first
//! bytes on. A layer that was damaged on its way here is fetched once more; one that contradicts its image is an error.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::slot::Slot;
use crate::error::{Attempt, Error, Kind, Result};
use crate::image::{Image, Origin};
use crate::layer::{self, Index, Recording, RootfsTarget};
use crate::net::Sink;
use crate::oci::{Algorithm, Descriptor};
use crate::report::Report;
use crate::store::{Fetch, Partial, Staged, Store};

/// What it takes to assemble an image.
pub(super) struct Assembly<'a> {
    pub(super) store: &'a Store,
    pub(super) origin: &'a dyn Origin,
    pub(super) image: &'a Image,
    /// Blobs fetched at once.
    pub(super) workers: usize,
    pub(super) report: &'a dyn Report,
}

impl Assembly<'_> {
    /// Applies every layer to the empty root. Returns the index of what stands there then.
    pub(super) fn apply(&self, staged: &mut Staged) -> Result<Index> {
        let (result, stale) = self.attempt(staged, true);
        match result {
            Err(error) if stale => {
                self.report.warn(&format!("{error}; trying once more"));
                staged.clear()?;
                // This time a layer is read only when it is whole, so it does not matter if its download starts over.
                self.attempt(staged, false).0
            }
            result => result,
        }
    }

    /// With `follow`, layers are read while they come. Also tells whether fetching anew may help.
    fn attempt(&self, staged: &Staged, follow: bool) -> (Result<Index>, bool) {
        let layers = &self.image.manifest.layers;
        let slots: Vec<Slot> = layers.iter().map(|layer| Slot::new(layer.digest.clone())).collect();
        let next = AtomicUsize::new(0);
        let called_off = AtomicBool::new(false);
        let work = || {
            while let Some((layer, slot)) = {
                let index = next.fetch_add(1, Ordering::Relaxed);
                layers.get(index).zip(slots.get(index)).filter(|_| !called_off.load(Ordering::Relaxed))
            } {
                if let Err(error) = self.fetch(layer, slot, follow, &called_off) {
                    slot.failed(error.context(format_args!("layer {}", layer.short())));
                }
            }
        };
        let result = thread::scope(|scope| {
            for _ in 0..self.workers.clamp(1, layers.len().max(1)) {
                thread::Builder::new().spawn_scoped(scope, work).attempt("start a download thread")?;
            }
            let result = self.write(staged, &slots);
            called_off.store(result.is_err(), Ordering::Relaxed);
            result
        });
        let stale = slots.iter().any(Slot::is_stale);
        (result, stale)
    }

    /// Brings one layer into its slot.
    fn fetch(&self, layer: &Descriptor, slot: &Slot, follow: bool, called_off: &AtomicBool) -> Result<()> {
        let task = self.report.task(layer.short(), Some(layer.size));
        let mut partial = match self.store.blob(&layer.digest, layer.size, self.report)? {
            Fetch::Have(file) => {
                task.resumed(layer.size);
                task.state("cached");
                slot.cached(file);
                return Ok(());
            }
            Fetch::Missing(partial) => *partial,
        };
        task.resumed(partial.len());
        if follow {
            slot.growing(partial.reader()?, partial.len());
        }
        if partial.len() < layer.size {
            let mut sink = SlotSink { partial: &mut partial, slot: follow.then_some(slot), called_off };
            match &layer.data {
                Some(data) => {
                    let have = usize::try_from(sink.len()).unwrap_or(usize::MAX).min(data.len());
                    sink.append(&data[have..])?;
                }
                None => self.origin.fetch(layer, &mut sink, &*task)?,
            }
        }
        match partial.commit() {
            Ok(_) if follow => slot.done(),
            Ok(file) => slot.cached(file),
            Err(error) if error.kind() == Kind::Invalid => slot.damaged(error),
            Err(error) => return Err(error),
        }
        task.state("done");
        Ok(())
    }

    /// Applies the layers in order.
    fn write(&self, staged: &Staged, slots: &[Slot]) -> Result<Index> {
        let image = self.image;
        let mut tree = RootfsTarget::new(staged.rootfs(), self.report);
        let mut index = Index::new();
        let mut target = Recording::new(&mut tree, &mut index);
        let options = layer::Options { whiteouts: true, ..layer::Options::default() };
        for (index, (layer, slot)) in image.manifest.layers.iter().zip(slots).enumerate() {
            let attempt = format_args!("layer {} ({} of {})", layer.short(), index + 1, slots.len());
            let unfetched = |error| slot.failure().unwrap_or_else(|| Error::io(attempt, error));
            let mut follower = slot.open().map_err(unfetched)?;
            let applied = layer::apply(&mut follower, &mut target, &options);
            // The layer may be unreadable because it was damaged on its way: reading all of it checks its digest.
            let whole = match &applied {
                Err(error) if error.kind() != Kind::Invalid => Ok(()),
                _ => follower.finish(),
            };
            if slot.is_damaged_copy() {
                self.store.discard_blob(&layer.digest)?;
            }
            let unread = whole.map_err(|error| Error::io(format_args!("read {}", attempt), error));
            let applied = match (slot.failure(), unread, applied) {
                (Some(failure), ..) => return Err(failure),
                (None, Err(error), _) => return Err(error),
                (None, Ok(()), applied) => applied.attempt(attempt)?,
            };
            match image.diff_ids.get(index) {
                Some(expected)
                    if expected.algorithm() == Algorithm::Sha256 && *expected != applied.diff_id =>
                {
                    return Err(Error::invalid(format_args!(
                        "{}: its contents are not what the image config says: the diff_id is {} instead of {}",
                        attempt,
                        applied.diff_id.short(),
                        expected.short()
                    )));
                }
                _ => (),
            }
        }
        tree.finish()?;
        Ok(index)
    }
}

/// Writes to the cache and tells the reader.
struct SlotSink<'a> {
    partial: &'a mut Partial,
    slot: Option<&'a Slot>,
    called_off: &'a AtomicBool,
}

impl Sink for SlotSink<'_> {
    fn len(&self) -> u64 {
        self.partial.len()
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if self.called_off.load(Ordering::Relaxed) {
            return Err(Error::network("called off"));
        }
        self.partial.append(bytes)?;
        let length = self.partial.len();
        self.slot.inspect(|slot| slot.grown(length));
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        if self.partial.is_empty() {
            return Ok(()); // the reader has read nothing yet
        }
        self.slot.inspect(|slot| slot.restarted());
        self.partial.restart()
    }
}
