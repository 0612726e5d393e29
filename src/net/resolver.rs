//! Names to addresses without the C library, whose static build needs files that Android does not have.
//!
//! In order: address literals, `localhost` (RFC 6761), `/etc/hosts`, Android's daemon, the name servers of
//! `/etc/resolv.conf`, or of Termux's, or, where there are none, Google's public ones. No multicast DNS, no NIS, no
//! cache beyond a minute.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, fs, io};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::ResolvedSocketAddrs;
use ureq::unversioned::transport::NextTimeout;

use super::dns::{self, Answer, RecordType};
use super::netd;
use super::resolv_conf::ResolvConf;
use super::retry;
use crate::error::{Error, Result, reason};
use crate::host::Host;

/// How long an address is believed.
const REMEMBERED: Duration = Duration::from_secs(60);

/// A look-up is given up after this time, even if ureq would wait longer.
const LONGEST: Duration = Duration::from_secs(120);

/// A socket's timeout may not be zero.
const SHORTEST: Duration = Duration::from_millis(1);

/// Android's paranoid network: sockets are for the members of group inet.
pub const NO_SOCKETS: &str =
    "this process may not use the network; on Android it must be in group 3003 (inet)";

/// How many aliases are followed from message to message.
const ALIASES_MAX: usize = 8;

/// ureq takes no more addresses than this.
const ADDRESSES_MAX: usize = 16;

/// Resolves names for ureq.
pub struct Resolver {
    hosts: Vec<PathBuf>,
    resolv_confs: Vec<PathBuf>,
    /// The socket of Android's resolver daemon.
    daemon: Option<PathBuf>,
    /// Where name servers listen: 53, but for tests.
    port: u16,
    known: Mutex<HashMap<String, (Instant, Vec<IpAddr>)>>,
}

impl Resolver {
    /// Reads its files at the first name.
    pub fn of(host: &Host) -> Resolver {
        let both = |name: &str| {
            let termux = host.termux().map(|termux| host.file(termux.prefix.join("etc").join(name)));
            [host.file(format!("/etc/{name}"))].into_iter().chain(termux).collect()
        };
        let daemon = host.is_android().then(|| host.file("/dev/socket/dnsproxyd"));
        Resolver { daemon, ..Resolver::with(both("hosts"), both("resolv.conf"), 53) }
    }

    /// With these files, and name servers at `port`.
    pub fn with(hosts: Vec<PathBuf>, resolv_confs: Vec<PathBuf>, port: u16) -> Resolver {
        Resolver { hosts, resolv_confs, daemon: None, port, known: Mutex::default() }
    }

    /// The addresses of a host name, IPv4 first: a phone's IPv6 is often announced and dead, and the other way
    /// round the kernel tells at once.
    pub fn look_up(&self, name: &str, deadline: Instant) -> Result<Vec<IpAddr>> {
        let bare = name.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        if let Ok(address) = bare.parse() {
            return Ok(vec![address]);
        }
        if bare == "localhost" || bare.ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let listed: Vec<IpAddr> = self
            .hosts
            .iter()
            .filter_map(|path| fs::read_to_string(path).ok())
            .flat_map(|text| in_hosts(&text, &bare))
            .collect();
        if !listed.is_empty() {
            return Ok(listed);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((until, addresses)) = known.get(&bare)
            && Instant::now() < *until
        {
            return Ok(addresses.clone());
        }
        // Half the time: the other half is for the name servers.
        let wait = (deadline.saturating_duration_since(Instant::now()) / 2).max(SHORTEST);
        let by_daemon = self.daemon.as_ref().and_then(|socket| netd::look_up(socket, &bare, wait).ok());
        let addresses = match by_daemon {
            Some(mut addresses) if !addresses.is_empty() => {
                addresses.sort_by_key(IpAddr::is_ipv6);
                addresses
            }
            _ => {
                let conf = ResolvConf::first_of(&self.resolv_confs);
                Asker { conf: &conf, port: self.port, deadline }.find(&bare, name.ends_with('.'))?
            }
        };
        known.insert(bare, (Instant::now() + REMEMBERED, addresses.clone()));
        Ok(addresses)
    }
}

/// One look-up.
struct Asker<'a> {
    conf: &'a ResolvConf,
    port: u16,
    deadline: Instant,
}

/// What all servers together said of one name.
enum Found {
    Addresses(Vec<IpAddr>),
    Nothing,
}

impl Asker<'_> {
    fn find(&self, name: &str, absolute: bool) -> Result<Vec<IpAddr>> {
        for candidate in self.conf.candidates(name, absolute) {
            if let Found::Addresses(addresses) = self.follow(candidate)? {
                return Ok(addresses);
            }
        }
        Err(Error::network(format_args!("cannot find the host '{name}': DNS does not know it"))
            .hint("check the name, and that the network works"))
    }

    fn follow(&self, mut name: String) -> Result<Found> {
        for _ in 0..ALIASES_MAX {
            match self.ask_servers(&name)? {
                Ok(found) => return Ok(found),
                Err(alias) => name = alias,
            }
        }
        Err(Error::network(format_args!("'{name}': more than {ALIASES_MAX} aliases")))
    }

    /// Each server in turn, `attempts` rounds, until one answers; the inner error is an alias to follow.
    fn ask_servers(&self, name: &str) -> Result<Result<Found, String>> {
        let mut why = "there is no name server".to_owned();
        let mut hint = "check the network, and the name servers in /etc/resolv.conf";
        for _ in 0..self.conf.attempts {
            for server in &self.conf.servers {
                match self.ask(SocketAddr::new(server.ip(), self.port), server, name) {
                    Ok(answers) => match combine(answers) {
                        Ok(outcome) => return Ok(outcome),
                        Err(code) => why = format!("name server {} answers with code {code}", server.ip()),
                    },
                    Err(error) => {
                        why = format!("name server {}: {}", server.ip(), plain(&error));
                        if error.kind() == io::ErrorKind::PermissionDenied {
                            hint = NO_SOCKETS;
                        }
                    }
                }
                if Instant::now() >= self.deadline {
                    break;
                }
            }
        }
        Err(Error::network(format_args!("cannot find the host '{name}': no network, or no DNS ({why})"))
            .hint(hint))
    }

    /// Asks one server for IPv4 and IPv6 addresses at once. If one of the two answers is lost, the other one counts.
    fn ask(&self, address: SocketAddr, server: &SocketAddr, name: &str) -> io::Result<Vec<Answer>> {
        let server = match (address, server) {
            (SocketAddr::V6(mut address), SocketAddr::V6(server)) => {
                address.set_scope_id(server.scope_id());
                SocketAddr::V6(address)
            }
            (address, _) => address,
        };
        let mut open = Vec::new();
        for record_type in [RecordType::A, RecordType::Aaaa] {
            let id = retry::random();
            let question = dns::question(id, name, record_type).ok_or(io::ErrorKind::InvalidInput)?;
            open.push((id, record_type, question));
        }
        let local: IpAddr =
            if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        // The kernel picks a random port, and a connected socket takes answers from this server only.
        let socket = UdpSocket::bind((local, 0))?;
        socket.connect(server)?;
        for (_, _, question) in &open {
            socket.send(question)?;
        }
        let until = self.deadline.min(Instant::now() + self.conf.timeout);
        let (mut answers, mut buffer) = (Vec::new(), [0; 4096]);
        while !open.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            socket.set_read_timeout(Some(left))?;
            let length = match socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    break;
                }
                Err(error) => return Err(error),
            };
            let read = |(id, record_type, _): &(u16, RecordType, Vec<u8>)| {
                dns::answer(&buffer[..length], *id, name, *record_type)
            };
            if let Some((at, answer)) =
                open.iter().enumerate().find_map(|(at, asked)| Some((at, read(asked)?)))
            {
                let (id, record_type, question) = open.swap_remove(at);
                answers.push(match answer {
                    Answer::Truncated => self.ask_by_tcp(server, id, &question, name, record_type)?,
                    answer => answer,
                });
            }
        }
        if answers.is_empty() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(answers) }
    }

    /// RFC 7766: the same question behind two bytes of length.
    fn ask_by_tcp(
        &self,
        server: SocketAddr,
        id: u16,
        question: &[u8],
        name: &str,
        record_type: RecordType,
    ) -> io::Result<Answer> {
        let mut stream = TcpStream::connect_timeout(&server, self.conf.timeout)?;
        stream.set_read_timeout(Some(self.conf.timeout))?;
        stream.set_write_timeout(Some(self.conf.timeout))?;
        let length = u16::try_from(question.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        stream.write_all(&[&length.to_be_bytes(), question].concat())?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut message)?;
        match dns::answer(&message, id, name, record_type) {
            Some(Answer::Truncated) | None => Err(io::ErrorKind::InvalidData.into()),
            Some(answer) => Ok(answer),
        }
    }
}

/// The two answers as one; the outer error is a server's failure code.
fn combine(answers: Vec<Answer>) -> Result<Result<Found, String>, u8> {
    let (mut addresses, mut alias, mut failed, mut answered) = (Vec::new(), None, None, false);
    for answer in answers {
        match answer {
            Answer::Addresses(found) => {
                addresses.extend(found);
                answered = true;
            }
            Answer::Alias(target) => alias = Some(target),
            Answer::NoName => answered = true,
            Answer::Failed(code) => failed = Some(code),
            Answer::Truncated => {}
        }
    }
    addresses.sort_by_key(IpAddr::is_ipv6);
    match (addresses.is_empty(), alias, failed) {
        (false, ..) => Ok(Ok(Found::Addresses(addresses))),
        (true, Some(alias), _) => Ok(Err(alias)),
        // A server that fails for one type and has no address of the other does not know the name.
        (true, None, Some(code)) => Err(code),
        (true, None, None) if answered => Ok(Ok(Found::Nothing)),
        (true, None, None) => Err(0),
    }
}

/// The addresses of a name in a hosts file (hosts(5)).
fn in_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let address = words.next()?.parse().ok()?;
            words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
        })
        .collect()
}

fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => "no answer".to_owned(),
        _ => reason(error),
    }
}

impl ureq::unversioned::resolver::Resolver for Resolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let deadline = Instant::now() + (*timeout.after).min(LONGEST);
        let found =
            self.look_up(host, deadline).map_err(|error| ureq::Error::Other(Box::new(Failed(error))))?;
        let found = found.into_iter().map(|address| SocketAddr::new(address, port));
        let mut addresses = ureq::unversioned::resolver::Resolver::empty(self);
        config.ip_family().keep_wanted(found).take(ADDRESSES_MAX).for_each(|address| addresses.push(address));
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("resolv_confs", &self.resolv_confs).finish_non_exhaustive()
    }
}

/// Our error on its way through ureq.
#[derive(Debug)]
struct Failed(Error);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failed {}

/// Our error inside ureq's, where a look-up failed; anything else comes back as it was.
pub fn failure(error: ureq::Error) -> Result<Error, ureq::Error> {
    match error {
        ureq::Error::Other(inner) => match inner.downcast::<Failed>() {
            Ok(failed) => Ok(failed.0),
            Err(inner) => Err(ureq::Error::Other(inner)),
        },
        error => Err(error),
    }
}
