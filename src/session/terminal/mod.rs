//! The guest's terminal and the one outside.

pub mod line;
pub mod outer;
pub mod own_description;
pub mod pair;
