//! Blobs from an origin to a destination, one by one or a whole image of them.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::description::Image;
use super::destination::{Cache, Destination};
use super::origin::Origin;
use crate::error::{Attempt, Error, Result};
use crate::oci::{Descriptor, Digest};
use crate::report::{Report, Silent, Task};

/// The largest config or manifest blob believed in, in bytes.
pub(super) const DOCUMENT_MAX: u64 = 16 << 20;

/// Copies what `to` lacks of the image, its layers and its config, up to `workers` blobs at once. After the first error
/// no further blob is begun.
pub fn copy(
    image: &Image,
    from: &dyn Origin,
    to: &(dyn Destination + Sync),
    workers: usize,
    report: &dyn Report,
) -> Result<()> {
    let mut blobs: Vec<&Descriptor> = Vec::new();
    for blob in image.manifest.layers.iter().chain([&image.manifest.config]) {
        if !blobs.iter().any(|other| other.digest == blob.digest) {
            blobs.push(blob);
        }
    }
    at_once(&blobs, workers, &|blob| {
        let task = report.task(blob.short(), Some(blob.size));
        copy_blob(blob, from, to, &*task)
            .map_err(|error| error.context(format_args!("copy blob {}", blob.short())))
    })
}

/// Does `each` for every blob, up to `workers` of them at once. After the first error no further one is begun.
pub(super) fn at_once(
    blobs: &[&Descriptor],
    workers: usize,
    each: &(dyn Fn(&Descriptor) -> Result<()> + Sync),
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<Error>> = Mutex::default();
    let failure = || failed.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        while let Some(blob) = blobs.get(next.fetch_add(1, Ordering::Relaxed))
            && failure().is_none()
        {
            if let Err(error) = each(blob) {
                failure().get_or_insert(error);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..workers.min(blobs.len()) {
            // Fewer do it too.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let error = failure().take();
    error.map_or(Ok(()), Err)
}

/// One blob, unless it is there.
pub(super) fn copy_blob(
    blob: &Descriptor,
    from: &dyn Origin,
    to: &dyn Destination,
    task: &dyn Task,
) -> Result<()> {
    if to.has(blob)? {
        task.state("exists");
        return Ok(());
    }
    to.receive(blob, &mut |sink| match &blob.data {
        Some(data) => sink.restart().and_then(|()| sink.append(data)),
        None => from.fetch(blob, sink, task),
    })
}

/// A whole small blob, through the cache.
pub fn document(from: &dyn Origin, cache: &Cache<'_>, blob: &Descriptor) -> Result<Vec<u8>> {
    if let Some(data) = &blob.data {
        return Ok(data.clone());
    }
    if blob.size > DOCUMENT_MAX {
        return Err(Error::invalid(format_args!("its {} bytes are too many for a document", blob.size)));
    }
    for _ in 0..2 {
        copy_blob(blob, from, cache, &Silent)?;
        let mut bytes = Vec::new();
        cache.open(blob)?.read_to_end(&mut bytes).attempt(format_args!("read blob {}", blob.short()))?;
        if Digest::with(blob.digest.algorithm(), &bytes) == blob.digest {
            return Ok(bytes);
        }
        // A fetched blob is verified before it is kept, so it was damaged later: fetch it again.
        cache.discard(blob)?;
    }
    Err(Error::invalid(format_args!("the cached blob {} is damaged", blob.short())))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::net::Sink;
    use crate::oci::{Document, ImageConfig, Platform};

    /// Blobs in memory: an origin and a destination.
    #[derive(Default)]
    struct Memory {
        blobs: BTreeMap<String, Vec<u8>>,
    }

    impl Origin for Memory {
        fn fetch(&self, blob: &Descriptor, sink: &mut dyn Sink, _: &dyn Task) -> Result<()> {
            sink.append(self.blobs.get(blob.digest.hex()).ok_or_else(|| Error::not_found("no such blob"))?)
        }
    }

    #[derive(Default)]
    struct Kept(Mutex<Vec<(String, Vec<u8>)>>);

    struct Bytes(Vec<u8>);

    impl Sink for Bytes {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }
        fn append(&mut self, bytes: &[u8]) -> Result<()> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
        fn restart(&mut self) -> Result<()> {
            self.0.clear();
            Ok(())
        }
    }

    impl Destination for Kept {
        fn has(&self, blob: &Descriptor) -> Result<bool> {
            Ok(self.0.lock().unwrap().iter().any(|(hex, _)| hex == blob.digest.hex()))
        }
        fn receive(
            &self,
            blob: &Descriptor,
            send: &mut dyn FnMut(&mut dyn Sink) -> Result<()>,
        ) -> Result<()> {
            let mut bytes = Bytes(Vec::new());
            send(&mut bytes)?;
            if Digest::of(&bytes.0) != blob.digest {
                return Err(Error::invalid("other bytes"));
            }
            self.0.lock().unwrap().push((blob.digest.hex().to_owned(), bytes.0));
            Ok(())
        }
    }

    #[test]
    fn what_is_missing_is_copied_once_and_verified() {
        let diff_ids = ["a", "b", "a"].map(|text| Digest::of(text.as_bytes()).to_string());
        let config = json!({"rootfs": {"diff_ids": diff_ids}});
        let config = config.to_string().into_bytes();
        let described = |bytes: &[u8]| json!({"digest": Digest::of(bytes).to_string(), "size": bytes.len()});
        let mut inline = described(b"b");
        inline["data"] = "Yg==".into();
        let manifest =
            json!({"config": described(&config), "layers": [described(b"a"), inline, described(b"a")]})
                .to_string();
        let Document::Manifest(manifest) = Document::parse(manifest.as_bytes(), None).unwrap() else {
            panic!()
        };
        let parsed = ImageConfig::parse(&config).unwrap();
        let image = Image::new("x".into(), manifest, parsed, &Platform::host()).unwrap();
        let mut from = Memory::default();
        for bytes in [&b"a"[..], &config] {
            from.blobs.insert(Digest::of(bytes).hex().to_owned(), bytes.to_vec());
        }
        let to = Kept::default();
        copy(&image, &from, &to, 1, &Silent).unwrap();
        let kept: Vec<Vec<u8>> = to.0.lock().unwrap().iter().map(|(_, bytes)| bytes.clone()).collect();
        assert_eq!(kept, [b"a".to_vec(), b"b".to_vec(), config.clone()]);
        // A second time nothing is asked for.
        copy(&image, &Memory::default(), &to, 3, &Silent).unwrap();
        assert!(copy(&image, &Memory::default(), &Kept::default(), 3, &Silent).is_err());
    }
}
