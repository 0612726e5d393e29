//! Control groups (cgroups(7)): a container's processes in groups of its own, told apart by them and ended together.
//!
//! A process and what it starts stay in their cgroup whatever root, mounts or parent they take. Only root moves them. So
//! this tells of a container's processes where nothing else does. Version 2 serves, and so does any hierarchy of version
//! 1 that is mounted and can be written: as a rule nothing is limited, only counted.
//!
//! A session enters a child of the cgroup that it was started in. So the limits, the freezing and the end of that one
//! (a systemd unit, say) still are the session's, and the host's login manager still knows whose session it is. A
//! container that was entered from two places has two such cgroups: they have one name, its [`Mark`]. Nothing is written
//! down: `/proc/PID/cgroup` tells everybody who is inside.
//!
//! | file | what it is |
//! |---|---|
//! | `mark` | the name that a container's cgroups have |
//! | `hierarchy` | what is mounted here, and where a process is in it |
//! | `enter` | a session goes into its container's cgroup |
//! | `limits` | how much of the machine a container may have |
//! | `group` | one cgroup: who is in it, stopped, ended, removed |
//! | `sweep` | the empty ones are taken away |

mod enter;
mod group;
mod hierarchy;
mod limits;
mod mark;
mod sweep;

pub use enter::{Base, enter};
pub use group::{Group, groups};
pub use limits::{Limits, follow, limit};
pub use mark::Mark;
pub use sweep::sweep;
