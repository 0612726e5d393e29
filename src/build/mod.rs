//! Builds: images from Dockerfiles.
//!
//! A Dockerfile and what base images say become a graph of stages (`graph`). Each stage is made in a process of its own
//! (`engine`), step by step (`stage`): what the cache knows is not done again. COPY needs no tree on disk, RUN does.
//!
//! | file | what it is |
//! |---|---|
//! | `request` | what was asked for |
//! | `run` | the whole way, for each platform |
//! | `graph`, `base` | which stages are needed, and which images |
//! | `scope`, `expanded` | ARG and ENV: what words mean |
//! | `slips` | what was typed and leads to nothing |
//! | `job`, `engine`, `message`, `progress` | what stages share; their processes, and what those tell |
//! | `stage`, `made` | one stage, and what it has come to |
//! | `run_step`, `mounts`, `resolving` | RUN |
//! | `taking`, `copy` | COPY, ADD and WORKDIR; what they take |
//! | `config`, `ports` | what instructions do to an image's config |
//! | `cache`, `exchange`, `tree` | what steps have made, here and elsewhere; the tree of a stage on disk |
//! | `finish`, `written` | the image, and its files alone |

mod base;
pub mod cache;
pub mod change;
pub mod config;
pub mod copy;
mod engine;
pub mod exchange;
mod expanded;
mod finish;
mod graph;
mod job;
mod made;
mod message;
mod mounts;
mod ports;
mod progress;
mod request;
mod resolving;
mod run;
mod run_step;
mod scope;
mod slips;
mod stage;
mod taking;
pub mod tree;
mod written;

pub use base::Bases;
pub use finish::{Built, Outcome, keep};
pub use graph::target;
pub use made::Made;
pub use progress::Progress;
pub use request::{NamedContext, Request, Secret};
pub use run::{Workshop, build};
pub use written::{write_archive, write_directory};
