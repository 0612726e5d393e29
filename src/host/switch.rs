//! Variables of the environment that switch something on or off. One parser reads them all, so that a word that nobody
//! knows is told, and does not silently leave the guest without what was meant.

use super::snapshot::Host;
use crate::error::{Error, Result};

const ON: [&str; 4] = ["1", "true", "yes", "on"];
const OFF: [&str; 5] = ["", "0", "false", "no", "off"];

impl Host {
    /// Whether the variable `key` switches its effect on: 1, true, yes or on; 0, false, no, off, an empty one and a missing
    /// one do not, in any case of letters. Blanks around the word do not count. Anything else is a `Usage` error.
    pub fn switch(&self, key: &str) -> Result<bool> {
        let value = self.var(key).unwrap_or_default();
        let text = value.to_string_lossy();
        let is = |words: &[&str]| words.iter().any(|word| text.trim().eq_ignore_ascii_case(word));
        match (is(&ON), is(&OFF)) {
            (true, _) => Ok(true),
            (_, true) => Ok(false),
            _ => Err(Error::usage(format_args!("{key}={text} is neither on nor off"))
                .hint(format_args!("set {key}=1 to switch it on, or unset it"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_words_in_any_case() {
        let switch = |value: &str| Host::at("/nonexistent", [("CD_X", value)]).switch("CD_X");
        for word in ["1", "true", "TRUE", "Yes", "on", " 1 "] {
            assert!(switch(word).unwrap(), "{word}");
        }
        for word in ["", "0", "false", "No", "OFF", " "] {
            assert!(!switch(word).unwrap(), "{word}");
        }
        for word in ["2", "ture", "y", "enabled", "1 1", "none"] {
            let error = switch(word).unwrap_err();
            assert!(error.to_string().contains(&format!("CD_X={word}")) && error.exit_code() == 2, "{error}");
        }
        assert!(!Host::at("/nonexistent", [("", ""); 0]).switch("CD_X").unwrap());
    }
}
