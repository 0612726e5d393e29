//! `info`: what to attach to a bug report. It tells of the machine and of what it can do, and nothing of who uses it or
//! for what: no names of users, hosts, networks or places, and none of containers and images unless asked for.

mod command;
mod containers;
mod health;

pub use command::Info;
