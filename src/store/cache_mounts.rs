//! What `RUN --mount=type=cache` keeps from one build to the next: `build_mounts/<hash of its id>/` of the cache.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::files;
use super::layout::Layout;
use crate::error::{Attempt, Result};
use crate::oci::Digest;
use crate::report::Report;

/// A directory that is kept, held while this lives.
#[derive(Debug)]
pub struct CacheMount {
    path: PathBuf,
    _lock: File,
}

impl CacheMount {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The directory of `id`, made with an owner and a mode when it is new. `alone`: nobody else has it meanwhile, and who comes
/// while it is used waits, or (`Some(false)`) gets another one.
pub(super) fn get(
    layout: &Layout,
    id: &str,
    alone: Option<bool>,
    owner: (u32, u32),
    mode: u32,
    report: &dyn Report,
) -> Result<CacheMount> {
    let mut number = 0;
    loop {
        let name = Digest::of(format!("{id}\0{number}").as_bytes());
        let place = layout.build_mounts().join(&name.hex()[..32]);
        let path = place.join("files");
        let attempt = format_args!("make '{}'", path.display());
        files::make_dir(&place)?;
        let lock = File::create(place.join("lock")).attempt(attempt)?;
        let shared = alone.is_none();
        let now = if shared {
            FlockOperation::NonBlockingLockShared
        } else {
            FlockOperation::NonBlockingLockExclusive
        };
        if flock(&lock, now).is_err() {
            if alone == Some(false) {
                number += 1;
                continue;
            }
            report.info(&format!("Waiting for another build that uses the cache '{id}'"));
            let wait = if shared { FlockOperation::LockShared } else { FlockOperation::LockExclusive };
            flock(&lock, wait).attempt(format_args!("wait for the cache '{id}'"))?;
        }
        if !path.is_dir() {
            fs::create_dir(&path).attempt(attempt)?;
            chown(&path, Some(owner.0), Some(owner.1)).attempt(attempt)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).attempt(attempt)?;
        }
        return Ok(CacheMount { path, _lock: lock });
    }
}
