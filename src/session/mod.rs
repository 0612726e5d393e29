//! Being inside a container.
//!
//! A [`Request`] (what the user asked) and `facts` (what is there) become a plan, inert data. What executes it
//! decides nothing: `mount` mounts, `enter::program` becomes the guest's program.
//!
//! Every session is in a mount namespace of its container's own. The first one makes it, later ones join whoever is
//! still inside. A login process becomes the guest's program itself: exit code and signals are the kernel's own, and no
//! process of ours is left whose death could leave something behind. Two things need a process that stays outside and
//! waits (`enter::relay`): a PID namespace, which cannot be entered but by a child (and which PID 1, `enter::holder`,
//! keeps), and a `terminal` of the guest's own, whose bytes are passed on.
//!
//! | room | what is done there |
//! |---|---|
//! | `request`, `bind`, `namespaces` | what was asked for |
//! | `facts` | what is there: reading |
//! | `plan` | deciding: pure |
//! | `users` | the user namespace of an isolated container |
//! | `mount` | the mounts, in namespaces of the container's own |
//! | `confine` | what an isolated guest cannot do |
//! | `terminal` | the guest's terminal and the one outside |
//! | `draft` | request and facts, to plan from and to plan again |
//! | `enter` | the way through all of these: into a container with its locks and records, or a root that is nobody's |
//! | `alignment`, `profile`, `emulator` | what a login sees to in the guest |

mod alignment;
pub mod bind;
pub mod confine;
mod draft;
pub mod emulator;
mod enter;
mod facts;
mod mount;
mod namespaces;
mod plan;
mod profile;
mod request;
mod terminal;
#[cfg(test)]
mod tests;
mod users;

pub use bind::Bind;
pub use confine::shield::shield;
pub use draft::Draft;
pub use enter::{Ended, Stdio, describe, enter, run};
pub use request::{Mode, Network, Request, Terminal};
