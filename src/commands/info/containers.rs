//! The containers, without a word on what they are for.

use serde_json::{Value, json};

use crate::commands::command::App;
use crate::error::Result;
use crate::guest::accounts::has_shell;
use crate::host::{Host, device};
use crate::oci::Provenance;
use crate::rootfs::Rootfs;
use crate::session::emulator;
use crate::store::Container;
use crate::ui::human;

/// Each one; `names` also tells its name and its image's.
pub fn describe(app: &App, host: &Host, names: bool) -> Result<Vec<Value>> {
    let live = app.store.sessions()?;
    let sessions = |of: &Container| live.iter().filter(|session| session.container == *of.name()).count();
    let all = app.store.containers()?;
    Ok(all.iter().map(|container| one(container, sessions(container), host, names)).collect())
}

/// What cannot be read is left out: one damaged container hides no other.
fn one(container: &Container, sessions: usize, host: &Host, names: bool) -> Value {
    let rootfs = container.rootfs().ok();
    let provenance = container.provenance().ok().flatten();
    let arch = rootfs.as_ref().and_then(|rootfs| emulator::guest(rootfs, provenance.as_ref()));
    let runs = arch.map(|arch| emulator::available(arch, host).is_ok());
    let distribution = rootfs.as_ref().and_then(distribution);
    let size = container.size().ok();
    let kind = provenance.as_ref().and_then(Provenance::media_type);
    let start = rootfs.as_ref().map(|rootfs| start(rootfs, provenance.as_ref()));

    let mut summary = vec![distribution.clone().unwrap_or_else(|| "no base distribution".to_owned())];
    summary.extend(arch.map(|arch| arch.to_string()));
    summary.extend(runs.filter(|runs| !runs).map(|_| "does not run here".to_owned()));
    summary.extend(size.map(human::size));
    summary.extend(start.map(|start| format!("starts {start}")));
    summary.extend((sessions > 0).then(|| format!("sessions: {sessions}")));
    let mut described = json!({
        "summary": summary.join(", "),
        "distribution": distribution,
        "architecture": arch.map(|arch| arch.to_string()),
        "runs_here": runs,
        "media_type": kind,
        "size": size,
        "start": start,
        "sessions": sessions,
    });
    if names {
        described["name"] = json!(container.name().as_str());
        described["image"] = json!(provenance.as_ref().and_then(Provenance::image_ref));
    }
    described
}

/// By its own word. An image made from nothing, or with one program alone, has none.
fn distribution(rootfs: &Rootfs) -> Option<String> {
    const LIMIT: u64 = 64 << 10;
    let text =
        ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| rootfs.read(path, LIMIT).ok())?;
    device::pretty_name(&String::from_utf8_lossy(&text))
}

/// What one can start in it, not by name.
fn start(rootfs: &Rootfs, provenance: Option<&Provenance>) -> &'static str {
    let shell = has_shell(rootfs);
    let own = provenance.is_some_and(|provenance| {
        let config = provenance.config();
        !config.entrypoint().is_empty() || !config.cmd().is_empty()
    });
    match (shell, own) {
        (true, true) => "a shell or its image's program",
        (true, false) => "a shell",
        (false, true) => "its image's program",
        (false, false) => "nothing by itself",
    }
}
