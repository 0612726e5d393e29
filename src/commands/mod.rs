//! The commands: one file each, with its flags, help, aliases, need for root, and action.

use crate::error::Result;
use crate::store::Store;
use crate::ui::Ui;

/// What every command works with.
pub struct App {
    /// Output.
    pub ui: Ui,
    /// Containers and cache.
    pub store: Store,
}

/// A command: its argh struct implements this.
pub trait Run: argh::FromArgs + argh::ArgsInfo {
    /// Other names, as documented.
    const ALIASES: &'static [&'static str] = &[];
    /// Whether it elevates when not root.
    const ROOT: bool = true;
    /// Acts; the exit code on success (a guest's, for `login`).
    fn run(self, app: &App) -> Result<u8>;
}
