//! The `info` command: the report as a page or as a JSON document.

use std::fs;

use argh::{ArgsInfo, FromArgs};
use serde_json::{Map, Value, json};

use super::{containers, health};
use crate::commands::command::{App, Run};
use crate::commands::global::version;
use crate::commands::probing;
use crate::error::{Attempt, Result};
use crate::host::probe::FEATURES;
use crate::oci::Arch;
use crate::ui::{row, text::line};

/// show facts about this machine for a bug report. It tests what the kernel supports, looks for problems, and describes the
/// containers. It contains nothing private.
#[derive(FromArgs, ArgsInfo)]
#[argh(example = "chroot-distro info > report.txt")]
pub struct Info {
    /// print a JSON document
    #[argh(switch)]
    json: bool,

    /// also show the names of containers and images
    #[argh(switch)]
    names: bool,
}

impl Run for Info {
    const NAME: &'static str = "info";
    const ALIASES: &'static [&'static str] = &["version-info", "nf"];

    fn run(self, app: &App) -> Result<u8> {
        let host = &app.host;
        let system = host.describe().into_iter().map(|(name, value)| (name.to_owned(), json!(value)));
        let checks = health::checks(app, host);
        let document = json!({
            "version": version(),
            "built_for": Arch::HOST.to_string(),
            "system": system.collect::<Map<_, _>>(),
            "kernel": kernel(app)?,
            "health": checks.iter().map(health::Check::json).collect::<Vec<_>>(),
            "containers": containers::describe(app, host, self.names)?,
            "verdict": health::verdict(&checks),
        });
        match self.json {
            true => app.ui.json(&document),
            false => app.ui.print(page(&document, app.ui.columns())),
        }
        Ok(0)
    }
}

/// What came of trying each feature, in an empty directory, and what that means.
fn kernel(app: &App) -> Result<Map<String, Value>> {
    let scratch = probing::directory(app, "cd-info")?;
    let asked = FEATURES.iter().map(|feature| {
        let answer = feature.ask(&scratch).attempt(format_args!("probe '{}'", feature.name))?;
        let means = feature.means(answer);
        let separator = if means.is_empty() { "" } else { ": " };
        Ok((feature.name.to_owned(), json!(format!("{answer}{separator}{means}"))))
    });
    let answers = asked.collect();
    let _ = fs::remove_dir_all(&scratch);
    answers
}

/// The document for reading: sections of aligned rows, and the verdict in one line.
fn page(document: &Value, width: Option<usize>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut page = format!("{}\n\nSYSTEM\n", text(&document["version"]));
    let row = |name: &str, value: &str| format!("{}\n", row(name, 22, value, width));
    page.push_str(&row("built for", &text(&document["built_for"])));
    for (title, key) in [("", "system"), ("\nKERNEL\n", "kernel")] {
        page.push_str(title);
        for (name, value) in document[key].as_object().into_iter().flatten() {
            page.push_str(&row(name, &text(value)));
        }
    }
    page.push_str("\nHEALTH\n");
    for check in document["health"].as_array().into_iter().flatten() {
        let (state, detail) = (text(&check["state"]), text(&check["detail"]));
        page.push_str(&row(&text(&check["check"]), &format!("{state:<8} {detail}")));
    }
    page.push_str("\nCONTAINERS\n");
    for (at, container) in document["containers"].as_array().into_iter().flatten().enumerate() {
        let name = container["name"].as_str().map_or_else(|| (at + 1).to_string(), str::to_owned);
        let image = container["image"].as_str().map(|image| format!(", {image}")).unwrap_or_default();
        let summary = format!("{}{image}", text(&container["summary"]));
        page.push_str(&row(&name, &line(&summary)));
    }
    page.push_str(&format!("\n{}", text(&document["verdict"])));
    page
}
