//! SOCKS5 proxies (RFC 1928, RFC 1929): a link of ureq's connector chain.
//!
//! The proxy is given names, not addresses: it resolves them.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use ureq::http::Uri;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Proxy, ProxyProtocol};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const CONNECT: u8 = 1;

/// Goes before the TCP connector. Idle unless the proxy is a SOCKS5 one.
#[derive(Debug)]
pub struct Socks;

impl<In: Transport> Connector<In> for Socks {
    type Out = Either<In, Tunnel>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        if let Some(transport) = chained {
            return Ok(Some(Either::A(transport)));
        }
        let is_socks = |proxy: &&Proxy| proxy.protocol() == ProxyProtocol::Socks5h;
        let Some(proxy) = details.config.proxy().filter(is_socks) else {
            return Ok(None);
        };
        let place = format!("http://{}:{}", proxy.host(), proxy.port());
        let place: Uri = place.parse().map_err(|_| ureq::Error::InvalidProxyUrl)?;
        let addresses = details.resolver.resolve(&place, details.config, details.timeout)?;
        let patience = Patience(Instant::now() + *details.timeout.not_zero().unwrap_or(NO_LIMIT.into()));
        let mut stream = patience.connect(&addresses)?;
        patience.bound(&stream)?;
        greet(&mut stream, proxy)?;
        let host = details.uri.host().unwrap_or_default();
        let default_port = if details.uri.scheme_str() == Some("http") { 80 } else { 443 };
        ask(&mut stream, host, details.uri.port_u16().unwrap_or(default_port))?;
        stream.set_nodelay(true)?;
        let buffers =
            LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(Tunnel { stream, buffers })))
    }
}

/// ureq always sets a limit for connecting; this stands in for none.
const NO_LIMIT: Duration = Duration::from_secs(60);

/// Until when the whole handshake must be done.
struct Patience(Instant);

impl Patience {
    fn left(&self) -> io::Result<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }

    fn connect(&self, addresses: &[SocketAddr]) -> io::Result<TcpStream> {
        let mut last = io::ErrorKind::AddrNotAvailable.into();
        for address in addresses {
            match TcpStream::connect_timeout(address, self.left()?) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn bound(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(self.left()?))?;
        stream.set_write_timeout(Some(self.left()?))
    }
}

/// Agrees on an authentication, and does it.
fn greet(stream: &mut (impl Read + Write), proxy: &Proxy) -> Result<(), ureq::Error> {
    let user = proxy.username().map(|user| (user, proxy.password().unwrap_or_default()));
    match user {
        Some(_) => stream.write_all(&[VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD])?,
        None => stream.write_all(&[VERSION, 1, NO_AUTHENTICATION])?,
    }
    let mut choice = [0; 2];
    stream.read_exact(&mut choice)?;
    match (choice, user) {
        ([VERSION, NO_AUTHENTICATION], _) => Ok(()),
        ([VERSION, USER_AND_PASSWORD], Some((user, password))) => {
            let mut message = vec![1];
            for text in [user, password] {
                message
                    .push(u8::try_from(text.len()).map_err(|_| refused("its user or password is too long"))?);
                message.extend(text.as_bytes());
            }
            stream.write_all(&message)?;
            stream.read_exact(&mut choice)?;
            if choice[1] == 0 { Ok(()) } else { Err(refused("it refuses the user and password")) }
        }
        ([VERSION, _], _) => Err(refused("it wants an authentication that we do not have")),
        _ => Err(refused("it does not speak SOCKS5")),
    }
}

/// Asks for the connection.
fn ask(stream: &mut (impl Read + Write), host: &str, port: u16) -> Result<(), ureq::Error> {
    let mut request = vec![VERSION, CONNECT, 0];
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(1);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(4);
            request.extend(address.octets());
        }
        Err(_) => {
            request.push(3);
            request.push(u8::try_from(host.len()).map_err(|_| refused("the host's name is too long"))?);
            request.extend(host.as_bytes());
        }
    }
    request.extend(port.to_be_bytes());
    stream.write_all(&request)?;

    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    if head[0] != VERSION || head[1] != 0 {
        return Err(refused(match head[1] {
            1 => "it failed",
            2 => "its rules do not allow it",
            3 => "the network is unreachable",
            4 => "the host is unreachable, or unknown",
            5 => "the connection was refused",
            6 => "it took too long",
            _ => "it cannot do that",
        }));
    }
    // The address it is bound to, of no use to us.
    let length = match head[3] {
        1 => 4,
        4 => 16,
        _ => {
            let mut length = [0];
            stream.read_exact(&mut length)?;
            usize::from(length[0])
        }
    };
    stream.read_exact(&mut vec![0; length + 2])?;
    Ok(())
}

fn refused(why: &str) -> ureq::Error {
    ureq::Error::ConnectProxyFailed(why.to_owned())
}

/// A connection through the proxy.
pub struct Tunnel {
    stream: TcpStream,
    buffers: LazyBuffers,
}

impl Transport for Tunnel {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let timeout = timeout.for_write();
        self.stream.set_write_timeout(timeout.not_zero().map(|left| *left))?;
        self.stream.write_all(&self.buffers.output()[..amount]).map_err(|error| timely(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let timeout = timeout.for_read();
        self.stream.set_read_timeout(timeout.not_zero().map(|left| *left))?;
        let count =
            self.stream.read(self.buffers.input_append_buf()).map_err(|error| timely(error, timeout))?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// An idle connection has nothing to say: end of file and stray bytes alike mean that it is over.
    fn is_open(&mut self) -> bool {
        let peeked = self.stream.set_nonblocking(true).and_then(|()| self.stream.peek(&mut [0]));
        let idle = matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        self.stream.set_nonblocking(false).is_ok() && idle
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").field("peer", &self.stream.peer_addr().ok()).finish_non_exhaustive()
    }
}

/// A socket's timeout shows as `EAGAIN` (socket(7), `SO_RCVTIMEO`).
fn timely(error: io::Error, timeout: NextTimeout) -> ureq::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ureq::Error::Timeout(timeout.reason),
        _ => error.into(),
    }
}
