//! An HTTP/1.1 server for one test: a function from request to raw bytes, and a record of what was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET /v2/`
    pub line: String,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What to send.
pub enum Reply {
    /// Raw bytes, then the connection goes on.
    Send(Vec<u8>),
    /// Raw bytes, then the connection is closed.
    Drop(Vec<u8>),
    /// Raw bytes, then silence until the client goes.
    Stall(Vec<u8>),
    /// Raw bytes, then one more each while, until the client goes.
    Drip(Vec<u8>),
}

/// Headers and a body of the right length.
pub fn reply(status: &str, headers: &[&str], body: &[u8]) -> Reply {
    Reply::Send(raw(status, headers, body.len(), body))
}

/// Headers that promise `length` bytes, and `body`.
pub fn raw(status: &str, headers: &[&str], length: usize, body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n");
    headers.iter().for_each(|header| head.push_str(&format!("{header}\r\n")));
    [head.as_bytes(), b"\r\n", body].concat()
}

/// A running server; its threads end with the process.
pub struct Server {
    pub address: String,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// `answer` gets the request and how many with the same line came before it.
    pub fn start(answer: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (log, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let shared = Arc::clone(&log);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &log, &*answer));
            }
        });
        Server { address, log }
    }

    /// What came, without the probes for plain HTTP.
    pub fn asked(&self) -> Vec<Asked> {
        let log = self.log.lock().unwrap();
        log.iter().filter(|asked| asked.line != "GET /v2/").cloned().collect()
    }

    /// Method and path of each.
    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

fn serve(stream: TcpStream, log: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked, usize) -> Reply) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let asked = read(&mut reader)?;
        let before = {
            let mut log = log.lock().unwrap();
            let before = log.iter().filter(|earlier| earlier.line == asked.line).count();
            log.push(asked.clone());
            before
        };
        match answer(&asked, before) {
            Reply::Send(bytes) => writer.write_all(&bytes).ok()?,
            Reply::Drop(bytes) => {
                writer.write_all(&bytes).ok()?;
                return None;
            }
            Reply::Stall(bytes) => {
                writer.write_all(&bytes).ok()?;
                thread::sleep(Duration::from_secs(600));
            }
            Reply::Drip(bytes) => {
                writer.write_all(&bytes).ok()?;
                loop {
                    thread::sleep(Duration::from_millis(50));
                    writer.write_all(b"x").ok()?;
                }
            }
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    let mut next = |line: &mut String| {
        line.clear();
        reader.read_line(line).ok().filter(|count| *count > 0)
    };
    next(&mut line)?;
    let first = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut headers = Vec::new();
    while next(&mut line).is_some() && !line.trim().is_empty() {
        let (key, value) = line.trim_end().split_once(": ")?;
        headers.push((key.to_ascii_lowercase(), value.to_owned()));
    }
    let mut asked = Asked { line: first, headers, body: String::new() };
    let mut body = vec![0; asked.header("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8(body).ok()?;
    Some(asked)
}
