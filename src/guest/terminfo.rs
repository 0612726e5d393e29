//! Which terminal types a guest knows: terminfo(5), a file for each, in a directory named by its first letter or by
//! that letter's code.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::rootfs::{Dir, FileType, Rootfs};

const DATABASES: [&str; 4] = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo"];

/// What nearly every terminal understands, the best first.
const COMMON: [&str; 4] = ["xterm-256color", "xterm", "linux", "vt100"];

/// `term`, or what comes nearest to it of what the guest knows. A guest that knows none of them keeps it.
pub fn nearest(rootfs: &Rootfs, term: OsString) -> OsString {
    let databases: Vec<_> = DATABASES.into_iter().filter_map(|path| rootfs.dir(path).ok()).collect();
    let knows = |term: &OsStr| databases.iter().any(|database| has(database, term));
    if databases.is_empty() || knows(&term) {
        return term;
    }
    let base = term.as_bytes().strip_suffix(b"-256color").map(OsStr::from_bytes);
    let known = base.into_iter().chain(COMMON.iter().map(OsStr::new)).find(|name| knows(name));
    known.map(OsStr::to_owned).unwrap_or(term)
}

/// A name that is no file's name is none of a terminal's either.
fn has(database: &Dir, term: &OsStr) -> bool {
    let Some(&first) = term.as_bytes().first() else { return false };
    let letter = OsStr::from_bytes(&[first]).to_owned();
    [letter, OsString::from(format!("{first:x}"))].iter().any(|directory| {
        // An entry that is a link leads to another of the same terminal.
        database
            .dir(directory)
            .and_then(|directory| directory.metadata(term))
            .is_ok_and(|found| matches!(found.file_type, FileType::Regular | FileType::Symlink))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn falls_back_to_what_is_there() {
        let tree = TempDir::new();
        let rootfs = Rootfs::new(tree.open());
        let put = |path: &str| {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        let term = |term: &str| nearest(&rootfs, term.into()).into_string().unwrap();
        assert_eq!(term("alacritty"), "alacritty", "nothing is known of this guest");
        put("usr/share/terminfo/v/vt100");
        assert_eq!(term("alacritty"), "vt100");
        put("lib/terminfo/x/xterm");
        put("lib/terminfo/s/screen");
        assert_eq!(term("alacritty"), "xterm");
        assert_eq!(term("screen-256color"), "screen");
        put("usr/lib/terminfo/61/alacritty");
        assert_eq!(term("alacritty"), "alacritty");
        for odd in ["", "../x/xterm", "/lib/terminfo/x/xterm", ".."] {
            assert_eq!(term(odd), "xterm");
        }
    }
}
