//! chroot-distro: Linux containers through the kernel's own chroot, mounts and namespaces.
//!
//! # The map
//!
//! A block imports only from blocks below it (`tests/ranks.rs` checks).
//!
//! | block | what it is |
//! |---|---|
//! | [`applet`] | `argv[0]` to command; parse, elevate, run, exit code |
//! | [`commands`] | one file each: flags, help, aliases, needs root?, run |
//! | [`cli`] | knows no command by name: GNU syntax, help layout, completions, suggestions |
//! | [`ui`] | the only place that prints: messages, colour, width, progress |
//! | [`build`] | images from Dockerfiles: plan, stages, cache |
//! | [`session`] | request, facts, plan (pure data); mount, confine, terminal, enter |
//! | [`transfer`] | files in and out of containers: copy, clone, synchronize, compare, back up |
//! | [`privilege`] | elevation, and the rules that spare a password |
//! | [`install`] | an image becomes a container: assemble, reset |
//! | [`image`] | where images come from, what they are, and how their blobs get from place to place |
//! | [`running`] | what is alive in a container: processes, records, endings, foreign mounts |
//! | [`guest`] | what a guest's files mean: accounts, provisioning, programs |
//! | [`registry`] | the distribution protocol: client, challenge and token, keychain |
//! | [`net`] | one request, downloads that resume, names to addresses |
//! | [`tls`] | the crypto provider and the roots |
//! | [`store`] | the sole owner of the on-disk layout |
//! | [`host`] | platform, paths, feature probes, emulators, start-up services |
//! | [`layer`] | decompress, untar, apply, index, pack, compress |
//! | [`dockerfile`] | pure: the Dockerfile language, parsed, expanded and checked |
//! | [`oci`] | pure: reference, digest, platform, documents |
//! | [`cgroup`] | control groups: the processes of a container told apart, limited, stopped and ended together |
//! | [`rootfs`] | a guest's root and every operation on guest files |
//! | [`report`] | how the lower blocks tell of progress |
//! | [`suggest`] | pure: the nearest of some words |
//! | [`sys`] | the only unsafe code: one system call each |
//! | [`error`] | one error type |
//!
//! # Two routes
//!
//! `install ubuntu:24.04`: `applet` -> `commands::install` -> `image::Source` (here an `oci::Reference`) ->
//! `install::install` -> `store.stage(name)` -> `image::Pull`: manifest by `registry` -> layers in parallel into
//! verified blobs of the `store` -> `layer::apply` in order, while later layers still download -> `guest::provision` ->
//! `staged.commit(manifest)`.
//!
//! `login x`: `applet` -> `commands::login` -> `commands::session::start` -> `store.container(name)` -> `session::enter`:
//! facts -> `Plan` -> under the container's set-up lock join its live mount namespace or make it (in a child, where a
//! terminal or a PID namespace wants a process that waits) -> identity, confinement -> exec. What needs no container
//! (a build's RUN) is `session::run`: the same from the plan on, on any root.

pub mod applet;
pub mod build;
pub mod cgroup;
pub mod cli;
pub mod commands;
pub mod dockerfile;
pub mod error;
pub mod guest;
pub mod host;
pub mod image;
pub mod install;
pub mod layer;
pub mod net;
pub mod oci;
pub mod privilege;
pub mod registry;
pub mod report;
pub mod rootfs;
pub mod running;
pub mod session;
pub mod store;
pub mod suggest;
pub mod sys;
pub mod tls;
pub mod transfer;
pub mod ui;

#[cfg(test)]
mod testing;

/// Runs the program.
pub fn main() -> std::process::ExitCode {
    applet::main(std::env::args_os()).into()
}
