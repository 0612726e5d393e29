//! What the standard streams are.

use std::os::fd::AsFd;

use rustix::termios;

/// Rows and columns of the terminal that `stream` is.
pub fn dimensions(stream: impl AsFd) -> Option<(usize, usize)> {
    let size = termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then_some((size.ws_row.into(), size.ws_col.into()))
}

/// The width to lay out text for: the terminal's, else `COLUMNS`, else 80; kept between 40 and 100.
pub fn text_width(stream: impl AsFd) -> usize {
    let asked = || std::env::var("COLUMNS").ok()?.parse().ok();
    dimensions(stream).map(|(_, columns)| columns).or_else(asked).unwrap_or(80).clamp(40, 100)
}

/// Whether `stream` may be coloured: a terminal, and neither `NO_COLOR` (<https://no-color.org>) nor
/// `CD_FORCE_NO_COLORS` nor `TERM=dumb` says otherwise.
pub fn colours(stream: impl AsFd) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    termios::isatty(stream)
        && !set("NO_COLOR")
        && std::env::var_os("CD_FORCE_NO_COLORS").is_none()
        && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}
