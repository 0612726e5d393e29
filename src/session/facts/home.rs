//! `--shared-home`: the caller's home on the host, at the user's in the guest. What is in it stays whose it is.

use std::path::{Path, PathBuf};

use super::share::Shares;
use crate::error::{Error, Result};
use crate::guest::accounts::{self, User};
use crate::host::Host;

/// The caller as the host's /etc/passwd has them. A number that it does not list (a directory service may) has no
/// home there: `/`.
pub fn caller(host: &Host) -> Result<User> {
    let passwd = std::fs::read(host.file("/etc/passwd")).unwrap_or_default();
    let caller = host.caller();
    let mut user = accounts::find(&passwd, b"", &caller)
        .map_err(|_| Error::not_found(format_args!("the host's /etc/passwd has no user '{caller}'")))?;
    if let Some(home) = host.caller_home() {
        user.home = home;
    }
    Ok(user)
}

/// Adds it. Errors when either has no home.
pub fn share(sources: &mut Shares<'_>, user: &User) -> Result<()> {
    let home = match sources.host.termux() {
        Some(termux) => termux.home.clone(),
        None => caller(sources.host)?.home,
    };
    let root = Path::new("/");
    if home == root {
        return Err(Error::not_found(format_args!(
            "the host's user {} has no home there",
            sources.host.caller()
        ))
        .hint("name it with --bind HOME:/root instead"));
    }
    let target = match user.uid {
        0 if user.home == root => PathBuf::from("/root"),
        _ if user.home == root => {
            let name = user.name.display();
            return Err(Error::not_found(format_args!(
                "the container's user {name} has no home to show yours at"
            ))
            .hint("name a place with --bind HOME:PATH instead"));
        }
        _ => user.home.clone(),
    };
    if !sources.host.file(&home).is_dir() {
        return Err(Error::not_found(format_args!("your home directory '{}' is not there", home.display())));
    }
    sources.show(&home, &target, true);
    Ok(())
}
