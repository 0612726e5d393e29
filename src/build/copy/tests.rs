//! COPY and ADD against trees in scratch directories; each case says in its name which rule it shows.

mod adding;
mod contexts;
mod copying;
mod options;
mod reading;
mod reported;
mod scene;
mod wildcards;
