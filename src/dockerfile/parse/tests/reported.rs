//! What people reported of other programs that read Dockerfiles, and what is read here.

use super::super::super::check::{Around, check};
use super::super::super::expand::expand;
use super::super::super::instruction::{Command, Instruction, Source};
use super::super::super::mount::MountKind;
use super::super::super::running::Script;
use super::{parse_onbuild, read, refusal, shell, steps};

fn script(text: &str) -> Script {
    match &steps(text)[0].instruction {
        Instruction::Run(run) => run.script(),
        other => panic!("{other:?}"),
    }
}

fn rules(text: &str) -> Vec<&'static str> {
    let found = check(&read(text), &Around { contexts: &[], environment: &|_| None }).unwrap().warnings;
    found.iter().map(|warning| warning.rule).collect()
}

#[test]
fn quotes_of_a_document_stay() {
    // moby/buildkit#2439
    let steps = steps("COPY <<-EOF /core-site.xml\n<?xml version=\"1.0\"?>\n\t<a b='c'/>\nEOF\n");
    let Instruction::Copy(copy) = &steps[0].instruction else { panic!() };
    let Source::Inline(document) = &copy.sources[0] else { panic!() };
    assert_eq!(document.text(), "<?xml version=\"1.0\"?>\n<a b='c'/>\n");
}

#[test]
fn a_line_of_a_document_is_no_instruction() {
    // moby/moby#48321, moby/buildkit#5240
    assert_eq!(script("RUN <<E\nenv\nrun\nFROM x\nE"), Script::Shell("env\nrun\nFROM x\n".into()));
    // This is no here-document, and neither is one of CMD.
    assert!(refusal("FROM a\nRUN -<<'E'\nenv\nE").starts_with("Dockerfile:3: ENV needs an argument"));
    assert!(refusal("FROM a\nCMD <<E\nenv\nE").starts_with("Dockerfile:3: ENV needs an argument"));
}

#[test]
fn a_redirection_before_the_document() {
    // openrewrite/rewrite#8622
    assert_eq!(script("RUN cat >> /f <<'E'\na\nE"), Script::Shell("cat >> /f <<'E'\na\nE".into()));
}

#[test]
fn an_instruction_in_pieces() {
    // rcjsuen/dockerfile-utils#104
    let file = read("FROM alpine\nFR\\\n#\nOM alpine\nHE\\\n#\nAL\\\n#\nTHCHECK NONE\n");
    assert!(matches!(file.stages[1].steps[0].instruction, Instruction::Healthcheck(_)));
    // camdencheek/tree-sitter-dockerfile#53
    assert_eq!(shell(&steps("RUN ls \\\n# comment with nothing after\n")[0]), "ls");
    // moby/moby#28587
    let text = "RUN echo \"hello\" > /a \\\n# A comment line\n    && echo b >> /a\nUSER u";
    assert_eq!(shell(&steps(text)[0]), "echo \"hello\" > /a     && echo b >> /a");
    // moby/moby#28982, moby/moby#51426: a # in the line is text, and what follows the \ too.
    assert_eq!(shell(&steps("RUN echo foo # blah \\\nRUN echo bar")[0]), "echo foo # blah RUN echo bar");
}

#[test]
fn defaults_of_arguments() {
    // moby/buildkit#717
    assert_eq!(rules("ARG baseImage=\"node:10\"\nFROM ${baseImage}"), [""; 0]);
    // moby/buildkit#915
    let Instruction::Env(pairs) = &steps("ENV my_arg \"${my_arg:-def val}\"")[0].instruction else {
        panic!()
    };
    assert_eq!(expand(&pairs[0].1, '\\', &|_| None).unwrap(), "def val");
    // moby/buildkit#4427: what a variable stands for in a pattern is a pattern.
    let lookup = |name: &str| match name {
        "FOO" => Some("a/b/c".to_owned()),
        "PAT" => Some("*/".to_owned()),
        "REPL" => Some(".../".to_owned()),
        _ => None,
    };
    assert_eq!(expand("${FOO/$PAT/$REPL}", '\\', &lookup).unwrap(), ".../c");
    // moby/moby#37128
    for word in ["${aaa:-bbb", "${aaa", "${{aaa:-bbb}", "${:-abc}", "${:+abc}"] {
        assert!(expand(word, '\\', &lookup).is_err(), "{word}");
    }
    assert_eq!(expand("${aaa:-bbb}}", '\\', &lookup).unwrap(), "bbb}");
}

#[test]
fn mounts() {
    let mounts = |text: &str| match &steps(text)[0].instruction {
        Instruction::Run(run) => run.mounts.clone(),
        other => panic!("{other:?}"),
    };
    // moby/buildkit#1163
    let both = "RUN --mount=type=secret,id=a,dst=/a \\\n    --mount=type=secret,id=b,dst=/b \\\n    ls /a /b";
    assert_eq!(mounts(both).len(), 2);
    // moby/buildkit#2293
    let resolve = |text: &str| mounts(text)[0].resolve(&|word| Ok(word.replace("$HOME", "/root"))).unwrap();
    assert!(resolve("RUN --mount=type=secret,id=p,required,dst=/a p").required);
    // moby/buildkit#5332
    assert_eq!(resolve("RUN --mount=type=secret,id=k,env=AWS_KEY a").env.as_deref(), Some("AWS_KEY"));
    // moby/moby#42364, moby/buildkit#2951
    let made = resolve("RUN --mount=type=secret,id=n,target=$HOME/.netrc a");
    assert_eq!((made.kind, made.target.as_str()), (MountKind::Secret, "/root/.netrc"));
}

#[test]
fn json_and_what_looks_like_it() {
    // moby/moby#16262, #32074, #36348, #39199: not JSON, so it is a line for the shell.
    for line in ["[ \"a\", \"b\" \"c\" ]", "[ \"a\"", "[\"ls\"],", "['a']", "[ -f /etc/hosts ]"] {
        let Instruction::Cmd(command) = &steps(&format!("CMD {line}"))[0].instruction else { panic!() };
        assert_eq!(*command, Command::Shell(line.into()), "{line}");
        assert!(rules(&format!("FROM a\nCMD {line}")).contains(&"JSONArgsRecommended"), "{line}");
    }
    // mthalman/DockerfileModel#390
    assert!(refusal("FROM a\nCMD [ \"echo\", [ \"nested json\" ] ]").contains("no string"));
    // RedCoolBeans/dockerlint#19
    let Instruction::Entrypoint(command) = &steps("ENTRYPOINT [\"echo\", \"a,b\"]")[0].instruction else {
        panic!()
    };
    assert_eq!(*command, Command::Exec(vec!["echo".into(), "a,b".into()]));
}

#[test]
fn triggers_keep_their_documents() {
    let Instruction::Onbuild(text) = &steps("ONBUILD COPY <<-\"E\" /x\n\t$a\n\tE\n")[0].instruction else {
        panic!()
    };
    let Instruction::Copy(copy) = parse_onbuild(text, '\\').unwrap().instruction else { panic!() };
    let Source::Inline(document) = &copy.sources[0] else { panic!() };
    assert_eq!((document.text().as_str(), document.expand), ("$a\n", false));
}
