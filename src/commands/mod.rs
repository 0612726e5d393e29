//! The commands: one file each, with its flags, help, aliases, need for root, and action.
//!
//! A command is an argh struct that implements [`command::Run`]; [`table`] lists them all. How they read on the command
//! line and in the help is [`crate::cli`]'s business, how they are chosen and run [`crate::applet`]'s.

pub mod applets;
pub mod auth;
pub mod autostart;
pub mod backup;
mod build;
pub mod choose;
pub mod clear_cache;
pub mod clone;
mod command;
pub mod commit;
pub mod complete;
pub mod completions;
pub mod copy;
pub mod diff;
pub mod elsewhere;
pub mod global;
mod guides;
pub mod help;
pub mod images;
pub mod info;
pub mod inspect;
pub mod install;
pub mod kill;
mod limits;
pub mod list;
pub mod load;
pub mod login;
pub mod logs;
pub mod man;
mod page;
pub mod probe;
mod probing;
pub mod prune;
pub mod ps;
pub mod pull;
pub mod push;
pub mod remove;
pub mod rename;
pub mod reset;
pub mod restore;
pub mod rmi;
pub mod run;
pub mod save;
pub mod search;
pub mod selftest;
mod session;
pub mod set;
pub mod setup;
pub mod sync;
mod table;
pub mod tag;
pub mod unmount;
mod variables;

pub use command::{App, Command};
pub use table::COMMANDS;
