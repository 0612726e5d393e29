//! A layer out of docker's archive: plain tar is gzipped, the same bytes each time; what is compressed as images have it stays.

use std::fs::File;
use std::io::{Read, Seek, Write};

use crate::error::{Attempt, Result};
use crate::image::layer::Layer;
use crate::image::pull::Keeping;
use crate::layer::{Compression, Compressor, Content, decompress, flatten_claimed};
use crate::oci::{Algorithm, Descriptor, Digest, Hasher, media_type};
use crate::store::NewBlob;

/// What gzip (RFC 1952), zstd (RFC 8878), xz and bzip2 begin with.
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X'];
const BZIP2: &[u8] = b"BZh";

/// Somebody waits for it, and the usual level takes four times as long to save a sixth of the room.
const LEVEL: u32 = 1;

/// Makes blobs of layers.
pub(super) struct NewBlobs<'a>(&'a Keeping<'a>);

/// Where the bytes of a layer go, as their first ones say.
enum Taking<'a> {
    /// Fewer bytes than would tell.
    Head(Vec<u8>),
    /// Into a blob as they are.
    AsIs(Box<NewBlob>, &'static str),
    /// Through gzip.
    Plain(Box<Gzipping>),
    /// No layer is compressed so: it is decompressed when all of it is there.
    Other(File, &'a Keeping<'a>),
}

impl<'a> NewBlobs<'a> {
    pub(super) fn new(keeping: &'a Keeping<'a>) -> NewBlobs<'a> {
        NewBlobs(keeping)
    }

    /// Adds one blob of the library.
    pub(super) fn layer(&self, content: &mut dyn Content, size: u64) -> Result<Layer> {
        let mut taking = Taking::Head(Vec::new());
        flatten_claimed(content, size, &mut |bytes| self.take(&mut taking, bytes))?;
        if let Taking::Head(head) = &mut taking {
            let head = std::mem::take(head);
            taking = self.choose(&head)?;
            taking.write(&head)?;
        }
        match taking {
            Taking::AsIs(blob, media_type) => self.as_is(*blob, media_type),
            Taking::Plain(gzipping) => gzipping.finish(),
            Taking::Other(file, keeping) => again(file, keeping),
            Taking::Head(_) => Gzipping::new(self.0)?.finish(),
        }
    }

    fn take(&self, taking: &mut Taking<'a>, bytes: &[u8]) -> Result<()> {
        let Taking::Head(head) = taking else { return taking.write(bytes) };
        head.extend_from_slice(bytes);
        if head.len() < ZSTD.len() {
            return Ok(());
        }
        let head = std::mem::take(head);
        *taking = self.choose(&head)?;
        taking.write(&head)
    }

    fn choose(&self, head: &[u8]) -> Result<Taking<'a>> {
        Ok(match head {
            _ if head.starts_with(GZIP) => {
                Taking::AsIs(Box::new(self.0.new_blob()?), media_type::OCI_LAYER_GZIP)
            }
            _ if head.starts_with(ZSTD) => {
                Taking::AsIs(Box::new(self.0.new_blob()?), media_type::OCI_LAYER_ZSTD)
            }
            _ if head.starts_with(XZ) || head.starts_with(BZIP2) => {
                Taking::Other(self.0.temporary()?, self.0)
            }
            _ => Taking::Plain(Box::new(Gzipping::new(self.0)?)),
        })
    }

    fn as_is(&self, blob: NewBlob, media_type: &str) -> Result<Layer> {
        let (digest, size) = blob.commit()?;
        let diff_id = contents(self.0.open(&digest)?)?;
        Ok(layer(digest, size, media_type, diff_id))
    }
}

impl Taking<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self {
            Taking::Head(head) => head.write_all(bytes),
            Taking::AsIs(blob, _) => blob.write_all(bytes),
            Taking::Plain(gzipping) => gzipping.write_all(bytes),
            Taking::Other(file, _) => file.write_all(bytes),
        }
        .attempt("write it")
    }
}

/// A layer that becomes gzip.
struct Gzipping {
    hasher: Hasher,
    compressor: Compressor<NewBlob>,
}

impl Gzipping {
    fn new(keeping: &Keeping<'_>) -> Result<Gzipping> {
        let compressor = Compressor::new(keeping.new_blob()?, Compression::Gzip, Some(LEVEL))?;
        Ok(Gzipping { hasher: Hasher::new(Algorithm::Sha256), compressor })
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hasher.update(bytes);
        self.compressor.write_all(bytes)
    }

    fn finish(self) -> Result<Layer> {
        let (digest, size) = self.compressor.finish().attempt("write it")?.commit()?;
        Ok(layer(digest, size, media_type::OCI_LAYER_GZIP, self.hasher.finish()))
    }
}

fn layer(digest: Digest, size: u64, media_type: &str, diff_id: Digest) -> Layer {
    let media_type = media_type.to_owned();
    Layer { blob: Descriptor { media_type, digest, size, urls: Vec::new(), data: None }, diff_id }
}

/// The digest of what a compressed file holds.
fn contents(file: File) -> Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    decompressed(file, &mut |bytes| {
        hasher.update(bytes);
        Ok(())
    })?;
    Ok(hasher.finish())
}

fn again(mut file: File, keeping: &Keeping<'_>) -> Result<Layer> {
    file.rewind().attempt("rewind its copy")?;
    let mut gzipping = Gzipping::new(keeping)?;
    decompressed(file, &mut |bytes| gzipping.write_all(bytes))?;
    gzipping.finish()
}

fn decompressed(file: File, each: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> Result<()> {
    let attempt = "decompress it";
    let mut input = decompress(file)?;
    let mut buffer = vec![0; 128 << 10];
    loop {
        let count = input.read(&mut buffer).attempt(attempt)?;
        if count == 0 {
            return Ok(());
        }
        each(&buffer[..count]).attempt(attempt)?;
    }
}
