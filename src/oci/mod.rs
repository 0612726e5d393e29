//! The OCI specifications as pure types: reference, digest, platform, documents. Parsers take text or bytes;
//! nothing here reads a file or a socket.

mod config;
mod digest;
mod documents;
mod platform;
mod reference;

pub use config::ImageConfig;
pub use digest::{Algorithm, Digest, Hasher};
pub use documents::{Descriptor, Document, ImageManifest, media_type};
pub use platform::{Arch, IndexEntry, Offered, Platform};
pub use reference::Reference;
