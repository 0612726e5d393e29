//! What was built, as text: what differs from the base image, and the config.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::listing::{Listing, listing};
use crate::support::need;

/// What a builder makes for its RUNs, or mounts over.
const NOT_COMPARED: [&str; 4] = ["dev", "proc", "sys", "run"];

const NETWORK: [&str; 3] = ["etc/hosts", "etc/hostname", "etc/resolv.conf"];

/// Bytes of a file that are shown as they are.
const SHOWN: usize = 200;

/// The config, then the tree.
pub fn text(config: &Value, root: &Path, base: &Listing) -> String {
    config_text(config) + &tree_text(root, base)
}

fn config_text(image: &Value) -> String {
    const KEYS: [&str; 11] = [
        "Cmd",
        "Entrypoint",
        "WorkingDir",
        "User",
        "Volumes",
        "ExposedPorts",
        "Labels",
        "StopSignal",
        "Healthcheck",
        "Shell",
        "OnBuild",
    ];
    let config = &image["config"];
    let mut text = String::new();
    let env = config["Env"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut env: Vec<&str> = env.filter(|word| !is_default_path(word)).collect();
    env.sort_unstable();
    env.iter().for_each(|word| text += &format!("Env {word:?}\n"));
    for key in KEYS {
        let mut value = config[key].clone();
        if key == "Labels"
            && let Some(labels) = value.as_object_mut()
        {
            labels.remove("io.buildah.version");
        }
        value.sort_all_objects();
        if !is_nothing(&value) && value != "/" {
            text += &format!("{key} {value}\n");
        }
    }
    if !is_nothing(&image["author"]) {
        text += &format!("author {}\n", image["author"]);
    }
    text
}

/// BuildKit writes one for scratch, buildah does not.
fn is_default_path(word: &str) -> bool {
    ["PATH=/usr/bin:/bin", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        .contains(&word)
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// A line for each path: what is there and not in the base; `-` for what is in the base alone. Times aside.
fn tree_text(root: &Path, base: &Listing) -> String {
    let tree = listing(root, &NOT_COMPARED);
    let is_compared = |path: &&std::path::PathBuf| {
        !NOT_COMPARED.iter().any(|name| path.starts_with(name))
            && !NETWORK.iter().any(|name| **path == *Path::new(name))
    };
    let is_based = tree.contains_key(Path::new("bin/busybox"));
    let before = |path: &Path| base.get(path).filter(|_| is_based).map(|line| untimed(line));
    let mut lines: Vec<(String, String)> = Vec::new();
    for (path, line) in tree.iter().filter(|(path, _)| is_compared(path) && !path.as_os_str().is_empty()) {
        let line = untimed(line);
        if before(path).as_ref() != Some(&line) {
            lines.push((path.display().to_string(), shown(&root.join(path), &line)));
        }
    }
    for path in base.keys().filter(|path| is_based && is_compared(path) && !tree.contains_key(*path)) {
        lines.push((path.display().to_string(), "-".to_owned()));
    }
    lines.sort();
    lines.into_iter().map(|(path, line)| format!("/{path}: {line}\n")).collect()
}

/// Without its time, the word after its owner.
fn untimed(line: &str) -> String {
    let is_time = |word: &&str| {
        word.split_once('.').is_some_and(|(seconds, rest)| {
            rest.len() == 9 && format!("{seconds}{rest}").parse::<u64>().is_ok()
        })
    };
    line.split(' ').filter(|word| !is_time(word)).collect::<Vec<_>>().join(" ")
}

/// With short contents instead of their digest.
fn shown(path: &Path, line: &str) -> String {
    let Some(rest) = line.strip_prefix("file of ") else { return line.to_owned() };
    let bytes = fs::read(path).expect("contents");
    let after = rest.splitn(3, ' ').nth(2).unwrap_or_default();
    let busybox = need::program("busybox").and_then(|path| fs::read(path).ok());
    match std::str::from_utf8(&bytes) {
        Ok(text) if text.len() <= SHOWN => format!("file {text:?} {after}"),
        _ if Some(&bytes) == busybox.as_ref() => format!("file busybox {after}"),
        _ => line.to_owned(),
    }
}
