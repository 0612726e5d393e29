//! What is read, and not done: each with the way round. Pure.

use super::instruction::{Copying, Instruction, Located, Security, Source};
use crate::error::{Error, Result};

/// Refuses what this program cannot do in a step. Words are taken as they are; [`is_git`] judges what one becomes.
pub fn refuse(step: &Located) -> Result<()> {
    match &step.instruction {
        Instruction::Run(run) if run.security == Some(Security::Insecure) => {
            let error = Error::unsupported("RUN --security=insecure is not supported");
            Err(error.hint("take the flag away, or do this step in a container: 'chroot-distro run'"))
        }
        Instruction::Run(run) if !run.devices.is_empty() => {
            let error = Error::unsupported("RUN --device is not supported");
            Err(error.hint("take the flag away, or do this step in a container with the device"))
        }
        Instruction::Add(Copying { sources, .. }) => sources.iter().try_for_each(|source| match source {
            Source::Path(path) => refuse_git(path),
            Source::Inline(_) => Ok(()),
        }),
        _ => Ok(()),
    }
}

/// Refuses a git repository as a source of ADD.
pub fn refuse_git(source: &str) -> Result<()> {
    if !is_git(source) {
        return Ok(());
    }
    let error = Error::unsupported(format_args!("ADD {source}: git repositories are not supported"));
    Err(error.hint("clone it by RUN git clone in a stage of its own, or into the context and COPY it"))
}

/// Whether ADD takes a source for a git repository (BuildKit's `ParseGitRef`).
pub fn is_git(source: &str) -> bool {
    let lower = source.to_ascii_lowercase();
    if lower.starts_with("git://") || lower.starts_with("ssh://") || lower.starts_with("git+") {
        return true;
    }
    if lower.starts_with("http://") || lower.starts_with("https://") {
        let path = source.split(['#', '?']).next().unwrap_or(source);
        return path.ends_with(".git");
    }
    is_scp(source)
}

/// `USER@HOST:PATH`
fn is_scp(source: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    let parts = source.split_once('@').and_then(|(user, rest)| Some((user, rest.split_once(':')?)));
    parts.is_some_and(|(user, (host, path))| word(user) && word(host) && !path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_and_not_git() {
        for source in [
            "https://github.com/a/b.git",
            "https://github.com/a/b.git#main:dir",
            "https://github.com/a/b.git?ref=x",
            "http://x/y.git",
            "git://x/y",
            "ssh://git@x/y",
            "git@github.com:a/b.git",
            "user@host.xz:path",
        ] {
            assert!(is_git(source) && refuse_git(source).is_err(), "{source}");
        }
        for source in
            ["a", "a.git", "./a.git", "https://x/y.tar", "https://x/y.git/z", "a@b", "a@b/c:d", "a:b", "@b:c"]
        {
            assert!(!is_git(source) && refuse_git(source).is_ok(), "{source}");
        }
    }

    #[test]
    fn steps() {
        let refused = |text: &str| {
            let file = super::super::parse::parse(format!("FROM a\n{text}").as_bytes(), "D").unwrap();
            refuse(&file.stages[0].steps[0]).err().map(|error| error.to_string())
        };
        for text in
            ["RUN --security=insecure a", "RUN --device=a b", "ADD git@x:y /z", "ADD a https://x/y.git /z/"]
        {
            assert!(refused(text).is_some_and(|told| told.contains("not supported")), "{text}");
        }
        for text in ["RUN --security=sandbox a", "RUN a", "ADD a /z", "ADD <<a /z\na", "COPY git@x:y /z"] {
            assert_eq!(refused(text), None, "{text}");
        }
    }
}
