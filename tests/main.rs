//! The black-box tests: the program as a user meets it, on the real kernel, as root, against a real registry.
//!
//! One binary, so that it links once. What each file shows:
//!
//! | file | its concern |
//! |---|---|
//! | `build` | images from a Dockerfile: steps, stages, the cache, mounts, and where an image goes |
//! | `build_language` | here-documents, what a build refuses, and `--check` |
//! | `build_cache` | what a build gives to other machines, and how much its cache holds |
//! | `build_link` | layers that depend on nothing below them |
//! | `build_platforms` | builds for other CPUs, with QEMU |
//! | `build_reported` | what other builders did to their users, by the numbers of their public reports |
//! | `build_rootless` | builds by an ordinary user |
//! | `build_slips` | what is mistyped in a build, what is said of it, and the last words |
//! | `build_stopped` | builds that a signal stops |
//! | `registry` | images from a registry: references, platforms, mirrors, the offline cache |
//! | `auth` | logins that are kept: tried first, written whole, for one registry each, and never sent astray |
//! | `credentials` | passwords and tokens for registries, and where they are found |
//! | `faults` | a network and a registry that fail in every way |
//! | `layer` | what a layer's entries mean, one feature an image |
//! | `hostile` | archives that mean harm |
//! | `hostile_owner` | a data directory of another user's, who exchanges logs, records and locks |
//! | `hostile_session` | containers that mean harm to who enters them |
//! | `archive` | archives, layouts and addresses in place of a registry |
//! | `kernel` | old kernels and the sandbox of Android apps |
//! | `layout` | the documented files, also those of another tool; fix-ups; the self-test |
//! | `container` | list, remove, clear-cache; races and full disks |
//! | `copy` | files between the host and containers; what is kept, what is refused, races |
//! | `copy_table` | copy against cp: every kind of source to every kind of destination |
//! | `file_attributes` | permissions and attributes that copy and sync keep, or keep away |
//! | `diff` | what has changed in a container since it was installed, or from one to another |
//! | `killed` | kills at named moments; with the feature `fault-points` |
//! | `build_table` | three hundred Dockerfiles, held against buildah: trees and configs |
//! | `build_killed` | the same of builds |
//! | `session` | login: what a guest sees, exit codes, and no mount left |
//! | `joining` | several sessions of one container |
//! | `documented` | the facts that the Python tool documents, release 2.1.4 |
//! | `older` | what kernels before 3.12 and 4.7 do otherwise with mounts and terminals; locked storage |
//! | `options` | every option of login and run by each name, seen from inside |
//! | `user_namespace` | `--userns auto`: users of a container's own, owners on the disk, joining, binds, the network |
//! | `variables` | the switches of the environment, and the variables that go into a guest |
//! | `boundary` | an isolated guest starts in a chroot, over mounts of others, and makes nodes |
//! | `isolated_joining` | who joins an isolated container is never inside with the host's rights, locks or words |
//! | `isolated_streams` | an isolated guest's standard streams: no file of the host's, and every byte as it was |
//! | `confinement` | what an isolated guest may ask the kernel for: sockets, system calls, its files |
//! | `limits` | how much memory, CPU time and how many processes a container may have |
//! | `isolation` | `--isolated`: no way out, and no harm to who only works inside; namespaces, networks, capabilities |
//! | `guest` | the guest's accounts, terminals and what login writes into it |
//! | `sharing` | what a session shares of the host: home, temporary files, display, GPU |
//! | `gpu` | the host's GPU driver in a session |
//! | `termux` | sessions on a phone, a made-up one |
//! | `foreign` | guests for another CPU |
//! | `terminal` | sessions on a terminal: keys, sizes, hang-ups, settings that are given back, nothing lost |
//! | `backup` | backup, restore and export, there and back |
//! | `run` | what an image says is to run; sessions in the background |
//! | `regression` | what tools of this kind did to their users, named by what broke |
//! | `lifecycle` | ps, kill, unmount, logs; fifty sessions at once |
//! | `processes` | who changed its root or forks without end is seen and ended, with cgroups and without |
//! | `renewal` | rename and reset |
//! | `sources` | several images, standard input, odd addresses and endings, lost blobs |
//! | `push` | images into a real registry and back: digests, platforms, what is sent and what is not |
//! | `push_again` | a push that was cut off goes on in the next run with the rest of a blob |
//! | `push_origins` | push with tokens, mounts and places elsewhere: no credential goes astray; manifests; large blobs |
//! | `push_spec` | what the distribution spec asks of clients that push and pull, one by one |
//! | `push_table` | what push asks of a registry that goes wrong in every way, exchange by exchange |
//! | `killed_images` | kills of rmi, prune and pull; rmi, install, build and push of one image at once |
//! | `killed_push` | kills of a push: what is listed is whole, and a rerun sends only what is missing |
//! | `images` | the images that are kept: pull, images, tag, rmi, prune |
//! | `inspect` | what is known of a container or an image, for readers and for programs |
//! | `load`, `save` | images from the archives of every tool, and back |
//! | `load_hostile` | archives of images that lie or lead out |
//! | `screens` | what stands on the screen: widths, verdicts, progress, what to do next |
//! | `remote` | what is seen and deleted in a registry: tags, images, lists of what belongs to them |
//! | `search` | Docker Hub's search |
//! | `clone` | a container's twin: the same files, of one that runs too, and nothing half-made |
//! | `commit` | a container becomes an image: its files, and a configuration that instructions change |
//! | `cli` | command lines: names, options, help, mistakes, streams |
//! | `guides` | README and guides: what they say is so, and reads well on a terminal |
//! | `elsewhere` | words and options of docker, podman and others, and what is answered |
//! | `applets` | the program's other names: making the links, refusing to replace what is there |
//! | `completions` | what bash, zsh and fish complete; the manual page |
//! | `elevation` | root by sudo, doas, pkexec and su |
//! | `info` | the report for bug reports: what is in it, and what is not |
//! | `package` | the module for Android's root managers, the packages for Termux, the install script |
//! | `ranks` | the map in `src/lib.rs` is true; unsafe code, printing and leftovers are where they may be |
//! | `slips` | what is typed in a hurry: errors that say what to type, and nothing written |
//! | `streams` | what a program has as its standard streams, and the log of a detached one |
//! | `setup` | root without a password by real sudo and doas; what starts with the machine |
//! | `sync` | one side made equal to the other: what is written, deleted, left alone |
//! | `sync_hostile` | sync with full disks, mounts, trees that change meanwhile, kills |
//! | `tls` | the crypto provider and the connector against OpenSSL's server |
//!
//! `support` holds what they stand on. Every test that needs root runs in [`support::sandbox`]: its own mount
//! namespace and scratch tree, searched for leaks when the test ends.
//!
//! A test that lacks something it needs says so and is counted as skipped; with `CD_MUST_RUN=1` it fails.

// Outside #[test] functions clippy's allow-*-in-tests does not reach: here a failed step is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod support;

mod applets;
mod archive;
mod auth;
mod backup;
mod boundary;
mod build;
mod build_cache;
#[cfg(feature = "fault-points")]
mod build_killed;
mod build_language;
mod build_link;
mod build_platforms;
mod build_reported;
mod build_rootless;
mod build_slips;
mod build_stopped;
mod build_table;
mod cli;
mod clone;
mod commit;
mod completions;
mod confinement;
mod container;
mod copy;
mod copy_table;
mod credentials;
mod diff;
mod documented;
mod elevation;
mod elsewhere;
mod faults;
mod file_attributes;
mod foreign;
mod gpu;
mod guest;
mod guides;
mod hostile;
mod hostile_owner;
mod hostile_session;
mod images;
mod info;
mod inspect;
mod isolated_joining;
mod isolated_streams;
mod isolation;
mod joining;
mod kernel;
#[cfg(feature = "fault-points")]
mod killed;
#[cfg(feature = "fault-points")]
mod killed_images;
#[cfg(feature = "fault-points")]
mod killed_push;
mod layer;
mod layout;
mod lifecycle;
mod limits;
mod load;
mod load_hostile;
mod older;
mod options;
mod package;
mod processes;
mod push;
mod push_again;
mod push_origins;
mod push_spec;
mod push_table;
mod ranks;
mod registry;
mod regression;
mod remote;
mod renewal;
mod run;
mod save;
mod screens;
mod search;
mod session;
mod setup;
mod sharing;
mod slips;
mod sources;
mod streams;
mod sync;
mod sync_hostile;
mod terminal;
mod termux;
mod tls;
mod user_namespace;
mod variables;
