//! Words that people know from docker, podman, distrobox and proot-distro, and what to type here instead. Pure.
//!
//! A word whose meaning is exactly ours is not in these tables: it is a silent name of the command (see
//! [`super::Run::SILENT`]). An answer never leads to a command that deletes, unless the word itself asks for that.

/// Commands of other tools, with the answer.
const COMMANDS: &[(&str, &str)] = &[
    ("attach", "to enter a running container, type 'chroot-distro login NAME'"),
    ("create", "to make a container from an image, type 'chroot-distro install IMAGE --name NAME'"),
    ("image", "type 'chroot-distro images', 'pull', 'save', 'load', 'tag', 'rmi' or 'prune'"),
    ("import", "to make a container from an archive, type 'chroot-distro install FILE --name NAME'"),
    ("network", "a session has the host's network, or none with '--network none'"),
    ("port", "the network is the host's, so a port that is opened inside is open on the host"),
    ("restart", "type 'chroot-distro kill NAME', then 'chroot-distro run --detach NAME'"),
    (
        "start",
        "type 'chroot-distro run --detach NAME' for the image's program, 'chroot-distro login NAME' for a shell",
    ),
    ("stats", "'chroot-distro ps' shows what runs"),
    ("top", "'chroot-distro ps' shows what runs"),
    ("uninstall", "to delete a container and all its data, type 'chroot-distro remove NAME'"),
    ("update", "to update the packages inside, log in and use the guest's own package manager"),
    ("upgrade", "to update the packages inside, log in and use the guest's own package manager"),
    ("version", "type 'chroot-distro --version'"),
    ("volume", "'--bind SRC:DST' of login and run shows a directory of the host inside"),
    ("wait", "'chroot-distro logs --follow NAME' ends when the program does"),
];

/// Options of `docker run` and `docker exec` that are typed after `login` and `run`, with the answer.
pub const SESSION_OPTIONS: &[(&str, &str)] = &[
    ("-it", "leave it out: a terminal inside is the default where there is one outside"),
    ("-ti", "leave it out: a terminal inside is the default where there is one outside"),
    ("-i", "leave it out: standard input is always passed on"),
    ("--interactive", "leave it out: standard input is always passed on"),
    ("--rm", "leave it out: a container stays until 'chroot-distro remove NAME'"),
    ("-v", "to show a directory of the host inside, type '--bind SRC:DST'"),
    ("--volume", "to show a directory of the host inside, type '--bind SRC:DST'"),
    ("--mount", "to show a directory of the host inside, type '--bind SRC:DST'"),
    ("-p", "leave it out: the network is the host's, so a port that is opened inside is open on the host"),
    (
        "--publish",
        "leave it out: the network is the host's, so a port that is opened inside is open on the host",
    ),
    ("--name", "the name is the container's: 'chroot-distro install IMAGE --name NAME' gives it"),
    ("--privileged", "leave it out: only '--isolated' takes privileges away; '--cap-add' gives some back"),
    ("-m", "to limit the memory, type '--memory SIZE'"),
    ("--net", "type '--network host' or '--network none'"),
    ("--workdir", "type '--work-dir PATH'"),
    ("--init", "leave it out: '--isolated' has a first process that reaps"),
    ("--restart", "'chroot-distro autostart add NAME' starts a container with the machine"),
];

/// What to type here for `word`, a command of another tool.
pub fn command(word: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|(known, _)| *known == word).map(|&(_, answer)| answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::COMMANDS as OURS;

    #[test]
    fn a_word_of_ours_has_no_answer() {
        for (word, answer) in COMMANDS {
            assert!(OURS.iter().all(|command| !command.syntax.answers_to(word)), "{word} is a command");
            assert_eq!(command(word), Some(*answer), "{word} stands there twice");
        }
        assert_eq!(command("frobnicate"), None);
    }
}
