//! RUN: a session on the stage's tree; what it has changed is a layer.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::mounts::Mounts;
use super::resolving;
use super::scope::Pair;
use super::stage::Making;
use crate::dockerfile::{Network as Wanted, Running, Script};
use crate::error::{Attempt, Error, Kind, Result};
use crate::image::{Layer, NewLayer};
use crate::oci::Provenance;
use crate::running::SessionKind;
use crate::session::bind::Restrict;
use crate::session::{self, Bind, Draft, Ended, Mode, Network, Request, Stdio, Terminal};

/// What the sandbox of a build is called, as BuildKit has it.
const HOSTNAME: &str = "buildkitsandbox";

/// Where here-documents are programs.
const PIPES: &str = "/dev/pipes";

/// The shell form's shell where no SHELL says otherwise.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// A RUN that is ready to run.
struct Ready {
    argv: Vec<String>,
    /// A here-document that is a program of its own: its name and text.
    script: Option<(String, String)>,
    environment: Vec<Pair>,
    network: Network,
    mounts: Mounts,
}

impl Making<'_> {
    /// Whether it came from the cache.
    pub(super) fn run_step(&mut self, running: &Running) -> Result<bool> {
        let env = self.env();
        let (argv, script) = self.argv(running);
        if argv.iter().all(String::is_empty) {
            return Err(Error::invalid("RUN has no command"));
        }
        if argv.iter().any(|word| word.contains('\0')) {
            return Err(Error::invalid("RUN holds a NUL byte, which no command line can have"));
        }
        let ready = Ready {
            argv,
            script,
            environment: self.scope.environment(&env),
            network: match (running.network, self.job.request.no_network) {
                (Some(Wanted::None), _) | (None | Some(Wanted::Default), true) => Network::None,
                _ => Network::Host,
            },
            mounts: self.mounts(&running.mounts)?,
        };
        let key = self.key(&self.run_key(&ready)?, false)?;
        let created_by = self.run_history(&ready.argv);
        self.layer(&[key], &created_by, &mut |making| making.run_now(&ready))
    }

    /// What is executed, and the program that a here-document is, if it is one.
    fn argv(&self, running: &Running) -> (Vec<String>, Option<(String, String)>) {
        let (line, script) = match running.script() {
            Script::Exec(words) => return (words, None),
            Script::Shell(line) => (line, None),
            Script::File { name, text } => (format!("{PIPES}/{name}"), Some((name, text))),
        };
        let mut argv = self.shell();
        argv.push(line);
        (argv, script)
    }

    /// What the shell form is run by.
    pub(super) fn shell(&self) -> Vec<String> {
        let own = self.config["config"]["Shell"].as_array().filter(|words| !words.is_empty());
        let words = own.map(|words| words.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        words.unwrap_or_else(|| SHELL.map(str::to_owned).to_vec())
    }

    fn run_key(&self, ready: &Ready) -> Result<Value> {
        Ok(json!([
            "RUN",
            ready.argv,
            ready.script,
            ready.environment,
            self.text("User"),
            self.text("WorkingDir"),
            ready.network == Network::None,
            ready.mounts.key,
            self.job.request.confined,
        ]))
    }

    /// As BuildKit writes it: with the ARGs that it saw.
    fn run_history(&self, argv: &[String]) -> String {
        let arguments = self.scope.arguments();
        let mut words = vec!["RUN".to_owned()];
        if !arguments.is_empty() {
            words.push(format!("|{}", arguments.len()));
            words.extend(arguments.iter().map(|(name, value)| format!("{name}={value}")));
        }
        words.extend(argv.iter().cloned());
        words.join(" ")
    }

    fn run_now(&mut self, ready: &Ready) -> Result<Layer> {
        let (job, number) = (self.job, self.number);
        let user = Some(self.text("User")).filter(|user| !user.is_empty());
        let work_dir = Some(self.text("WorkingDir")).filter(|path| !path.is_empty());
        let output = self.output.try_clone().attempt("hand over the output")?;
        let error = self.output.try_clone().attempt("hand over the output")?;
        let scratch = job.scratch_of(number)?;
        // First: with it this process gets a mount namespace of its own, for what is mounted next.
        self.tree()?;
        let placed = self.place(&ready.mounts)?;
        let root = self.tree()?.root()?;
        let mut binds = resolving::binds(root, job.host, &scratch)?;
        if let Some((name, text)) = &ready.script {
            binds.push(script(&scratch, name, text)?);
        }
        binds.extend(placed.binds.iter().cloned());
        let pairs = ready
            .environment
            .iter()
            .cloned()
            .chain(self.scope.proxies())
            .chain(placed.variables.iter().cloned());
        let request = Request {
            kind: SessionKind::Run,
            mode: Mode::Build,
            confined: job.request.confined,
            network: Some(ready.network),
            terminal: Terminal::Never,
            user: user.map(OsString::from),
            work_dir: Some(work_dir.map_or_else(|| PathBuf::from("/"), PathBuf::from)),
            env: pairs.map(|(name, value)| (name.into(), value.into())).collect(),
            binds,
            hostname: Some(HOSTNAME.into()),
            command: ready.argv.iter().map(OsString::from).collect(),
            ..Request::default()
        };
        let tree = self.tree()?;
        let root = tree.root()?;
        // A stage that begins as nothing has no shell that tells for which CPU its programs are.
        let cpu = json!({"arch": job.names.platform_of(number)?.arch.to_string()});
        let provenance = Provenance::parse(cpu.to_string().as_bytes())?;
        let draft = Draft::gather(request, root, Some(&provenance), job.host)?;
        let stdio = Stdio { input: None, output: Some(output), error: Some(error) };
        match session::run(root, draft, stdio, job.report).map_err(plain)? {
            Ended::Exited(0) => {}
            ended => return Err(unsuccessful(ended)),
        }
        drop(placed);
        let mut layer = NewLayer::new(job.store, job.request.epoch)?;
        tree.step(&mut layer)?;
        layer.finish()
    }
}

/// A here-document that names its own interpreter, as a program that only RUN sees.
fn script(scratch: &Path, name: &str, text: &str) -> Result<Bind> {
    let source = scratch.join("script");
    let attempt = format_args!("write '{}'", source.display());
    fs::write(&source, text).attempt(attempt)?;
    fs::set_permissions(&source, fs::Permissions::from_mode(0o755)).attempt(attempt)?;
    let restrict = Restrict { read_only: true, ..Restrict::NONE };
    Ok(Bind { source, target: Some(Path::new(PIPES).join(name)), restrict })
}

/// What exits with 126 or 127 in a session is a fault of the Dockerfile here.
fn plain(error: Error) -> Error {
    let told = Error::new(error.kind(), error.to_string()).exits(1);
    match error.hint_text() {
        Some(hint) => told.hint(hint),
        None => told,
    }
}

fn unsuccessful(ended: Ended) -> Error {
    match ended {
        Ended::Exited(code) => Error::new(Kind::System, format_args!("RUN failed: exit code {code}")),
        Ended::Signaled(signal) => {
            Error::new(Kind::System, format_args!("RUN failed: signal {signal} ended it"))
                .hint("signal 9 often comes from the kernel, where memory is short")
        }
    }
}
