//! The guest's environment, as documented: the host's is not carried in, and each layer wins over the one before.
//!
//! Baseline, the image's `Env`, Android's variables, the time zone, who and where one is, the desktop's, the GPU's, and the
//! user's own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use crate::running::SessionKind;
use crate::session::facts::gather::{DEFAULT_TERM, Facts};
use crate::session::request::{Mode, Request};

/// Sorted, so that plans compare.
pub type Environment = BTreeMap<OsString, OsString>;

/// Where programs are looked for when nothing else says so.
pub const DEFAULT_PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/games:/usr/games";

/// The same for the steps of a build, as BuildKit has it.
const BUILD_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Detected on the host, never taken from an image: a display, a sound server or a GPU of the builder's.
const NOT_FROM_IMAGE: [&str; 14] = [
    "DBUS_SESSION_BUS_ADDRESS",
    "DESKTOP_SESSION",
    "DISPLAY",
    "GALLIUM_DRIVER",
    "LIBGL_ALWAYS_SOFTWARE",
    "MESA_D3D12_DEFAULT_DEVICE_TYPE",
    "PULSE_SERVER",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_CURRENT_DESKTOP",
    "XDG_RUNTIME_DIR",
    "XDG_SESSION_TYPE",
    "__GLX_VENDOR_LIBRARY_NAME",
    "__NV_PRIME_RENDER_OFFLOAD",
];

/// The guest's environment.
pub fn environment(facts: &Facts, request: &Request) -> Environment {
    let mut env = Environment::new();
    if request.mode == Mode::Build {
        env.insert("PATH".into(), BUILD_PATH.into());
        env.insert("HOME".into(), facts.user.home.clone().into());
        env.extend(request.env.iter().cloned());
        return env;
    }
    if request.mode != Mode::Minimal {
        env.extend(given(facts, request));
    }
    env.extend(terminal(facts));
    env.extend(facts.shared_env.iter().cloned());
    env.extend(request.env.iter().cloned());
    env
}

/// All but the terminal's and what was asked for.
fn given(facts: &Facts, request: &Request) -> Environment {
    let mut env = Environment::new();
    env.insert("PATH".into(), DEFAULT_PATH.into());
    env.insert("MOZ_FAKE_NO_SANDBOX".into(), "1".into());
    if facts.termux_prefix.is_some() {
        env.insert("PULSE_SERVER".into(), "127.0.0.1".into());
    }
    if let Some(prefix) = &facts.guest_prefix {
        env.insert("PREFIX".into(), prefix.into());
        env.insert("TMPDIR".into(), prefix.join("tmp").into());
        env.insert("PATH".into(), prefix.join("bin").into());
    }
    let blocked = |key: &OsStr| NOT_FROM_IMAGE.iter().any(|name| key == *name);
    env.extend(facts.image_env.iter().filter(|(key, _)| !blocked(key)).cloned());
    if request.mode == Mode::Default {
        env.extend(facts.android_env.iter().cloned());
        // A Termux has those programs itself.
        let host = facts.termux_prefix.as_ref().filter(|_| facts.guest_prefix.is_none());
        if let (Some(prefix), Some(path)) = (host, env.get_mut(OsStr::new("PATH"))) {
            path.push(":");
            path.push(prefix.join("bin"));
        }
    }
    env.insert("HOME".into(), facts.user.home.clone().into());
    env.insert("USER".into(), facts.user.name.clone());
    if request.kind == SessionKind::Login {
        env.extend(account(facts));
    }
    env
}

/// What login(1) says of the account besides, and the time zone.
fn account(facts: &Facts) -> impl Iterator<Item = (OsString, OsString)> {
    let shell = facts.shell.clone().map(|shell| ("SHELL".into(), shell.into()));
    let zone = facts.time_zone.clone().map(|zone| ("TZ".into(), zone.into()));
    std::iter::once(("LOGNAME".into(), facts.user.name.clone())).chain(shell).chain(zone)
}

fn terminal(facts: &Facts) -> impl Iterator<Item = (OsString, OsString)> {
    let term = facts.term.clone().unwrap_or_else(|| DEFAULT_TERM.into());
    let colorterm = facts.colorterm.clone().map(|value| ("COLORTERM".into(), value));
    std::iter::once(("TERM".into(), term)).chain(colorterm)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(key, value)| (key.into(), value.into())).collect()
    }

    fn request(mode: Mode, env: &[(&str, &str)]) -> Request {
        Request { mode, env: pairs(env), ..Request::default() }
    }

    fn get<'a>(env: &'a Environment, key: &str) -> Option<&'a str> {
        env.get(OsStr::new(key)).and_then(|value| value.to_str())
    }

    #[test]
    fn later_layers_win() {
        let facts = Facts {
            image_env: pairs(&[
                ("PATH", "/image"),
                ("A", "image"),
                ("B", "image"),
                ("DISPLAY", ":9"),
                ("HOME", "/x"),
            ]),
            ..Facts::default()
        };
        let env =
            environment(&facts, &request(Mode::Default, &[("B", "user"), ("USER", "me"), ("DISPLAY", ":1")]));
        assert_eq!(get(&env, "PATH"), Some("/image"));
        assert_eq!(get(&env, "A"), Some("image"));
        assert_eq!(get(&env, "B"), Some("user"));
        assert_eq!(get(&env, "DISPLAY"), Some(":1"));
        assert_eq!(get(&env, "HOME"), Some("/root"));
        assert_eq!(get(&env, "USER"), Some("me"), "the user's own word is the last");
        assert_eq!(get(&env, "TERM"), Some(DEFAULT_TERM));
        assert_eq!(get(&env, "COLORTERM"), None);
        let image_only = environment(&facts, &request(Mode::Isolated, &[]));
        assert_eq!(get(&image_only, "DISPLAY"), None);
    }

    #[test]
    fn minimal_is_what_the_user_said_and_the_terminal() {
        let facts = Facts { term: Some("vt100".into()), colorterm: Some("24bit".into()), ..Facts::default() };
        let env = environment(&facts, &request(Mode::Minimal, &[("A", "1")]));
        assert_eq!(
            env.into_iter().collect::<Vec<_>>(),
            pairs(&[("A", "1"), ("COLORTERM", "24bit"), ("TERM", "vt100")])
        );
    }

    #[test]
    fn a_login_says_what_login_says() {
        let facts =
            Facts { shell: Some("/bin/zsh".into()), time_zone: Some("JST-9".into()), ..Facts::default() };
        let login = environment(&facts, &request(Mode::Isolated, &[]));
        let names = ["LOGNAME", "SHELL", "TZ"];
        assert_eq!(names.map(|name| get(&login, name)), [Some("root"), Some("/bin/zsh"), Some("JST-9")]);
        let own = environment(&facts, &request(Mode::Isolated, &[("SHELL", "/own"), ("TZ", "UTC")]));
        assert_eq!(names.map(|name| get(&own, name)), [Some("root"), Some("/own"), Some("UTC")]);
        let run = Request { kind: SessionKind::Run, ..Request::default() };
        assert_eq!(names.map(|name| get(&environment(&facts, &run), name).map(str::len)), [None; 3]);
    }

    #[test]
    fn termux_programs_stay_reachable_unless_isolated() {
        let facts = Facts {
            termux_prefix: Some("/p".into()),
            android_env: pairs(&[("ANDROID_ROOT", "/system")]),
            ..Facts::default()
        };
        let env = environment(&facts, &request(Mode::Default, &[]));
        assert_eq!(get(&env, "PATH"), Some(format!("{DEFAULT_PATH}:/p/bin").as_str()));
        assert_eq!(get(&env, "ANDROID_ROOT"), Some("/system"));
        assert_eq!(get(&env, "PULSE_SERVER"), Some("127.0.0.1"));
        let env = environment(&facts, &request(Mode::Isolated, &[]));
        assert_eq!(get(&env, "PATH"), Some(DEFAULT_PATH));
        assert_eq!(get(&env, "ANDROID_ROOT"), None);
    }
}
