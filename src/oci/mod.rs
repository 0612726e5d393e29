//! The OCI specifications as pure types: reference, digest, platform, documents. Parsers take text or bytes;
//! nothing here reads a file or a socket.

mod digest;
mod documents;
mod platform;
mod reference;

pub use digest::{Algorithm, Digest, Hasher};
pub use documents::{Descriptor, Document, ImageConfig, ImageManifest, media_type};
pub use platform::{Arch, Platform};
pub use reference::Reference;
