//! Which certificate authorities are trusted: Mozilla's, built in, and those that the host or the user names.
//!
//! A static binary meets hosts with no certificate store at all (Android, small images), so the built-in ones
//! always count. `SSL_CERT_FILE` and `SSL_CERT_DIR` take the place of the host's file and directory, as with
//! OpenSSL. What cannot be read or parsed is left out: that makes some server untrusted, never one trusted, and
//! the error that then follows tells of it ([`Roots::problems`]).

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::error::Error;
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
    /// One clause each; only what the user named.
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
    fn named(&mut self, variable: &str, path: &Path, add: fn(&mut Roots, &Path) -> io::Result<usize>) {
        let name = format!("{variable} '{}'", path.display());
        match add(self, path) {
            Ok(0) => self.problems.push(format!("{name} holds no certificate")),
            Ok(_) => {}
            Err(error) => self.problems.push(Error::io(format_args!("read {name}"), error).to_string()),
        }
    }

    fn first_of(
        &mut self,
        paths: impl IntoIterator<Item = PathBuf>,
        add: fn(&mut Roots, &Path) -> io::Result<usize>,
    ) {
        for path in paths {
            if matches!(add(self, &path), Ok(1..)) {
                return;
            }
        }
    }

    /// Adds every certificate of a PEM file that can be parsed; returns how many those are.
    fn add_file(&mut self, path: &Path) -> io::Result<usize> {
        let pem = fs::read(path)?;
        let certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
        let (added, _) = self.store.add_parsable_certificates(certificates);
        Ok(added)
    }

    /// As [`Roots::add_file`], for each file of a directory. Hashed links beside their targets are read once.
    fn add_directory(&mut self, path: &Path) -> io::Result<usize> {
        let mut seen = HashSet::new();
        let mut added = 0;
        for file in fs::read_dir(path)?.filter_map(Result::ok).map(|entry| entry.path()) {
            let fresh = |found: fs::Metadata| found.is_file() && seen.insert((found.dev(), found.ino()));
            if fs::metadata(&file).is_ok_and(fresh) {
                added += self.add_file(&file).unwrap_or(0);
            }
        }
        Ok(added)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    /// A tree that looks like a host.
    struct Tree(TempDir);

    impl Tree {
        fn new() -> Tree {
            Tree(TempDir::new())
        }

        fn put(&self, path: &str, content: &str) -> String {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        }

        /// How many roots there are besides the built-in ones, and what is wrong.
        fn load(&self, env: &[(&str, &str)]) -> (usize, Vec<String>) {
            let roots = Roots::load(&Host::at(self.0.path(), env.iter().copied()));
            (roots.store.len() - webpki_roots::TLS_SERVER_ROOTS.len(), roots.problems)
        }
    }

    /// An authority of ours (P-256, self-signed; its key is gone).
    const ROOT: &str = include_str!("testdata/root.pem");

    #[test]
    fn a_hosts_bundle_is_read_without_its_bad_parts() {
        let tree = Tree::new();
        assert_eq!(tree.load(&[]), (0, vec![]));
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let broken = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let bundle = format!("# comment\n{garbage}{ROOT}{broken}{key}\n{ROOT}");
        tree.put("etc/ssl/cert.pem", &bundle);
        assert_eq!(tree.load(&[]), (2, vec![]));
        // An earlier one of the list takes its place, unless there is nothing in it.
        tree.put("etc/ssl/certs/ca-certificates.crt", ROOT);
        assert_eq!(tree.load(&[]), (1, vec![]));
        tree.put("etc/ssl/certs/ca-certificates.crt", "");
        assert_eq!(tree.load(&[]), (2, vec![]));
    }

    #[test]
    fn a_phone_has_termux_and_androids_store() {
        let tree = Tree::new();
        tree.put("system/build.prop", "");
        tree.put("system/etc/security/cacerts/00673b5b.0", &format!("{ROOT}Certificate:\n    Data:\n"));
        tree.put("system/etc/security/cacerts/5ed36f99.0", ROOT);
        assert_eq!(tree.load(&[]), (2, vec![]));
        tree.put("apex/com.android.conscrypt/cacerts/00673b5b.0", ROOT);
        assert_eq!(tree.load(&[]), (1, vec![]));
        tree.put("data/data/com.termux/files/usr/etc/tls/cert.pem", ROOT);
        assert_eq!(tree.load(&[("TERMUX_VERSION", "0.118")]), (2, vec![]));
    }

    #[test]
    fn variables_take_the_place_of_the_hosts_files() {
        let tree = Tree::new();
        tree.put("etc/ssl/cert.pem", &format!("{ROOT}{ROOT}{ROOT}"));
        tree.put("system/etc/security/cacerts/0.0", ROOT);
        let file = tree.put("mine.pem", ROOT);
        let dir = tree.0.path().join("dir");
        tree.put("dir/a.pem", ROOT);
        tree.put("dir/b.pem", ROOT);
        tree.put("dir/notes", "nothing");
        std::os::unix::fs::symlink("a.pem", dir.join("5ed36f99.0")).unwrap();
        let dir = dir.to_str().unwrap();
        assert_eq!(tree.load(&[("SSL_CERT_FILE", &file)]), (2, vec![]));
        assert_eq!(tree.load(&[("SSL_CERT_DIR", dir)]), (5, vec![]));
        assert_eq!(tree.load(&[("SSL_CERT_FILE", &file), ("SSL_CERT_DIR", dir)]), (3, vec![]));
        assert_eq!(tree.load(&[("SSL_CERT_FILE", "")]), (4, vec![]));
        let (count, problems) = tree.load(&[("SSL_CERT_FILE", dir), ("SSL_CERT_DIR", &format!("/no:{dir}"))]);
        assert_eq!(count, 2);
        assert_eq!(
            problems,
            [
                format!("cannot read SSL_CERT_FILE '{dir}': Is a directory"),
                "cannot read SSL_CERT_DIR '/no': No such file or directory".to_owned(),
            ]
        );
    }
}
