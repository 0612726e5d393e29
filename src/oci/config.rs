//! Image configs (config.md): what to run and how, and the layers' diff_ids. Unknown fields survive in `json`.
//!
//! Fields of a wrong type read as absent: an odd config must not keep an image from being installed.

use serde_json::Value;

use super::digest::Digest;
use super::platform::Offered;
use crate::error::{Error, Result};

/// An image config (config.md).
#[derive(Debug, Clone)]
pub struct ImageConfig {
    /// The whole document.
    pub json: Value,
}

impl ImageConfig {
    /// Parses raw bytes.
    pub fn parse(bytes: &[u8]) -> Result<ImageConfig> {
        match serde_json::from_slice(bytes) {
            Ok(json @ Value::Object(_)) => Ok(ImageConfig { json }),
            Ok(_) => Err(Error::invalid("the image config is not a JSON object")),
            Err(error) => Err(Error::invalid(format_args!("the image config is not JSON: {error}"))),
        }
    }

    /// `rootfs.diff_ids`, bottom first; none when the config has none.
    pub fn diff_ids(&self) -> Result<Vec<Digest>> {
        let ids = self.json["rootfs"]["diff_ids"].as_array().map_or(&[][..], Vec::as_slice);
        ids.iter()
            .map(|id| Digest::parse(id.as_str().unwrap_or_default()))
            .collect::<Result<_>>()
            .map_err(|error| error.context("the image config's diff_ids"))
    }

    /// `os`, `architecture` and `variant`: what the image says it is for.
    pub fn platform(&self) -> Offered {
        let text = |key: &str| self.json[key].as_str();
        match (text("os"), text("architecture")) {
            (Some(os), Some(arch)) if !arch.is_empty() => Offered::from_spec(os, arch, text("variant")),
            _ => Offered::Unnamed,
        }
    }

    /// `config.Entrypoint`; one that is a string is for the shell. `[""]` is how builders clear an inherited one.
    pub fn entrypoint(&self) -> Vec<String> {
        let words = self.command("Entrypoint");
        if words.first().is_some_and(String::is_empty) { Vec::new() } else { words }
    }

    /// `config.Cmd`; one that is a string is for the shell.
    pub fn cmd(&self) -> Vec<String> {
        self.command("Cmd")
    }

    /// `config.Env`
    pub fn env(&self) -> Vec<String> {
        self.strings("Env")
    }

    /// `config.WorkingDir`, when not empty.
    pub fn working_dir(&self) -> Option<&str> {
        self.text("WorkingDir")
    }

    /// `config.User`, when not empty. Some builders write a number. Anything else is an error: read as nothing, it
    /// would be root.
    pub fn user(&self) -> Result<Option<String>> {
        match &self.json["config"]["User"] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Value::Number(number) if number.is_u64() => Ok(Some(number.to_string())),
            odd => Err(Error::invalid(format_args!("the image's User is {odd}, which names nobody"))
                .hint("name a user yourself: --user NAME")),
        }
    }

    /// `config.StopSignal`, when not empty: a signal's name or number.
    pub fn stop_signal(&self) -> Option<&str> {
        self.text("StopSignal")
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.json["config"][key].as_str().filter(|text| !text.is_empty())
    }

    fn command(&self, key: &str) -> Vec<String> {
        match self.text(key) {
            Some(line) => ["/bin/sh", "-c", line].map(str::to_owned).into(),
            None => self.strings(key),
        }
    }

    fn strings(&self, key: &str) -> Vec<String> {
        let items = self.json["config"][key].as_array();
        items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Arch;

    #[test]
    fn reads_what_is_there_and_nothing_else() {
        let json = br#"{"architecture":"arm64","os":"linux","variant":"v8","x":1,
            "config":{"Cmd":["/bin/sh",7],"Env":["A=b"],"User":"","WorkingDir":"/w","Entrypoint":null},
            "rootfs":{"type":"layers","diff_ids":[]}}"#;
        let config = ImageConfig::parse(json).unwrap();
        assert_eq!(config.cmd(), ["/bin/sh"]);
        assert_eq!(config.env(), ["A=b"]);
        assert!(config.entrypoint().is_empty());
        assert_eq!((config.user().unwrap(), config.working_dir()), (None, Some("/w")));
        assert!(config.diff_ids().unwrap().is_empty());
        assert!(matches!(config.platform(), Offered::Runs(p) if p.arch == Arch::Aarch64));
        assert_eq!(config.json["x"], 1);
    }

    #[test]
    fn an_entrypoint_of_one_empty_word_is_none() {
        let of = |text: &str| ImageConfig::parse(text.as_bytes()).unwrap().entrypoint();
        assert!(of(r#"{"config":{"Entrypoint":[""]}}"#).is_empty());
        assert!(of(r#"{"config":{"Entrypoint":""}}"#).is_empty());
        assert_eq!(of(r#"{"config":{"Entrypoint":["/a",""]}}"#), ["/a", ""]);
    }

    #[test]
    fn survives_odd_ones() {
        let bare = ImageConfig::parse(b"{}").unwrap();
        assert!(bare.diff_ids().unwrap().is_empty() && bare.cmd().is_empty());
        assert_eq!(bare.platform(), Offered::Unnamed);
        assert!(ImageConfig::parse(b"[]").is_err());
        assert!(ImageConfig::parse(b"{").is_err());
        assert!(ImageConfig::parse(br#"{"rootfs":{"diff_ids":[1]}}"#).unwrap().diff_ids().is_err());
    }
}
