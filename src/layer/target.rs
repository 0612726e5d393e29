//! Where entries go, and how names find their way there.

use std::borrow::Cow;
use std::io;

use super::content::Content;
use super::entry::Entry;
use super::name::{MAX_DEPTH, Name};
use crate::error::{Error, Result};

/// Receives entries in order: of layers, plain archives or trees. Between [`Target::begin`] and [`Target::end`] stands one
/// of these, called a layer here.
///
/// All targets agree on what a name means: links in its directory part are followed inside the root, dangling ones
/// too; missing directories are made, 0:0, 0755, modified at the epoch; and something else that stands where a
/// directory must be makes way for it.
pub trait Target {
    /// A layer begins: what stands now is below it.
    fn begin(&mut self) -> Result<()>;

    /// Puts an entry in its place, with `content` if it is a regular file. A directory joins one that stands there;
    /// everything else replaces what stands there, a directory with all it holds.
    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()>;

    /// Takes away `name`, and all below it, as far as lower layers made it. Nothing there is no error.
    fn hide(&mut self, name: &Name) -> Result<()>;

    /// Takes away what is below the directory `name`, as far as lower layers made it.
    fn hide_children(&mut self, name: &Name) -> Result<()>;

    /// The layer is complete.
    fn end(&mut self) -> Result<()>;
}

/// A position in a tree that moves by single steps. No step follows a link, so none can leave the root.
pub(super) trait Steps {
    /// Goes to the root.
    fn top(&mut self);
    /// Goes to the parent; the root's is the root.
    fn up(&mut self);
    /// Goes into `name`. With `make`, a directory is made of what is missing or in the way.
    fn down(&mut self, name: &[u8], make: bool) -> Result<Step>;
}

/// Where a step led.
pub(super) enum Step {
    Entered,
    /// A symlink with this target; the position is as before.
    Link(Vec<u8>),
    /// No directory there; the position is as before.
    Missing,
}

/// MAXSYMLINKS of the kernel (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Goes to the directory `path`, as a process with this root would; false when there is none.
pub(super) fn walk(tree: &mut impl Steps, path: &[u8], make: bool) -> Result<bool> {
    tree.top();
    walk_on(tree, 0, path, make)
}

/// The same from the position, which is `depth` levels below the root.
pub(super) fn walk_on(tree: &mut impl Steps, mut depth: usize, path: &[u8], make: bool) -> Result<bool> {
    let mut pending: Vec<Cow<'_, [u8]>> = path.rsplit(|&byte| byte == b'/').map(Cow::Borrowed).collect();
    let mut links = 0;
    while let Some(component) = pending.pop() {
        match &component[..] {
            b"" | b"." => continue,
            b".." => {
                tree.up();
                depth = depth.saturating_sub(1);
                continue;
            }
            name => match tree.down(name, make)? {
                Step::Entered => depth += 1,
                Step::Missing => return Ok(false),
                Step::Link(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        let error = io::Error::from_raw_os_error(libc::ELOOP);
                        return if make {
                            Err(Error::io("follow its symbolic links", error))
                        } else {
                            Ok(false)
                        };
                    }
                    if target.starts_with(b"/") {
                        tree.top();
                        depth = 0;
                    }
                    pending.extend(target.rsplit(|&byte| byte == b'/').map(|part| Cow::Owned(part.to_vec())));
                }
            },
        }
        if depth > MAX_DEPTH {
            return Err(Error::invalid("is nested too deeply"));
        }
    }
    Ok(true)
}
