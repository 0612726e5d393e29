//! Layers on a root: where they begin and end, and what they hide of those below.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::fresh::Fresh;
use super::open::Open;
use super::prune::prune;
use super::rootfs_target::RootfsTarget;
use crate::error::{Attempt, Result};
use crate::layer::content::Content;
use crate::layer::entry::Entry;
use crate::layer::name::Name;
use crate::layer::target::{self, Steps, Target};

impl Target for RootfsTarget<'_> {
    fn begin(&mut self) -> Result<()> {
        if self.open.is_empty() {
            self.open.push(Open::root(self.rootfs.dir("/").attempt("open the root")?)?);
        }
        self.top();
        self.layers += 1;
        let lower = self.layers > 1 || !self.dir()?.names().attempt("list the root")?.is_empty();
        self.fresh = lower.then(Fresh::default);
        Ok(())
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        self.reap(false)?;
        let put = self.put_entry(entry, content);
        self.named(put, &entry.name)
    }

    fn hide(&mut self, name: &Name) -> Result<()> {
        let hidden = self.hide_name(name);
        self.named(hidden, name)
    }

    fn hide_children(&mut self, name: &Name) -> Result<()> {
        let hidden = self.hide_all(name);
        self.named(hidden, name)
    }

    fn end(&mut self) -> Result<()> {
        self.wait_for_all()?;
        self.fresh = None;
        Ok(())
    }
}

impl RootfsTarget<'_> {
    /// Says which entry failed, but not of what failed in the pool meanwhile.
    fn named(&self, result: Result<()>, name: &Name) -> Result<()> {
        if self.pool_failed { result } else { result.attempt(format_args!("entry '{name}'")) }
    }

    fn hide_name(&mut self, name: &Name) -> Result<()> {
        let Some((directory, leaf)) = name.split() else { return Ok(()) };
        if self.fresh.is_none() || !target::walk(self, directory, false)? {
            return Ok(());
        }
        self.prune_here(&[OsStr::from_bytes(leaf)])
    }

    fn hide_all(&mut self, directory: &Name) -> Result<()> {
        if self.fresh.is_none() || !target::walk(self, directory.as_bytes(), false)? {
            return Ok(());
        }
        self.wait_for_all()?;
        let names = self.dir()?.names().attempt("list it")?;
        self.prune_here(&names)
    }

    /// Removes names at the position as far as lower layers made them.
    fn prune_here(&mut self, names: &[impl AsRef<OsStr>]) -> Result<()> {
        self.forget_below()?;
        let dir = self.dir()?;
        let here = self.here();
        here.changed = true;
        let key = here.key;
        let Some(fresh) = &self.fresh else { return Ok(()) };
        names.iter().try_for_each(|name| prune(fresh, &dir, key, name.as_ref())).attempt("remove it")
    }
}
