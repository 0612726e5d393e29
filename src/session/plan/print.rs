//! A plan as the command line that comes nearest to it: `env` and `chroot`, for a shell on the host. The mounts, which
//! are made in a namespace of the session's own, are not in it.

use std::ffi::OsStr;
use std::path::Path;

use super::decide::{Absent, Plan};

/// The words, one a line, quoted for a shell.
pub fn command_line(plan: &Plan, root: &Path) -> String {
    let identity = &plan.identity;
    let groups: Vec<_> = identity.groups.iter().map(u32::to_string).collect();
    let mut words = vec!["env".to_owned(), "-i".to_owned()];
    words.extend(plan.environment.iter().map(|(key, value)| format!("{}={}", quote(key), quote(value))));
    words.push("chroot".to_owned());
    words.push(format!("--userspec={}:{}", identity.uid, identity.gid));
    words.push(format!("--groups={}", groups.join(",")));
    words.push(quote(root.as_os_str()));
    let home = quote(plan.working_dir.as_os_str());
    let (make, fallback) = match plan.working_dir_absent {
        Absent::Replace => (String::new(), "cd /"),
        Absent::Refuse => (String::new(), "exit"),
        Absent::Make => (format!("mkdir -p {home}; "), "exit"),
    };
    words.extend(["/bin/sh".to_owned(), "-c".to_owned()]);
    words.push(quote(format!("{make}cd {home} || {fallback}; exec \"$@\"").as_ref()));
    words.push("sh".to_owned());
    words.extend(plan.argv.iter().map(|word| quote(word)));
    words.join(" \\\n  ")
}

/// One word for a POSIX shell.
fn quote(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=./,:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::facts::gather::Facts;
    use crate::session::plan::decide::plan;
    use crate::session::request::{Mode, Request};

    #[test]
    fn a_shell_reads_it_back() {
        let request = Request {
            mode: Mode::Minimal,
            env: vec![("A".into(), "it's".into())],
            command: vec!["printf".into(), "%s|".into(), "a b".into(), "".into()],
            ..Request::default()
        };
        let line = command_line(&plan(&request, &Facts::default()).unwrap(), Path::new("/r s"));
        assert!(line.starts_with("env -i".replace(' ', " \\\n  ").as_str()), "{line}");
        assert!(
            line.contains(r"A='it'\''s'") && line.contains("--userspec=0:0") && line.contains("'/r s'"),
            "{line}"
        );
        let (_, inner) = line.split_once("'/r s' \\\n  ").unwrap();
        let ran = std::process::Command::new("sh").args(["-c", inner]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&ran.stdout), "a b||");
    }
}
