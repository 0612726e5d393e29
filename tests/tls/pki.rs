//! Keys and certificates by the openssl program, and its test server on loopback.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The names of a certificate for the test server.
pub const HERE: &str = "DNS:localhost,IP:127.0.0.1";

/// A directory of keys and certificates, gone when dropped.
pub struct Pki {
    dir: PathBuf,
}

/// A server's certificate and key.
pub struct Identity {
    pub certificate: PathBuf,
    key: PathBuf,
}

impl Pki {
    pub fn new() -> Pki {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("cd-tls-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        Pki { dir }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A private key: "rsa2048", "p256", "ed25519" and so on. Made once each.
    fn key(&self, kind: &str) -> PathBuf {
        let path = self.dir.join(format!("{kind}.key"));
        if !path.exists() {
            let option = match kind.strip_prefix("rsa") {
                Some(bits) => format!("-algorithm RSA -pkeyopt rsa_keygen_bits:{bits}"),
                None if kind == "ed25519" => "-algorithm ED25519".to_owned(),
                None => format!("-algorithm EC -pkeyopt ec_paramgen_curve:P-{}", &kind[1..]),
            };
            self.openssl(&format!("genpkey {option} -out {kind}.key"));
        }
        path
    }

    /// A self-signed authority with a key of that kind. Made once each.
    pub fn authority(&self, kind: &str) -> PathBuf {
        let path = self.dir.join(format!("{kind}-ca.pem"));
        if !path.exists() {
            self.key(kind);
            self.openssl(&format!(
                "req -x509 -new -key {kind}.key -subj /CN={kind}-authority -days 30 -out {kind}-ca.pem"
            ));
        }
        path
    }

    /// A server's certificate with its own kind of key, signed by `authority` with `options` ("-sha384").
    pub fn identity(&self, kind: &str, authority: &str, options: &str, names: &str) -> Identity {
        self.sign(kind, authority, names, |request, extensions, out| {
            format!(
                "x509 -req -in {request} -CA {authority}-ca.pem -CAkey {authority}.key -extfile {extensions} \
                 -days 30 {options} -out {out}"
            )
        })
    }

    /// As [`Pki::identity`], valid between two times (`YYMMDDHHMMSSZ`).
    pub fn identity_between(&self, authority: &str, start: &str, end: &str) -> Identity {
        fs::write(self.dir.join("index.txt"), "").unwrap();
        fs::write(
            self.dir.join("ca.cnf"),
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\ndefault_md=sha256\nrand_serial=yes\npolicy=p\n\
             [p]\ncommonName=optional\n",
        )
        .unwrap();
        self.sign("p256", authority, HERE, |request, extensions, out| {
            format!(
                "ca -batch -config ca.cnf -notext -in {request} -cert {authority}-ca.pem \
                 -keyfile {authority}.key -extfile {extensions} -startdate {start} -enddate {end} -out {out}"
            )
        })
    }

    fn sign(
        &self,
        kind: &str,
        authority: &str,
        names: &str,
        command: impl FnOnce(&str, &str, &str) -> String,
    ) -> Identity {
        let key = self.key(kind);
        self.authority(authority);
        let count = fs::read_dir(&self.dir).unwrap().count();
        let [request, extensions, out] = ["csr", "ext", "pem"].map(|suffix| format!("{count}.{suffix}"));
        fs::write(self.dir.join(&extensions), format!("subjectAltName={names}\n")).unwrap();
        self.openssl(&format!("req -new -key {kind}.key -subj /CN=server -out {request}"));
        self.openssl(&command(&request, &extensions, &out));
        Identity { certificate: self.dir.join(out), key }
    }

    /// A server's certificate that an intermediate authority with this key usage has signed, below the P-256 one. With
    /// "none", it says nothing of usage. Its certificate is in `intermediate.pem`.
    pub fn below_an_intermediate(&self, usage: &str) -> Identity {
        self.authority("p256");
        let usage = if usage == "none" { String::new() } else { format!("keyUsage=critical,{usage}\n") };
        fs::write(self.dir.join("ca.ext"), format!("basicConstraints=critical,CA:TRUE\n{usage}")).unwrap();
        fs::write(self.dir.join("server.ext"), format!("subjectAltName={HERE}\n")).unwrap();
        let (key, _) = (self.key("p384"), self.key("rsa2048"));
        for (name, kind, signer, with) in [
            ("intermediate", "rsa2048", "p256-ca.pem", "p256.key"),
            ("server", "p384", "intermediate.pem", "rsa2048.key"),
        ] {
            let extensions = if name == "server" { "server.ext" } else { "ca.ext" };
            self.openssl(&format!("req -new -key {kind}.key -subj /CN={name} -out {name}.csr"));
            self.openssl(&format!(
                "x509 -req -in {name}.csr -CA {signer} -CAkey {with} -extfile {extensions} -days 30 -out {name}.pem"
            ));
        }
        Identity { certificate: self.dir.join("server.pem"), key }
    }

    /// An authority that presents itself as a server, as `openssl req -x509` makes by default.
    pub fn self_signed(&self, kind: &str, names: &str) -> Identity {
        let key = self.key(kind);
        self.openssl(&format!(
            "req -x509 -new -key {kind}.key -subj /CN=self -addext subjectAltName={names} -days 30 -out {kind}-self.pem"
        ));
        Identity { certificate: self.dir.join(format!("{kind}-self.pem")), key }
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(&self.dir)
            .output()
            .unwrap();
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// `openssl s_server` with the identity; it works in the directory.
    pub fn serve(&self, identity: &Identity, options: &str) -> Server {
        let mut process = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-cert"])
            .arg(&identity.certificate)
            .arg("-key")
            .arg(&identity.key)
            .args(options.split_whitespace())
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(self.dir.join("server.log")).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT 127.0.0.1:")?.parse().ok())
            .expect("the server's port");
        // Keep its standard output flowing, or it stops at a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Server { process, port }
    }
}

impl Drop for Pki {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Ends when dropped.
pub struct Server {
    process: Child,
    pub port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
