//! The link of ureq's connector chain that puts TLS on a TCP connection or proxy tunnel.
//!
//! ureq's own one takes whole root certificates only; the built-in roots are bare trust anchors, a third of the
//! size. And this one keeps what a refused certificate was refused for.

use std::fmt;
use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Either, LazyBuffers, NextTimeout, TransportAdapter,
};

use super::provider::provider;
use super::roots::Roots;
use super::{config, failure};
use crate::host::Host;

/// Goes last in the chain. Roots are read at the first `https` connection, once.
///
/// ```
/// use chroot_distro::{host::Host, tls};
/// use ureq::unversioned::resolver::DefaultResolver;
/// use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};
///
/// let chain = ()
///     .chain(ConnectProxyConnector::default())
///     .chain(TcpConnector::default())
///     .chain(tls::Connector::new(Host::detect(), false));
/// let agent = ureq::Agent::with_parts(Default::default(), chain, DefaultResolver::default());
/// ```
pub struct Connector {
    host: Host,
    insecure: bool,
    setup: OnceLock<Result<Setup, rustls::Error>>,
}

struct Setup {
    config: Arc<ClientConfig>,
    /// What went wrong with the roots: told when a certificate is not trusted.
    problems: Vec<String>,
}

impl Connector {
    /// `host` says where certificates are. With `insecure` any certificate is accepted.
    pub fn new(host: Host, insecure: bool) -> Connector {
        Connector { host, insecure, setup: OnceLock::new() }
    }

    fn setup(&self) -> Result<&Setup, rustls::Error> {
        let setup = self.setup.get_or_init(|| {
            let (roots, problems) = if self.insecure {
                (None, Vec::new())
            } else {
                let roots = Roots::load(&self.host);
                (Some(roots.store), roots.problems)
            };
            Ok(Setup { config: Arc::new(config::client(provider(), roots)?), problems })
        });
        setup.as_ref().map_err(Clone::clone)
    }
}

impl<In: ureq::unversioned::transport::Transport> ureq::unversioned::transport::Connector<In> for Connector {
    type Out = Either<In, Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(inner) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() || inner.is_tls() {
            return Ok(Some(Either::A(inner)));
        }
        let host = bare_host(details.uri.host().unwrap_or_default());
        let refuse = |error: rustls::Error, problems: &[String]| {
            ureq::Error::Other(Box::new(failure::explain(host, &error, problems)))
        };
        let setup = self.setup().map_err(|error| refuse(error, &[]))?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| ureq::Error::BadUri(format!("'{host}' is not a host name")))?;
        let mut connection = ClientConnection::new(Arc::clone(&setup.config), name)
            .map_err(|error| refuse(error, &setup.problems))?;

        let mut socket = TransportAdapter::new(inner.boxed(), Arc::clone(&details.current_time));
        socket.set_timeout(details.timeout);
        connection.complete_io(&mut socket).map_err(|error| match failure::cause(&error) {
            Some(cause) => refuse(cause.clone(), &setup.problems),
            None => error.into(),
        })?;

        let buffers =
            LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(Transport { buffers, stream: StreamOwned::new(connection, socket) })))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("insecure", &self.insecure).finish_non_exhaustive()
    }
}

/// A URI writes an IPv6 address in brackets (RFC 3986), a certificate does not.
fn bare_host(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// An encrypted connection.
pub struct Transport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl ureq::unversioned::transport::Transport for Transport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        Ok(self.stream.write_all(&self.buffers.output()[..amount])?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("inner", self.stream.sock.get_ref()).finish_non_exhaustive()
    }
}
