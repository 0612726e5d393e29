//! A container's twin: the same files, image and index under another name.
//!
//! The tree is sent to the root that is being made, as a layer would be: small files are written by several threads,
//! large ones copied or shared by the kernel. Nothing is listed before it is whole.
//!
//! | file | what it is |
//! |---|---|
//! | `run` | from the source's lock to the commit |
//! | `space` | whether there is room for it |
//! | `sender` | the tree of a container that may be running |
//! | `found` | what stands at a name of a tree that may be changing |
//! | `live` | the bytes of a file that somebody may be writing |

mod found;
mod live;
mod run;
mod sender;
mod space;

pub use run::run;
