//! Dockerfiles, and the expansion of words: whatever the bytes, an answer or an error.

use chroot_distro::dockerfile::{
    Around, Dockerfile, Instruction, Located, check, expand, expand_document, expand_words, parse,
    parse_onbuild, refuse,
};

use super::{Target, parts};

pub const DOCKERFILES: Target = Target {
    name: "dockerfiles",
    seeds: || {
        let files = [
            "# syntax=docker/dockerfile:1\n# escape=`\n# check=skip=all\nARG V=1 W\nFROM --platform=$BUILDPLATFORM a:$V AS b\nRUN a `\n b\n",
            "FROM a\nRUN --mount=type=cache,target=/c,sharing=locked --network=none <<E\n#!/bin/sh\na\nE\nCOPY <<A <<-\"B\" /x/\n1\nA\n\t2\n\tB\n",
            "FROM a\nRUN --mount=type=secret,id=x,env=Y,required --mount=type=tmpfs,target=/t,size=64m --security=sandbox [\"a\", \"b\"]\n",
            "FROM scratch\nENV a=b c=\"d e\" f=${a:-$c}\nLABEL old form\nEXPOSE 80/TCP 1-3 127.0.0.1:80:80\nVOLUME [\"/a\"]\nUSER a:b\nWORKDIR x\n",
            "FROM a AS x\nHEALTHCHECK --interval=1m30s --retries=3 CMD a\nONBUILD COPY --from=x --chown=a:b --exclude=*.o --link a b\nSTOPSIGNAL 9\nSHELL [\"a\"]\nCMD a\nENTRYPOINT [\"b\"]\nMAINTAINER c\n",
            "FROM a\nADD --checksum=sha256:0 --unpack=false --keep-git-dir https://x/y.git /z\nCOPY --parents --chmod=u+x a/./b c/\n",
        ];
        files.map(|file| file.as_bytes().to_vec()).into()
    },
    words: &[
        "FROM ",
        "RUN ",
        "COPY ",
        "ADD ",
        "ENV ",
        "ARG ",
        "LABEL ",
        "ONBUILD ",
        "HEALTHCHECK ",
        "EXPOSE ",
        " AS ",
        "--mount=type=",
        "--from=",
        "target=",
        "\n",
        "\\\n",
        "`\n",
        "\r\n",
        "# escape=`\n",
        "<<E\n",
        "<<-'E'\n",
        "E\n",
        "[\"",
        "\"]",
        "${",
        ":-",
        "}",
        "$a",
        "\"",
        "'",
        "\\",
        "\u{feff}",
        "\u{a0}",
        "\u{212a}",
        "=",
        ",",
    ],
    longest: 2000,
    run: |input| {
        let Ok(file) = parse(input, "Dockerfile") else { return };
        sound(&file, input);
        let around = Around { contexts: &[], environment: &|_| None };
        let _ = check(&file, &around).map(|checked| checked.violation());
        for step in file.stages.iter().flat_map(|stage| &stage.steps).chain(&file.globals) {
            let _ = refuse(step);
            one(step, file.directives.escape);
        }
    },
};

/// Lines are within the file, and go up.
fn sound(file: &Dockerfile, input: &[u8]) {
    assert!(!file.stages.is_empty());
    let count = input.split(|byte| *byte == b'\n').count();
    let mut before = 0;
    let stages = file
        .stages
        .iter()
        .flat_map(|stage| [stage.lines].into_iter().chain(stage.steps.iter().map(|step| step.lines)));
    for lines in file.globals.iter().map(|step| step.lines).chain(stages) {
        assert!(before < lines.first && lines.first <= lines.last && lines.last <= count, "{lines:?}");
        before = lines.last;
    }
}

fn one(step: &Located, escape: char) {
    match &step.instruction {
        Instruction::Run(run) => {
            let _ = run.script();
            for mount in &run.mounts {
                let _ = mount.resolve(&|word| expand(word, escape, &|_| Some("x".to_owned())));
            }
        }
        // A trigger that is kept can be read again by the image that is built from this one.
        Instruction::Onbuild(trigger) => {
            let _ = parse_onbuild(trigger, escape);
        }
        _ => {}
    }
}

pub const EXPANSION: Target = Target {
    name: "expansion",
    seeds: || {
        let words = [
            "a$b${c}\"d $e\" 'f' \\$g\0b=1\0",
            "${a:-${b:+x}} ${a-y} ${c:?no} ${c?}\0a=\0c=1",
            "${a#*.} ${a##*.} ${a%.*} ${a%%.*} ${a/b/c} ${a//?/\\*}\0a=x.b.c",
            "${a#\\}} ${a/\\//x} ${a%\\\\}\0a=x}/y\\",
        ];
        words.map(|word| word.as_bytes().to_vec()).into()
    },
    words: &[
        "${", "}", "$", ":-", ":+", ":?", "##", "%%", "//", "/", "*", "?", "\\", "\"", "'", "a", "\0a=",
        "\u{e9}",
    ],
    longest: 500,
    run: |input| {
        let [word, first, second] = parts::<3>(input).map(String::from_utf8_lossy);
        let lookup = |name: &str| {
            let values = [&first, &second].into_iter();
            values
                .filter_map(|pair| pair.split_once('='))
                .find(|(other, _)| *other == name)
                .map(|(_, value)| value.to_owned())
        };
        for escape in ['\\', '`'] {
            let whole = expand(&word, escape, &lookup);
            let words = expand_words(&word, escape, &lookup);
            assert_eq!(whole.is_ok(), words.is_ok());
            let (Ok(whole), Ok(words)) = (whole, words) else { continue };
            assert!(words.iter().all(|word| !word.is_empty()));
            let solid = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert_eq!(solid(&whole), solid(&words.concat()));
        }
        let _ = expand_document(&word, &lookup);
    },
};
