//! Lists of `key=value`, as docker's options have them.

/// `key=value`, separated by commas, as docker's options have it. A word without `=` has an empty value.
pub(super) fn fields(text: &str) -> Vec<(&str, &str)> {
    text.split(',').map(|field| field.split_once('=').unwrap_or((field, ""))).collect()
}
