//! One HTTP request and one download, over a network that drops, stalls and lies.
//!
//! | file | what it is |
//! |---|---|
//! | `download` | one body into a sink, through drops, stalls and busy servers |
//! | `http`, `payload`, `body`, `url`, `proxy`, `socks` | one request: what it carries, and what comes back |
//! | `resolver`, `dns`, `resolv_conf`, `netd` | names to addresses without the C library |
//! | `retry`, `limiter`, `settings` | when to try again, how fast, and how |

pub mod body;
pub mod dns;
pub mod download;
pub mod http;
pub mod limiter;
mod netd;
pub mod payload;
mod proxy;
mod resolv_conf;
pub mod resolver;
pub mod retry;
mod settings;
mod socks;
pub mod url;

pub use download::Sink;
pub use settings::{Patience, Settings};
