//! What the program writes in a guest on its own, and how it is told from what somebody else has written there.

/// The guest's name servers.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The guest's names of machines; one line is ours.
pub const HOSTS: &str = "/etc/hosts";

/// On Termux: what a login shell's `/etc/profile` would drop again.
pub const PROFILE: &str = "/etc/profile.d/termux-profile.sh";

/// A copy of the desktop's X11 cookie, for a user who may not read that.
pub const X11_COPY: &str = "/var/tmp/.chroot-distro-xauthority";

/// A copy of PulseAudio's.
pub const PULSE_COPY: &str = "/var/tmp/.chroot-distro-pulse-cookie";

/// The first line of a resolv.conf that is still ours to refresh.
pub const OURS: &str =
    "# Written by chroot-distro, which keeps it up to date. Remove this line to keep your own.\n";

/// What stands in hosts where the image has nothing.
pub const MINIMAL_HOSTS: &[u8] = b"127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";

/// How our line of hosts ends.
pub const NAME_IS_OURS: &[u8] = b"# chroot-distro";

/// The first line of our profile.
pub const PROFILE_IS_OURS: &[u8] = b"# Written by chroot-distro at login; changes are lost.\n";

/// Words that begin the other lines of our resolv.conf (resolv.conf(5)).
const SETTINGS: [&[u8]; 4] = [b"nameserver", b"search", b"domain", b"options"];

/// Whether a resolv.conf is as we write them: nobody has added a word of their own.
pub fn is_resolv_conf(text: &[u8]) -> bool {
    let is_setting = |line: &[u8]| {
        let word = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        line.is_empty() || SETTINGS.contains(&word)
    };
    let settings = text.strip_prefix(OURS.as_bytes());
    settings.is_some_and(|lines| lines.split(|&byte| byte == b'\n').all(is_setting))
}

/// Whether a profile is ours. The next login writes it anew.
pub fn is_profile(text: &[u8]) -> bool {
    text.starts_with(PROFILE_IS_OURS)
}

/// A hosts file without our line.
pub fn without_name(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    let is_ours = |line: &[u8]| line.trim_ascii_end().ends_with(NAME_IS_OURS);
    lines.filter(|line| !is_ours(line)).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_somebody_else_is_not_ours() {
        let ours = |rest: &str| is_resolv_conf(format!("{OURS}{rest}").as_bytes());
        assert!(ours("") && ours("nameserver 8.8.8.8\nsearch a b\noptions ndots:1\n"));
        assert!(!ours("nameserver 8.8.8.8\n# mine\n") && !is_resolv_conf(b"nameserver 8.8.8.8\n"));
        assert!(is_profile(PROFILE_IS_OURS) && !is_profile(b""));
        assert_eq!(without_name(b"1 a\n2 b # chroot-distro\n3 c"), b"1 a\n3 c");
    }
}
