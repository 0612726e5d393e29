//! Each instruction, right and wrong.

use super::super::super::instruction::{
    Argument, Command, Copying, Healthcheck, Instruction, Network, Security, Source,
};
use super::{refusal, steps};

fn one(text: &str) -> Instruction {
    let mut steps = steps(text);
    assert_eq!(steps.len(), 1, "{text}");
    steps.remove(0).instruction
}

#[track_caller]
fn refused(rows: &[(&str, &str)]) {
    for (text, why) in rows {
        let told = refusal(&format!("FROM a\n{text}"));
        assert!(told.starts_with("Dockerfile:2: ") && told.contains(why), "{text}: {told}");
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn arg() {
    let argument =
        |name: &str, default: Option<&str>| Argument { name: name.into(), default: default.map(Into::into) };
    for (text, expected) in [
        ("ARG a", vec![argument("a", None)]),
        ("ARG a=", vec![argument("a", Some(""))]),
        (
            "ARG a=b c d=\"e f\"",
            vec![argument("a", Some("b")), argument("c", None), argument("d", Some("\"e f\""))],
        ),
        ("ARG a=b=c", vec![argument("a", Some("b=c"))]),
        ("ARG a=${b:-c d}", vec![argument("a", Some("${b:-c")), argument("d}", None)]),
    ] {
        assert_eq!(one(text), Instruction::Arg(expected), "{text}");
    }
    refused(&[
        ("ARG", "ARG needs an argument"),
        ("ARG =x", "a name in ARG is empty"),
        ("ARG --x a", "--x is not known"),
    ]);
}

#[test]
fn env_and_label() {
    for (text, expected) in [
        ("a=b", vec![("a", "b")]),
        ("a=b c=d", vec![("a", "b"), ("c", "d")]),
        ("a=\"b c\" d='e f'", vec![("a", "\"b c\""), ("d", "'e f'")]),
        ("a=b\\ c", vec![("a", "b\\ c")]),
        ("a=", vec![("a", "")]),
        ("a b", vec![("a", "b")]),
        ("a b c=d  e", vec![("a", "b c=d  e")]),
        ("a \"b c\"", vec![("a", "\"b c\"")]),
        ("a \\\n  b", vec![("a", "b")]),
        ("a=b \\\n  c=d", vec![("a", "b"), ("c", "d")]),
        ("\"a b\"=c", vec![("\"a b\"", "c")]),
        ("a=$b$c", vec![("a", "$b$c")]),
    ] {
        assert_eq!(one(&format!("ENV {text}")), Instruction::Env(pairs(&expected)), "{text}");
        assert_eq!(one(&format!("LABEL {text}")), Instruction::Label(pairs(&expected)), "{text}");
    }
    refused(&[
        ("ENV", "ENV needs an argument"),
        ("ENV a", "ENV needs a name and a value (write ENV a=VALUE)"),
        ("ENV a=b c", "'c' has no '='"),
        ("ENV =b", "a name in ENV is empty"),
        ("LABEL", "LABEL needs an argument"),
        ("LABEL a", "LABEL needs a name and a value"),
        ("LABEL a=b c", "'c' has no '='"),
        ("LABEL --a=b", "the flag --a is not known here (this instruction has no flags)"),
    ]);
}

#[test]
fn commands() {
    let shell = |line: &str| Command::Shell(line.into());
    let exec = |words: &[&str]| Command::Exec(texts(words));
    for (text, expected) in [
        ("a b", shell("a b")),
        ("a  \"b c\"  $d", shell("a  \"b c\"  $d")),
        ("[\"a\", \"b c\"]", exec(&["a", "b c"])),
        ("[]", exec(&[])),
        ("[a]", shell("[a]")),
        ("[\"a\"] && b", shell("[\"a\"] && b")),
        ("", shell("")),
    ] {
        assert_eq!(one(&format!("CMD {text}")), Instruction::Cmd(expected.clone()), "{text}");
        assert_eq!(one(&format!("ENTRYPOINT {text}")), Instruction::Entrypoint(expected), "{text}");
    }
    refused(&[
        ("CMD [1]", "no string"),
        ("ENTRYPOINT [\"a\", 1]", "no string"),
        ("CMD --x a", "--x is not known"),
    ]);
}

#[test]
fn run() {
    let Instruction::Run(run) = one(
        "RUN --mount=type=cache,target=/c --mount=target=/b,from=s --network=none --security=sandbox --device=a a b",
    ) else {
        panic!()
    };
    assert_eq!((run.command, run.mounts.len()), (Command::Shell("a b".into()), 2));
    assert_eq!((run.network, run.security), (Some(Network::None), Some(Security::Sandbox)));
    assert_eq!((run.mounts[1].from.as_deref(), run.devices), (Some("s"), texts(&["a"])));
    assert!(
        matches!(one("RUN --network=host [\"a\"]"), Instruction::Run(run) if run.command == Command::Exec(texts(&["a"])))
    );
    refused(&[
        ("RUN --network=x a", "--network is default, host or none, and not 'x'"),
        ("RUN --network=host --network=host a", "--network is given twice"),
        ("RUN --security=x a", "--security is sandbox or insecure, and not 'x'"),
        ("RUN --mount a", "--mount needs a value"),
        ("RUN --mount=type=nope a", "the type 'nope' of a mount is not known"),
        ("RUN --mounts=x a", "the flag --mounts is not known here (did you mean --mount?)"),
        ("RUN [\"a\", 1]", "no string"),
    ]);
}

#[test]
fn copy_and_add() {
    let paths = |words: &[&str]| words.iter().map(|word| Source::Path((*word).into())).collect::<Vec<_>>();
    for (text, sources, destination) in [
        ("a b", vec!["a"], "b"),
        ("a b c/", vec!["a", "b"], "c/"),
        ("[\"a b\", \"c d/\"]", vec!["a b"], "c d/"),
        ("a\tb", vec!["a"], "b"),
        ("\"a b\" c", vec!["\"a", "b\""], "c"),
    ] {
        let expected =
            Copying { sources: paths(&sources), destination: destination.into(), ..Copying::default() };
        assert_eq!(one(&format!("COPY {text}")), Instruction::Copy(expected.clone()), "{text}");
        assert_eq!(one(&format!("ADD {text}")), Instruction::Add(expected), "{text}");
    }
    let copy =
        one("COPY --from=s --chown=u:g --chmod=u=rwX,go=rX --link --parents --exclude=*.o --exclude=a a b");
    assert_eq!(
        copy,
        Instruction::Copy(Copying {
            sources: paths(&["a"]),
            destination: "b".into(),
            from: Some("s".into()),
            chown: Some("u:g".into()),
            chmod: Some("u=rwX,go=rX".into()),
            link: true,
            parents: true,
            exclude: texts(&["*.o", "a"]),
            ..Copying::default()
        })
    );
    let add = one("ADD --checksum=sha256:0 --keep-git-dir=true --unpack=false --link=FALSE https://x/y /z");
    assert_eq!(
        add,
        Instruction::Add(Copying {
            sources: paths(&["https://x/y"]),
            destination: "/z".into(),
            checksum: Some("sha256:0".into()),
            unpack: Some(false),
            keep_git_dir: true,
            ..Copying::default()
        })
    );
    refused(&[
        ("COPY", "a source and a destination are needed"),
        ("COPY a", "a source and a destination are needed"),
        ("COPY [\"a\"]", "a source and a destination are needed"),
        ("COPY [\"a\", 1]", "no string"),
        ("COPY --chwon=a b c", "the flag --chwon is not known here (did you mean --chown?)"),
        ("COPY --checksum=a b c", "the flag --checksum is not known here"),
        ("COPY --unpack b c", "the flag --unpack is not known here"),
        ("COPY --chown a b c", "--chown needs a value"),
        ("COPY --link=maybe a b", "--link is true or false, and not 'maybe'"),
        ("COPY --from=a --from=b c d", "--from is given twice"),
        ("ADD a", "a source and a destination are needed"),
        ("ADD --from=a b c", "the flag --from is not known here"),
        ("ADD --parents b c", "the flag --parents is not known here"),
    ]);
}

#[test]
fn healthcheck() {
    const SECOND: i64 = 1_000_000_000;
    assert_eq!(one("HEALTHCHECK none"), Instruction::Healthcheck(Healthcheck::None));
    let check = one(
        "HEALTHCHECK --interval=1m --timeout=1.5s --start-period=2s --start-interval=1s --retries=3 CMD a || b",
    );
    assert_eq!(
        check,
        Instruction::Healthcheck(Healthcheck::Check {
            command: Command::Shell("a || b".into()),
            interval: 60 * SECOND,
            timeout: SECOND * 3 / 2,
            start_period: 2 * SECOND,
            start_interval: SECOND,
            retries: 3,
        })
    );
    let check = one("HEALTHCHECK --interval=0 cmd [\"a\"]");
    assert!(matches!(
        check,
        Instruction::Healthcheck(Healthcheck::Check {
            command: Command::Exec(_),
            interval: 0,
            retries: 0,
            ..
        })
    ));
    refused(&[
        ("HEALTHCHECK", "HEALTHCHECK needs an argument"),
        ("HEALTHCHECK NONE a", "HEALTHCHECK NONE takes nothing more"),
        ("HEALTHCHECK --interval=1s NONE", "--interval is not known"),
        ("HEALTHCHECK CMD", "HEALTHCHECK CMD needs a command"),
        ("HEALTHCHECK CMD []", "HEALTHCHECK CMD needs a command"),
        (
            "HEALTHCHECK curl x",
            "HEALTHCHECK takes CMD or NONE, and not 'curl' (write HEALTHCHECK CMD curl ...)",
        ),
        ("HEALTHCHECK --interval=5 CMD a", "--interval is a time, and not '5'"),
        ("HEALTHCHECK --timeout=1us CMD a", "--timeout is at least 1ms, and not 1us"),
        ("HEALTHCHECK --timeout=-1s CMD a", "--timeout is at least 1ms"),
        ("HEALTHCHECK --retries=x CMD a", "--retries is a number from 0, and not 'x'"),
        ("HEALTHCHECK --retries=-1 CMD a", "--retries is a number from 0"),
        ("HEALTHCHECK --retry=1 CMD a", "--retry is not known"),
    ]);
}

#[test]
fn onbuild() {
    for (text, expected) in [
        ("ONBUILD RUN a b", "RUN a b"),
        ("onbuild  copy . /x", "copy . /x"),
        ("ONBUILD RUN --network=none a", "RUN --network=none a"),
        ("ONBUILD RUN <<E\na\nE", "RUN <<E\na\nE"),
        ("ONBUILD RUN a \\\n b", "RUN a  b"),
    ] {
        assert_eq!(one(text), Instruction::Onbuild(expected.into()), "{text}");
    }
    refused(&[
        ("ONBUILD", "ONBUILD needs an argument"),
        ("ONBUILD ONBUILD RUN a", "ONBUILD cannot stand in ONBUILD"),
        ("ONBUILD from a", "FROM cannot stand in ONBUILD"),
        ("ONBUILD MAINTAINER a", "MAINTAINER cannot stand in ONBUILD"),
        ("ONBUILD RNU a", "the instruction RNU is not known"),
        ("ONBUILD COPY a", "a source and a destination are needed"),
    ]);
}

#[test]
fn short_ones() {
    for (text, expected) in [
        ("EXPOSE 80 90/udp 1-3/tcp $p", Instruction::Expose(texts(&["80", "90/udp", "1-3/tcp", "$p"]))),
        ("MAINTAINER A B <c@d>", Instruction::Maintainer("A B <c@d>".into())),
        ("SHELL [\"/bin/bash\", \"-c\"]", Instruction::Shell(texts(&["/bin/bash", "-c"]))),
        ("STOPSIGNAL SIGINT", Instruction::Stopsignal("SIGINT".into())),
        ("USER a:b", Instruction::User("a:b".into())),
        ("VOLUME /a /b", Instruction::Volume(texts(&["/a", "/b"]))),
        ("VOLUME [\"/a b\", \" /c \"]", Instruction::Volume(texts(&["/a b", "/c"]))),
        ("WORKDIR /a b", Instruction::Workdir("/a b".into())),
        ("WORKDIR $x/y", Instruction::Workdir("$x/y".into())),
    ] {
        assert_eq!(one(text), expected, "{text}");
    }
    refused(&[
        ("EXPOSE", "EXPOSE needs an argument"),
        ("MAINTAINER", "MAINTAINER needs an argument"),
        ("SHELL", "SHELL needs its words as JSON"),
        ("SHELL bash -c", "SHELL needs its words as JSON"),
        ("SHELL []", "SHELL needs its words as JSON"),
        ("STOPSIGNAL", "STOPSIGNAL needs an argument"),
        ("USER", "USER needs an argument"),
        ("VOLUME", "VOLUME needs a path"),
        ("VOLUME []", "VOLUME needs a path"),
        ("VOLUME [\"\"]", "VOLUME needs a path"),
        ("WORKDIR", "WORKDIR needs an argument"),
        ("USER --x a", "--x is not known"),
    ]);
}
