//! As much HTTP/1.1 as the tests need: a server on a free loopback port, and a client for it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Header fields in order; names in lower case.
#[derive(Debug, Clone, Default)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
    fn read(input: &mut impl BufRead) -> io::Result<Fields> {
        let mut fields = Vec::new();
        loop {
            let mut line = String::new();
            input.read_line(&mut line)?;
            let Some((key, value)) = line.trim_end().split_once(':') else { return Ok(Fields(fields)) };
            fields.push((key.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
}

/// A request, whole.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// With its query.
    pub path: String,
    pub fields: Fields,
    pub body: Vec<u8>,
}

impl Request {
    fn read(input: &mut impl BufRead) -> io::Result<Option<Request>> {
        let Some(mut request) = Request::head(input)? else { return Ok(None) };
        let length = request.fields.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
        request.body = vec![0; length];
        input.read_exact(&mut request.body)?;
        Ok(Some(request))
    }
    /// All but its body.
    pub fn head(input: &mut impl BufRead) -> io::Result<Option<Request>> {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
        let fields = Fields::read(input)?;
        Ok(Some(Request { method, path, fields, body: Vec::new() }))
    }
    /// The address that the client thinks it talks to.
    pub fn host(&self) -> &str {
        self.fields.get("host").unwrap_or_default()
    }
    /// Whether it fetches a blob's bytes.
    pub fn is_blob(&self) -> bool {
        self.method == "GET" && self.path.contains("/blobs/")
    }
    /// Whether it asks for a manifest or index.
    pub fn is_manifest(&self) -> bool {
        self.path.contains("/manifests/")
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status, fields: Vec::new(), body: body.into() }
    }
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.fields.push((name.to_owned(), value.into()));
        self
    }
    pub fn write(&self, request: &Request, out: &mut dyn Write) -> io::Result<()> {
        let mut text = format!("HTTP/1.1 {} Word\r\nContent-Length: {}\r\n", self.status, self.body.len());
        for (name, value) in &self.fields {
            text += &format!("{name}: {value}\r\n");
        }
        out.write_all(format!("{text}\r\n").as_bytes())?;
        if request.method == "HEAD" { Ok(()) } else { out.write_all(&self.body) }
    }
}

/// Whether the connection can take another request.
pub type KeepAlive = bool;

/// Serves until it is dropped; each connection has its thread.
pub struct Server {
    pub port: u16,
    stop: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    accept: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(
        serve: impl Fn(&Request, &mut TcpStream) -> io::Result<KeepAlive> + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let stop = Arc::new(AtomicBool::new(false));
        let open = Arc::new(Mutex::new(Vec::new()));
        let serve = Arc::new(serve);
        let (stopped, connections) = (stop.clone(), open.clone());
        let accept = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(copy) = stream.try_clone() else { continue };
                connections.lock().expect("connections").push(copy);
                let serve = serve.clone();
                std::thread::spawn(move || {
                    let _ = converse(&stream, &*serve); // The client's going away is the client's affair.
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        Server { port, stop, open, accept: Some(accept) }
    }
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = connect(self.port);
        if let Some(accept) = self.accept.take() {
            let _ = accept.join();
        }
        for stream in self.open.lock().expect("connections").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn converse(
    stream: &TcpStream,
    serve: &dyn Fn(&Request, &mut TcpStream) -> io::Result<KeepAlive>,
) -> io::Result<()> {
    let mut input = BufReader::new(stream.try_clone()?);
    let mut output = stream.try_clone()?;
    output.set_nodelay(true)?;
    while let Some(request) = Request::read(&mut input)? {
        if !serve(&request, &mut output)? {
            break;
        }
    }
    Ok(())
}

/// A server of files: path to contents. Answers Range requests.
pub fn files(files: Vec<(String, Vec<u8>)>) -> Server {
    Server::start(move |request, out| {
        let path = request.path.split('?').next().unwrap_or_default();
        let answer = match files.iter().find(|(name, _)| name == path) {
            None => Answer::new(404, "no such file"),
            Some((_, bytes)) => {
                let range = request.fields.get("range").and_then(|r| r.strip_prefix("bytes="));
                match range.and_then(|r| r.split('-').next()?.parse::<usize>().ok()) {
                    Some(from) if from < bytes.len() => Answer::new(206, &bytes[from..])
                        .with("Content-Range", format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len())),
                    _ => Answer::new(200, bytes.as_slice()),
                }
            }
        };
        answer.write(request, out)?;
        Ok(true)
    })
}

pub fn connect(port: u16) -> io::Result<TcpStream> {
    let stream =
        TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Duration::from_secs(5))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

/// Sends `request` to the server on `port`; status, fields, and the body still to be read (to its end).
pub fn forward(request: &Request, port: u16) -> io::Result<(u16, Fields, Box<dyn Read + Send>)> {
    let mut stream = connect(port)?;
    let mut head = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", request.method, request.path);
    for (name, value) in &request.fields.0 {
        if !["connection", "content-length", "transfer-encoding"].contains(&name.as_str()) {
            head += &format!("{name}: {value}\r\n");
        }
    }
    head += &format!("content-length: {}\r\n\r\n", request.body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&request.body)?;
    let mut input = BufReader::new(stream);
    let mut line = String::new();
    input.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("status line {line:?}")))?;
    let fields = Fields::read(&mut input)?;
    let length = fields.get("content-length").and_then(|n| n.parse().ok());
    let chunked = fields.get("transfer-encoding") == Some("chunked");
    let body: Box<dyn Read + Send> = match length {
        _ if request.method == "HEAD" || status == 204 || status == 304 => Box::new(io::empty()),
        _ if chunked => Box::new(io::Cursor::new(dechunk(&mut input)?)),
        Some(length) => Box::new(input.take(length)),
        None => Box::new(input),
    };
    Ok((status, fields, body))
}

fn dechunk(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        input.by_ref().take(size).read_to_end(&mut body)?;
        input.read_line(&mut String::new())?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// A request of our own, answered in full.
pub fn send(port: u16, method: &str, path: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut all = vec![("host".to_owned(), format!("127.0.0.1:{port}"))];
    all.extend(fields.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    let request =
        Request { method: method.into(), path: path.into(), fields: Fields(all), body: body.to_vec() };
    let (status, fields, mut input) = forward(&request, port).expect("a request");
    let mut body = Vec::new();
    input.read_to_end(&mut body).expect("a body");
    Answer { status, fields: fields.0, body }
}
