//! An installed container: what is known of it, and its end.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::geteuid;

use super::layout::Layout;
use super::lists::{self, Entry, List};
use super::lock::{Lock, LockMode};
use super::log::Log;
use super::logs::LogWriter;
use super::name::Name;
use super::records::Records;
use super::scratch::{self, Scratch};
use super::{files, logs, ranges};
use crate::error::{Attempt, Error, Kind, Result};
use crate::oci::Provenance;
use crate::report::Report;
use crate::rootfs::Rootfs;

/// Bytes; a manifest and a config are at most 4 MiB each where registries limit them at all.
const MANIFEST_LIMIT: u64 = 64 << 20;
/// Bytes on disk, in decimal; empty while not known.
pub(super) const SIZE: &str = ".size";
/// The tree as installed.
pub(super) const INDEX: &str = ".index";
/// How long a session may take to be set up before others do not wait any more.
const SET_UP: Duration = Duration::from_secs(60);

/// An installed container.
#[derive(Debug, Clone)]
pub struct Container {
    pub(super) layout: Layout,
    pub(super) name: Name,
    pub(super) path: PathBuf,
}

impl Container {
    /// The container of this name, if it is there.
    pub(super) fn find(layout: &Layout, name: &Name) -> Option<Container> {
        let path = layout.container(name);
        path.join("rootfs").is_dir().then(|| Container { layout: layout.clone(), name: name.clone(), path })
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its root.
    pub fn rootfs(&self) -> Result<Rootfs> {
        let path = self.path.join("rootfs");
        let root = File::open(&path).attempt(format_args!("open '{}'", path.display()))?;
        Ok(Rootfs::new(root.into()))
    }

    /// `manifest.json`, when it has one.
    pub fn provenance(&self) -> Result<Option<Provenance>> {
        let parse = |text: Vec<u8>| Provenance::parse(&text).attempt(|| self.manifest_path());
        self.manifest()?.map(parse).transpose()
    }

    /// The same as it stands on disk, which may be damaged.
    pub fn manifest(&self) -> Result<Option<Vec<u8>>> {
        files::read(&self.path.join("manifest.json"), MANIFEST_LIMIT)
    }

    fn manifest_path(&self) -> String {
        format!("read '{}'", self.path.join("manifest.json").display())
    }

    /// Bytes on disk. Walked once, then remembered until a session or a command changes the tree, see
    /// [`Container::touch`]; remembered only when `quiet` says that nothing runs inside.
    pub fn measure(&self, quiet: &dyn Fn() -> Result<bool>) -> Result<u64> {
        let path = self.path.join(SIZE);
        let known = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
        if let Some(size) = known {
            return Ok(size);
        }
        let before = identity(&path);
        let size = self
            .rootfs()?
            .disk_usage()
            .attempt(|| format!("measure '{}'", self.path.join("rootfs").display()))?;
        if quiet().unwrap_or(false) && identity(&path) == before {
            // A reader without root cannot, and need not.
            let _ = files::write(&path, size.to_string().as_bytes(), 0o644);
        }
        Ok(size)
    }

    /// Forgets the remembered size: the tree is about to change. A new file each time, so that whoever measures
    /// meanwhile sees that it changed; on a full disk none.
    pub fn touch(&self) -> Result<()> {
        let path = self.path.join(SIZE);
        match files::write_transient(&path, b"", 0o644) {
            Err(error) if error.is_full() => files::remove(&path),
            written => written,
        }
    }

    /// The index of the tree as installed; `None` for a container of the Python tool.
    pub fn index(&self) -> Result<Option<File>> {
        let path = self.path.join(INDEX);
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some).attempt(format_args!("open '{}'", path.display())),
        }
    }

    /// Held while a session is set up, so that the container is not removed meanwhile. `Busy` when it is being
    /// made, changed or removed.
    pub fn lock_shared(&self, command: &str) -> Result<Lock> {
        self.lock(LockMode::Shared, command, Duration::ZERO)
    }

    /// Held by one login process at a time while it finds the container's namespaces or makes them. Waits for a minute;
    /// then `Busy` names who holds it.
    pub fn lock_setup(&self, command: &str, report: &dyn Report) -> Result<Lock> {
        let long = || report.info(&format!("Waiting for another session of '{}' to be set up", self.name));
        Lock::wait_signed(&self.layout.setup_lock(&self.name), command, SET_UP, &long)
            .attempt(format_args!("container '{}'", self.name))
    }

    /// Held by `command` to change, move or delete it as a whole; waits as long as `patience` says. `Busy` names who
    /// holds it.
    pub fn lock_exclusive(&self, command: &str, patience: Duration) -> Result<Lock> {
        self.lock(LockMode::Exclusive, command, patience)
    }

    fn lock(&self, mode: LockMode, command: &str, patience: Duration) -> Result<Lock> {
        let lock = Lock::take(&self.layout.lock(&self.name), mode, command, patience)
            .attempt(format_args!("container '{}'", self.name))?;
        match Container::find(&self.layout, &self.name) {
            Some(_) => Ok(lock),
            None => Err(Error::not_found(format_args!("container '{}' has just been removed", self.name))),
        }
    }

    /// Device and inode of its directory, which is nobody's but ours, and so are the two above: who could write there could put another root into it, or
    /// say by its manifest what is run. `Denied` where it is somebody else's.
    pub fn identity(&self) -> Result<(u64, u64)> {
        let above = self.path.ancestors().skip(1).take(2).map(Path::to_owned);
        for path in above.chain([self.path.clone(), self.path.join("manifest.json")]) {
            let metadata = match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && path != self.path => continue,
                found => found.attempt(|| format!("look at '{}'", path.display()))?,
            };
            let others = if metadata.gid() == 0 { 0o002 } else { 0o022 };
            let is_own = metadata.uid() == geteuid().as_raw() && metadata.mode() & others == 0;
            if metadata.is_symlink() || !is_own {
                return Err(Error::new(
                    Kind::Denied,
                    format!("others can change '{}', which says what is started", path.display()),
                )
                .hint("it must belong to root, and nobody else may write to it"));
            }
        }
        let metadata =
            fs::symlink_metadata(&self.path).attempt(|| format!("look at '{}'", self.path.display()))?;
        Ok((metadata.dev(), metadata.ino()))
    }

    /// Whether its sessions are isolated, unless the user says otherwise.
    pub fn is_isolated(&self) -> Result<bool> {
        Ok(lists::read(&self.layout, List::Isolated)?.iter().any(|entry| entry.name == self.name))
    }

    /// Remembers that.
    pub fn set_isolated(&self, isolated: bool) -> Result<()> {
        lists::change(&self.layout, List::Isolated, &|entries| {
            entries.retain(|entry| entry.name != self.name);
            entries.extend(isolated.then(|| Entry { name: self.name.clone(), rest: String::new() }));
        })
        .map(drop)
    }

    /// Which user of the host is the first of its own users, if it ever had some.
    pub fn users(&self) -> Result<Option<u32>> {
        ranges::of(&self.layout, &self.name)
    }

    /// The same; it gets a range of 65,536 that no other container has, if it has none. `Busy` where none is left.
    pub fn give_users(&self) -> Result<u32> {
        ranges::give(&self.layout, &self.name)
    }

    /// `PID command` of whoever holds the container for itself.
    pub fn holder(&self) -> Option<String> {
        Lock::holder(&self.layout.lock(&self.name))
    }

    /// Where its detached sessions' output goes. The file is there once one has begun.
    pub fn log_path(&self) -> PathBuf {
        logs::path(&self.layout.logs(), &self.name)
    }

    /// An empty log for a new detached session; the one before is kept beside it as `.log.1`. Whoever begins one has the
    /// set-up lock.
    pub fn begin_log(&self) -> Result<LogWriter> {
        LogWriter::create(&self.layout.logs(), &self.name, self.layout.setup_lock(&self.name))
    }

    /// What its last detached session printed; none when there was none.
    pub fn log(&self) -> Result<Option<Log>> {
        Log::open(&self.layout.logs(), &self.name)
    }

    /// The records of all containers' sessions.
    pub fn records(&self) -> Records {
        Records::new(self.layout.sessions())
    }

    /// Deletes it, which nobody uses and whose lock is held for us alone: renames it away and deletes by descriptors, never
    /// crossing a mount. `each` hears every path, the container's name first. An interrupted deletion is finished by
    /// the next sweep.
    pub fn delete(self, _lock: &Lock, each: &mut dyn FnMut(&Path)) -> Result<()> {
        crate::sys::point::reach("remove.seized");
        let scratch = self.grave()?;
        fs::rename(&self.path, scratch.path().join(self.name.as_str()))
            .attempt(format_args!("rename '{}'", self.path.display()))?;
        crate::sys::point::reach("remove.renamed");
        scratch::delete(&self.layout.session_state(&self.name), &mut |_| ())?;
        logs::remove(&self.layout.logs(), &self.name)?;
        lists::follow(&self.layout, &self.name, None)?;
        self.remove_locks()?;
        crate::sys::point::reach("remove.untied");
        scratch.remove(&mut |path| {
            crate::sys::point::reach("remove.path");
            each(path);
        })
    }

    /// Where it goes to be deleted. On a full disk its index makes room, without which it is a container still.
    fn grave(&self) -> Result<Scratch> {
        match Scratch::new(&self.layout.staging(), &self.name) {
            Err(error) if error.is_full() => {
                files::remove(&self.path.join(INDEX))?;
                Scratch::new(&self.layout.staging(), &self.name)
            }
            made => made,
        }
    }

    /// `Exists` when there is a container of the name `new`.
    pub fn refuse_taken(&self, new: &Name) -> Result<()> {
        match Container::find(&self.layout, new) {
            Some(_) => Err(Error::new(Kind::Exists, format_args!("container '{new}' already exists"))
                .hint("choose another name: 'chroot-distro list' shows those in use")),
            None => Ok(()),
        }
    }

    /// Its lock and that of the name `new`, exclusively, for `command`. In one order whichever way round the names are
    /// given, so that of two crossing renames one succeeds.
    pub fn lock_with(&self, new: &Name, command: &str) -> Result<(Lock, Lock)> {
        let old_lock = || self.lock_exclusive(command, Duration::ZERO);
        let new_lock = || {
            Lock::take(&self.layout.lock(new), LockMode::Exclusive, command, Duration::ZERO)
                .attempt(format_args!("container '{new}'"))
        };
        if self.name < *new {
            return Ok((old_lock()?, new_lock()?));
        }
        let new = new_lock()?;
        Ok((old_lock()?, new))
    }

    /// While they are held. Nobody sets a session up now; whoever waits for the container finds that its lock has no
    /// name any more.
    fn remove_locks(&self) -> Result<()> {
        files::remove(&self.layout.setup_lock(&self.name))?;
        files::remove(&self.layout.lock(&self.name))
    }

    /// Its directory, free of links: for mount(2), which knows no descriptors of old.
    pub fn real_path(&self) -> Result<PathBuf> {
        self.path.canonicalize().attempt(format_args!("resolve '{}'", self.path.display()))
    }
}

/// What tells one file from the next of the same name.
fn identity(path: &Path) -> Option<(u64, i64, i64)> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some((metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
}

/// Renames a container's directory to where its name says, all of it at once.
pub(super) fn settle(layout: &Layout, name: &Name, directory: &Path, scratch: &Scratch) -> Result<Container> {
    let target = layout.container(name);
    files::make_dir(&layout.containers())?;
    if target.symlink_metadata().is_ok() {
        // Without a root, what an interrupted Python tool left: no container. It goes with the scratch.
        fs::rename(&target, scratch.path().join("debris"))
            .attempt(format_args!("move '{}' away", target.display()))?;
    }
    fs::rename(directory, &target).attempt(format_args!("rename the container to '{}'", target.display()))?;
    // Else f2fs may forget the name for a minute more: its checkpoint alone brings a directory's rename to disk.
    let named = File::open(layout.containers()).and_then(|containers| containers.sync_all());
    named.attempt(format_args!("write the name of the container '{name}' to disk"))?;
    Container::find(layout, name).ok_or_else(|| Error::not_found(format_args!("container '{name}' vanished")))
}

/// Refuses to start something that exists.
pub(super) fn exists(name: &Name) -> Error {
    Error::new(Kind::Exists, format_args!("container '{name}' already exists")).hint(format_args!(
        "choose another name with '--name', or delete it with 'chroot-distro remove {name}'"
    ))
}
