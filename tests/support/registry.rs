//! A real registry: Debian's `docker-registry` on a free loopback port, in any of its guises.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::command::tool;
use super::http::{Answer, Request, connect, send};
use super::proxy::Fault;
use super::sys;

/// How the registry is reached and who may read it.
#[derive(Clone, Copy, Default)]
pub struct Guise<'a> {
    /// A certificate and key by this authority.
    pub tls: Option<&'a Authority>,
    /// HTTP Basic for this user and password.
    pub basic: Option<(&'a str, &'a str)>,
}

/// A running server; killed when it is dropped, or with the thread that started it.
pub struct Registry {
    child: Child,
    pub port: u16,
    storage: PathBuf,
}

impl Registry {
    /// Plain HTTP, open to all, empty.
    pub fn start() -> Registry {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Registry::serve(PathBuf::from(format!("/tmp/registry-{count}")), Guise::default())
    }
    /// Another server of the same images.
    pub fn disguised(&self, guise: Guise) -> Registry {
        Registry::serve(self.storage.clone(), guise)
    }

    fn serve(storage: PathBuf, guise: Guise) -> Registry {
        fs::create_dir_all(&storage).expect("storage");
        for _ in 0..5 {
            let port = free_port();
            if let Some(child) = attempt(&storage, port, guise) {
                return Registry { child, port, storage };
            }
        }
        let log = fs::read_to_string(storage.with_extension("log")).unwrap_or_default();
        panic!("docker-registry does not start:\n{log}");
    }

    /// `host:port/image`
    pub fn reference(&self, image: &str) -> String {
        format!("127.0.0.1:{}/{image}", self.port)
    }
    /// Uploads a blob under the digest of its bytes.
    pub fn put_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = super::digest(bytes);
        let answer = send(self.port, "POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"");
        let location = answer.fields.iter().find(|(name, _)| name == "location").expect("a location");
        let path = location.1.splitn(4, '/').nth(3).expect("an absolute location");
        let path = format!("/{path}&digest={digest}");
        let kind = [("content-type", "application/octet-stream")];
        let answer = send(self.port, "PUT", &path, &kind, bytes);
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
        digest
    }
    /// Uploads a manifest or index; `reference` is a tag or its digest.
    pub fn put_manifest(&self, repository: &str, reference: &str, media_type: &str, bytes: &[u8]) {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let answer = send(self.port, "PUT", &path, &[("content-type", media_type)], bytes);
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    }
    /// Where the server keeps a blob: a test may tamper with it.
    pub fn blob_file(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").expect("sha256");
        self.storage.join(format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn attempt(storage: &Path, port: u16, guise: Guise) -> Option<Child> {
    let mut config = format!(
        "version: 0.1\nlog: {{level: warn}}\nhttp: {{addr: '127.0.0.1:{port}', secret: s{tls}}}\n\
         storage: {{filesystem: {{rootdirectory: {storage}}}, redirect: {{disable: true}}, delete: {{enabled: true}}}}\n",
        storage = storage.display(),
        tls = match guise.tls {
            Some(authority) => {
                let (certificate, key) = authority.server();
                format!(", tls: {{certificate: {}, key: {}}}", certificate.display(), key.display())
            }
            None => String::new(),
        },
    );
    if let Some((user, password)) = guise.basic {
        let file = storage.with_extension(format!("{port}.htpasswd"));
        fs::write(&file, tool("htpasswd", ["-Bbn", user, password])).expect("htpasswd");
        config += &format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", file.display());
    }
    let file = storage.with_extension(format!("{port}.yml"));
    fs::write(&file, config).expect("config");
    let log = fs::File::create(storage.with_extension("log")).expect("log");
    let program = super::need::program("docker-registry").expect("docker-registry");
    let mut command = Command::new(program);
    command.arg("serve").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
    command.env_clear().env("OTEL_TRACES_EXPORTER", "none");
    sys::die_with_this_thread(&mut command);
    let mut child = command.spawn().expect("docker-registry");
    for _ in 0..1000 {
        if connect(port).is_ok() {
            return Some(child);
        }
        if child.try_wait().expect("wait").is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// A loopback port that is free and that no other test of this run gets. The kernel gives none of this range to anybody by
/// itself: neither to a client's connection, nor to one that a client makes with itself while it looks for a server.
pub fn free_port() -> u16 {
    const PORTS: std::ops::Range<u32> = 10_000..32_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(97);
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    PORTS
        .map(|_| first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS.len() as u32 + PORTS.start)
        .find_map(|port| u16::try_from(port).ok().filter(free))
        .expect("a free port")
}

/// A certificate authority of the test's own, by the `openssl` program.
pub struct Authority {
    dir: PathBuf,
}

impl Authority {
    /// Makes one, and a certificate for `localhost` and 127.0.0.1, in `dir`.
    pub fn new(dir: PathBuf) -> Authority {
        fs::create_dir_all(&dir).expect("a directory");
        let at = |name: &str| dir.join(name).into_os_string();
        let new_key: [std::ffi::OsString; 6] =
            ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"].map(Into::into);
        let mut root = new_key.to_vec();
        root.extend(["-x509", "-days", "30", "-subj", "/CN=test authority", "-addext"].map(Into::into));
        root.extend(["keyUsage=critical,keyCertSign", "-keyout"].map(Into::into));
        root.extend([at("ca.key"), "-out".into(), at("ca.pem")]);
        tool("openssl", root);
        let mut leaf = new_key.to_vec();
        leaf.extend(["-subj".into(), "/CN=localhost".into(), "-keyout".into(), at("server.key")]);
        leaf.extend(["-out".into(), at("server.csr")]);
        tool("openssl", leaf);
        fs::write(
            dir.join("ext"),
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n",
        )
        .expect("extensions");
        let mut sign: Vec<std::ffi::OsString> = vec!["x509".into(), "-req".into(), "-in".into()];
        sign.extend([at("server.csr"), "-CA".into(), at("ca.pem"), "-CAkey".into(), at("ca.key")]);
        sign.extend(["-CAcreateserial", "-days", "30", "-extfile"].map(Into::into));
        sign.extend([at("ext"), "-out".into(), at("server.pem")]);
        tool("openssl", sign);
        Authority { dir }
    }
    /// Its certificate.
    pub fn certificate(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }
    fn server(&self) -> (PathBuf, PathBuf) {
        (self.dir.join("server.pem"), self.dir.join("server.key"))
    }
}

/// The rule of a proxy that demands Bearer tokens and hands them out at `/token`.
pub struct Tokens {
    /// Who gets one; `None`: anybody.
    pub user: Option<(&'static str, &'static str)>,
    /// The name under which the answer holds the token: `token` or `access_token`.
    pub field: &'static str,
    /// Requests that one token is good for.
    pub uses: u32,
    /// How often each token was used.
    pub used: Mutex<Vec<u32>>,
}

impl Tokens {
    pub fn new(user: Option<(&'static str, &'static str)>) -> Tokens {
        Tokens { user, field: "token", uses: u32::MAX, used: Mutex::default() }
    }
    pub fn rule(&self, request: &Request) -> Fault {
        let mut used = self.used.lock().expect("tokens");
        let authorization = request.fields.get("authorization");
        if request.path.starts_with("/token") {
            let wanted = self.user.map(|(user, password)| basic(user, password));
            if wanted.is_some() && authorization != wanted.as_deref() {
                return Fault::Answer(Answer::new(401, "{\"details\":\"incorrect username or password\"}"));
            }
            used.push(0);
            return Fault::Answer(Answer::new(200, format!("{{\"{}\":\"{}\"}}", self.field, used.len() - 1)));
        }
        let token = authorization.and_then(|text| text.strip_prefix("Bearer ")?.parse::<usize>().ok());
        if let Some(count) = token.and_then(|token| used.get_mut(token))
            && *count < self.uses
        {
            *count += 1;
            return Fault::None;
        }
        // Commas inside quotes, a second scheme, any case: all legal (RFC 9110, section 11.6.1).
        let challenge = format!(
            "Negotiate, bearer Realm=\"http://{}/token\", SERVICE=\"a, b\",scope=\"repository:{}:pull\"",
            request.host(),
            repository(&request.path)
        );
        Fault::Answer(
            Answer::new(401, "{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}")
                .with("WWW-Authenticate", challenge),
        )
    }
}

fn repository(path: &str) -> &str {
    let path = path.strip_prefix("/v2/").unwrap_or_default();
    ["/manifests/", "/blobs/"].iter().find_map(|word| Some(path.split_once(word)?.0)).unwrap_or_default()
}

/// `Basic` and the credentials in base64.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
}

pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * index) & 63) as usize] as char;
            text.push(if index <= chunk.len() { digit } else { '=' });
        }
    }
    text
}
