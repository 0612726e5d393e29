//! A registry in memory that goes wrong at the moments that a script names, and remembers each request in a few letters.
//!
//! Uploads go on where they broke off, as the distribution spec has it. What it does wrong is what registries, and
//! proxies before them, have been seen to do.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::http::{Answer, Request};

/// What goes wrong with one request.
#[derive(Debug, Clone)]
pub enum Wrong {
    /// This status and these headers; nothing else happens.
    Says(u16, Vec<(&'static str, String)>),
    /// All is done, and the answer never comes.
    Mute,
    /// The connection ends after so many bytes of the body. They stay.
    Cut(usize),
    /// So many bytes of the body are taken, and the answer tells of them.
    Takes(usize),
    /// The session is forgotten first.
    Forgets,
    /// All is done, and the answer has this header too, in the place of its own.
    Adds(&'static str, String),
    /// All is done, and the answer lacks this header.
    Lacks(&'static str),
    /// The token of this request, if it has one, holds no more.
    Expires,
}

/// The kind of a request (`HEAD`, `POST`, `PATCH`, `PUT`, `GET`, `M` for a manifest's PUT), how many such come before it,
/// and what goes wrong.
pub type Rule = (&'static str, usize, Wrong);

/// What the registry is like.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pub rules: Vec<Rule>,
    /// Whether it wants a token, from itself, for each request.
    pub tokens: bool,
    /// Blobs that are there from the beginning.
    pub blobs: Vec<Vec<u8>>,
    /// The blob whose requests are told as `L?`; others are `C?`.
    pub layer: String,
    /// Whether a blob can be mounted.
    pub mounts: bool,
}

#[derive(Default)]
struct State {
    log: Vec<String>,
    authorizations: Vec<String>,
    requests: Vec<Request>,
    counts: BTreeMap<&'static str, usize>,
    blobs: BTreeMap<String, Vec<u8>>,
    sessions: BTreeMap<String, Vec<u8>>,
    begun: usize,
    manifests: Vec<(String, Vec<u8>)>,
    token: usize,
}

/// A running one; its threads end with the process.
pub struct Scripted {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

impl Scripted {
    pub fn start(script: Script) -> Scripted {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = State {
            blobs: script.blobs.iter().map(|bytes| (super::digest(bytes), bytes.clone())).collect(),
            token: 1,
            ..State::default()
        };
        let (state, script) = (Arc::new(Mutex::new(state)), Arc::new(script));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, script) = (shared.clone(), script.clone());
                std::thread::spawn(move || converse(&stream, &script, &state));
            }
        });
        Scripted { port, state }
    }
    /// Knows an upload that was begun elsewhere.
    pub fn begin(&self, id: &str) {
        self.state.lock().expect("state").sessions.insert(id.to_owned(), Vec::new());
    }
    /// Puts other bytes in the place of what an upload has brought.
    pub fn spoil(&self, id: &str) {
        let mut state = self.state.lock().expect("state");
        state.sessions.get_mut(id).expect("the upload").fill(b'?');
    }
    /// Forgets the requests so far.
    pub fn clear(&self) {
        let mut state = self.state.lock().expect("state");
        state.log.clear();
        state.requests.clear();
    }
    /// The requests so far, a word each, without probes.
    pub fn log(&self) -> String {
        self.state.lock().expect("state").log.join(" ")
    }
    /// The requests themselves, without probes.
    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().expect("state").requests.clone()
    }
    /// What `Authorization` they had.
    pub fn authorizations(&self) -> Vec<String> {
        self.state.lock().expect("state").authorizations.clone()
    }
    /// The manifests that it took, by what they were put under.
    pub fn manifests(&self) -> Vec<(String, Vec<u8>)> {
        self.state.lock().expect("state").manifests.clone()
    }
    pub fn has(&self, digest: &str) -> bool {
        self.state.lock().expect("state").blobs.contains_key(digest)
    }
}

fn converse(stream: &TcpStream, script: &Script, state: &Mutex<State>) -> io::Result<()> {
    let mut input = BufReader::new(stream.try_clone()?);
    let mut out = stream.try_clone()?;
    while let Some(mut request) = Request::head(&mut input)? {
        let length = request.fields.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
        let kind = kind(&request, script);
        let wrong = wrong(kind, script, state);
        let read = if let Some(Wrong::Cut(at)) = wrong { at.min(length) } else { length };
        (&mut input).take(read as u64).read_to_end(&mut request.body)?;
        // Who is killed meanwhile cuts it short too.
        let wrong = if request.body.len() < read { Some(Wrong::Cut(request.body.len())) } else { wrong };
        let mut state = state.lock().expect("state");
        if !kind.is_empty() {
            state.log.push(told(kind, &request, length));
            state.requests.push(request.clone());
        }
        state.authorizations.extend(request.fields.get("authorization").map(str::to_owned));
        let answer = act(&request, kind, wrong.as_ref(), script, &mut state);
        drop(state);
        match wrong {
            Some(Wrong::Mute | Wrong::Cut(_)) => return stream.shutdown(std::net::Shutdown::Both),
            _ => answer.write(&request, &mut out)?,
        }
        out.flush()?;
    }
    Ok(())
}

fn kind(request: &Request, script: &Script) -> &'static str {
    let path = &*request.path;
    match &*request.method {
        _ if path == "/v2/" => "",
        _ if path.starts_with("/token") => "T",
        "HEAD" if path.ends_with(&script.layer) => "HEAD",
        "HEAD" => "C",
        "POST" if path.contains("mount=") => "MOUNT",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "PUT" if path.contains("/manifests/") => "M",
        "PUT" => "PUT",
        _ => "GET",
    }
}

fn told(kind: &str, request: &Request, length: usize) -> String {
    match kind {
        "HEAD" => "L?".to_owned(),
        "C" => "C?".to_owned(),
        "PATCH" => {
            let range = request.fields.get("content-range").unwrap_or("?");
            format!("PATCH{}+{length}", range.split('-').next().unwrap_or_default())
        }
        "PUT" => format!("PUT+{length}"),
        kind => kind.to_owned(),
    }
}

fn wrong(kind: &'static str, script: &Script, state: &Mutex<State>) -> Option<Wrong> {
    let mut state = state.lock().expect("state");
    let count = state.counts.entry(kind).or_default();
    *count += 1;
    let nth = *count - 1;
    let rule = script.rules.iter().find(|rule| rule.0 == kind && (rule.1 == nth || rule.1 == usize::MAX));
    rule.map(|rule| rule.2.clone())
}

fn act(request: &Request, kind: &str, wrong: Option<&Wrong>, script: &Script, state: &mut State) -> Answer {
    if kind == "T" {
        return Answer::new(200, format!("{{\"token\":\"t{}\"}}", state.token));
    }
    if let Some(Wrong::Expires) = wrong {
        state.token += 1;
    }
    let wanted = format!("Bearer t{}", state.token);
    if script.tokens && !kind.is_empty() && request.fields.get("authorization") != Some(&wanted) {
        let realm = format!("Bearer realm=\"http://{}/token\"", request.host());
        return Answer::new(401, "{}").with("WWW-Authenticate", realm);
    }
    if let Some(Wrong::Says(status, headers)) = wrong {
        let words = r#"{"errors":[{"code":"X","message":"its own words"}]}"#;
        return headers.iter().fold(Answer::new(*status, words), |answer, (k, v)| answer.with(k, v.clone()));
    }
    if let Some(Wrong::Forgets) = wrong {
        state.sessions.clear();
    }
    let mut answer = serve(request, kind, wrong, script, state);
    match wrong {
        Some(Wrong::Adds(name, value)) => {
            answer.fields.retain(|(known, _)| known != name);
            answer.fields.push(((*name).to_owned(), value.replace("{session}", &last(state))));
        }
        Some(Wrong::Lacks(name)) => answer.fields.retain(|(known, _)| known != name),
        _ => (),
    }
    answer
}

fn last(state: &State) -> String {
    format!("u{}", state.begun)
}

fn serve(request: &Request, kind: &str, wrong: Option<&Wrong>, script: &Script, state: &mut State) -> Answer {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let id = path.rsplit('/').next().unwrap_or_default().to_owned();
    let digest = query.split('&').find_map(|pair| pair.strip_prefix("digest=")).unwrap_or_default();
    match kind {
        "" => Answer::new(200, "{}"),
        "HEAD" | "C" => match state.blobs.get(&id) {
            Some(bytes) => Answer::new(200, bytes.clone()),
            None => Answer::new(404, ""),
        },
        "MOUNT" if script.mounts => {
            let mounted = query.split('&').find_map(|pair| pair.strip_prefix("mount=")).unwrap_or_default();
            state.blobs.insert(mounted.to_owned(), bytes_of(script, mounted));
            Answer::new(201, "")
        }
        "POST" | "MOUNT" => {
            state.begun += 1;
            let id = last(state);
            state.sessions.insert(id.clone(), Vec::new());
            Answer::new(202, "").with("Location", format!("{path}{id}"))
        }
        "M" => {
            state.manifests.push((id, request.body.clone()));
            Answer::new(201, "").with("Docker-Content-Digest", super::digest(&request.body))
        }
        _ => {
            let Some(there) = state.sessions.get_mut(&id) else { return Answer::new(404, "{}") };
            let taken = if let Some(Wrong::Takes(most)) = wrong { *most } else { request.body.len() };
            let from = request.fields.get("content-range").and_then(|range| range.split('-').next());
            if kind == "PATCH" && from != Some(&there.len().to_string()) {
                return Answer::new(416, "{}");
            }
            there.extend(&request.body[..taken]);
            let range = format!("0-{}", there.len().saturating_sub(1));
            match kind {
                "GET" => Answer::new(204, "").with("Range", range),
                "PATCH" => Answer::new(202, "").with("Range", range).with("Location", path),
                // Cut short: it is no end.
                _ if matches!(wrong, Some(Wrong::Cut(_))) => Answer::new(500, ""),
                _ if super::digest(there) == digest => {
                    let bytes = state.sessions.remove(&id).unwrap_or_default();
                    state.blobs.insert(digest.to_owned(), bytes);
                    Answer::new(201, "").with("Docker-Content-Digest", digest)
                }
                _ => Answer::new(400, "{}"),
            }
        }
    }
}

/// What the neighbour has under this digest: the layer, told by its name alone.
fn bytes_of(script: &Script, digest: &str) -> Vec<u8> {
    let known = script.blobs.iter().find(|bytes| super::digest(bytes) == digest);
    known.cloned().unwrap_or_else(|| vec![b'x'; 100])
}
