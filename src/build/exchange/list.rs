//! The list of steps, `build-cache.json`: `{"version": 1, "steps": [...]}`. Each step is a record with its key. Pure.

use std::collections::HashSet;

use serde_json::{Value, json};

/// The steps of a list. Another program's list, as the Python tool's, has steps of another kind: none of them is ours.
pub fn steps(list: &Value) -> Vec<Value> {
    let all = list["steps"].as_array().into_iter().flatten();
    all.filter(|step| step["key"].is_string()).cloned().collect()
}

/// Those of `new` that are not `known`, each once.
pub fn added<'s>(known: &[Value], new: &'s [Value]) -> Vec<&'s Value> {
    let mut keys: HashSet<&str> = known.iter().filter_map(|step| step["key"].as_str()).collect();
    new.iter().filter(|step| step["key"].as_str().is_some_and(|key| keys.insert(key))).collect()
}

/// A list of all of them, as text.
pub fn text(known: Vec<Value>, added: Vec<&Value>) -> String {
    let steps: Vec<Value> = known.into_iter().chain(added.into_iter().cloned()).collect();
    format!("{:#}\n", json!({"version": 1, "steps": steps}))
}
