//! What a user is told of a tree that was read while somebody used it.

use std::path::PathBuf;

use crate::layer::Sent;
use crate::report::Report;

/// Warns of what is not in the copy as it stands in the tree.
pub(super) fn tell(sent: &Sent, report: &dyn Report) {
    if let Some(places) = named(&sent.mounted) {
        report.warn(&format!("what is mounted on {places} was left out"));
    }
    if let Some(files) = named(&sent.cut) {
        report.warn(&format!("{files} became shorter while it was read: the end is zeros in the copy"));
    }
    if let Some(files) = named(&sent.changed) {
        report.warn(&format!("{files} changed while it was read"));
    }
}

/// The first, and how many more.
fn named(places: &[PathBuf]) -> Option<String> {
    let first = places.first()?.display();
    Some(match places.len() - 1 {
        0 => format!("'/{first}'"),
        others => format!("'/{first}' and {others} more"),
    })
}
