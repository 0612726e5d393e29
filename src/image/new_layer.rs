//! A layer that is made here: entries become a tar, gzip, and a blob of the cache.
//!
//! The same entries give the same bytes on any host, on any number of processors. Times are whole seconds, as all builders
//! write them; what belongs to the host (SELinux labels, overlayfs's own attributes) is left out.

use std::io::{self, BufWriter, Write};

use super::layer::Layer;
use super::zeros::without_zeros;
use crate::error::{Attempt, Error, Result};
use crate::layer::pack::Writer;
use crate::layer::{Compression, Compressor, Content, Entry, EntryKind, Name, Target};
use crate::oci::{Algorithm, Descriptor, Hasher, media_type};
use crate::rootfs::Timestamp;
use crate::store::{NewBlob, Store};

/// Bytes that are hashed and compressed at once.
const BUFFER: usize = 256 << 10;

/// A layer in the making. Dropped without [`NewLayer::finish`] nothing of it stays.
pub struct NewLayer {
    writer: Writer<BufWriter<Tar>>,
    epoch: Option<i64>,
    entries: u64,
}

impl NewLayer {
    /// Begins a layer. `epoch`: seconds since 1970 (`SOURCE_DATE_EPOCH`); no entry is dated later.
    pub fn new(store: &Store, epoch: Option<i64>) -> Result<NewLayer> {
        let compressor = Compressor::new(store.new_blob()?, Compression::Gzip, None)?;
        let tar = Tar { hasher: Hasher::new(Algorithm::Sha256), compressor };
        Ok(NewLayer {
            writer: Writer::layer(BufWriter::with_capacity(BUFFER, tar)).sparse(),
            epoch,
            entries: 0,
        })
    }

    /// How many entries it has.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Ends it: the blob has its name in the cache. Not synced to disk.
    pub fn finish(self) -> Result<Layer> {
        let attempt = "write the layer";
        let buffer = self.writer.finish()?;
        let tar = buffer.into_inner().map_err(|error| Error::io(attempt, error.into_error()))?;
        let diff_id = tar.hasher.finish();
        let (digest, size) = tar.compressor.finish().attempt(attempt)?.commit()?;
        let media_type = media_type::OCI_LAYER_GZIP.to_owned();
        Ok(Layer { blob: Descriptor { media_type, digest, size, urls: Vec::new(), data: None }, diff_id })
    }

    fn time(&self, time: Timestamp) -> Timestamp {
        let seconds = self.epoch.map_or(time.seconds, |epoch| time.seconds.min(epoch));
        Timestamp { seconds, nanoseconds: 0 }
    }
}

impl Target for NewLayer {
    fn begin(&mut self) -> Result<()> {
        Ok(())
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        let xattrs = entry.kept_xattrs().cloned().collect();
        let entry = Entry { mtime: self.time(entry.mtime), xattrs, ..entry.clone() };
        self.entries += 1;
        if let EntryKind::File { size } = entry.kind
            && let Some(mut blocks) =
                without_zeros(content.descriptor(), size).attempt(format_args!("entry '{}'", entry.name))?
        {
            return self.writer.put(&entry, &mut blocks);
        }
        self.writer.put(&entry, &mut Whole(content))
    }

    fn hide(&mut self, name: &Name) -> Result<()> {
        self.entries += 1;
        self.writer.hide(name)
    }

    fn hide_children(&mut self, name: &Name) -> Result<()> {
        self.entries += 1;
        self.writer.hide_children(name)
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Contents with their holes as zeros.
struct Whole<'a>(&'a mut dyn Content);

impl Content for Whole<'_> {
    fn chunk(&mut self) -> Result<Option<(u64, &[u8])>> {
        self.0.chunk()
    }

    fn is_whole(&self, size: u64) -> bool {
        self.0.is_whole(size)
    }
}

/// The uncompressed tar on its way: its hash is the layer's diff_id.
struct Tar {
    hasher: Hasher,
    compressor: Compressor<NewBlob>,
}

impl Write for Tar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.compressor.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::host::Paths;
    use crate::layer::{Index, NoContent, Options, apply};
    use crate::report::Silent;
    use crate::store::Fetch;
    use crate::testing::TempDir;

    fn store(temp: &TempDir) -> Store {
        Store::open(Paths::below(temp.path()))
    }

    fn layer(store: &Store, epoch: Option<i64>) -> Layer {
        let mut layer = NewLayer::new(store, epoch).unwrap();
        let entry = |name: &str, size| Entry::new(name, EntryKind::File { size }).unwrap();
        let mut early = entry("early", 0).mtime(5, 7);
        early = early.xattr("security.selinux", *b"u:r:x").xattr("user.x", *b"1");
        layer.put(&early, &mut NoContent).unwrap();
        layer.put(&entry("late", 0).mtime(2000, 0), &mut NoContent).unwrap();
        layer.hide(&Name::parse(b"gone").unwrap()).unwrap();
        assert_eq!(layer.entries(), 3);
        layer.finish().unwrap()
    }

    #[test]
    fn the_blob_is_in_the_cache_and_is_what_the_digests_say() {
        let temp = TempDir::new();
        let store = store(&temp);
        let made = layer(&store, Some(1000));
        let Fetch::Have(mut file) = store.blob(&made.blob.digest, made.blob.size, &Silent).unwrap() else {
            panic!("it is not in the cache")
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(crate::oci::Digest::of(&bytes), made.blob.digest);
        let mut index = Index::new();
        let options = Options { whiteouts: true, ..Options::default() };
        let applied = apply(&bytes[..], &mut index, &options).unwrap();
        assert_eq!(applied.diff_id, made.diff_id);
        let time = |name: &str| index.get(name).unwrap().mtime;
        assert_eq!((time("early"), time("late").seconds), (Timestamp { seconds: 5, nanoseconds: 0 }, 1000));
        let mut only_user = Index::new();
        let entry = Entry::new("early", EntryKind::File { size: 0 }).unwrap().xattr("user.x", *b"1");
        only_user.put(&entry, &mut NoContent).unwrap();
        assert_eq!(index.get("early").unwrap().xattr_hash, only_user.get("early").unwrap().xattr_hash);
    }

    #[test]
    fn equal_entries_are_one_blob() {
        let temp = TempDir::new();
        let store = store(&temp);
        let (one, other) = (layer(&store, None), layer(&store, None));
        assert_eq!((&one.blob.digest, &one.diff_id), (&other.blob.digest, &other.diff_id));
        assert_ne!(one.diff_id, layer(&store, Some(1000)).diff_id);
    }
}
