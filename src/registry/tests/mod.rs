//! Wire behaviour, against servers that answer from a script. Real registries are the black-box tests' concern.

mod auth;
mod downloads;
mod lookups;
mod proxies;
mod server;
mod uploads;

use std::sync::Mutex;
use std::time::Duration;

use super::Client;
use crate::error::Result;
use crate::host::Host;
use crate::net::{Patience, Settings, Sink};
use crate::report::{Report, Silent, Task};

/// Keeps what it is told.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn lines(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

impl Report for Told {
    fn info(&self, _: &str) {}
    fn warn(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
    fn task(&self, _: &str, _: Option<u64>) -> Box<dyn Task> {
        Box::new(Silent)
    }
}

#[derive(Default)]
struct Memory {
    bytes: Vec<u8>,
    restarts: usize,
}

impl Sink for Memory {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
    fn restart(&mut self) -> Result<()> {
        self.bytes.clear();
        self.restarts += 1;
        Ok(())
    }
}

/// A host with an environment and no files.
fn host(env: &[(&str, &str)]) -> Host {
    Host::at("/nonexistent", env.iter().copied())
}

/// Quick to retry.
fn settings(host: &Host) -> Settings {
    let patience = Patience {
        connect: Duration::from_secs(5),
        read: Duration::from_millis(300),
        answer: Duration::from_millis(900),
        backoff: Duration::from_millis(1),
    };
    Settings { patience, ..Settings::of(host, false) }
}

/// A client with an environment of its own.
fn client<'a>(env: &[(&str, &str)], report: &'a dyn Report) -> Client<'a> {
    let host = host(env);
    Client::new(&host, settings(&host), report)
}
