//! Real handshakes and transfers, on loopback.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CipherSuite, ClientConfig, ClientConnection, NamedGroup, RootCertStore, StreamOwned};

use super::pki::{HERE, Pki, Server};
use crate::tls::{config, provider};

/// The provider with one suite left and one group preferred (TLS 1.2 also wants the certificate's curve offered).
fn only(suite: CipherSuite, group: NamedGroup) -> Arc<CryptoProvider> {
    let mut provider = (*provider()).clone();
    provider.cipher_suites.retain(|candidate| candidate.suite() == suite);
    provider.kx_groups.sort_by_key(|candidate| candidate.name() != group);
    Arc::new(provider)
}

fn client(pki: &Pki, authority: &str, provider: Arc<CryptoProvider>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.authority(authority)).unwrap()).unwrap();
    Arc::new(config::client(provider, Some(roots)).unwrap())
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn connect(config: &Arc<ClientConfig>, server: &Server, name: &str) -> Result<Stream, rustls::Error> {
    let name = name.to_owned().try_into().unwrap();
    let mut connection = ClientConnection::new(Arc::clone(config), name)?;
    let mut socket = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    match connection.complete_io(&mut socket) {
        Ok(_) => Ok(StreamOwned::new(connection, socket)),
        Err(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(inner) => Err(inner.clone()),
            None => panic!("{error}"),
        },
    }
}

/// With `s_server -rev`.
fn echo(stream: &mut Stream) {
    stream.write_all(b"desserts\n").unwrap();
    let mut answer = [0; 9];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"stressed\n");
}

#[test]
fn every_suite_and_group() {
    let pki = Pki::new();
    let servers = ["p256", "rsa2048"].map(|kind| {
        let identity = pki.identity(kind, "p256", "-sha256", HERE);
        pki.serve(&identity, "-rev -groups X25519:P-256:P-384")
    });
    let mut suites = 0;
    for suite in &provider().cipher_suites {
        for group in [NamedGroup::X25519, NamedGroup::secp256r1, NamedGroup::secp384r1] {
            let rsa = suite.suite().as_str().unwrap().contains("_RSA_");
            let config = client(&pki, "p256", only(suite.suite(), group));
            let mut stream = connect(&config, &servers[usize::from(rsa)], "localhost").unwrap();
            echo(&mut stream);
            assert_eq!(stream.conn.negotiated_cipher_suite(), Some(*suite));
            assert_eq!(stream.conn.negotiated_key_exchange_group().unwrap().name(), group);
            suites += 1;
        }
    }
    assert_eq!(suites, 27);
}
