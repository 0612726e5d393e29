//! The black-box tests: the program as a user meets it, on the real kernel, as root, against a real registry.
//!
//! One binary, so that it links once. What each file shows:
//!
//! | file | its concern |
//! |---|---|
//! | `ranks` | the map in `src/lib.rs` is true; unsafe code, printing and leftovers are where they may be |
//! | `tls` | the crypto provider and the connector against OpenSSL's server |
//!
//! `support` holds what they stand on. Every test that needs root runs in [`support::sandbox`]: its own mount
//! namespace and scratch tree, searched for leaks when the test ends.
//!
//! A test that lacks something it needs says so and is counted as skipped; with `CD_MUST_RUN=1` it fails.

// Outside #[test] functions clippy's allow-*-in-tests does not reach: here a failed step is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

mod ranks;
mod tls;
