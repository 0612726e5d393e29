//! A directory to try things in, on the filesystem that the containers are on or would be.

use std::fs;
use std::path::{Path, PathBuf};

use super::command::App;
use crate::error::{Attempt, Result};

/// Makes an empty one; who asks for it removes it. Where the containers' filesystem cannot be written it is a temporary one.
pub fn directory(app: &App, name: &str) -> Result<PathBuf> {
    let make = |place: &Path| {
        let path = place.join(format!("{name}-{}", std::process::id()));
        fs::create_dir(&path).map(|()| path)
    };
    make(app.store.nearest()).or_else(|_| make(&app.host.temp_dir())).attempt(|| "make a temporary directory")
}
