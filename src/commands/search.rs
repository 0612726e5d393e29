//! `search`: images on Docker Hub, and the tags of an image in any registry.

use argh::{ArgsInfo, FromArgs};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::command::{App, Run, reference};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::net::{Settings, Sink};
use crate::oci::Reference;
use crate::registry::{self, Client};
use crate::report::{Report, Silent};
use crate::ui::{Table, text};

/// The search of the Docker Registry API, version 1, which `docker search` asks too: `q`, and `n` results a page.
const HUB: &str = "https://index.docker.io/v1/search";
/// Overrides it.
const URL: &str = "CD_SEARCH_URL";
const LIMIT: u32 = 25;
const MOST: u32 = 100;
/// Bytes; a hundred results take some 30 KiB.
const ANSWER_MAX: usize = 4 << 20;

/// search Docker Hub for images. With --list-tags, show the tags of one image, in any registry.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro search nextcloud",
    example = "chroot-distro search --limit 50 ubuntu",
    example = "chroot-distro search --list-tags ghcr.io/me/app"
)]
pub struct Search {
    /// show the tags of an image, all of them if --limit is not given
    #[argh(switch)]
    list_tags: bool,

    /// maximum number of results, 1 to 100 (default: 25)
    #[argh(option, short = 'l', arg_name = "N")]
    limit: Option<String>,

    /// print only the names, one per line
    #[argh(switch, short = 'q')]
    quiet: bool,

    /// print a JSON array
    #[argh(switch)]
    json: bool,

    /// with --list-tags: do not check TLS certificates, and use plain HTTP if the registry uses it
    #[argh(switch)]
    allow_insecure: bool,

    /// the word to search for, or with --list-tags an image
    #[argh(positional)]
    term: String,
}

impl Run for Search {
    const NAME: &'static str = "search";
    const ALIASES: &'static [&'static str] = &["find", "se"];
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--quiet", "--json")];
    const ROOT: bool = false;

    fn run(self, app: &App) -> Result<u8> {
        if self.list_tags {
            return self.tags(app);
        }
        let limit = limit(self.limit.as_deref())?;
        if self.term.trim().is_empty() {
            return Err(Error::usage("there is nothing to search for"));
        }
        let found = ask(self.term.trim(), limit, &app.host, &app.ui)?;
        if self.quiet {
            found.iter().for_each(|image| app.ui.print(text::line(&image.name)));
        } else if self.json {
            app.ui.json(&found.iter().map(Found::json).collect());
        } else if found.is_empty() {
            app.ui.info(&format!("No image matches '{}'", self.term.trim()));
        } else {
            let mut table =
                Table::new(["NAME", "STARS", "OFFICIAL", "DESCRIPTION"]).yielding(&["DESCRIPTION"]);
            found.iter().for_each(|image| table.row(image.cells()));
            app.ui.table(&table);
        }
        Ok(0)
    }
}

impl Search {
    /// The tags of an image.
    fn tags(&self, app: &App) -> Result<u8> {
        let image = reference(self.term.trim())?;
        let limit = self.limit.as_deref().map(|asked| limit(Some(asked))).transpose()?;
        let client = Client::new(&app.host, Settings::of(&app.host, self.allow_insecure), &app.ui);
        let tags = registry::tags(&client, &image, limit.map(|limit| limit as usize))?;
        let name =
            |tag: &String| Reference { tag: Some(tag.clone()), digest: None, ..image.clone() }.to_string();
        match (self.json, tags.is_empty()) {
            (true, _) => {
                app.ui.json(&tags.iter().map(|tag| json!({"name": name(tag), "tag": tag})).collect());
            }
            (false, true) => app.ui.info(&format!("'{}' has no tags", self.term.trim())),
            (false, false) => tags.iter().for_each(|tag| app.ui.print(text::line(&name(tag)))),
        }
        Ok(0)
    }
}

fn limit(asked: Option<&str>) -> Result<u32> {
    match asked.map_or(Ok(LIMIT), str::parse) {
        Ok(limit @ 1..=MOST) => Ok(limit),
        _ => Err(Error::usage(format_args!(
            "--limit '{}' is not a number from 1 to {MOST}",
            asked.unwrap_or_default()
        ))),
    }
}

fn ask(term: &str, limit: u32, host: &Host, report: &dyn Report) -> Result<Vec<Found>> {
    let base = host.var(URL).and_then(|url| url.to_str()).unwrap_or(HUB);
    let separator = if base.contains('?') { '&' } else { '?' };
    let term = utf8_percent_encode(term, NON_ALPHANUMERIC);
    let url = format!("{base}{separator}q={term}&n={limit}");
    let mut answer = Bounded(Vec::new());
    Client::new(host, Settings::of(host, false), report).download(&url, &mut answer, &Silent)?;
    let answer: Value = serde_json::from_slice(&answer.0)
        .map_err(|error| Error::network(format_args!("the search's answer is not JSON: {error}")))?;
    let results = answer["results"]
        .as_array()
        .ok_or_else(|| Error::network("the search's answer has no results, not even an empty list"))?;
    Ok(results.iter().filter_map(Found::of).take(limit as usize).collect())
}

/// An answer of bounded size, in memory.
struct Bounded(Vec<u8>);

impl Sink for Bounded {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if self.0.len() + bytes.len() > ANSWER_MAX {
            return Err(Error::invalid("the answer of the search server is too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        self.0.clear();
        Ok(())
    }
}

/// One result.
struct Found {
    name: String,
    stars: u64,
    official: bool,
    description: String,
}

impl Found {
    /// Reads the names of both the registry's and the Hub's own API; one without a name is none.
    fn of(result: &Value) -> Option<Found> {
        let text = |keys: [&str; 2]| keys.iter().find_map(|key| result[key].as_str());
        Some(Found {
            name: text(["name", "repo_name"]).filter(|name| !name.is_empty())?.to_owned(),
            stars: result["star_count"].as_u64().unwrap_or(0),
            official: result["is_official"].as_bool().unwrap_or(false),
            description: text(["description", "short_description"]).unwrap_or_default().trim().to_owned(),
        })
    }

    fn cells(&self) -> [String; 4] {
        let official = if self.official { "yes" } else { "" };
        let line = self.description.split_whitespace().collect::<Vec<_>>().join(" ");
        [self.name.clone(), self.stars.to_string(), official.to_owned(), line]
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "stars": self.stars,
            "official": self.official,
            "description": self.description,
        })
    }
}
