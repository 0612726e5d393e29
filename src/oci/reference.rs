//! Image references, as Docker's and containers' tools write them: `[registry/]repository[:tag][@digest]`.
//!
//! The grammar is that of the distribution project (reference.go), whose normalization for Docker Hub is
//! Docker's: `ubuntu` is `docker.io/library/ubuntu:latest`. Upper-case repositories are refused.

use std::fmt;

use super::digest::Digest;
use super::platform::{Arch, Platform};
use crate::error::{Error, Result};

/// Docker Hub, by its canonical name.
const HUB: &str = "docker.io";

/// The distribution project's limit for a registry and repository together, in bytes.
const NAME_MAX: usize = 255;

/// A reference, normalized once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `docker.io`, `ghcr.io`, `localhost:5000`.
    pub registry: String,
    /// `library/ubuntu`, `foo/bar`.
    pub repository: String,
    /// The tag; `latest` when neither tag nor digest was given.
    pub tag: Option<String>,
    /// The digest, which wins over the tag.
    pub digest: Option<Digest>,
}

impl Reference {
    /// Parses and normalizes; the first component is a registry when it has a `.` or `:` or is `localhost`.
    pub fn parse(text: &str) -> Result<Reference> {
        Reference::parse_parts(text).map_err(|reason| {
            Error::invalid(format_args!("'{text}' is not an image reference: {reason}"))
                .hint("write it like ubuntu:24.04, user/image:tag, ghcr.io/user/image or name@sha256:...")
        })
    }

    fn parse_parts(text: &str) -> Result<Reference, String> {
        if text.is_empty() {
            return Err("it is empty".into());
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(format!("it begins with '{scheme}://'"));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(Digest::parse(digest).map_err(|error| error.to_string())?)),
            None => (text, None),
        };
        // A colon after the last slash begins a tag; one before it belongs to the registry's port.
        let last_part = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[last_part..].find(':') {
            Some(colon) => (&name[..last_part + colon], Some(&name[last_part + colon + 1..])),
            None => (name, None),
        };
        if let Some(tag) = tag {
            check_tag(tag)?;
        }
        let (registry, path) = match name.split_once('/') {
            Some((first, rest)) if is_registry(first) => (first, rest),
            _ => (HUB, name),
        };
        check_registry(registry)?;
        check_repository(path)?;
        let host = registry.to_ascii_lowercase();
        let registry = match &*host {
            "index.docker.io" | "registry-1.docker.io" => HUB.to_owned(),
            // Told from a repository by its letters alone: in lower case it would be one.
            _ if !is_registry(&host) => registry.to_owned(),
            _ => host,
        };
        let official = registry == HUB && !path.contains('/');
        if official && looks_like_digest(path, tag) {
            return Err("it looks like a digest, which is no name for an image".into());
        }
        let repository = if official { format!("library/{path}") } else { path.to_owned() };
        if registry.len() + 1 + repository.len() > NAME_MAX {
            return Err(format!("the name is longer than {NAME_MAX} bytes"));
        }
        let tag = match (tag, &digest) {
            (None, None) => Some("latest"),
            (tag, _) => tag,
        };
        Ok(Reference { registry, repository, tag: tag.map(str::to_owned), digest })
    }

    /// Whether a word alone is, as a rule, a registry and not an image: `ghcr.io`, `localhost:5000`. Only Docker's own images
    /// have names of one part.
    pub fn names_registry(word: &str) -> bool {
        let (host, port) = word.split_once(':').unwrap_or((word, ""));
        let is_host =
            host.split_once('.').is_some_and(|(_, end)| end.bytes().any(|b| b.is_ascii_alphabetic()));
        let numeric = || host.contains('.') && host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        !word.contains(['/', '@'])
            && port.bytes().all(|b| b.is_ascii_digit())
            && (host == "localhost" || (is_host || numeric()) && check_registry(word).is_ok())
    }

    /// The last part of the repository: the default container name.
    pub fn short_name(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or(&self.repository)
    }

    /// Whether the registry is Docker Hub.
    pub fn is_docker_hub(&self) -> bool {
        self.registry == HUB
    }

    /// What a manifest request ends in: the digest, or else the tag.
    pub fn target(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }

    /// The same repository at `digest`: a manifest that an index names.
    pub fn at(&self, digest: &Digest) -> Reference {
        Reference { digest: Some(digest.clone()), ..self.clone() }
    }

    /// With everything that a user may leave out: `docker.io/library/ubuntu:24.04`. As containerd names images.
    pub fn full(&self) -> String {
        let mark = if self.digest.is_some() { '@' } else { ':' };
        format!("{}/{}{mark}{}", self.registry, self.repository, self.target())
    }

    /// The key of the manifest cache: `[registry/]repo:tag_arch`, no `registry/` for Docker Hub. Its SHA-256
    /// names the file.
    ///
    /// Seen from outside: the Python tool 2.1.4 writes `localhost:5761/tiny:1_x86_64`, with the kernel's name
    /// of the architecture. It has no digest references; ours are `repo@digest_arch`.
    pub fn cache_key(&self, arch: Arch) -> String {
        format!("{}_{arch}", self.cache_name())
    }

    /// The same key as the Python tool 3.2.0 writes it: `localhost:5761/tiny:1_linux/amd64`.
    pub fn cache_key_by_platform(&self, arch: Arch) -> String {
        format!("{}_{}", self.cache_name(), Platform::from(arch))
    }

    fn cache_name(&self) -> String {
        let registry = if self.is_docker_hub() { String::new() } else { format!("{}/", self.registry) };
        let mark = if self.digest.is_some() { '@' } else { ':' };
        format!("{registry}{}{mark}{}", self.repository, self.target())
    }
}

/// As a user would write it: `ubuntu:24.04`, `ghcr.io/foo/bar:1`. It parses to the same reference.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let familiar = match self.repository.strip_prefix("library/") {
            Some(official) if self.is_docker_hub() && !official.contains('/') => official,
            _ => &self.repository,
        };
        // Docker Hub has repositories, such as `localhost/x`, that would be taken for another registry's.
        let misleading = familiar.split_once('/').is_some_and(|(first, _)| is_registry(first));
        if !self.is_docker_hub() || misleading {
            write!(f, "{}/", self.registry)?;
        }
        f.write_str(familiar)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

/// Whether a name would be taken for a digest: `sha256:HEX` has the form of a name and a tag, and docker takes 64 digits
/// alone for one too.
fn looks_like_digest(name: &str, tag: Option<&str>) -> bool {
    let hex = if matches!(name, "sha256" | "sha512") { tag.unwrap_or_default() } else { name };
    matches!(hex.len(), 64 | 128) && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Docker's rule, and an upper-case letter: repositories have none, so it can only be a host.
fn is_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':', '[']) || first.bytes().any(|b| b.is_ascii_uppercase())
}

fn check_registry(registry: &str) -> Result<(), String> {
    let bad = |what: &str| Err(format!("registry '{registry}' {what}"));
    let (host, port) = if let Some(rest) = registry.strip_prefix('[') {
        match rest.split_once(']') {
            Some((host, port)) if host.parse::<std::net::Ipv6Addr>().is_ok() => (None, port),
            _ => return bad("is not an IPv6 address in brackets"),
        }
    } else {
        let colon = registry.find(':').unwrap_or(registry.len());
        (Some(&registry[..colon]), &registry[colon..])
    };
    if let Some(host) = host {
        let label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if !host.split('.').all(label) {
            return bad("is not a host name");
        }
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(()),
        Some(digits) if digits.parse::<u16>().is_ok_and(|n| n > 0) && !digits.starts_with('+') => Ok(()),
        _ => bad("has no valid port after its ':'"),
    }
}

/// `path-component := [a-z0-9]+ ((\.|_|__|-+) [a-z0-9]+)*`
fn check_repository(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("it names no repository".into());
    }
    for part in path.split('/') {
        if part.is_empty() {
            return Err(format!("repository '{path}' has an empty part"));
        }
        if part.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(format!("repository '{path}' must be in lower case"));
        }
        if let Some(bad) = part.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-')) {
            return Err(format!("repository '{path}' must not contain '{}'", bad.escape_default()));
        }
        let separators = part.split(|c: char| c.is_ascii_alphanumeric()).filter(|s| !s.is_empty());
        let ends_well = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        if !ends_well(part.as_bytes().first()) || !ends_well(part.as_bytes().last()) {
            return Err(format!("repository part '{part}' must begin and end with a letter or digit"));
        }
        if let Some(run) = separators
            .into_iter()
            .find(|run| !matches!(*run, "." | "_" | "__") && !run.bytes().all(|b| b == b'-'))
        {
            return Err(format!("repository part '{part}' must not contain '{run}'"));
        }
    }
    Ok(())
}

/// `tag := [\w][\w.-]{0,127}`
fn check_tag(tag: &str) -> Result<(), String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let good = tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-');
    if good { Ok(()) } else { Err(format!("tag '{}' is not valid", tag.escape_default())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "356690ddb98895bf13c0aa2892cd268f73bc488440786b72e3faa1208287b772";

    #[track_caller]
    fn reads(text: &str, registry: &str, repository: &str, tag: Option<&str>, shown: &str) {
        let reference = Reference::parse(text).unwrap();
        assert_eq!((&*reference.registry, &*reference.repository), (registry, repository));
        assert_eq!(reference.tag.as_deref(), tag);
        assert_eq!(reference.to_string(), shown);
        assert_eq!(Reference::parse(shown).unwrap(), reference);
    }

    #[test]
    fn normalizes() {
        reads("alpine", "docker.io", "library/alpine", Some("latest"), "alpine:latest");
        reads("ubuntu:24.04", "docker.io", "library/ubuntu", Some("24.04"), "ubuntu:24.04");
        reads("me/img:t", "docker.io", "me/img", Some("t"), "me/img:t");
        reads("index.docker.io/alpine:3", "docker.io", "library/alpine", Some("3"), "alpine:3");
        reads("registry-1.docker.io/a/b", "docker.io", "a/b", Some("latest"), "a/b:latest");
        reads("docker.io/library/alpine", "docker.io", "library/alpine", Some("latest"), "alpine:latest");
        reads("GHCR.io/foo/b__a-r.x:1", "ghcr.io", "foo/b__a-r.x", Some("1"), "ghcr.io/foo/b__a-r.x:1");
        reads("localhost/a", "localhost", "a", Some("latest"), "localhost/a:latest");
        reads("localhost:5000/a/b/c:x", "localhost:5000", "a/b/c", Some("x"), "localhost:5000/a/b/c:x");
        reads("[::1]:5000/a", "[::1]:5000", "a", Some("latest"), "[::1]:5000/a:latest");
        let digest = format!("a@sha256:{HEX}");
        reads(&digest, "docker.io", "library/a", None, &digest);
        let both = format!("r.io/a:t@sha256:{HEX}");
        reads(&both, "r.io", "a", Some("t"), &both);
    }

    #[test]
    fn refuses_and_names_the_offending_part() {
        let long = format!("a/{}", "b".repeat(260));
        for (text, part) in [
            ("", "empty"),
            ("Alpine", "lower case"),
            ("a//b", "empty part"),
            ("a/", "empty part"),
            ("/a", "empty part"),
            ("../a", "registry '..'"),
            ("a..b", "'..'"),
            ("a/../b", "begin and end"),
            ("a b", "' '"),
            ("a:", "tag ''"),
            ("a:b:c", "tag 'b:c'"),
            ("a:-x", "tag '-x'"),
            ("host.x:99999/a", "port"),
            ("host.x:/a", "port"),
            ("-x.io/a", "registry '-x.io'"),
            ("a@sha256:12", "'12'"),
            ("a@md5:12", "'md5'"),
            ("https://r.io/a", "https://"),
            ("r.io/", "no repository"),
            ("a___b", "'___'"),
            ("a.-b", "'.-'"),
            (&format!("sha256:{}", "0".repeat(64)), "digest"),
            (&"0".repeat(64), "digest"),
            (&long, "255"),
        ] {
            let error = Reference::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn keys_of_the_manifest_cache() {
        let hub = Reference::parse("ubuntu:24.04").unwrap();
        assert_eq!(hub.cache_key(Arch::Aarch64), "library/ubuntu:24.04_aarch64");
        let own = Reference::parse("localhost:5761/tiny:1").unwrap();
        assert_eq!(own.cache_key(Arch::X86_64), "localhost:5761/tiny:1_x86_64");
        assert_eq!(own.cache_key_by_platform(Arch::X86_64), "localhost:5761/tiny:1_linux/amd64");
        let digest = Reference::parse(&format!("r.io/a:t@sha256:{HEX}")).unwrap();
        assert_eq!(digest.cache_key(Arch::Arm), format!("r.io/a@sha256:{HEX}_arm"));
        assert_eq!(hub.short_name(), "ubuntu");
    }

    #[test]
    fn what_is_shown_means_the_same() {
        for text in [
            "MyHost/app",
            "MYHOST/a/b:1",
            "LocalHost/app",
            "Ghcr.IO/a/b",
            "docker.io/localhost/x",
            "docker.io/foo.bar/x:1",
            "docker.io/library/x",
            "docker.io/library/localhost",
            "index.docker.io/a/b",
            "Index.Docker.io/a",
            "REGISTRY-1.docker.io/a/b",
            "Docker.io/localhost/x",
            "[::1]:5000/x",
            "HOST:5000/x",
            "library/a/b",
        ] {
            let reference = Reference::parse(text).unwrap();
            let shown = reference.to_string();
            assert_eq!(Reference::parse(&shown).unwrap(), reference, "{text} is shown as {shown}");
        }
        assert_eq!(Reference::parse("MyHost/app").unwrap().registry, "MyHost");
    }
}
