//! A reverse proxy in front of a registry that does harm on request, and remembers who asked for what.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::http::{Answer, Fields, KeepAlive, Request, Server, forward};

/// What to do with one request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing: the registry's own answer.
    None,
    /// This answer instead of the registry's.
    Answer(Answer),
    /// The connection ends after so many bytes of the body.
    DropAfter(u64),
    /// Silence after so many bytes of the body, until the client gives up.
    StallAfter(u64),
    /// The byte at this offset of the whole blob is another.
    Corrupt(u64),
    /// A body cut to so many bytes, and a Content-Length that agrees.
    Shorten(u64),
    /// A server that knows no Range.
    NoRange,
    /// A body without Content-Length.
    Chunked,
}

/// One request that came by.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub range: Option<String>,
    pub authorization: Option<String>,
    /// Bytes of the body that were sent.
    pub bytes: u64,
    pub status: u16,
}

impl Seen {
    pub fn is_blob(&self) -> bool {
        self.method == "GET" && self.path.contains("/blobs/")
    }
}

/// The proxy; it ends when it is dropped.
pub struct Proxy {
    server: Server,
    log: Arc<Mutex<Vec<Seen>>>,
}

impl Proxy {
    /// In front of `upstream`. `rule` hears each request and how many like it (same method, path) came before.
    pub fn start(upstream: u16, rule: impl Fn(&Request, usize) -> Fault + Send + Sync + 'static) -> Proxy {
        let log = Arc::new(Mutex::new(Vec::new()));
        let counts = Mutex::new(BTreeMap::<String, usize>::new());
        let seen = log.clone();
        let server = Server::start(move |request, out| {
            let nth = {
                let mut counts = counts.lock().expect("counts");
                let count = counts.entry(format!("{} {}", request.method, request.path)).or_default();
                *count += 1;
                *count - 1
            };
            let fault = rule(request, nth);
            let entry = Seen {
                method: request.method.clone(),
                path: request.path.clone(),
                range: request.fields.get("range").map(str::to_owned),
                authorization: request.fields.get("authorization").map(str::to_owned),
                bytes: 0,
                status: 0,
            };
            let index = {
                let mut log = seen.lock().expect("log");
                log.push(entry);
                log.len() - 1
            };
            let count = |status: u16, bytes: u64| {
                let entry = &mut seen.lock().expect("log")[index];
                entry.status = status;
                entry.bytes += bytes;
            };
            answer(request, &fault, upstream, out, &count)
        });
        Proxy { server, log }
    }
    /// A healthy one, which only remembers.
    pub fn listening(upstream: u16) -> Proxy {
        Proxy::start(upstream, |_, _| Fault::None)
    }
    pub fn port(&self) -> u16 {
        self.server.port
    }
    /// `host:port/image`
    pub fn reference(&self, image: &str) -> String {
        format!("{}/{image}", self.server.host())
    }
    /// All requests so far.
    pub fn log(&self) -> Vec<Seen> {
        self.log.lock().expect("log").clone()
    }
    /// Forgets them.
    pub fn clear(&self) {
        self.log.lock().expect("log").clear();
    }
    /// Bytes of blobs that were sent.
    pub fn blob_bytes(&self) -> u64 {
        self.log().iter().filter(|seen| seen.is_blob()).map(|seen| seen.bytes).sum()
    }
}

fn answer(
    request: &Request,
    fault: &Fault,
    upstream: u16,
    out: &mut TcpStream,
    count: &dyn Fn(u16, u64),
) -> io::Result<KeepAlive> {
    if let Fault::Answer(answer) = fault {
        count(answer.status, answer.body.len() as u64);
        answer.write(request, out)?;
        return Ok(true);
    }
    let mut request = request.clone();
    if matches!(fault, Fault::NoRange | Fault::Shorten(_)) {
        request.fields.0.retain(|(name, _)| name != "range");
    }
    let (status, fields, mut body) = forward(&request, upstream)?;
    count(status, 0);
    let length: Option<u64> = fields.get("content-length").and_then(|n| n.parse().ok());
    let chunked = matches!(fault, Fault::Chunked) || length.is_none();
    let mut head = format!("HTTP/1.1 {status} Word\r\n");
    for (name, value) in &fields.0 {
        let dropped = match name.as_str() {
            "connection" | "transfer-encoding" | "content-length" => true,
            "accept-ranges" => matches!(fault, Fault::NoRange),
            _ => false,
        };
        if !dropped {
            head += &format!("{name}: {value}\r\n");
        }
    }
    let declared = match (fault, length) {
        (Fault::Shorten(cut), Some(length)) => Some(length.min(*cut)),
        _ => length,
    };
    let has_body = request.method != "HEAD" && status != 204 && status != 304;
    head += &match declared {
        Some(length) if !chunked => format!("content-length: {length}\r\n\r\n"),
        _ if has_body => "transfer-encoding: chunked\r\n\r\n".to_owned(),
        _ => "\r\n".to_owned(),
    };
    out.write_all(head.as_bytes())?;
    if !has_body {
        return Ok(true);
    }
    let limit = match fault {
        Fault::DropAfter(n) | Fault::StallAfter(n) | Fault::Shorten(n) => *n,
        _ => u64::MAX,
    };
    let mut offset = start(&fields);
    let mut sent = 0;
    let mut buffer = vec![0; 1 << 14];
    loop {
        let room = usize::try_from(limit - sent).unwrap_or(usize::MAX).min(buffer.len());
        let n = body.read(&mut buffer[..room])?;
        let piece = &mut buffer[..n];
        if let Fault::Corrupt(at) = fault
            && (offset..offset + n as u64).contains(at)
        {
            piece[(at - offset) as usize] ^= 0x55;
        }
        match (n, chunked) {
            (0, true) => out.write_all(b"0\r\n\r\n")?,
            (0, false) => {}
            (_, true) => {
                out.write_all(format!("{n:x}\r\n").as_bytes())?;
                out.write_all(piece)?;
                out.write_all(b"\r\n")?;
            }
            (_, false) => out.write_all(piece)?,
        }
        sent += n as u64;
        offset += n as u64;
        count(status, n as u64);
        if n == 0 {
            break;
        }
    }
    let cut_short = sent == limit && declared.is_none_or(|length| sent < length);
    match fault {
        Fault::StallAfter(_) if cut_short => {
            // Nothing more comes; the read ends when the client does.
            let _ = out.read(&mut [0]);
            Ok(false)
        }
        Fault::DropAfter(_) if cut_short => Ok(false),
        _ => Ok(true),
    }
}

/// The first byte of a partial answer.
fn start(fields: &Fields) -> u64 {
    let range = fields.get("content-range").and_then(|r| r.strip_prefix("bytes "));
    range.and_then(|r| r.split('-').next()?.parse().ok()).unwrap_or(0)
}
