//! `--chown`: whom the copied files belong to.

use std::path::Path;

use crate::error::{Error, Result};
use crate::guest::accounts;

/// The contents of a file of the image; none when it has no such file.
pub type ReadFile<'a> = dyn FnMut(&Path) -> Result<Option<Vec<u8>>> + 'a;

/// Finds `user`, `user:group` or `:group`, each a name or a number, as BuildKit reads `--chown`: a number alone is the
/// group too, a name alone brings the group that /etc/passwd gives it. `read` is only called for names.
pub fn owner(spec: &str, read: &mut ReadFile<'_>) -> Result<(u32, u32)> {
    let (user, group) = spec.split_once(':').unwrap_or((spec, ""));
    let named = |name: &str| !name.is_empty() && number(name).is_none();
    let (mut passwd, mut groups) = (Vec::new(), Vec::new());
    if named(user) {
        passwd = read(Path::new("/etc/passwd"))?.unwrap_or_default();
    }
    if named(group) {
        groups = read(Path::new("/etc/group"))?.unwrap_or_default();
    }
    let find = |spec: &str| {
        let found = accounts::find(&passwd, &groups, spec);
        found.map_err(|error| error.context(format_args!("--chown={spec}")))
    };
    let (uid, mut gid) = match (user, number(user)) {
        ("", _) => (0, 0),
        (_, Some(uid)) => (uid, uid),
        _ => find(user).map(|user| (user.uid, user.gid))?,
    };
    if !group.is_empty() {
        gid = match number(group) {
            Some(gid) => gid,
            None => find(&format!(":{group}"))?.gid,
        };
    }
    if spec.is_empty() {
        return Err(Error::invalid("--chown names nobody").hint("write --chown=USER or --chown=USER:GROUP"));
    }
    Ok((uid, gid))
}

/// The highest number is no id: the kernel reads it as "leave it" (chown(2)).
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(spec: &str) -> Result<(u32, u32)> {
        owner(spec, &mut |path| {
            Ok(Some(match path.to_str() {
                Some("/etc/passwd") => b"root:x:0:0::/:\nweb:x:33:44::/:\n7:x:8:9::/:\n".to_vec(),
                _ => b"staff:x:50:\n".to_vec(),
            }))
        })
    }

    #[test]
    fn numbers_and_names_are_owners() {
        for (spec, expected) in [
            ("0", (0, 0)),
            ("55", (55, 55)),
            ("7", (7, 7)),
            ("55:66", (55, 66)),
            ("55:staff", (55, 50)),
            ("web", (33, 44)),
            ("web:", (33, 44)),
            ("web:staff", (33, 50)),
            ("web:1", (33, 1)),
            (":staff", (0, 50)),
            (":5", (0, 5)),
        ] {
            assert_eq!(of(spec).unwrap(), expected, "{spec}");
        }
        assert!(of("").is_err());
        assert!(of("nobody").unwrap_err().to_string().starts_with("--chown=nobody: "));
        assert!(of("web:nobody").is_err() && of("4294967295").is_err());
    }

    #[test]
    fn numbers_need_no_files() {
        let none = &mut |_: &Path| -> Result<Option<Vec<u8>>> { panic!("nothing is to be read") };
        assert_eq!(owner("1:2", none).unwrap(), (1, 2));
        assert!(owner("web", &mut |_| Ok(None)).is_err());
    }
}
