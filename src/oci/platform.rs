//! CPU architectures under their three kinds of names, and the choice of a platform from an index.

use std::fmt;

use crate::error::Result;

/// The five architectures that a guest may have. Displayed by the kernel's name (`aarch64`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Arch {
    Aarch64,
    Arm,
    I686,
    Riscv64,
    X86_64,
}

impl Arch {
    /// The CPU this program was built for.
    pub const HOST: Arch = Arch::X86_64;
    /// Accepts native names and their usual spellings (`aarch64`, `arm64`, `amd64`, `armv7l`, `i386`, ...) and
    /// Docker platform strings (`linux/arm64`, `linux/arm/v7`).
    pub fn parse(text: &str) -> Result<Arch> {
        todo!()
    }
    /// As the OCI spec (Go's GOARCH) names it: `arm64`, `arm`, `386`, `riscv64`, `amd64`.
    pub fn oci(self) -> &'static str {
        todo!()
    }
}
impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

/// What an image is for (image-index.md, "platform").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// The architecture.
    pub arch: Arch,
    /// `v7`, `v8`, ... when one was asked for.
    pub variant: Option<String>,
}
impl Platform {
    /// Like [`Arch::parse`], keeping a variant.
    pub fn parse(text: &str) -> Result<Platform> {
        todo!()
    }
    /// This machine's.
    pub fn host() -> Platform {
        todo!()
    }
}
