//! Each check: what it finds, and what it leaves alone.

use super::run::{Around, check};
use crate::dockerfile::parse::parse;

/// The rules and lines of what is found, where the image sets `image` (none: nobody knows).
fn found_with(text: &str, image: Option<&[&str]>) -> Vec<String> {
    let file = parse(text.as_bytes(), "Dockerfile").unwrap();
    let names = image.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let around = Around { contexts: &["given"], environment: &|_| names.clone() };
    let checked = check(&file, &around).unwrap();
    checked.warnings.iter().map(|warning| format!("{} {}", warning.rule, warning.lines.first)).collect()
}

#[track_caller]
fn all(rows: &[(&str, &[&str])]) {
    for (text, expected) in rows {
        assert_eq!(found_with(text, Some(&["FROM_IMAGE"])), *expected, "{text}");
    }
}

#[test]
fn names_of_stages() {
    all(&[
        ("FROM a AS b", &[]),
        ("FROM a AS Build", &["StageNameCasing 1"]),
        ("FROM a as b", &["FromAsCasing 1"]),
        ("from a AS b", &["FromAsCasing 1"]),
        ("from a as b", &[]),
        ("FROM a AS scratch", &["ReservedStageName 1"]),
        ("FROM a AS context", &["ReservedStageName 1"]),
        ("FROM a AS b\nFROM b AS b", &["DuplicateStageName 2"]),
        ("FROM a AS b\nFROM a AS B\nFROM b", &["UnusedStage 1", "StageNameCasing 2", "DuplicateStageName 2"]),
    ]);
}

#[test]
fn platforms() {
    all(&[
        ("FROM --platform=$TARGETPLATFORM a", &["RedundantTargetPlatform 1"]),
        ("FROM --platform=${TARGETPLATFORM} a", &["RedundantTargetPlatform 1"]),
        ("FROM --platform=$BUILDPLATFORM a", &[]),
        ("FROM --platform=linux/amd64 a", &["FromPlatformFlagConstDisallowed 1"]),
        ("FROM --platform=linux/amd64 a AS build_amd64", &[]),
        ("FROM --platform=linux/amd64 a AS linux", &[]),
        ("FROM --platform=nonsense a", &[]),
    ]);
}

#[test]
fn the_form_of_instructions() {
    all(&[
        ("FROM a\nRUN x\nuser y", &["ConsistentInstructionCasing 3"]),
        ("from a\nrun x\nUSER y", &["ConsistentInstructionCasing 3"]),
        ("from a\nRUN x", &["ConsistentInstructionCasing 1"]),
        ("FROM a\nRun x", &["ConsistentInstructionCasing 2"]),
        ("FROM a\nRUN x \\\n\n  y", &["NoEmptyContinuation 2"]),
        ("FROM a\nRUN x \\\n# y\n  y", &[]),
        ("FROM a\nENV b c", &["LegacyKeyValueFormat 2"]),
        ("FROM a\nLABEL b c=d", &["LegacyKeyValueFormat 2"]),
        ("FROM a\nENV b=c", &[]),
        ("FROM a\nMAINTAINER b", &["MaintainerDeprecated 2"]),
    ]);
}

#[test]
fn commands() {
    all(&[
        ("FROM a\nCMD b", &["JSONArgsRecommended 2"]),
        ("FROM a\nENTRYPOINT b", &["JSONArgsRecommended 2"]),
        ("FROM a\nCMD [\"b\"]", &[]),
        ("FROM a\nSHELL [\"c\"]\nCMD b", &[]),
        ("FROM a AS x\nSHELL [\"c\"]\nFROM x\nCMD b", &[]),
        (
            "FROM a\nCMD [\"b\"]\nCMD [\"c\"]\nCMD [\"d\"]",
            &["MultipleInstructionsDisallowed 2", "MultipleInstructionsDisallowed 3"],
        ),
        ("FROM a\nHEALTHCHECK NONE\nHEALTHCHECK NONE", &["MultipleInstructionsDisallowed 2"]),
        ("FROM a AS b\nENTRYPOINT [\"b\"]\nFROM b\nENTRYPOINT [\"c\"]", &[]),
        ("FROM a\nWORKDIR b", &["WorkdirRelativePath 2"]),
        ("FROM a\nWORKDIR /b\nWORKDIR c", &[]),
        ("FROM a AS x\nWORKDIR /b\nFROM x\nWORKDIR c", &[]),
        ("FROM a\nENV d=/e\nWORKDIR $d", &[]),
        ("FROM a\nEXPOSE 80 80/tcp 1-2/udp", &[]),
        ("FROM a\nEXPOSE 80/TCP", &["ExposeProtoCasing 2"]),
        ("FROM a\nEXPOSE 127.0.0.1:80:80", &["ExposeInvalidFormat 2"]),
        ("FROM a\nEXPOSE 80:80/tcp", &["ExposeInvalidFormat 2"]),
    ]);
}

#[test]
fn secrets() {
    for name in [
        "API_KEY",
        "DATABASE_PASSWORD",
        "GITHUB_TOKEN",
        "secret_MESSAGE",
        "AUTH",
        "apikey",
        "a_credentials_b",
    ] {
        let found = found_with(&format!("FROM a\nARG {name}\nENV {name}=x"), None);
        assert_eq!(found, ["SecretsUsedInArgOrEnv 2", "SecretsUsedInArgOrEnv 3"], "{name}");
        assert_eq!(found_with(&format!("ARG {name}\nFROM a"), None), ["SecretsUsedInArgOrEnv 1"], "{name}");
    }
    for name in
        ["PUBLIC_KEY", "TOKEN_FILE", "KEY_VERSION", "KEYS", "MONKEY", "TOKENS", "authority", "passwordless"]
    {
        assert_eq!(found_with(&format!("FROM a\nARG {name}"), None), [""; 0], "{name}");
    }
}

#[test]
fn variables_of_from() {
    all(&[
        ("ARG V=1\nFROM a:$V", &[]),
        ("FROM a:$V", &["InvalidDefaultArgInFrom 1", "UndefinedArgInFrom 1"]),
        ("FROM a:${V:-1}", &["UndefinedArgInFrom 1"]),
        ("ARG V\nFROM a:$V", &["InvalidDefaultArgInFrom 2"]),
        ("ARG V\nFROM a:${V:-1}", &[]),
        ("ARG V\nFROM ${V}", &["InvalidDefaultArgInFrom 2"]),
        ("ARG A=b\nARG V=${A}c\nFROM $V", &[]),
        ("FROM a-$TARGETARCH", &[]),
        ("FROM --platform=$BULIDPLATFORM a", &["UndefinedArgInFrom 1"]),
    ]);
}

#[test]
fn variables_of_steps() {
    all(&[
        ("FROM a\nENV b=$c", &["UndefinedVar 2"]),
        ("FROM a\nARG c\nENV b=$c", &[]),
        ("FROM a\nENV c=1\nENV b=${c}x", &[]),
        ("FROM a\nENV c=1 b=$c", &["UndefinedVar 2"]),
        ("FROM a\nENV b=${c:-1} d=${c-1} e=${c:+1}", &[]),
        ("FROM a\nENV b=$PATH:/x c=$FROM_IMAGE", &[]),
        ("ARG c=1\nFROM a\nENV b=$c", &["UndefinedVar 3"]),
        ("FROM a\nENV b=$TARGETARCH", &["UndefinedVar 2"]),
        ("FROM a AS x\nARG c\nFROM x\nENV b=$c", &[]),
        ("FROM a\nRUN echo $c\nCMD [\"$c\"]", &[]),
        ("FROM a\nCOPY --chown=$c a /b", &["UndefinedVar 2"]),
        ("FROM a\nCOPY $c /b", &["UndefinedVar 2"]),
        ("FROM a\nCOPY <<E /b\n$c\nE", &["UndefinedVar 2"]),
        ("FROM a\nCOPY <<'E' /b\n$c\nE", &[]),
        ("FROM a\nLABEL b=$c", &["UndefinedVar 2"]),
        ("FROM a\nWORKDIR $c", &["UndefinedVar 2"]),
        ("FROM a\nUSER $c", &["UndefinedVar 2"]),
        ("FROM a\nVOLUME $c", &["UndefinedVar 2"]),
        ("FROM a\nARG b=$c", &["UndefinedVar 2"]),
        ("FROM a\nENV b='$c' d=\\$c", &[]),
        ("FROM scratch\nENV b=$FROM_IMAGE", &["UndefinedVar 2"]),
    ]);
}

#[test]
fn an_unknown_image_may_set_anything() {
    for (text, expected) in [
        ("FROM a\nENV b=$NODE_VERSION", [].as_slice()),
        ("FROM a\nARG VERSION\nENV b=$VERSOIN", &["UndefinedVar 3"]),
        ("ARG VERSION=1\nFROM a\nENV b=$VERSION", &["UndefinedVar 3"]),
        ("FROM a\nENV b=$TARGETARCH", &["UndefinedVar 2"]),
        ("FROM scratch\nENV b=$NODE_VERSION", &["UndefinedVar 2"]),
    ] {
        assert_eq!(found_with(text, None), expected, "{text}");
    }
}

#[test]
fn stages_that_nothing_needs() {
    all(&[
        ("FROM a AS x\nFROM b", &["UnusedStage 1"]),
        ("FROM a AS x\nFROM b\nCOPY --from=x c d", &[]),
        ("FROM a\nFROM b\nCOPY --from=0 c d", &[]),
        ("FROM a AS x\nFROM b\nRUN --mount=from=X,target=/c d", &[]),
        ("FROM a AS x\nFROM x AS y\nFROM y", &[]),
        ("FROM a AS x\nFROM x AS y\nFROM b", &["UnusedStage 1", "UnusedStage 2"]),
        ("ARG V=x\nFROM a AS x\nFROM $V", &[]),
    ]);
}

#[test]
fn stages_that_are_none() {
    all(&[
        ("FROM a AS build\nFROM a\nCOPY --from=bulid c d\nCOPY --from=build c d", &["StageNotFound 3"]),
        (
            "FROM a AS build\nFROM a\nRUN --mount=from=biuld,target=/c d\nCOPY --from=build c d",
            &["StageNotFound 3"],
        ),
        ("FROM a AS build\nFROM biuld\nCOPY --from=build c d", &["StageNotFound 2"]),
        ("FROM a AS x\nCOPY --from=later c d\nFROM x AS later\nFROM later", &["StageNotFound 2"]),
        ("FROM a\nCOPY --from=3 c d", &["StageNotFound 2"]),
        // What is an image, or may be one.
        ("FROM alpine AS alpine2\nFROM alpine\nCOPY --from=alpine2 c d", &[]),
        (
            "FROM a AS build\nFROM a\nCOPY --from=build:1 c d\nCOPY --from=nginx c d\nCOPY --from=build c d",
            &[],
        ),
        ("FROM a AS gives\nFROM given\nCOPY --from=gives c d\nCOPY --from=given c d", &[]),
        ("FROM a AS x\nFROM b\nCOPY --from=x c d", &[]),
    ]);
}

#[test]
fn what_the_file_skips() {
    for (directive, expected) in [
        ("skip=all", [].as_slice()),
        ("skip=JSONArgsRecommended", &["WorkdirRelativePath 3"]),
        ("skip=JSONArgsRecommended, WorkdirRelativePath", &[]),
        ("skip=Other;error=false", &["WorkdirRelativePath 3", "JSONArgsRecommended 4"]),
        ("experimental=all;skip=JSONArgsRecommended", &["WorkdirRelativePath 3"]),
    ] {
        assert_eq!(
            found_with(&format!("# check={directive}\nFROM a\nWORKDIR b\nCMD c"), None),
            expected,
            "{directive}"
        );
    }
    let around = Around { contexts: &[], environment: &|_| None };
    let run = |text: &str| check(&parse(text.as_bytes(), "Dockerfile").unwrap(), &around);
    for directive in ["nope=1", "skip", "skip=", "error=maybe"] {
        assert!(run(&format!("# check={directive}\nFROM a")).is_err(), "{directive}");
    }
    let violation = |text: &str| run(text).unwrap().violation().map(|error| error.to_string());
    assert_eq!(violation("FROM a\nCMD b"), None);
    assert_eq!(violation("# check=error=true\nFROM a\nCMD [\"b\"]"), None);
    let told = violation("# check=error=true\nFROM a\nCMD b\nENTRYPOINT c").unwrap();
    assert_eq!(told, "the Dockerfile breaks the rules JSONArgsRecommended");
    assert_eq!(violation("# check=error=true\n# syntax=x/y\nFROM a AS b\nFROM c"), None);
}
