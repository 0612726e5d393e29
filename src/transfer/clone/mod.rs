//! A container's twin: the same files, image and index under another name.
//!
//! The tree is sent to the root that is being made, as a layer would be: small files are written by several threads,
//! large ones copied or shared by the kernel. Nothing is listed before it is whole.
//!
//! | file | what it is |
//! |---|---|
//! | `run` | from the source's lock to the commit |
//! | `space` | whether there is room for it |

mod run;
mod space;

pub use run::run;
