//! Which certificate authorities are trusted: Mozilla's, built in, and those that the host or the user names.
//!
//! A static binary meets hosts with no certificate store at all (Android, small images), so the built-in ones
//! always count. `SSL_CERT_FILE` and `SSL_CERT_DIR` take the place of the host's file and directory, as with
//! OpenSSL. What cannot be read or parsed is left out: that makes some server untrusted, never one trusted, and
//! the error that then follows tells of it ([`Roots::problems`]).

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{collections::HashSet, env, fs};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::host::Host;

/// The usual bundles; the first that is there is read, after Termux's.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Arch, Alpine, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL 7 and later
    "/etc/pki/tls/certs/ca-bundle.crt",   // RHEL 6
    "/etc/ssl/ca-bundle.pem",             // openSUSE
    "/etc/ssl/cert.pem",                  // OpenWrt
];

/// Android's stores, a file a certificate; the first that is there is read. Since Android 14 the one that comes
/// with the updatable module counts.
const DIRECTORIES: [&str; 2] = ["/apex/com.android.conscrypt/cacerts", "/system/etc/security/cacerts"];

/// The trusted authorities, and what went wrong while they were gathered.
pub(super) struct Roots {
    pub store: RootCertStore,
    /// One clause each; only what the user named himself.
    pub problems: Vec<String>,
}

impl Roots {
    /// Reads every source. With a Debian bundle (220 KB) it takes a few milliseconds.
    pub fn load(host: &Host) -> Roots {
        let mut roots = Roots {
            store: RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
            problems: Vec::new(),
        };
        match host.var("SSL_CERT_FILE") {
            Some(path) => roots.named("SSL_CERT_FILE", Path::new(path), Roots::add_file),
            None => {
                let termux = host.termux().map(|termux| termux.prefix.join("etc/tls/cert.pem"));
                let bundles = termux.into_iter().chain(BUNDLES.map(PathBuf::from));
                roots.first_of(bundles.map(|path| host.file(path)), Roots::add_file);
            }
        }
        match host.var("SSL_CERT_DIR") {
            Some(paths) => {
                for path in env::split_paths(paths).filter(|path| !path.as_os_str().is_empty()) {
                    roots.named("SSL_CERT_DIR", &path, Roots::add_directory);
                }
            }
            None => roots.first_of(DIRECTORIES.map(|path| host.file(path)), Roots::add_directory),
        }
        roots
    }

    /// A source that the user named: it should be there and hold something.
    fn named(&mut self, variable: &str, path: &Path, add: fn(&mut Roots, &Path) -> std::io::Result<usize>) {
        let problem = match add(self, path) {
            Ok(0) => "holds no certificate".to_owned(),
            Ok(_) => return,
            Err(error) if error.kind() == ErrorKind::NotFound => "does not exist".to_owned(),
            Err(error) => format!("cannot be read ({error})"),
        };
        self.problems.push(format!("{variable} '{}' {problem}", path.display()));
    }

    fn first_of(
        &mut self,
        paths: impl IntoIterator<Item = PathBuf>,
        add: fn(&mut Roots, &Path) -> std::io::Result<usize>,
    ) {
        for path in paths {
            if matches!(add(self, &path), Ok(1..)) {
                return;
            }
        }
    }

    /// Adds every certificate of a PEM file that can be parsed; returns how many those are.
    fn add_file(&mut self, path: &Path) -> std::io::Result<usize> {
        let pem = fs::read(path)?;
        let certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
        let (added, _) = self.store.add_parsable_certificates(certificates);
        Ok(added)
    }

    /// As [`Roots::add_file`], for each file of a directory. Hashed links beside their targets are read once.
    fn add_directory(&mut self, path: &Path) -> std::io::Result<usize> {
        let files: HashSet<PathBuf> =
            fs::read_dir(path)?.filter_map(|entry| fs::canonicalize(entry.ok()?.path()).ok()).collect();
        Ok(files.iter().filter_map(|file| self.add_file(file).ok()).sum())
    }
}
