//! Files that ADD takes from the net.

use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::fs::FileExt;

use super::wanted::Downloaded;
use crate::error::{Attempt, Error, Result};
use crate::net::Sink;
use crate::oci::{Digest, Hasher};
use crate::registry::Client;
use crate::report::Report;
use crate::store::Store;

/// Bytes hashed at once.
const BUFFER: usize = 128 << 10;

/// Downloads `url` (http or https). `checksum`: `--checksum`, which must be right. `unpack`: `--unpack`.
pub fn fetch(
    url: &str,
    checksum: Option<&str>,
    unpack: bool,
    client: &Client<'_>,
    store: &Store,
    report: &dyn Report,
) -> Result<Downloaded> {
    let checksum = checksum.map(Digest::parse).transpose().attempt("--checksum")?;
    let name = name(url);
    let mut sink = FileSink { file: store.temporary()?, size: 0 };
    let modified = client.download(url, &mut sink, &*report.task(&name, None))?;
    if let Some(wanted) = checksum {
        verify(&sink, &wanted).attempt(format_args!("download '{url}'"))?;
    }
    Ok(Downloaded { name, file: sink.file, size: sink.size, modified: modified.unwrap_or_default(), unpack })
}

fn verify(sink: &FileSink, wanted: &Digest) -> Result<()> {
    let mut hasher = Hasher::new(wanted.algorithm());
    let mut buffer = vec![0; BUFFER];
    let mut position = 0;
    loop {
        let count = sink.file.read_at(&mut buffer, position).attempt("read what was downloaded")?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
        position += count as u64;
    }
    let found = hasher.finish();
    if found == *wanted {
        return Ok(());
    }
    Err(Error::invalid(format_args!("its digest is {found}, not {wanted}"))
        .hint("the file has changed, or --checksum is of another one"))
}

/// The last part of the URL's path, as BuildKit names the file.
fn name(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    let last = path.split('/').rfind(|part| !part.is_empty()).map(decoded);
    let usable = last.filter(|name| !matches!(&name[..], "." | "..") && !name.contains(['/', '\0']));
    usable.unwrap_or_else(|| "__unnamed__".to_owned())
}

/// `%20` and the like (RFC 3986, section 2.1).
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| byte == b'%');
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

struct FileSink {
    file: File,
    size: u64,
}

impl Sink for FileSink {
    fn len(&self) -> u64 {
        self.size
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).attempt("write what is downloaded")?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        self.file.rewind().and_then(|()| self.file.set_len(0)).attempt("write what is downloaded")?;
        self.size = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    use super::*;
    use crate::host::{Host, Paths};
    use crate::net::Settings;
    use crate::report::Silent;
    use crate::testing::TempDir;

    /// Answers one request with a file of three bytes.
    fn serve() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/d/file%20name?x=/y", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while !lines.next().unwrap().unwrap().is_empty() {}
            let modified = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT";
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n{modified}\r\n\r\nabc");
            stream.write_all(answer.as_bytes()).unwrap();
        });
        url
    }

    fn fetched(checksum: &str) -> Result<Downloaded> {
        let temp = TempDir::new();
        let store = Store::open(Paths::below(temp.path()));
        let host = Host::at("/nonexistent", [("HOME", "/nonexistent")]);
        let client = Client::new(&host, Settings::of(&host, false), &Silent);
        let checksum = Some(checksum).filter(|checksum| !checksum.is_empty());
        fetch(&serve(), checksum, false, &client, &store, &Silent)
    }

    #[test]
    fn a_file_has_its_name_its_age_and_the_right_digest() {
        for checksum in ["", &Digest::of(b"abc").to_string()] {
            let found = fetched(checksum).unwrap();
            assert_eq!((found.name.as_str(), found.size, found.modified), ("file name", 3, 784_111_777));
            let mut bytes = [0; 3];
            found.file.read_exact_at(&mut bytes, 0).unwrap();
            assert_eq!(&bytes, b"abc");
        }
        let wrong = fetched(&Digest::of(b"other").to_string()).unwrap_err().to_string();
        assert!(wrong.contains("file%20name") && wrong.contains("its digest is sha256:ba7816bf"), "{wrong}");
        assert!(fetched("md5:0").unwrap_err().to_string().starts_with("--checksum: "));
    }

    #[test]
    fn the_last_part_of_the_path_is_the_name() {
        for (url, expected) in [
            ("http://x/a/b.tar.gz", "b.tar.gz"),
            ("https://x:80/a/b/?q=/c#/d", "b"),
            ("http://x/a%20b%2", "a b%2"),
            ("http://x/%e4%bd%a0", "你"),
            ("http://x", "__unnamed__"),
            ("http://x/", "__unnamed__"),
            ("http://x/?a/b", "__unnamed__"),
            ("http://x/a/..", "__unnamed__"),
            ("http://x/%2e%2e%2fpasswd", "__unnamed__"),
        ] {
            assert_eq!(name(url), expected, "{url}");
        }
    }
}
