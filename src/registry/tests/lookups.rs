//! The resolver against name servers of our own.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::host::Host;
use crate::net::dns::tests::{encoded, response};
use crate::net::resolver::Resolver;
use crate::testing::TempDir;

/// A reply to a question, given whether it came by TCP; `None` is silence.
type Script = dyn Fn(&[u8], bool) -> Option<Vec<u8>> + Send + Sync;

/// Answers on 127.0.0.1 and a port of its own.
fn serve(script: Arc<Script>) -> u16 {
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            break (udp, tcp);
        }
    };
    let port = udp.local_addr().unwrap().port();
    let by_udp = Arc::clone(&script);
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = udp.recv_from(&mut buffer) {
            if let Some(reply) = by_udp(&buffer[..length], false) {
                udp.send_to(&reply, from).unwrap();
            }
        }
    });
    thread::spawn(move || {
        for mut stream in tcp.incoming().map_while(std::result::Result::ok) {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut question = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut question).unwrap();
            let reply = script(&question, true).unwrap();
            stream.write_all(&[&(reply.len() as u16).to_be_bytes(), &reply[..]].concat()).unwrap();
        }
    });
    port
}

/// A resolver with this hosts file and resolv.conf.
fn look_up(hosts: &str, conf: &str, port: u16, name: &str) -> Result<Vec<IpAddr>> {
    let dir = TempDir::new();
    let file = |name: &str, text: &str| -> Vec<PathBuf> {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        vec![path]
    };
    let resolver = Resolver::with(file("hosts", hosts), file("resolv.conf", conf), port);
    resolver.look_up(name, Instant::now() + Duration::from_secs(20))
}

fn addresses(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|text| text.parse().unwrap()).collect()
}

fn asks_for(question: &[u8], name: &str) -> bool {
    question[12..].starts_with(&encoded(name))
}

fn is_a(question: &[u8]) -> bool {
    question[question.len() - 3] == 1
}

const CONF: &str = "nameserver 127.0.0.1\noptions timeout:1 attempts:2\nsearch lan";

#[test]
fn without_a_server() {
    let none = |name| look_up("10.0.0.7 Reg.lan reg # x\n::7 reg", CONF, 9, name);
    assert_eq!(none("reg").unwrap(), addresses(&["10.0.0.7", "::7"]));
    assert_eq!(none("REG.lan").unwrap(), addresses(&["10.0.0.7"]));
    assert_eq!(none("[::1]").unwrap(), addresses(&["::1"]));
    assert_eq!(none("a.localhost").unwrap(), addresses(&["127.0.0.1", "::1"]));
    let error = none("x").unwrap_err();
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
}

#[test]
fn both_kinds_of_addresses_ipv4_first_through_an_alias() {
    let port = serve(Arc::new(|question, _| {
        let records = match (asks_for(question, "r.io"), is_a(question)) {
            (true, _) => vec![("r.io", 5, encoded("cdn.io"))],
            (false, true) => vec![("cdn.io", 1, vec![10, 0, 0, 1])],
            (false, false) => vec![("cdn.io", 28, vec![0xfd; 16])],
        };
        Some(response(question, 0, &records))
    }));
    let found = look_up("", CONF, port, "r.io").unwrap();
    assert_eq!((found.len(), found[0]), (2, "10.0.0.1".parse().unwrap()));
}

#[test]
fn one_kind_may_be_lost_and_forgeries_are_passed_over() {
    let port = serve(Arc::new(|question, _| {
        let mut reply = response(question, 0, &[("r.io", 1, vec![10, 0, 0, 1])]);
        if !is_a(question) {
            reply[0] ^= 1;
        }
        Some(reply)
    }));
    assert_eq!(look_up("", CONF, port, "r.io").unwrap(), addresses(&["10.0.0.1"]));
}

#[test]
fn long_answers_come_by_tcp() {
    let port = serve(Arc::new(|question, tcp| {
        let records: &[(&str, u16, Vec<u8>)] = &[("r.io", 1, vec![10, 0, 0, 2])];
        let mut reply = response(question, 0, if tcp && is_a(question) { records } else { &[] });
        if !tcp {
            reply[2] |= 2;
        }
        Some(reply)
    }));
    assert_eq!(look_up("", CONF, port, "r.io").unwrap(), addresses(&["10.0.0.2"]));
}

#[test]
fn search_domains_and_missing_names() {
    let port = serve(Arc::new(|question, _| {
        let known = asks_for(question, "reg.lan") && is_a(question);
        let records: &[(&str, u16, Vec<u8>)] = &[("reg.lan", 1, vec![10, 0, 0, 3])];
        Some(response(question, if known { 0 } else { 3 }, if known { records } else { &[] }))
    }));
    assert_eq!(look_up("", CONF, port, "reg").unwrap(), addresses(&["10.0.0.3"]));
    let error = look_up("", CONF, port, "nope.io").unwrap_err();
    assert!(error.to_string().contains("cannot find the host 'nope.io'"), "{error}");
}

#[test]
fn a_server_that_fails_or_is_dead_is_passed_over() {
    let port = serve(Arc::new(|question, _| Some(response(question, 2, &[]))));
    let conf = format!("nameserver 127.0.0.2\n{CONF}");
    let error = look_up("", &conf, port, "r.io").unwrap_err();
    assert!(error.to_string().contains("code 2"), "{error}");
}

#[test]
fn androids_daemon_is_asked_before_any_name_server() {
    let temporary = TempDir::new();
    let tree = temporary.path();
    std::fs::create_dir_all(tree.join("dev/socket")).unwrap();
    let listener = UnixListener::bind(tree.join("dev/socket/dnsproxyd")).unwrap();
    let asked = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut question = [0; 29];
        stream.read_exact(&mut question).unwrap();
        let entry = [1u32, 0, 2, 1, 6, 8].map(u32::to_be_bytes).concat();
        stream.write_all(&[b"222\0", &entry[..], &[2, 0, 0, 0, 10, 0, 0, 9], &[0; 8]].concat()).unwrap();
        String::from_utf8_lossy(&question).into_owned()
    });
    let resolver = Resolver::of(&Host::at(tree, [("ANDROID_ROOT", "/system")]));
    let found = resolver.look_up("R.io", Instant::now() + Duration::from_secs(20));
    assert_eq!(found.unwrap(), addresses(&["10.0.0.9"]));
    assert_eq!(asked.join().unwrap(), "getaddrinfo r.io ^ 0 0 1 0 0\0");
}
