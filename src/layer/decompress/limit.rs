//! How much memory a compressed stream may claim.

/// The largest window that is accepted, in bytes: what `zstd -d` accepts without `--long`, and twice `xz -9`.
pub(super) const WINDOW_LIMIT: u32 = 128 << 20;

/// [`WINDOW_LIMIT`] and the decoder's own tables, in KiB.
pub(super) fn memory_limit() -> u32 {
    (WINDOW_LIMIT >> 10) + 4096
}
