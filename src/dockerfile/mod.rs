//! The Dockerfile language: from text to instructions, variables in words, and checks. Pure: nothing here reads a file.

mod check;
mod copying;
mod expand;
mod flags;
mod heredoc;
mod instruction;
mod mount;
mod numbers;
mod parse;
mod pattern;
mod reader;
mod refuse;
mod running;
mod single;
mod words;

pub use check::{Around, Checked, check};
pub use expand::{Lookup, expand, expand_document, expand_words};
pub use heredoc::Heredoc;
pub use instruction::{
    Argument, Command, Copying, Directives, Dockerfile, Healthcheck, Instruction, Lines, Located, Network,
    Running, Security, Source, Stage, Warning,
};
pub use mount::{Mount, MountKind, MountOptions, Sharing};
pub use parse::{parse, parse_onbuild};
pub use refuse::{is_git, refuse, refuse_git};
pub use running::Script;
