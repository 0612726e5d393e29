//! Images of the library as an archive, which docker, podman, skopeo and `load` read. The same images give the same bytes.
//! Every blob is verified on its way.

mod docker;
mod oci;
mod tar;
mod whole;
mod write;

pub use write::{Format, save};
