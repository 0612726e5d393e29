//! The OCI specifications as pure types: reference, digest, platform, documents, and what a container remembers of its
//! image. Parsers take text or bytes; nothing here reads a file or a socket.

mod artifact;
mod config;
mod descriptor;
mod digest;
mod documents;
pub mod media_type;
mod platform;
mod provenance;
mod reference;
pub mod time;

pub use config::ImageConfig;
pub use descriptor::Descriptor;
pub use digest::{Algorithm, Digest, Hasher};
pub use documents::{Document, ImageManifest};
pub use platform::{Arch, IndexEntry, Offered, Platform};
pub use provenance::Provenance;
pub use reference::Reference;
