//! Who shares their home or display with the guest's user, and whether that user takes their number.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use super::facts::home;
use super::request::{Mode, Request};
use crate::guest::accounts::User;
use crate::host::Host;

/// Accounts below are the system's own; 65534 is nobody (login.defs(5), systemd's "Users, Groups, UIDs and GIDs").
const ORDINARY: std::ops::Range<u32> = 1000..60_000;

/// The number that `user` is to have for this session, if that is another one: of the host user who asks for a shared
/// home or display. Root stays root, on either side; so do the system's accounts. Who was asked for by number keeps it.
pub fn wanted(request: &Request, user: &User, host: &Host) -> Option<u32> {
    let shares = request.mode == Mode::Default && (request.shared_home || request.shared_display);
    let spec = request.user.as_ref().map(|spec| spec.as_bytes()).unwrap_or_default();
    if !shares || !ORDINARY.contains(&user.uid) || spec.first().is_none_or(u8::is_ascii_digit) {
        return None;
    }
    caller(host).filter(|&uid| uid != 0 && uid != user.uid)
}

fn caller(host: &Host) -> Option<u32> {
    if let Some(termux) = host.termux() {
        // Whoever has become root there: the home is the app's.
        return fs::metadata(host.file(&termux.home)).ok().map(|home| home.uid());
    }
    home::caller(host).ok().map(|caller| caller.uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ordinary_user_who_shares_moves() {
        let user =
            |uid| User { name: "me".into(), uid, ..crate::session::facts::gather::Facts::default().user };
        let asks = |shared_home, uid, caller: &str| {
            let host = Host::at("/nonexistent", [("SUDO_UID", caller)]);
            let request = Request { shared_home, user: Some("me".into()), ..Request::default() };
            wanted(&request, &user(uid), &host)
        };
        assert_eq!(asks(true, 1000, "1005"), Some(1005));
        assert_eq!(asks(false, 1000, "1005"), None);
        for (uid, caller) in [(0, "1005"), (33, "1005"), (65534, "1005"), (1000, "0"), (1000, "1000")] {
            assert_eq!(asks(true, uid, caller), None, "{uid} for {caller}");
        }
        let host = Host::at("/nonexistent", [("SUDO_UID", "1005")]);
        let request = Request { shared_display: true, user: Some("1000:me".into()), ..Request::default() };
        assert_eq!(wanted(&request, &user(1000), &host), None);
        let request = Request { user: Some("me:audio".into()), ..request };
        assert_eq!(wanted(&request, &user(1000), &host), Some(1005));
        let isolated = Request { mode: Mode::Isolated, ..request };
        assert_eq!(wanted(&isolated, &user(1000), &host), None);
    }
}
