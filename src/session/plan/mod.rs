//! What a session will be: decided from what was asked for and what is there. Pure.

pub mod decide;
pub mod entrypoint;
pub mod environment;
pub mod print;
pub mod steps;
