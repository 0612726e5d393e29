//! `--cache-from` and `--cache-to`.

use std::path::PathBuf;

use serde_json::Value;

use super::fields::fields;
use crate::build::exchange;
use crate::cli::os_string;
use crate::commands::command::App;
use crate::error::{Error, Result};
use crate::report::Report;

/// Directories.
pub(super) struct Caches {
    from: Vec<PathBuf>,
    to: Vec<PathBuf>,
}

impl Caches {
    pub(super) fn read(from: &[String], to: &[String]) -> Result<Caches> {
        let from = from.iter().map(|text| directory("--cache-from", text, "src"));
        let to = to.iter().map(|text| directory("--cache-to", text, "dest"));
        Ok(Caches { from: from.collect::<Result<_>>()?, to: to.collect::<Result<_>>()? })
    }

    /// Before the build.
    pub(super) fn import(&self, app: &App) -> Result<()> {
        for from in &self.from {
            let count = exchange::import(&app.store, from, &app.ui)?;
            app.ui.info(&format!("Imported {count} steps from '{}'", from.display()));
        }
        Ok(())
    }

    /// After it.
    pub(super) fn export(&self, app: &App, steps: &[Value]) -> Result<()> {
        for to in &self.to {
            let count = exchange::export(&app.store, steps, to)?;
            app.ui.info(&format!("Exported {count} steps to '{}'", to.display()));
        }
        Ok(())
    }
}

/// `type=local,KEY=DIR`; `type=local` goes without saying.
fn directory(option: &str, text: &str, key: &str) -> Result<PathBuf> {
    let wrong = |why: &str| {
        Error::usage(format!("{option} '{text}': {why}")).hint(format!("write type=local,{key}=DIR"))
    };
    let (mut kind, mut path) = ("local", None);
    for (name, value) in fields(text) {
        match name {
            "type" => kind = value,
            name if name == key => path = Some(PathBuf::from(os_string(value))),
            // How much is exported: docker's, always all here.
            "mode" => {}
            _ => return Err(wrong(&format!("'{name}' is not known"))),
        }
    }
    if kind != "local" {
        return Err(wrong(&format!("the type '{kind}' is not supported")));
    }
    path.filter(|path| !path.as_os_str().is_empty()).ok_or_else(|| wrong(&format!("it has no {key}")))
}
