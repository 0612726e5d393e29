//! The build cache of other machines: a list of steps and a blob for each layer, in a directory or in a registry.
//!
//! What comes in is verified: a blob by its digest, and its contents by the diff_id. Whether a layer is what a step makes
//! cannot be verified: whoever imports a cache trusts its maker. A layer is fetched only when a step wants it.
//!
//! | file | what it is |
//! |---|---|
//! | `list` | the list of steps |
//! | `imports` | what places have to give, and a step taken from there |
//! | `folder`, `registry` | the two kinds of places |

mod folder;
mod imports;
mod list;
mod registry;

pub use folder::{PARTS, export as export_to_folder, place as folder};
pub use imports::{Imports, Place};
pub use registry::Remote;
