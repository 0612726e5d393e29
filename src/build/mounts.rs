//! `RUN --mount`: what each one shows, put in place for one RUN and in no layer.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::{Value, json};

use super::config;
use super::copy::{Wanted, select};
use super::graph::From;
use super::scope::Pair;
use super::stage::Making;
use super::tree::Tree;
use crate::dockerfile::{Mount, MountKind, MountOptions, Sharing};
use crate::error::{Attempt, Error, Result};
use crate::rootfs::{Follow, Rootfs};
use crate::session::Bind;
use crate::session::bind::Restrict;
use crate::store::CacheMount;
use crate::sys::descriptor::through;

/// Where an agent's socket is, as BuildKit has it.
const AGENT: &str = "/run/buildkit/ssh_agent";

/// The mounts of a RUN.
pub struct Mounts {
    options: Vec<MountOptions>,
    /// Their part of the cache key: what they show, but for secrets and caches.
    pub key: Value,
}

/// What is in place; dropped, it goes.
#[derive(Default)]
pub struct Placed<'a> {
    pub binds: Vec<Bind>,
    pub variables: Vec<Pair>,
    mounted: Vec<PathBuf>,
    caches: Vec<CacheMount>,
    /// What is shown of other stages and images stands in these.
    trees: Vec<Tree<'a>>,
}

impl Drop for Placed<'_> {
    fn drop(&mut self) {
        for path in self.mounted.iter().rev() {
            // What stays goes with the namespace.
            let _ = unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
        }
    }
}

/// Refuses targets that cannot be mounted on.
fn refuse(mount: &MountOptions) -> Result<()> {
    let needs_target = matches!(mount.kind, MountKind::Bind | MountKind::Cache | MountKind::Tmpfs);
    match mount.target.as_str() {
        "" if needs_target => Err(Error::invalid("--mount has no target").hint("write target=/DIRECTORY")),
        "/" => {
            Err(Error::invalid("the target of --mount is the root of the image")
                .hint("write target=/DIRECTORY"))
        }
        _ => Ok(()),
    }
}

impl<'a> Making<'a> {
    /// Reads the options, and finds out what they show.
    pub(super) fn mounts(&mut self, mounts: &[Mount]) -> Result<Mounts> {
        let env = self.env();
        let mut options = Vec::new();
        let mut keys = Vec::new();
        for mount in mounts {
            let mut resolved = mount.resolve(&|word| self.scope.expand(word, &env))?;
            if !resolved.target.is_empty() {
                resolved.target = config::absolute(&self.text("WorkingDir"), &resolved.target);
            }
            refuse(&resolved)?;
            keys.push(self.mount_key(&resolved)?);
            options.push(resolved);
        }
        Ok(Mounts { options, key: keys.into() })
    }

    fn mount_key(&mut self, mount: &MountOptions) -> Result<Value> {
        let shown = match (mount.kind, &mount.from) {
            (MountKind::Bind, None) => {
                let wanted = Wanted::whole(&mount.source);
                json!(select(self.job.context, &wanted)?.digest()?.to_string())
            }
            (MountKind::Bind | MountKind::Cache, Some(from)) => {
                let from = self.job.names.from(from, self.number)?;
                match from {
                    From::Context(number) if self.job.contexts[number].is_some() => {
                        let files = self.job.contexts[number].as_ref();
                        let files = files.ok_or_else(|| Error::invalid("it is no directory"))?;
                        json!(select(files, &Wanted::whole(&mount.source))?.digest()?.to_string())
                    }
                    from => {
                        let source = self.source(&from)?;
                        let layers = source.layers.iter().map(|layer| layer.diff_id.to_string());
                        json!(layers.collect::<Vec<_>>())
                    }
                }
            }
            _ => Value::Null,
        };
        let kind = mount.kind as u8;
        Ok(json!([kind, mount.source, mount.target, mount.id, mount.read_only, mount.env, mount.size, shown]))
    }

    /// Puts them in place for a RUN.
    pub(super) fn place(&mut self, mounts: &Mounts) -> Result<Placed<'a>> {
        let mut placed = Placed::default();
        // Each RUN makes a layer: no two of them have the same directories.
        let step = self.layers.len();
        for (number, mount) in mounts.options.iter().enumerate() {
            let scratch = self.job.scratch_of(self.number)?.join(format!("mount-{step}-{number}"));
            match mount.kind {
                MountKind::Bind => self.bind(mount, &scratch, &mut placed)?,
                MountKind::Cache => self.cache(mount, &mut placed)?,
                MountKind::Tmpfs => {
                    tmpfs(&scratch, mount.size, 0o1777, &mut placed)?;
                    placed.show(scratch, &mount.target, false);
                }
                MountKind::Secret => self.secret(mount, &scratch, &mut placed)?,
                MountKind::Ssh => self.agent(mount, number, &mut placed)?,
            }
        }
        Ok(placed)
    }

    fn bind(&mut self, mount: &MountOptions, scratch: &Path, placed: &mut Placed<'a>) -> Result<()> {
        let job = self.job;
        let from = mount.from.as_deref().map(|from| job.names.from(from, self.number)).transpose()?;
        let files = match &from {
            None => Some(job.context),
            Some(From::Context(number)) => job.contexts[*number].as_ref(),
            Some(_) => None,
        };
        let attempt = format_args!("show '{}'", mount.source);
        if let Some(files) = files {
            let made = make_directory(scratch)?;
            files.lay_out(&made, job.report)?;
            let shown = made.open_path(&mount.source, Follow::Yes).attempt(attempt)?;
            return placed.found(&shown, mount);
        }
        let source = self.source(&from.unwrap_or(From::Scratch))?;
        let mut tree = job.laid_out(&source)?;
        let shown = tree.root()?.open_path(&mount.source, Follow::Yes).attempt(attempt)?;
        placed.trees.push(tree);
        placed.found(&shown, mount)
    }

    fn cache(&mut self, mount: &MountOptions, placed: &mut Placed<'_>) -> Result<()> {
        let id = if mount.id.is_empty() { &mount.target } else { &mount.id };
        let alone = match mount.sharing {
            Sharing::Shared => None,
            Sharing::Private => Some(false),
            Sharing::Locked => Some(true),
        };
        let owner = (mount.uid.unwrap_or(0), mount.gid.unwrap_or(0));
        let cache =
            self.job.store.cache_mount(id, alone, owner, mount.mode.unwrap_or(0o755), self.job.report)?;
        placed.show(cache.path().to_owned(), &mount.target, mount.read_only);
        placed.caches.push(cache);
        Ok(())
    }

    fn secret(&self, mount: &MountOptions, scratch: &Path, placed: &mut Placed<'_>) -> Result<()> {
        let mut secrets = self.job.request.secrets.iter().rev();
        let Some(secret) = secrets.find(|secret| secret.id == mount.id) else {
            return match mount.required {
                true => Err(Error::not_found(format_args!("the secret '{}' was not given", mount.id))
                    .hint(format_args!("add --secret id={},src=FILE", mount.id))),
                false => Ok(()),
            };
        };
        if let Some(name) = &mount.env {
            let value = String::from_utf8_lossy(&secret.value).into_owned();
            placed.variables.push((name.clone(), value));
        }
        if mount.target.is_empty() {
            return Ok(());
        }
        // In memory: it is never on a disk.
        tmpfs(scratch, None, 0o700, placed)?;
        let path = scratch.join("secret");
        let attempt = format_args!("hand over the secret '{}'", mount.id);
        let mut options = File::options();
        let mode = mount.mode.unwrap_or(0o400);
        let mut file = options.write(true).create_new(true).mode(mode).open(&path).attempt(attempt)?;
        file.write_all(&secret.value).attempt(attempt)?;
        chown(&path, mount.uid, mount.gid).attempt(attempt)?;
        placed.show(path, &mount.target, mount.read_only);
        Ok(())
    }

    fn agent(&self, mount: &MountOptions, number: usize, placed: &mut Placed<'_>) -> Result<()> {
        let id = if mount.id.is_empty() { "default" } else { &mount.id };
        let Some((_, socket)) = self.job.request.ssh.iter().rev().find(|(name, _)| name == id) else {
            return match mount.required {
                true => Err(Error::not_found(format_args!("the SSH agent '{id}' was not given"))
                    .hint(format_args!("add --ssh {id}"))),
                false => Ok(()),
            };
        };
        let target = match mount.target.as_str() {
            "" => format!("{AGENT}.{number}"),
            target => target.to_owned(),
        };
        placed.variables.push(("SSH_AUTH_SOCK".to_owned(), target.clone()));
        placed.show(socket.clone(), &target, false);
        Ok(())
    }
}

impl Placed<'_> {
    /// Shows what was found in a tree of ours. By its path: a session has a mount namespace of its own, where descriptors of
    /// this one cannot be bound.
    fn found(&mut self, shown: &OwnedFd, mount: &MountOptions) -> Result<()> {
        let path = fs::read_link(through(shown)).attempt(format_args!("find '{}'", mount.source))?;
        self.show(path, &mount.target, mount.read_only);
        Ok(())
    }

    fn show(&mut self, source: PathBuf, target: &str, read_only: bool) {
        let restrict = Restrict { read_only, ..Restrict::NONE };
        self.binds.push(Bind { source, target: Some(target.into()), restrict });
    }
}

fn make_directory(path: &Path) -> Result<Rootfs> {
    let attempt = format_args!("make '{}'", path.display());
    fs::create_dir_all(path).attempt(attempt)?;
    Ok(Rootfs::new(File::open(path).attempt(attempt)?.into()))
}

fn tmpfs(path: &Path, size: Option<u64>, mode: u32, placed: &mut Placed<'_>) -> Result<()> {
    let attempt = format_args!("mount a tmpfs on '{}'", path.display());
    fs::create_dir_all(path).attempt(attempt)?;
    let size = size.map(|size| format!(",size={size}")).unwrap_or_default();
    let options = std::ffi::CString::new(format!("mode={mode:o}{size}")).unwrap_or_default();
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", path, "tmpfs", flags, &*options).attempt(attempt)?;
    placed.mounted.push(path.to_owned());
    Ok(())
}
