//! Where buildah 1.28.2 and BuildKit read a Dockerfile differently (seen by running buildah): BuildKit's answer is ours.
//!
//! Beyond the language: buildah keeps what EXPOSE says as it is (`1-3/UDP`, `80/x`, `1:2/tcp`), where BuildKit makes a port of
//! each number, in lower case, and refuses a protocol that it does not know.

use super::super::super::expand::expand;
use super::super::super::instruction::{Command, Instruction};
use super::{read, refusal, steps};

fn value(word: &str) -> Result<String, String> {
    let lookup = |name: &str| match name {
        "D" => Some("a.b.c".to_owned()),
        "E" => Some(String::new()),
        _ => None,
    };
    expand(word, '\\', &lookup).map_err(|error| error.to_string())
}

#[test]
fn words() {
    for (word, ours) in [
        // buildah: "Missing ':' in substitution", for all of these.
        ("${D#*.}", "b.c"),
        ("${D##*.}", "c"),
        ("${D%.*}", "a.b"),
        ("${D%%.*}", "a"),
        ("${D/./-}", "a-b.c"),
        ("${D//./-}", "a-b-c"),
        ("${N-x}", "x"),
        ("${E-x}", ""),
        ("${E+x}", "x"),
        // buildah: "Unsupported modifier (?)".
        ("${D:?no}", "a.b.c"),
        // buildah: as it is written. BuildKit: one of the shell's special parameters, which has no value.
        ("$$", ""),
    ] {
        assert_eq!(value(word).as_deref(), Ok(ours), "{word}");
    }
    // buildah: the empty text.
    assert!(value("${}").is_err());
    // Both, in other words.
    for word in ["${D^^}", "${D:1:2}", "${N:?no}", "${N?no}"] {
        assert!(value(word).is_err(), "{word}");
    }
}

#[test]
fn what_buildah_alone_takes() {
    for (text, why) in [
        // buildah: a stage with this name.
        ("FROM scratch AS 1a", "is no name for a stage"),
        // buildah: kept; the image that is built from this one fails.
        ("FROM scratch\nONBUILD RNU a", "is not known"),
    ] {
        assert!(refusal(text).contains(why), "{text}");
    }
    // buildah: the JSON form with what stands behind it thrown away.
    let steps = steps("CMD [\"a\"] b");
    assert_eq!(steps[0].instruction, Instruction::Cmd(Command::Shell("[\"a\"] b".into())));
}

#[test]
fn what_buildah_does_not_take() {
    for text in [
        // buildah: no such flag.
        "COPY --link a b",
        "COPY --parents a b",
        "COPY --exclude=a a b",
        "ADD --exclude=a a b",
        "ADD --checksum=sha256:0 a b",
        "ADD --unpack a b",
        // buildah: a file with the name "<<E".
        "COPY <<E /x\na\nE",
        "RUN <<E\na\nE",
    ] {
        assert_eq!(steps(text).len(), 1, "{text}");
    }
    // buildah: names of stages have a case.
    assert_eq!(read("FROM scratch AS A\nFROM a").stages[0].name.as_deref(), Some("a"));
}
