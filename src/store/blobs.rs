//! Cached blobs: `oci_layers/<alg>_<hex>`, whole and verified when they got that name.
//!
//! While one is fetched it is `<alg>_<hex>.partial`, held by flock(2): a second process waits for the first and
//! then shares the result, and a killed one's bytes are where the next run goes on.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{files, lock};
use crate::error::{Attempt, Error, Result};
use crate::oci::{Digest, Hasher};
use crate::report::Report;

/// `Store::blob`'s answer.
pub enum Fetch {
    /// It is here, open for reading. Readers still verify what they stream.
    Have(File),
    /// It is not; what an earlier run got of it counts.
    Missing(Box<Partial>),
}

/// A blob being written, append only. Dropped without `commit` it stays for a later run to resume.
pub struct Partial {
    path: PathBuf,
    target: PathBuf,
    file: File,
    digest: Digest,
    size: u64,
    len: u64,
    hasher: Hasher,
}

/// A blob that is, or will be, at `target`, and at `path` while it is written. `healing`: one that is there counts only when
/// its bytes are right, and else is replaced.
pub(super) fn fetch(
    target: PathBuf,
    path: PathBuf,
    digest: &Digest,
    size: u64,
    healing: bool,
    report: &dyn Report,
) -> Result<Fetch> {
    if let Some(directory) = target.parent() {
        files::make_dir(directory)?;
    }
    loop {
        if let Some(file) = open(&target, size)?
            && (!healing || is_sound(&file, digest))
        {
            return Ok(Fetch::Have(file));
        }
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .attempt(format_args!("open '{}'", path.display()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) if lock::names(&path, &file) => {
                let hasher = Hasher::new(digest.algorithm());
                let mut partial =
                    Partial { path, target, file, digest: digest.clone(), size, len: 0, hasher };
                partial.resume()?;
                return Ok(Fetch::Missing(Box::new(partial)));
            }
            // Its fetcher has just renamed it into place, or dropped it.
            Ok(()) | Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => {
                report.detail(&format!("waiting for whoever downloads {}", short(digest)));
                match flock(&file, FlockOperation::LockExclusive) {
                    Ok(()) | Err(Errno::INTR) => continue,
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
        .attempt(format_args!("lock '{}'", path.display()))?;
    }
}

/// The blob at `path` when it has its size. Another size means a damaged file or a lying manifest: fetching
/// again tells which.
fn open(path: &Path, size: u64) -> Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened
            .and_then(|file| Ok((file.metadata()?.len() == size).then_some(file)))
            .attempt(format_args!("open '{}'", path.display())),
    }
}

/// Whether a file's bytes, from its first on, are those of the digest. What cannot be read is not.
pub fn is_sound(file: &File, digest: &Digest) -> bool {
    let (mut hasher, mut buffer, mut at) = (Hasher::new(digest.algorithm()), vec![0; 256 << 10], 0);
    loop {
        match file.read_at(&mut buffer, at) {
            Ok(0) => return hasher.finish() == *digest,
            Ok(count) => {
                hasher.update(&buffer[..count]);
                at += count as u64;
            }
            Err(_) => return false,
        }
    }
}

fn short(digest: &Digest) -> &str {
    &digest.hex()[..12]
}

impl Partial {
    /// Bytes on disk that a resumed download may keep.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing is there yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Hashes what an earlier run left.
    fn resume(&mut self) -> Result<()> {
        let mut buffer = vec![0; 128 << 10];
        let attempt = format_args!("read '{}'", self.path.display());
        loop {
            let count = self.file.read(&mut buffer).attempt(attempt)?;
            if count == 0 {
                break;
            }
            self.hasher.update(&buffer[..count]);
            self.len += count as u64;
        }
        if self.len > self.size { self.restart() } else { Ok(()) }
    }

    /// Appends and hashes; fails when the blob outgrows its declared size.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if self.len.saturating_add(bytes.len() as u64) > self.size {
            self.discard();
            return Err(Error::invalid(format_args!(
                "blob {} is longer than the {} bytes that its manifest states",
                self.digest, self.size
            )));
        }
        self.file.write_all(bytes).attempt(format_args!("write '{}'", self.path.display()))?;
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Starts over (a server without Range, or a digest mismatch).
    pub fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).attempt(format_args!("truncate '{}'", self.path.display()))?;
        self.hasher = Hasher::new(self.digest.algorithm());
        self.len = 0;
        Ok(())
    }

    /// A second descriptor, for a reader that follows the writer.
    pub fn reader(&self) -> Result<File> {
        File::open(&self.path).attempt(format_args!("open '{}'", self.path.display()))
    }

    /// Checks size and digest, then renames it into place. A mismatch is `Invalid` and deletes the file.
    pub fn commit(mut self) -> Result<File> {
        if self.len != self.size {
            let (len, size) = (self.len, self.size);
            self.discard();
            return Err(Error::invalid(format_args!(
                "blob {} has {len} bytes instead of {size}",
                self.digest.short()
            )));
        }
        let hasher = std::mem::replace(&mut self.hasher, Hasher::new(self.digest.algorithm()));
        let found = hasher.finish();
        if found != self.digest {
            self.discard();
            return Err(Error::invalid(format_args!(
                "blob {} arrived damaged: its digest is {found}",
                self.digest
            ))
            .hint("try again; if it happens again, the registry or a proxy alters it"));
        }
        fs::rename(&self.path, &self.target).attempt(format_args!("rename '{}'", self.path.display()))?;
        File::open(&self.target).attempt(format_args!("open '{}'", self.target.display()))
    }

    /// These bytes are known to be wrong.
    pub fn discard(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::report::Silent;
    use crate::store::tests::Scene;

    fn cached(scene: &Scene, contents: &[u8], size: u64) -> Fetch {
        let (layout, digest) = (scene.layout(), Digest::of(contents));
        fetch(layout.blob(&digest), layout.partial(&digest), &digest, size, false, &Silent).unwrap()
    }

    fn missing(scene: &Scene, contents: &[u8], size: u64) -> Partial {
        match cached(scene, contents, size) {
            Fetch::Missing(partial) => *partial,
            Fetch::Have(_) => panic!("it should be missing"),
        }
    }

    #[test]
    fn resumes_verifies_and_is_then_there() {
        let scene = Scene::new();
        let mut partial = missing(&scene, b"hello", 5);
        partial.append(b"he").unwrap();
        drop(partial);
        let mut partial = missing(&scene, b"hello", 5);
        assert_eq!(partial.len(), 2);
        let mut follower = partial.reader().unwrap();
        partial.append(b"llo").unwrap();
        let mut seen = String::new();
        follower.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "hello");
        partial.commit().unwrap();
        assert!(matches!(cached(&scene, b"hello", 5), Fetch::Have(_)));
        // A damaged file of another length is fetched again.
        fs::write(scene.layout().blob(&Digest::of(b"hello")), "hell").unwrap();
        assert_eq!(missing(&scene, b"hello", 5).len(), 0);
    }

    #[test]
    fn a_wrong_blob_leaves_nothing() {
        let scene = Scene::new();
        let mut partial = missing(&scene, b"hello", 5);
        partial.append(b"jello").unwrap();
        assert_eq!(partial.commit().unwrap_err().kind(), Kind::Invalid);
        let mut partial = missing(&scene, b"hello", 5);
        assert!(partial.is_empty());
        partial.append(b"hell").unwrap();
        assert!(partial.commit().unwrap_err().to_string().contains("4 bytes instead of 5"));
        let mut partial = missing(&scene, b"hello", 5);
        assert_eq!(partial.append(b"hello!").unwrap_err().kind(), Kind::Invalid);
        drop(partial);
        assert!(files::names(&scene.layout().blobs()).unwrap().is_empty());
    }

    #[test]
    fn the_second_waits_for_the_first_and_shares() {
        let scene = Scene::new();
        let mut partial = missing(&scene, b"hello", 5);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| cached(&scene, b"hello", 5));
            partial.append(b"hello").unwrap();
            partial.commit().unwrap();
            assert!(matches!(second.join().unwrap(), Fetch::Have(_)));
        });
    }
}
