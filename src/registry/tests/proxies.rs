//! HTTP and SOCKS5 proxies, each of which a client of no other network goes through.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::server::{Reply, Server, reply};
use super::{Memory, client};
use crate::error::Result;
use crate::report::Silent;

/// What the far server says.
const FAR: &[u8] = b"from afar";

/// Serves one connection by `handshake`, which tells where the client wants to go, then passes everything on to
/// `server`.
fn proxy(
    server: &Server,
    handshake: impl Fn(&mut TcpStream) -> String + Send + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let (wanted, target) = (Arc::new(Mutex::new(Vec::new())), server.address.clone());
    let record = Arc::clone(&wanted);
    thread::spawn(move || {
        for mut near in listener.incoming().map_while(std::result::Result::ok) {
            record.lock().unwrap().push(handshake(&mut near));
            let mut far = TcpStream::connect(&target).unwrap();
            let (mut near_reader, mut far_writer) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut near_reader, &mut far_writer));
            thread::spawn(move || std::io::copy(&mut far, &mut near));
        }
    });
    (place, wanted)
}

fn far() -> Server {
    Server::start(|_, _| -> Reply { reply("200 OK", &[], FAR) })
}

fn fetch(proxy: &str, url: &str) -> Result<Vec<u8>> {
    let mut sink = Memory::default();
    client(&[("all_proxy", proxy), ("CD_DOWNLOAD_MAX_RETRIES", "0")], &Silent)
        .download(url, &mut sink, &Silent)?;
    Ok(sink.bytes)
}

fn take<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn an_http_proxy_is_asked_to_connect() {
    let server = far();
    let (place, wanted) = proxy(&server, |stream| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(take::<1>(stream));
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        String::from_utf8(head).unwrap()
    });
    assert_eq!(fetch(&format!("http://u:p@{place}"), "http://far.test/x").unwrap(), FAR);
    let asked = wanted.lock().unwrap().concat();
    assert!(asked.starts_with("CONNECT far.test:80 ") && asked.contains("Basic dTpw"), "{asked}");
}

#[test]
fn a_socks_proxy_gets_the_name_and_the_password() {
    let server = far();
    let (place, wanted) = proxy(&server, |stream| {
        assert_eq!(take(stream), [5, 2, 0, 2]);
        stream.write_all(&[5, 2]).unwrap();
        assert_eq!(&take(stream), b"\x01\x01u\x02pw");
        stream.write_all(&[1, 0]).unwrap();
        assert_eq!(take(stream), [5, 1, 0, 3, 8]);
        let (name, port) = (take::<8>(stream), u16::from_be_bytes(take(stream)));
        stream.write_all(&[5, 0, 0, 3, 1, b'x', 0, 0]).unwrap();
        format!("{}:{port}", String::from_utf8_lossy(&name))
    });
    assert_eq!(fetch(&format!("socks5://u:pw@{place}"), "http://far.test:81/x").unwrap(), FAR);
    assert_eq!(*wanted.lock().unwrap(), ["far.test:81"]);
}

#[test]
fn a_proxy_that_refuses_is_an_error_not_a_detour() {
    let server = far();
    let (place, _) = proxy(&server, |stream| {
        take::<3>(stream);
        stream.write_all(&[5, 0]).unwrap();
        take::<15>(stream);
        stream.write_all(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
        String::new()
    });
    let error = fetch(&format!("socks5h://{place}"), "http://far.test/x").unwrap_err();
    assert!(error.to_string().contains("rules"), "{error}");
    let error = fetch(&format!("socks4://{place}"), "http://far.test/x").unwrap_err();
    assert!(error.to_string().contains("'socks4://"), "{error}");
    let error = fetch("socks5://127.0.0.1:1", "http://far.test/x").unwrap_err();
    assert!(error.to_string().contains("through the proxy '127.0.0.1:1': Connection refused"), "{error}");
    assert!(server.asked().is_empty());
}
