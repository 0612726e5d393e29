//! The table of all commands. It imports every command, so no command imports it: they get it by
//! [`App::commands`](super::App::commands).

use super::command::Command;
use super::{
    applets, autostart, backup, build, clear_cache, clone, commit, complete, completions, copy, diff, help, images, info, inspect, install, kill, list, load, login, logs, man, probe, prune, ps, pull, push, remove, rename, reset, restore, rmi, run, save, search, selftest, session, setup, sync, tag, unmount,
};

/// Every command, in the order of the help.
pub static COMMANDS: &[Command] = &[
    Command::of::<install::Install>(),
    session::command::<login::Login>(),
    session::command::<login::Login>().followed_by_command("exec"),
    session::command::<run::RunImage>(),
    Command::of::<list::List>(),
    Command::of::<ps::Ps>(),
    Command::of::<logs::Logs>(),
    Command::of::<unmount::Unmount>(),
    Command::of::<kill::Kill>(),
    Command::of::<rename::Rename>(),
    Command::of::<clone::Clone>(),
    Command::of::<reset::Reset>(),
    Command::of::<remove::Remove>(),
    Command::of::<copy::Copy>(),
    Command::of::<sync::Sync>(),
    Command::of::<diff::Diff>(),
    Command::of::<backup::Backup>(),
    Command::of::<restore::Restore>(),
    Command::of::<backup::Export>(),
    Command::of::<search::Search>(),
    build::command(),
    Command::of::<pull::PullImages>(),
    Command::of::<push::PushImage>(),
    Command::of::<images::Images>(),
    Command::of::<tag::Tag>(),
    Command::of::<commit::Commit>(),
    Command::of::<inspect::Inspect>(),
    Command::of::<save::Save>(),
    Command::of::<load::Load>(),
    Command::of::<rmi::RemoveImages>(),
    Command::of::<prune::Prune>(),
    Command::of::<clear_cache::ClearCache>(),
    Command::of::<autostart::Autostart>(),
    Command::of::<setup::Setup>(),
    Command::of::<info::Info>(),
    Command::of::<selftest::SelfTest>(),
    Command::of::<completions::Completions>(),
    Command::of::<man::Man>(),
    Command::of::<probe::Probe>(),
    Command::of::<complete::Complete>(),
    Command::of::<applets::Install>(),
    Command::of::<applets::List>(),
    Command::of::<help::Help>(),
];
