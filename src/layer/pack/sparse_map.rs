//! A sparse file in an archive: GNU's PAX format 1.0 (tar manual, "PAX Format, Version 1.0"). The map of its data stands in
//! front of the data as lines of decimal numbers, filled up to a block.

use super::pax_header::PaxHeader;
use crate::layer::content::Content;
use crate::layer::entry::{Entry, EntryKind};
use crate::layer::header::BLOCK;

/// Where a file has data.
pub(super) struct SparseMap {
    lines: Vec<u8>,
    data: u64,
    size: u64,
}

impl SparseMap {
    /// Of a file with holes; none where that would save nothing, and for a name that is not UTF-8: the format has it in
    /// a record of text.
    pub(super) fn of(entry: &Entry, content: &mut dyn Content) -> Option<SparseMap> {
        let EntryKind::File { size } = entry.kind else { return None };
        if content.is_whole(size) || std::str::from_utf8(entry.name.as_bytes()).is_err() {
            return None;
        }
        let runs = content.runs()?;
        let data = runs.iter().map(|(_, length)| length).sum();
        let map = SparseMap { lines: lines(&runs, size), data, size };
        (map.stored() < size).then_some(map)
    }

    /// Bytes of data.
    pub(super) fn data(&self) -> u64 {
        self.data
    }

    /// Bytes of the entry's body.
    pub(super) fn stored(&self) -> u64 {
        self.lines.len() as u64 + self.data
    }

    /// What stands in front of the data: whole blocks.
    pub(super) fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// Says of a header that the body is sparse, and whose it is.
    pub(super) fn describe(&self, name: &[u8], pax: &mut PaxHeader) {
        pax.push("GNU.sparse.major", *b"1");
        pax.push("GNU.sparse.minor", *b"0");
        pax.push("GNU.sparse.name", name);
        pax.push("GNU.sparse.realsize", self.size.to_string());
    }
}

fn lines(runs: &[(u64, u64)], size: u64) -> Vec<u8> {
    // A hole at the end is told by an empty run there.
    let ends = runs.last().is_some_and(|(offset, length)| offset + length == size);
    let end = if ends { None } else { Some((size, 0)) };
    let mut text = format!("{}\n", runs.len() + usize::from(!ends));
    for (offset, length) in runs.iter().copied().chain(end) {
        text.push_str(&format!("{offset}\n{length}\n"));
    }
    let mut lines = text.into_bytes();
    lines.resize(lines.len().next_multiple_of(BLOCK), 0);
    lines
}
