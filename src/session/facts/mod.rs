//! What is there: the host and the container, as far as a session needs to know. Reading.

mod cookie;
pub mod dev;
mod display;
pub mod gather;
mod gpu;
pub mod home;
pub mod share;
mod termux;
#[cfg(test)]
mod tests;
mod xauthority;
