//! `list`: the installed containers.

use argh::{ArgsInfo, FromArgs};
use serde_json::{Value, json};

use super::command::{App, Run};
use super::page;
use crate::error::Result;
use crate::oci::{ImageConfig, Provenance};
use crate::privilege;
use crate::report::Report;
use crate::running::{Grade, Usage};
use crate::store::Container;
use crate::ui::{Table, human};

/// show the installed containers. For each one it prints the size on disk, the image, and if it is in use.
#[derive(FromArgs, ArgsInfo)]
pub struct List {
    /// show more about the image: type, title, version, source, user, working directory and ports
    #[argh(switch, short = 'v')]
    verbose: bool,

    /// print only the names, one per line
    #[argh(switch, short = 'q')]
    quiet: bool,

    /// print a JSON array
    #[argh(switch)]
    json: bool,
}

impl Run for List {
    const NAME: &'static str = "list";
    const ALIASES: &'static [&'static str] = &["li", "ls"];
    const CONFLICTS: &'static [(&'static str, &'static str)] =
        &[("--quiet", "--verbose"), ("--quiet", "--json"), ("--verbose", "--json")];
    const ELSEWHERE: &'static [(&'static str, &'static str)] =
        &[("", "this shows all containers; '-v' tells more of each, and '--json' is for programs")];
    const ROOT: bool = false;

    fn run(self, app: &App) -> Result<u8> {
        if self.quiet {
            for container in app.store.containers()? {
                app.ui.print(container.name());
            }
            return Ok(0);
        }
        let rows: Vec<Row> = app
            .store
            .usages()?
            .into_iter()
            .map(|(container, usage)| Row::of(&container, usage, app))
            .collect();
        if self.json {
            app.ui.json(&rows.iter().map(Row::json).collect());
        } else if rows.is_empty() {
            app.ui.info(&nothing(app));
        } else if self.verbose {
            let pages: Vec<String> = rows.iter().map(Row::page).collect();
            app.ui.print(pages.join("\n\n"));
        } else {
            let mut table = Table::new(["NAME", "SIZE", "IMAGE", "STATUS"]).yielding(&["IMAGE"]);
            for row in &rows {
                table.row([row.name.clone(), row.size(), row.source(), row.status()]);
            }
            app.ui.table(&table);
        }
        Ok(0)
    }
}

/// What to type where there is nothing to see. Containers are root's, as a rule.
fn nothing(app: &App) -> String {
    let as_root = privilege::line_as_root(&app.host, "chroot-distro list");
    match (privilege::is_root(), as_root) {
        (true, _) => "No containers are installed. Install one: chroot-distro install alpine".to_owned(),
        (false, Some(line)) => format!("You have no containers of your own. To see root's: {line}"),
        (false, None) => "You have no containers of your own. To see root's, run this as root".to_owned(),
    }
}

/// What is known of one container. Parts that cannot be read are left out: one damaged container hides no other.
pub(super) struct Row {
    name: String,
    /// Bytes on disk.
    pub(super) size: Option<u64>,
    pub(super) provenance: Option<Provenance>,
    usage: Usage,
    isolated: bool,
}

impl Row {
    pub(super) fn of(container: &Container, usage: Usage, app: &App) -> Row {
        let name = container.name().to_string();
        let warn = |error| app.ui.warn(&format!("container '{name}': {error}"));
        let size = container.size().map_err(warn).ok();
        let provenance = container.provenance().map_err(warn).ok().flatten();
        let isolated = container.is_isolated().map_err(warn).unwrap_or_default();
        Row { name, size, provenance, usage, isolated }
    }

    pub(super) fn image_ref(&self) -> Option<&str> {
        self.provenance.as_ref()?.image_ref()
    }

    fn arch(&self) -> Option<&str> {
        self.provenance.as_ref()?.arch()
    }

    fn size(&self) -> String {
        self.size.map_or_else(|| "unknown".to_owned(), human::size)
    }

    fn source(&self) -> String {
        match (self.image_ref(), self.arch()) {
            (Some(image), Some(arch)) => format!("{image} ({arch})"),
            (Some(image), None) => image.to_owned(),
            (None, _) => "local archive".to_owned(),
        }
    }

    /// The PIDs with what is known of each: sessions, else whoever runs inside or holds the lock.
    pub(super) fn users(&self) -> Vec<(u32, Option<String>)> {
        let usage = &self.usage;
        let mut users: Vec<(u32, Option<String>)> = usage
            .sessions
            .iter()
            .map(|session| (session.pid, Some(session.kind.as_str().to_owned())))
            .collect();
        if users.is_empty() {
            users.extend(usage.processes.iter().map(|process| (process.pid, None)));
        }
        if let Some((pid, command)) = usage.holder.as_deref().and_then(|holder| holder.split_once(' ')) {
            users.extend(pid.parse().ok().map(|pid| (pid, Some(command.to_owned()))));
        }
        users
    }

    pub(super) fn in_use(&self) -> bool {
        !self.users().is_empty() || self.usage.holder.is_some()
    }

    fn status(&self) -> String {
        let one = |(pid, what): (u32, Option<String>)| match what {
            Some(what) => format!("PID {pid}: {what}"),
            None => format!("PID {pid}"),
        };
        let users: Vec<String> = self.users().into_iter().map(one).collect();
        match (self.in_use(), users.is_empty()) {
            (false, _) => "idle".to_owned(),
            (true, true) => "in use".to_owned(),
            (true, false) => format!("in use ({})", users.join(", ")),
        }
    }

    pub(super) fn config(&self) -> Option<ImageConfig> {
        Some(self.provenance.as_ref()?.config())
    }

    fn page(&self) -> String {
        page::page(self.lines())
    }

    /// What is known of it, for a reader.
    pub(super) fn lines(&self) -> Vec<page::Line> {
        let mut lines = vec![
            ("Name", self.name.clone()),
            ("Size", self.size()),
            ("Image", self.source()),
            ("Status", self.status()),
            ("Isolation", self.isolation()),
        ];
        if let Some(kind) = self.media_type() {
            lines.push(("Type", kind.to_owned()));
        }
        if let Some(config) = self.config() {
            lines.extend(page::of_config(&config));
        }
        lines
    }

    /// Whether it always is, and what that is worth here or is to those that run.
    fn isolation(&self) -> String {
        let running = self.usage.sessions.iter().find_map(Grade::of_session);
        match (self.isolated, running) {
            (_, Some(grade)) => grade.as_str().to_owned(),
            (true, None) => Grade::here().as_str().to_owned(),
            (false, None) => "none".to_owned(),
        }
    }

    fn media_type(&self) -> Option<&str> {
        self.provenance.as_ref()?.media_type()
    }

    fn json(&self) -> Value {
        let config = self.config();
        let sessions: Vec<Value> = self
            .usage
            .sessions
            .iter()
            .map(|session| json!({"pid": session.pid, "type": session.kind.as_str(), "user": session.user}))
            .collect();
        json!({
            "name": self.name,
            "size": self.size,
            "image": self.image_ref(),
            "architecture": self.arch(),
            "status": if self.in_use() { "in use" } else { "idle" },
            "pids": self.users().into_iter().map(|(pid, _)| pid).collect::<Vec<_>>(),
            "sessions": sessions,
            "isolated": self.isolated,
            "isolation": self.isolation(),
            "media_type": self.media_type(),
            "user": config.as_ref().and_then(|config| config.user().ok().flatten()),
            "working_directory": config.as_ref().and_then(ImageConfig::working_dir),
            "ports": config.as_ref().map(page::ports).unwrap_or_default(),
        })
    }
}
