//! What is told of an image, or of the one that a container was made of: lines of `Key: value`.

use crate::oci::ImageConfig;
use crate::ui::text;

/// What an image's labels say of it (image-spec, annotations.md; the older names are those of label-schema.org).
const LABELS: [(&str, &[&str]); 3] = [
    ("Title", &["org.opencontainers.image.title", "org.label-schema.name"]),
    ("Version", &["org.opencontainers.image.version", "org.label-schema.version"]),
    (
        "Source",
        &["org.opencontainers.image.source", "org.opencontainers.image.url", "org.label-schema.vcs-url"],
    ),
];

/// A key, and what it says.
pub(super) type Line = (&'static str, String);

/// What a config says, for a reader.
pub(super) fn of_config(config: &ImageConfig) -> Vec<Line> {
    let label = |name: &str| config.json["config"]["Labels"][name].as_str().map(str::to_owned);
    let mut lines: Vec<Line> = Vec::new();
    for (key, labels) in LABELS {
        let found = labels.iter().find_map(|name| label(name)).filter(|text| !text.is_empty());
        lines.extend(found.map(|text| (key, text)));
    }
    let user = config.user().map(|user| user.unwrap_or_else(|| "root".to_owned()));
    lines.push(("User", user.unwrap_or_else(|_| "unknown".to_owned())));
    lines.push(("Directory", config.working_dir().unwrap_or("/").to_owned()));
    let ports = ports(config);
    if !ports.is_empty() {
        lines.push(("Ports", ports.join(", ")));
    }
    lines
}

/// What is run, and with which variables.
pub(super) fn of_program(config: &ImageConfig) -> Vec<Line> {
    let program = [config.entrypoint(), config.cmd()].concat();
    let program = (!program.is_empty()).then(|| ("Program", program.join(" ")));
    program.into_iter().chain(config.env().into_iter().map(|variable| ("Variable", variable))).collect()
}

/// The page. An image forges no line of it.
pub(super) fn page(lines: Vec<Line>) -> String {
    let line = |(key, value): Line| format!("{:<11}{}", format!("{key}:"), text::line(&value));
    lines.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `config.ExposedPorts`: an object whose keys are `80/tcp`.
pub(super) fn ports(config: &ImageConfig) -> Vec<String> {
    let ports = config.json["config"]["ExposedPorts"].as_object();
    ports.into_iter().flat_map(|ports| ports.keys().cloned()).collect()
}
