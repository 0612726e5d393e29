//! What the tests stand on: the program under test, places to run it in, servers to run it against, and images.

pub mod answered;
pub mod command;
pub mod guest;
pub mod http;
pub mod image;
pub mod layer;
pub mod listing;
pub mod machine;
pub mod need;
pub mod proxy;
pub mod pty;
pub mod registry;
pub mod sandbox;
pub mod scripted;
pub mod sys;
pub mod tree;

use sha2::{Digest as _, Sha256};

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As the OCI documents write it.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// What nearly every test uses.
pub mod prelude {
    pub(crate) use super::command::{Cd, copy_program, tool};
    pub(crate) use super::guest::{
        MODES, appears, end, in_every_mode, login, make, make_named, make_of, written,
    };
    pub(crate) use super::http::Answer;
    pub(crate) use super::image::{Image, push_index};
    pub(crate) use super::layer::{Encoding, Entry, tar};
    pub(crate) use super::machine::Machine;
    pub(crate) use super::need::need;
    pub(crate) use super::proxy::{Fault, Proxy};
    pub(crate) use super::registry::{Authority, Guise, Registry, Tokens};
    pub(crate) use super::sandbox::{Kernel, Sandbox, mounts, on_both_kernels, sandbox};
    pub(crate) use super::tree::{assert_tree, tree};
}
