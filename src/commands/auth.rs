//! `auth`: logins for registries, in the file that podman and skopeo read too.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use crate::error::{Attempt, Error, Result, WRONG_USAGE};
use crate::net::Settings;
use crate::oci::Reference;
use crate::registry::{self, Answered, Client};
use crate::report::Report;
use crate::ui::{Table, prompt};

/// keep logins for registries. The operations are 'add', 'remove' and 'list'. 'add' asks for the user and the password, shows
/// them to the registry, and keeps them if the registry accepts them. They are kept in the file auth.json, which podman, skopeo
/// and others read too.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro auth add ghcr.io",
    example = "chroot-distro auth add ghcr.io --user me < token",
    example = "chroot-distro auth remove ghcr.io",
    note = "The password is never an argument, because every user of the machine can read those. If standard input is not a terminal, its first line is the password. Many registries want an access token in place of a password."
)]
pub struct Auth {
    /// the user; without it you are asked
    #[argh(option, short = 'u')]
    user: Option<String>,

    /// do not check TLS certificates, and speak plain HTTP where a registry does
    #[argh(switch)]
    allow_insecure: bool,

    /// print only errors
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// add, remove or list
    #[argh(positional, arg_name = "OPERATION")]
    action: String,

    /// the registry to add or remove, such as ghcr.io; docker.io is Docker Hub
    #[argh(positional)]
    registry: Option<String>,
}

/// What can be done.
pub(super) const ACTIONS: [&str; 3] = ["add", "remove", "list"];

impl Run for Auth {
    const NAME: &'static str = "auth";

    fn run(self, app: &App) -> Result<u8> {
        match (&self.action[..], &self.registry) {
            ("add", Some(registry)) => self.add(app, &name(registry)?),
            ("remove", Some(registry)) => remove(app, &name(registry)?),
            ("list", None) => list(app),
            ("add" | "remove", None) => Err(Error::usage("auth: REGISTRY is missing")),
            ("list", Some(_)) => Err(Error::usage("auth: 'list' takes no registry")),
            (action, registry) => {
                let registry = registry.as_deref().unwrap_or("REGISTRY");
                let error = Error::usage(format_args!("auth: unknown action '{action}'"));
                Err(match action {
                    "login" => error.hint(format_args!("type 'chroot-distro auth add {registry}'")),
                    "logout" => error.hint(format_args!("type 'chroot-distro auth remove {registry}'")),
                    _ => error.hint(format_args!("the actions are {}", ACTIONS.join(", "))),
                })
            }
        }
    }
}

impl Auth {
    fn add(&self, app: &App, registry: &str) -> Result<u8> {
        let (user, password) = self.ask(registry)?;
        let settings = Settings::of(&app.host, self.allow_insecure);
        let client = Client::new(&app.host, settings, &app.ui);
        let answered =
            client.log_in(registry, &user, &password).attempt(format_args!("log in to '{registry}'"))?;
        if answered == Answered::Open {
            app.ui.warn(&format!("'{registry}' asked for no login, so the password was not checked"));
        }
        let file = registry::add(&app.host, registry, &user, &password)?;
        app.ui.info(&format!("Kept the login of '{user}' for {registry} in '{}'", file.display()));
        let before = registry::list(&app.host).unwrap_or_default().into_iter();
        if let Some(other) =
            before.take_while(|login| login.file != file).find(|login| login.registry == registry)
        {
            app.ui.warn(&format!("'{}' has a login for it too, which is used before", other.file.display()));
        }
        Ok(0)
    }

    /// The user and the password.
    fn ask(&self, registry: &str) -> Result<(String, String)> {
        let asks = prompt::is_possible();
        let user = match &self.user {
            Some(user) => user.clone(),
            None if asks => prompt::line(&format!("User of {registry}: "))?,
            None => {
                return Err(Error::usage("the user is missing")
                    .hint("type '--user NAME'; the first line of standard input is the password"));
            }
        };
        if user.is_empty() || user.contains([':', '\n']) {
            return Err(Error::usage("this cannot be a user: it is empty, or has a colon in it"));
        }
        let password = match asks {
            true => prompt::secret("Password or token: ")?,
            false => prompt::first_line()?,
        };
        match password.is_empty() {
            true => Err(Error::usage("the password is empty")),
            false => Ok((user, password)),
        }
    }
}

fn remove(app: &App, registry: &str) -> Result<u8> {
    for file in registry::remove(&app.host, registry)? {
        app.ui.info(&format!("Removed the login for {registry} from '{}'", file.display()));
    }
    Ok(0)
}

fn list(app: &App) -> Result<u8> {
    let mut table = Table::new(["REGISTRY", "USER", "FILE"]).yielding(&["FILE"]);
    let logins = registry::list(&app.host)?;
    for login in &logins {
        let user = login.user.clone().unwrap_or_else(|| "-".to_owned());
        table.row([login.registry.clone(), user, login.file.display().to_string()]);
    }
    match logins.is_empty() {
        true => app.ui.info("No logins are kept. Add one: chroot-distro auth add ghcr.io"),
        false => app.ui.table(&table),
    }
    Ok(0)
}

/// A registry as references name it.
fn name(text: &str) -> Result<String> {
    let bare = text.strip_prefix("https://").or(text.strip_prefix("http://")).unwrap_or(text);
    let bare = bare.trim_end_matches('/');
    match Reference::parse(&format!("{bare}/x/x")) {
        Ok(reference) if !bare.contains('/') && reference.repository == "x/x" => Ok(reference.registry),
        _ => Err(Error::usage(format_args!("'{text}' is not a registry"))
            .hint("write it like ghcr.io, docker.io or localhost:5000")
            .exits(WRONG_USAGE)),
    }
}
