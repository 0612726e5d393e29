//! CPU architectures under their three kinds of names, and the choice of a platform from an index.

use std::fmt;

use super::descriptor::Descriptor;
use crate::error::{Error, Result};

/// The five architectures that a guest may have. Displayed by the kernel's name (`aarch64`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Arch {
    Aarch64,
    Arm,
    I686,
    Riscv64,
    X86_64,
}

impl Arch {
    /// Every one of them.
    pub const ALL: [Arch; 5] = [Arch::Aarch64, Arch::Arm, Arch::I686, Arch::Riscv64, Arch::X86_64];

    /// The CPU this program was built for.
    pub const HOST: Arch = if cfg!(target_arch = "aarch64") {
        Arch::Aarch64
    } else if cfg!(target_arch = "arm") {
        Arch::Arm
    } else if cfg!(target_arch = "x86") {
        Arch::I686
    } else if cfg!(target_arch = "riscv64") {
        Arch::Riscv64
    } else {
        Arch::X86_64
    };

    /// Accepts native names and their usual spellings (`aarch64`, `arm64`, `amd64`, `armv7l`, `i386`, ...) and
    /// Docker platform strings (`linux/arm64`, `linux/arm/v7`).
    pub fn parse(text: &str) -> Result<Arch> {
        Ok(Platform::parse(text)?.arch)
    }

    /// As the OCI spec (Go's GOARCH) names it: `arm64`, `arm`, `386`, `riscv64`, `amd64`.
    pub fn oci(self) -> &'static str {
        match self {
            Arch::Aarch64 => "arm64",
            Arch::Arm => "arm",
            Arch::I686 => "386",
            Arch::Riscv64 => "riscv64",
            Arch::X86_64 => "amd64",
        }
    }

    /// The variant that an image has which names none, as a number.
    fn usual(self) -> u32 {
        match self {
            Arch::Aarch64 => 8,
            Arch::Arm => 7,
            _ => 1,
        }
    }

    /// The lowest and the highest variant, where they are numbers (Go's GOARM, GOARM64 and GOAMD64).
    fn variants(self) -> Option<(u32, u32)> {
        match self {
            Arch::Aarch64 => Some((8, 9)),
            Arch::Arm => Some((5, 8)),
            Arch::X86_64 => Some((1, 4)),
            Arch::I686 | Arch::Riscv64 => None,
        }
    }

    /// Any one-word spelling, with the variant that some of them imply.
    fn spelled(word: &str) -> Option<(Arch, Option<&'static str>)> {
        Some(match word {
            "aarch64" | "arm64" | "armv8" | "armv8l" | "arm64-v8a" => (Arch::Aarch64, None),
            "arm" | "armhf" | "armeabi-v7a" => (Arch::Arm, None),
            "armv7" | "armv7l" | "armv7a" => (Arch::Arm, Some("v7")),
            "armv6" | "armv6l" => (Arch::Arm, Some("v6")),
            "armel" | "armv5" | "armv5te" | "armv5tel" | "armeabi" => (Arch::Arm, Some("v5")),
            "i686" | "386" | "i386" | "i486" | "i586" | "x86" => (Arch::I686, None),
            "riscv64" => (Arch::Riscv64, None),
            "x86_64" | "amd64" | "x86-64" | "x64" => (Arch::X86_64, None),
            _ => return None,
        })
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arch::Aarch64 => "aarch64",
            Arch::Arm => "arm",
            Arch::I686 => "i686",
            Arch::Riscv64 => "riscv64",
            Arch::X86_64 => "x86_64",
        })
    }
}

/// What an image is for (image-index.md, "platform").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// The CPU that it runs on.
    pub arch: Arch,
    /// `v7`, `v8`, ... when one was asked for.
    pub variant: Option<String>,
}

impl Platform {
    /// Like [`Arch::parse`], keeping a variant.
    pub fn parse(text: &str) -> Result<Platform> {
        let lower = text.trim().to_ascii_lowercase();
        let unknown = || {
            let names = Arch::ALL.map(|arch| arch.to_string()).join(", ");
            Error::unsupported(format_args!("architecture '{text}' is not supported"))
                .hint(format_args!("use {names}, or a platform such as linux/arm64"))
        };
        let words: Vec<&str> = lower.strip_prefix("linux/").unwrap_or(&lower).split('/').collect();
        let (word, variant) = match words[..] {
            [word] => (word, None),
            [word, variant] if !variant.is_empty() => (word, Some(variant)),
            _ => return Err(unknown()),
        };
        let (arch, implied) = Arch::spelled(word).ok_or_else(unknown)?;
        let platform = Platform { arch, variant: variant.or(implied).map(str::to_owned) };
        match arch.variants() {
            Some((low, high)) if !platform.level().is_some_and(|level| (low..=high).contains(&level)) => {
                Err(Error::unsupported(format_args!("there is no '{text}'"))
                    .hint(format_args!("the variants are linux/{0}/v{low} to linux/{0}/v{high}", arch.oci())))
            }
            _ => Ok(platform),
        }
    }

    /// Its variant as a number; none for a variant that is none.
    fn level(&self) -> Option<u32> {
        match &self.variant {
            None => Some(self.arch.usual()),
            Some(text) => text.trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok()),
        }
    }

    /// A manifest's `os`, `architecture` and `variant`; `None` for what we cannot run (another system, another
    /// CPU, an attestation's `unknown/unknown`). Builders also write the kernel's or Debian's names and capitals.
    fn from_spec(os: &str, architecture: &str, variant: Option<&str>) -> Option<Platform> {
        let (arch, implied) = Arch::spelled(&architecture.to_ascii_lowercase())?;
        let variant = variant.filter(|variant| !variant.is_empty()).or(implied);
        let variant = variant.map(str::to_ascii_lowercase);
        os.eq_ignore_ascii_case("linux").then_some(Platform { arch, variant })
    }

    /// The platform of this machine.
    pub fn host() -> Platform {
        Arch::HOST.into()
    }

    /// How well an image for `offered` runs here, 0 best; `None`: it does not.
    ///
    /// A lower variant runs on a higher CPU, not the other way round (containerd's platforms package: arm/v7
    /// takes v7, v6, v5, in that order; arm64 is v8). An image that names no variant is its architecture's
    /// usual one. When the user names no variant, a 32-bit ARM CPU is taken for v7: nothing older runs us.
    fn rank(&self, offered: &Platform) -> Option<u32> {
        if self.arch != offered.arch {
            return None;
        }
        match (self.level(), offered.level()) {
            (Some(wanted), Some(have)) => wanted.checked_sub(have),
            _ => (self.variant == offered.variant).then_some(0),
        }
    }

    /// The manifest of an index that suits this platform best; of equals the first.
    ///
    /// A descriptor without a platform is taken only when none with a platform suits. A nested index may stand
    /// in for a manifest: the caller fetches and parses what it gets, and asks again.
    pub fn choose<'a>(&self, entries: &'a [IndexEntry]) -> Result<&'a Descriptor> {
        let suits = |entry: &IndexEntry| match &entry.platform {
            Offered::Runs(offered) => self.rank(offered),
            Offered::Unnamed => Some(u32::MAX),
            Offered::Foreign(_) => None,
        };
        let best =
            entries.iter().filter_map(|entry| Some((suits(entry)?, entry))).min_by_key(|(rank, _)| *rank);
        best.map(|(_, entry)| &entry.descriptor).ok_or_else(|| {
            let mut names: Vec<String> = entries
                .iter()
                .filter_map(|entry| match &entry.platform {
                    Offered::Runs(platform) => Some(platform.to_string()),
                    Offered::Foreign(name) if name != "unknown/unknown" => Some(name.clone()),
                    _ => None,
                })
                .collect();
            names.dedup();
            let has = if names.is_empty() { "nothing to run".into() } else { names.join(", ") };
            let error = Error::unsupported(format_args!("the image is not made for {self}: it has {has}"));
            let is_ours = |entry: &IndexEntry| matches!(entry.platform, Offered::Runs(_));
            error.hint(match entries.iter().any(is_ours) {
                true => "choose one of these with --architecture, or another tag",
                false => "choose another tag or image: only Linux images run here",
            })
        })
    }
}

impl From<Arch> for Platform {
    fn from(arch: Arch) -> Platform {
        Platform { arch, variant: None }
    }
}

/// As Docker writes it: `linux/arm/v7`.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux/{}", self.arch.oci())?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// One manifest (or nested index) of an index.
#[derive(Debug, Clone)]
pub struct IndexEntry {
    /// The manifest's digest and size.
    pub descriptor: Descriptor,
    /// The platform that it is for.
    pub platform: Offered,
}

/// An index entry's platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offered {
    /// One of ours.
    Runs(Platform),
    /// Something we cannot run, in its own words: `windows/amd64`, `unknown/unknown` (BuildKit's attestations).
    Foreign(String),
    /// The entry does not say.
    Unnamed,
}

impl Offered {
    /// From a document's own words; an empty `os` is read as `linux`.
    pub fn from_spec(os: &str, architecture: &str, variant: Option<&str>) -> Offered {
        let os = if os.is_empty() { "linux" } else { os };
        match Platform::from_spec(os, architecture, variant) {
            Some(platform) => Offered::Runs(platform),
            None => Offered::Foreign(format!("{os}/{architecture}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Digest;

    fn index(platforms: &[&str]) -> Vec<IndexEntry> {
        let offered = |text: &str| match text.split('/').collect::<Vec<_>>()[..] {
            [os, arch] => Platform::from_spec(os, arch, None),
            [os, arch, variant] => Platform::from_spec(os, arch, Some(variant)),
            _ => None,
        };
        platforms
            .iter()
            .map(|text| IndexEntry {
                descriptor: Descriptor {
                    media_type: (*text).into(),
                    digest: Digest::of(text.as_bytes()),
                    size: 2,
                    urls: Vec::new(),
                    data: None,
                },
                platform: match offered(text) {
                    Some(platform) => Offered::Runs(platform),
                    None if text.is_empty() => Offered::Unnamed,
                    None => Offered::Foreign((*text).into()),
                },
            })
            .collect()
    }

    #[track_caller]
    fn chosen(wanted: &str, from: &[&str], expected: Option<&str>) {
        let entries = index(from);
        let choice = Platform::parse(wanted).unwrap().choose(&entries);
        assert_eq!(choice.ok().map(|d| d.media_type.as_str()), expected, "{wanted} from {from:?}");
    }

    #[test]
    fn a_variant_that_no_cpu_has_is_refused() {
        for text in ["linux/amd64/v9", "amd64/v0", "linux/arm64/v7", "linux/arm/v4", "linux/arm/x", "amd64/"]
        {
            assert!(Platform::parse(text).is_err(), "{text}");
        }
        let error = Platform::parse("linux/amd64/v9").unwrap_err();
        assert_eq!(error.hint_text(), Some("the variants are linux/amd64/v1 to linux/amd64/v4"));
    }

    #[test]
    fn spellings() {
        for (text, arch, variant) in [
            ("aarch64", Arch::Aarch64, None),
            ("linux/arm64", Arch::Aarch64, None),
            ("linux/arm64/v8", Arch::Aarch64, Some("v8")),
            ("linux/arm/v7", Arch::Arm, Some("v7")),
            ("arm/v6", Arch::Arm, Some("v6")),
            ("armv7l", Arch::Arm, Some("v7")),
            ("AMD64", Arch::X86_64, None),
            ("linux/386", Arch::I686, None),
            ("riscv64", Arch::Riscv64, None),
            ("linux/amd64/v4", Arch::X86_64, Some("v4")),
            ("linux/arm64/v8.2", Arch::Aarch64, Some("v8.2")),
        ] {
            assert_eq!(Platform::parse(text).unwrap(), Platform { arch, variant: variant.map(Into::into) });
        }
        for bad in ["", "mips", "windows/amd64", "linux/", "linux/arm/", "linux/arm/v7/x", "s390x"] {
            assert!(Platform::parse(bad).is_err(), "{bad}");
        }
        for arch in Arch::ALL {
            assert_eq!(Arch::parse(&arch.to_string()).unwrap(), arch);
            assert_eq!(Arch::parse(arch.oci()).unwrap(), arch);
        }
    }

    #[test]
    fn variants_fall_back_downwards_only() {
        let arms = ["linux/arm/v5", "linux/arm/v7", "linux/arm/v6"];
        chosen("arm", &arms, Some("linux/arm/v7"));
        chosen("linux/arm/v6", &arms, Some("linux/arm/v6"));
        chosen("linux/arm/v7", &arms[..1], Some("linux/arm/v5"));
        chosen("linux/arm/v7", &["linux/arm/v5", "linux/arm/v6"], Some("linux/arm/v6"));
        chosen("linux/arm/v5", &arms[1..], None);
        chosen("arm64", &["linux/arm64/v8"], Some("linux/arm64/v8"));
        chosen("linux/arm64/v8", &["linux/arm64"], Some("linux/arm64"));
        chosen("x86_64", &["linux/amd64/v3", "linux/amd64"], Some("linux/amd64"));
        chosen("i686", &["linux/amd64", "linux/386"], Some("linux/386"));
    }

    #[test]
    fn attestations_and_other_systems_are_never_chosen() {
        chosen("amd64", &["unknown/unknown", "windows/amd64"], None);
        chosen("amd64", &["windows/amd64", "linux/amd64", "linux/amd64"], Some("linux/amd64"));
        chosen("amd64", &["", "linux/amd64"], Some("linux/amd64"));
        chosen("amd64", &["", "linux/arm64"], Some(""));
        let entries = index(&["linux/arm64/v8", "unknown/unknown", "windows/amd64"]);
        let error = Platform::parse("amd64").unwrap().choose(&entries).unwrap_err().to_string();
        assert!(error.ends_with("linux/amd64: it has linux/arm64/v8, windows/amd64"), "{error}");
    }

    #[test]
    fn documents_may_use_any_name_of_an_architecture() {
        for (os, architecture, variant, shown) in [
            ("linux", "x86_64", None, "linux/amd64"),
            ("Linux", "AMD64", None, "linux/amd64"),
            ("linux", "aarch64", Some("V8"), "linux/arm64/v8"),
            ("linux", "i386", None, "linux/386"),
            ("linux", "armhf", None, "linux/arm"),
            ("linux", "armv7l", None, "linux/arm/v7"),
            ("linux", "armv7l", Some("v6"), "linux/arm/v6"),
        ] {
            let offered = Offered::from_spec(os, architecture, variant);
            assert!(
                matches!(&offered, Offered::Runs(p) if p.to_string() == shown),
                "{architecture}: {offered:?}"
            );
        }
        for (os, architecture) in [("windows", "amd64"), ("unknown", "unknown"), ("linux", "s390x")] {
            assert!(
                matches!(Offered::from_spec(os, architecture, None), Offered::Foreign(_)),
                "{os}/{architecture}"
            );
        }
        let error = Platform::host().choose(&[]).unwrap_err();
        assert!(error.hint_text().unwrap().contains("another tag or image"));
    }
}
