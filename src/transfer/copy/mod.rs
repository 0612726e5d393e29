//! Copying files and trees by the rules of cp(1): where a source goes, what it replaces, what it keeps.
//!
//! Sources and destinations are reached by descriptors alone. Of a path only what the user typed is followed: links
//! inside a tree are copied, and links that stand where something goes are replaced, never written through. So a tree
//! that somebody changes meanwhile leads nobody astray.
//!
//! | file | what it is |
//! |---|---|
//! | `options` | what was asked for |
//! | `run` | the sources, one by one |
//! | `source`, `destination` | what a typed path means |
//! | `tree` | a directory with all below it |
//! | `copier` | one file after the other, and what belongs to several |
//! | `put` | one file, whole or not at all |
//! | `links` | hard links |
//! | `removal` | a source that was moved goes |
//! | `stream` | tar in place of a file |

mod copier;
mod destination;
mod links;
mod options;
mod put;
mod removal;
mod run;
mod source;
mod stream;
mod tree;

pub use options::Options;
pub use run::{Request, run};
