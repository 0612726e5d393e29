//! Opening a guest's path inside the guest's root: links, also absolute ones, and `..` never lead out of it.
//!
//! [`openat2`] lets the kernel do it (Linux 5.6), [`opath`] walks by hand. Both take `O_PATH` or a real open,
//! `O_NOFOLLOW` for the last component, and follow at most 40 links, as the kernel does.

pub mod opath;
pub mod openat2;
mod resolver;

pub use resolver::Resolver;

#[cfg(test)]
mod tests;
