//! Whole Dockerfiles.

use super::super::heredoc::Heredoc;
use super::super::instruction::{Command, Instruction, Lines, Source};
use super::super::running::Script;
use super::*;

pub(super) fn read(text: &str) -> Dockerfile {
    match parse(text.as_bytes(), "Dockerfile") {
        Ok(file) => file,
        Err(error) => panic!("{text}: {error}"),
    }
}

pub(super) fn refusal(text: &str) -> String {
    match parse(text.as_bytes(), "Dockerfile") {
        Ok(file) => panic!("{text}: {file:?}"),
        Err(error) => format!("{error} ({})", error.hint_text().unwrap_or_default()),
    }
}

/// The steps of the only stage.
pub(super) fn steps(text: &str) -> Vec<Located> {
    let mut file = read(&format!("FROM scratch\n{text}"));
    assert_eq!(file.stages.len(), 1, "{text}");
    file.stages.remove(0).steps
}

fn shell(step: &Located) -> &str {
    match &step.instruction {
        Instruction::Run(run) => match &run.command {
            Command::Shell(line) => line,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn stages_and_where_they_stand() {
    let file = read(
        "ARG V=1 W\n\nFROM --platform=$BUILDPLATFORM a:$V AS Build\nRUN x \\\n  y\nFROM build as final\nUSER u\nFROM scratch\n",
    );
    let Instruction::Arg(arguments) = &file.globals[0].instruction else { panic!() };
    assert_eq!((arguments[0].default.as_deref(), arguments[1].default.as_deref()), (Some("1"), None));
    let [build, last, scratch] = &file.stages[..] else { panic!() };
    assert_eq!((build.image.as_str(), build.name.as_deref()), ("a:$V", Some("build")));
    assert_eq!(build.platform.as_deref(), Some("$BUILDPLATFORM"));
    assert_eq!(
        (build.lines, build.steps[0].lines),
        (Lines { first: 3, last: 3 }, Lines { first: 4, last: 5 })
    );
    assert_eq!(build.steps[0].text, "RUN x   y");
    assert_eq!((last.name.as_deref(), last.text.as_str()), (Some("final"), "FROM build as final"));
    assert_eq!((scratch.name.as_deref(), scratch.steps.len()), (None, 0));
    assert_eq!(file.warnings, []);
}

#[test]
fn lines_go_on() {
    for (text, expected) in [
        ("RUN a \\\n b", "a  b"),
        ("RUN a \\  \t\n b", "a  b"),
        ("RUN a\\\nb", "ab"),
        ("RUN a \\\n# comment\n   # another\n b", "a  b"),
        ("RUN a \\\n\n b", "a  b"),
        ("RUN a \\\n b \\", "a  b"),
        ("RUN a \\\n", "a"),
        ("RUN a \\\\\nUSER b", "a \\\\"),
        ("RUN a # no comment", "a # no comment"),
        ("  RUN a", "a"),
        ("run a", "a"),
        ("RUN\ta", "a"),
        ("RUN \\\n a", "a"),
        ("\\\nRUN a", "a"),
        ("RUN a \\ b", "a \\ b"),
        ("RUN a\r\n", "a"),
        ("RUN a \\\r\n b\r\n", "a  b"),
        ("RUN a \\\n \\\n b", "a   b"),
    ] {
        assert_eq!(shell(&steps(text)[0]), expected, "{text:?}");
    }
}

#[test]
fn the_beginning_of_a_file() {
    let file = read(
        "\u{feff}# syntax=docker/dockerfile:1\n# escape = `\n#check=skip=all\nFROM a\nRUN a `\n b\nRUN c \\\nUSER d\n",
    );
    assert_eq!(file.directives.syntax.as_deref(), Some("docker/dockerfile:1"));
    assert_eq!((file.directives.escape, file.directives.check.as_deref()), ('`', Some("skip=all")));
    assert_eq!((shell(&file.stages[0].steps[0]), shell(&file.stages[0].steps[1])), ("a  b", "c \\"));
    for ended in
        ["\n# escape=`\n", "# a comment\n# escape=`\n", "# unknown=x\n# escape=`\n", "ARG x\n# escape=`\n"]
    {
        assert_eq!(read(&format!("{ended}FROM a")).directives.escape, '\\', "{ended:?}");
    }
    assert_eq!(
        read("#!/usr/bin/env x\n# syntax=docker/dockerfile:1\nFROM a").directives.syntax.as_deref(),
        Some("docker/dockerfile:1")
    );
    for (text, why) in [
        ("# escape=`\n# ESCAPE=`\nFROM a", "Dockerfile:2: the directive escape is given twice"),
        ("# syntax=a\n# syntax=a\nFROM a", "Dockerfile:2: the directive syntax is given twice"),
        ("# check=skip=all\n# check=skip=all\nFROM a", "Dockerfile:2: the directive check is given twice"),
        ("# escape=x\nFROM a", "Dockerfile:1: the directive escape is \\ or `, and not 'x'"),
    ] {
        assert!(refusal(text).starts_with(why), "{text}: {}", refusal(text));
    }
}

#[test]
fn a_foreign_frontend_is_told() {
    let rules = |syntax: &str| read(&format!("# syntax={syntax}\nFROM a")).warnings.len();
    for own in [
        "docker/dockerfile",
        "docker/dockerfile:1.7-labs",
        "docker.io/docker/dockerfile:1@sha256:00",
        "docker/dockerfile-upstream:master",
    ] {
        assert_eq!(rules(own), 0, "{own}");
    }
    for foreign in ["example.com/docker/dockerfile", "docker/dockerfilex", "mopp/buildpack:2"] {
        assert_eq!(rules(foreign), 1, "{foreign}");
    }
}

#[test]
fn here_documents() {
    let text = "COPY <<a <<-\"b\" /x/\none $A\na\n\ttwo\n\tb\nUSER u\n";
    let steps = steps(text);
    let Instruction::Copy(copy) = &steps[0].instruction else { panic!() };
    let first = Heredoc { name: "a".into(), content: "one $A\n".into(), expand: true, chomp: false };
    let second = Heredoc { name: "b".into(), content: "\ttwo\n".into(), expand: false, chomp: true };
    assert_eq!(second.text(), "two\n");
    assert_eq!(copy.sources, [Source::Inline(first), Source::Inline(second)]);
    assert_eq!(
        (steps[0].lines, steps[0].text.as_str()),
        (Lines { first: 2, last: 6 }, "COPY <<a <<-\"b\" /x/")
    );
    assert_eq!(steps[1].lines, Lines { first: 7, last: 7 });
}

#[test]
fn here_documents_of_run() {
    for (text, expected) in [
        ("RUN <<E\na $B\nE\n", Script::Shell("a $B\n".into())),
        ("RUN <<-E\n\ta\n\t\tb\n\tE\n", Script::Shell("a\nb\n".into())),
        ("RUN <<E cat\na\nE", Script::Shell("<<E cat\na\nE".into())),
        ("RUN cat <<E > /x\na\nE", Script::Shell("cat <<E > /x\na\nE".into())),
        ("RUN cat <<-E\n\ta\n\tE", Script::Shell("cat <<-E\n\ta\nE".into())),
        ("RUN cat 3<<A 4<<'B'\n1\nA\n2\nB\n", Script::Shell("cat 3<<A 4<<'B'\n1\nA\n2\nB".into())),
        ("RUN <<E\n#!/bin/x\na\nE", Script::File { name: "E".into(), text: "#!/bin/x\na\n".into() }),
        ("RUN <<-E\n#!/bin/x\n\ta\nE", Script::File { name: "E".into(), text: "#!/bin/x\na\n".into() }),
        ("RUN <<-E\n\t#!/bin/x\n\ta\nE", Script::File { name: "E".into(), text: "#!/bin/x\na\n".into() }),
        ("RUN << E\na\nE", Script::Shell("a\n".into())),
        ("RUN cat <<  E > /x\na\nE", Script::Shell("cat <<  E > /x\na\nE".into())),
        ("RUN cat << E > /x", Script::Shell("cat << E > /x".into())),
        ("RUN echo $(( 1 <<2 ))\n2", Script::Shell("echo $(( 1 <<2 ))\n2".into())),
        ("RUN a <<< E", Script::Shell("a <<< E".into())),
        ("RUN <<E\nE", Script::Shell(String::new())),
        ("RUN <<E\r\na\r\nE\r\n", Script::Shell("a\r\n".into())),
        ("RUN a <<<E", Script::Shell("a <<<E".into())),
        ("RUN echo $((1 << 2))", Script::Shell("echo $((1 << 2))".into())),
        ("RUN echo '<<E'", Script::Shell("echo '<<E'".into())),
        ("RUN echo \\<<E", Script::Shell("echo \\<<E".into())),
        ("RUN cat <<E # don't", Script::Shell("cat <<E # don't".into())),
        ("RUN [\"cat\", \"<<E\"]", Script::Exec(vec!["cat".into(), "<<E".into()])),
        ("RUN cat <<\"two words\"\na\ntwo words", Script::Shell("cat <<\"two words\"\na\ntwo words".into())),
    ] {
        let steps = steps(text);
        let Instruction::Run(run) = &steps[0].instruction else { panic!() };
        assert_eq!((run.script(), steps.len()), (expected, 1), "{text:?}");
    }
    assert!(refusal("FROM a\nRUN <<E\na\n").starts_with("Dockerfile:2: the here-document 'E' has no end"));
    assert!(
        refusal("FROM a\nCOPY a <<E\nE")
            .starts_with("Dockerfile:2: a here-document cannot be the destination")
    );
}

#[test]
fn a_document_ends_only_where_the_whole_line_is_its_name() {
    let steps = steps("RUN <<E\n E\nE \n\tE\nEE\nE\nUSER u");
    let Instruction::Run(run) = &steps[0].instruction else { panic!() };
    assert_eq!((run.heredocs[0].content.as_str(), steps.len()), (" E\nE \n\tE\nEE\n", 2));
}

#[test]
fn bytes_that_are_no_text() {
    assert_eq!(parse(b"# M\xfcller\nFROM a\nRUN a \\\n# M\xfcller\n b\n", "D").unwrap().stages.len(), 1);
    for text in [&b"FROM a\nRUN M\xfcller"[..], b"FROM a\nRUN a \\\n \xff", b"FROM a\nRUN <<E\n\xff\nE\n"] {
        let error = parse(text, "D").unwrap_err().to_string();
        assert!(error.starts_with("D:") && error.contains("is not UTF-8"), "{error}");
    }
}

#[test]
fn what_is_no_dockerfile() {
    for (text, why) in [
        ("", "Dockerfile: there is no FROM"),
        ("# only a comment\n\n", "Dockerfile: there is no FROM"),
        ("ARG x\n", "Dockerfile: there is no FROM"),
        ("\nRUN a\nFROM b", "Dockerfile:2: RUN stands before the first FROM"),
        ("FROM a\nRNU x", "Dockerfile:2: the instruction RNU is not known (did you mean RUN?)"),
        ("FROM a\n\n&& b", "Dockerfile:3: the instruction && is not known"),
        ("FROM", "Dockerfile:1: FROM takes"),
        ("FROM a b", "Dockerfile:1: FROM takes"),
        ("FROM a is b", "Dockerfile:1: FROM takes"),
        ("FROM a AS", "Dockerfile:1: FROM takes"),
        ("FROM a AS 1b", "Dockerfile:1: '1b' is no name for a stage"),
        ("FROM a AS b/c", "Dockerfile:1: 'b/c' is no name for a stage"),
        (
            "FROM --platfrom=x a",
            "Dockerfile:1: the flag --platfrom is not known here (did you mean --platform?)",
        ),
        ("FROM --platform a", "Dockerfile:1: --platform needs a value"),
    ] {
        assert!(refusal(text).starts_with(why), "{text}: {}", refusal(text));
    }
}

#[test]
fn triggers() {
    let read = |text| parse_onbuild(text, '\\');
    let step = read("RUN <<E\na\nE").unwrap();
    let Instruction::Run(run) = &step.instruction else { panic!() };
    assert_eq!(run.script(), Script::Shell("a\n".into()));
    assert!(matches!(read("copy . /x").unwrap().instruction, Instruction::Copy(_)));
    for (text, why) in [
        ("", "it is empty"),
        ("# x", "it is empty"),
        ("FROM a", "cannot be a trigger"),
        ("ONBUILD RUN a", "cannot be a trigger"),
        ("MAINTAINER a", "cannot be a trigger"),
        ("RUN a\nRUN b", "more than one instruction"),
        ("NOPE", "the instruction NOPE is not known"),
        ("RUN <<E", "has no end"),
    ] {
        let error = read(text).expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}

mod buildah;
mod each;
mod reported;
