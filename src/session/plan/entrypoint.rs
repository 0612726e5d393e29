//! What `run` runs: the image's `Entrypoint` and `Cmd` (config.md of the OCI image specification), or what the user puts
//! in their place. Pure.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::oci::Provenance;
use crate::session::request::Request;

/// What the image says is to run, as whom and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entrypoint {
    /// The program and its first arguments.
    pub entrypoint: Vec<OsString>,
    /// Further arguments, or the program where there is no entry point.
    pub cmd: Vec<OsString>,
    /// As `--user` has it.
    pub user: Option<OsString>,
    /// Absolute.
    pub working_dir: PathBuf,
}

impl Entrypoint {
    /// From where a container came; `None` where it was not made from an image. `user`: whether the image's user is
    /// asked for.
    pub fn of(provenance: Option<&Provenance>, user: bool) -> Result<Option<Entrypoint>> {
        let Some(provenance) = provenance.filter(|provenance| provenance.is_of_image()) else {
            return Ok(None);
        };
        let config = provenance.config();
        let words = |words: Vec<String>| words.into_iter().map(OsString::from).collect();
        Ok(Some(Entrypoint {
            entrypoint: words(config.entrypoint()),
            cmd: words(config.cmd()),
            user: if user { config.user()?.map(OsString::from) } else { None },
            working_dir: Path::new("/").join(config.working_dir().unwrap_or_default()),
        }))
    }
}

/// The documented table: arguments replace `Cmd`; another entry point drops it, also an empty one, which is none.
pub fn argv(request: &Request, image: Option<&Entrypoint>) -> Result<Vec<OsString>> {
    let none = Entrypoint::default();
    let given = image.unwrap_or(&none);
    let replaced = request.entrypoint.as_ref();
    let program = match replaced {
        None => given.entrypoint.clone(),
        Some(program) if program.is_empty() => Vec::new(),
        Some(program) => vec![program.clone()],
    };
    let arguments = match (&request.command[..], replaced) {
        ([], None) => &given.cmd,
        (arguments, _) => arguments,
    };
    let argv: Vec<OsString> = program.iter().chain(arguments).cloned().collect();
    if !argv.is_empty() {
        return Ok(argv);
    }
    Err(Error::not_found(match image {
        _ if replaced.is_some() => {
            "the entry point is empty, and no command is given: nothing says what to run"
        }
        Some(_) => "the container's image has neither an Entrypoint nor a Cmd: nothing says what to run",
        None => "the container was not made from an image: nothing says what to run",
    })
    .hint("name a program after '--' or with '--entrypoint', or start a shell with 'chroot-distro login'"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn provenance(json: &Value) -> Provenance {
        Provenance::parse(json.to_string().as_bytes()).unwrap()
    }

    fn entry(config: &Value) -> Option<Entrypoint> {
        Entrypoint::of(Some(&provenance(&json!({"image_config": {"config": config}}))), true).unwrap()
    }

    fn run(config: &Value, entrypoint: Option<&str>, arguments: &[&str]) -> Result<String> {
        let request = Request {
            entrypoint: entrypoint.map(OsString::from),
            command: arguments.iter().map(OsString::from).collect(),
            ..Request::default()
        };
        let argv = argv(&request, entry(config).as_ref())?;
        Ok(argv.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_documented_table() {
        let both = json!({"Entrypoint": ["e", "1"], "Cmd": ["c", "2"]});
        let (cmd, entrypoint, neither) = (json!({"Cmd": ["c"]}), json!({"Entrypoint": ["e"]}), json!({}));
        for (config, arguments, expected) in [
            (&both, &[][..], "e 1 c 2"),
            (&both, &["a", "b"], "e 1 a b"),
            (&cmd, &[], "c"),
            (&cmd, &["a"], "a"),
            (&entrypoint, &[], "e"),
            (&entrypoint, &["a"], "e a"),
            (&neither, &["a"], "a"),
        ] {
            assert_eq!(run(config, None, arguments).unwrap(), expected, "{config} {arguments:?}");
        }
        assert!(run(&neither, None, &[]).unwrap_err().to_string().contains("Entrypoint"));
        assert_eq!(run(&both, Some("x"), &[]).unwrap(), "x");
        assert_eq!(run(&both, Some("x"), &["a"]).unwrap(), "x a");
        assert_eq!(run(&neither, Some("x"), &[]).unwrap(), "x");
        assert_eq!(run(&both, Some(""), &["a", "b"]).unwrap(), "a b");
        assert!(run(&both, Some(""), &[]).unwrap_err().to_string().contains("empty"));
    }

    #[test]
    fn odd_configs_are_read_as_they_were_meant() {
        assert_eq!(run(&json!({"Entrypoint": "echo hi"}), None, &[]).unwrap(), "/bin/sh -c echo hi");
        assert!(run(&json!({"Entrypoint": 7, "Cmd": {"a": 1}}), None, &[]).is_err());
        assert!(run(&json!({"Entrypoint": "", "Cmd": null}), None, &[]).is_err());
        assert!(run(&json!(null), None, &[]).is_err());
        let user = entry(&json!({"User": "1000:50", "WorkingDir": "srv/www"})).unwrap();
        assert_eq!((user.user, user.working_dir), (Some("1000:50".into()), "/srv/www".into()));
        assert_eq!(entry(&json!({})).unwrap().working_dir, Path::new("/"));
        for bare in [json!({}), json!({"image_config": null})] {
            assert_eq!(Entrypoint::of(Some(&provenance(&bare)), true).unwrap(), None);
        }
        assert_eq!(Entrypoint::of(None, true).unwrap(), None);
    }

    #[test]
    fn an_image_whose_user_is_nobody_needs_one_to_be_named() {
        let image = provenance(&json!({"image_config": {"config": {"User": {"uid": 0}, "Cmd": ["c"]}}}));
        assert!(Entrypoint::of(Some(&image), true).is_err());
        assert_eq!(Entrypoint::of(Some(&image), false).unwrap().unwrap().user, None);
    }
}
