//! `ps`: the sessions, and whatever else runs in a container.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use argh::{ArgsInfo, FromArgs};
use serde_json::{Value, json};

use super::command::{App, Run};
use crate::error::Result;
use crate::guest::accounts;
use crate::privilege;
use crate::report::Report;
use crate::running::{Grade, Process, Session};
use crate::store::Container;
use crate::ui::{Table, human};

/// show what is running in the containers. A '*' after the PID means that the session runs in the background.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro ps --all",
    example = "chroot-distro ps -q",
    note = "A process that runs in a container and belongs to no session, such as one that a session left running, is \
            shown with '-' as type. Without root you may see only your own."
)]
pub struct Ps {
    /// also show containers in which nothing runs
    #[argh(switch, short = 'a')]
    all: bool,

    /// print only the PIDs, one per line
    #[argh(switch, short = 'q')]
    quiet: bool,

    /// print a JSON array
    #[argh(switch)]
    json: bool,
}

impl Run for Ps {
    const NAME: &'static str = "ps";
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--quiet", "--json")];
    const ROOT: bool = false;

    fn run(self, app: &App) -> Result<u8> {
        let rows = rows(app, self.all)?;
        if self.quiet {
            rows.iter().filter_map(|row| row.pid).for_each(|pid| app.ui.print(pid));
        } else if self.json {
            app.ui.json(&rows.iter().map(Row::json).collect());
        } else if rows.is_empty() {
            app.ui.info(match privilege::is_root() {
                true => "Nothing is running. Start a shell: chroot-distro login CONTAINER",
                false => "Nothing is running that you may see. Root's: sudo chroot-distro ps",
            });
        } else {
            let mut table =
                Table::new(["PID", "CONTAINER", "TYPE", "USER", "UPTIME", "COMMAND"]).yielding(&["COMMAND"]);
            rows.iter().for_each(|row| table.row(row.cells()));
            app.ui.table(&table);
        }
        Ok(0)
    }
}

/// Oldest first; then the idle containers.
fn rows(app: &App, all: bool) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut idle = Vec::new();
    let usages = app.store.usages()?;
    for (container, usage) in &usages {
        rows.extend(usage.sessions.iter().map(Row::of_session));
        rows.extend(usage.strays.iter().map(|process| Row::of_stray(container, *process)));
        if usage.sessions.is_empty() && usage.strays.is_empty() {
            idle.push(Row { container: container.name().to_string(), ..Row::default() });
        }
    }
    // Of containers that somebody has deleted by hand.
    let is_listed =
        |session: &Session| usages.iter().any(|(container, _)| *container.name() == session.container);
    rows.extend(app.store.sessions()?.iter().filter(|session| !is_listed(session)).map(Row::of_session));
    rows.sort_by_key(|row| (row.begun, row.pid));
    if all {
        rows.append(&mut idle);
    }
    Ok(rows)
}

/// One line. What is not known is left out.
#[derive(Default)]
struct Row {
    pid: Option<u32>,
    container: String,
    kind: Option<&'static str>,
    user: Option<String>,
    uptime: Option<Duration>,
    /// Clock ticks from boot; of what we cannot look at, none.
    begun: Option<u64>,
    command: Vec<String>,
    detached: bool,
    isolated: Option<bool>,
    grade: Option<Grade>,
}

impl Row {
    fn of_session(session: &Session) -> Row {
        // The wall clock may have been set since.
        let process = Process::of(session.pid);
        let uptime = process.map(|process| process.uptime());
        let by_clock = || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            now.saturating_sub(Duration::from_secs(session.started))
        };
        Row {
            pid: Some(session.pid),
            container: session.container.to_string(),
            kind: Some(session.kind.as_str()),
            user: Some(session.user.clone()),
            uptime: Some(uptime.unwrap_or_else(by_clock)),
            begun: process.map(|process| process.started),
            command: session.command.clone(),
            detached: session.detached,
            isolated: Some(session.isolated),
            grade: Grade::of_session(session),
        }
    }

    fn of_stray(container: &Container, process: Process) -> Row {
        let name = |uid: u32| {
            let user = container.rootfs().and_then(|rootfs| accounts::lookup(&rootfs, &uid.to_string()));
            user.map_or_else(|_| uid.to_string(), |user| user.name.to_string_lossy().into_owned())
        };
        Row {
            pid: Some(process.pid),
            container: container.name().to_string(),
            user: process.uid().map(name),
            uptime: Some(process.uptime()),
            begun: Some(process.started),
            command: process.command(),
            ..Row::default()
        }
    }

    fn cells(&self) -> [String; 6] {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let mark = if self.detached { "*" } else { "" };
        let command = self.command.join(" ");
        [
            or_none(self.pid.map(|pid| format!("{pid}{mark}"))),
            self.container.clone(),
            or_none(self.kind.map(|kind| format!("{kind}{}", self.separation()))),
            or_none(self.user.clone()),
            or_none(self.uptime.map(human::duration)),
            or_none(Some(command).filter(|command| !command.is_empty())),
        ]
    }

    /// That a session is isolated, and what is missing where that is no boundary.
    fn separation(&self) -> String {
        match self.grade {
            None => String::new(),
            Some(grade @ (Grade::NoPidNamespace | Grade::NoFilter)) => {
                format!(" isolated ({})", grade.as_str())
            }
            Some(_) => " isolated".to_owned(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "pid": self.pid,
            "container": self.container,
            "type": self.kind,
            "user": self.user,
            "uptime": self.uptime.map(|uptime| uptime.as_secs()),
            "command": self.command,
            "detached": self.detached,
            "isolated": self.isolated,
            "isolation": self.grade.map(Grade::as_str),
        })
    }
}
