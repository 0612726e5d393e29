//! What is alive in a container: its processes and the records of its sessions, how they are ended, and what other
//! tools have mounted below it.
//!
//! [`crate::store`] knows containers as directories; here they, and the store, get what only a running system has
//! (`impl Container`, `impl Store`). Whatever moves or deletes a container takes it from here, ended and unmounted.
//!
//! | file | what it is |
//! |---|---|
//! | `records` | sessions, as files that live no longer than their processes |
//! | `processes` | one process |
//! | `positions` | who is inside, by cgroup, root, mount namespace and descent |
//! | `climb` | the directories above a process's root |
//! | `grade` | how far an isolated one is separated from the machine |
//! | `usage` | both together |
//! | `lasting` | mount namespaces that outlast their session |
//! | `hunt` | who is to end, found again and again |
//! | `ending` | asked first, then killed |
//! | `sweep` | killed, whoever forks meanwhile |
//! | `nobodys` | the same in a root that no store knows |
//! | `mounts` | the Python tool's mounts are undone, anyone else's are a reason to refuse |
//! | `seize` | a container taken for one command: to remove, rename or replace it |

mod climb;
mod ending;
mod grade;
mod hunt;
mod lasting;
mod mounts;
mod nobodys;
mod positions;
mod processes;
mod records;
mod seize;
mod sweep;
mod usage;

pub use ending::GRACE;
pub use grade::Grade;
pub use nobodys::end_in;
pub use processes::{Process, mount_namespace};
pub use records::{Registration, Session, SessionKind};
pub use usage::Usage;
