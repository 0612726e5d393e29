//! `build`: here-documents, what is refused before anything is built, and `--check`.

use std::fs;

use crate::support::command::Ran;
use crate::support::prelude::*;

fn build(s: &Sandbox, dockerfile: &str, args: &[&str]) -> Ran {
    fs::create_dir_all(s.path("c")).unwrap();
    fs::write(s.path("c/Dockerfile"), dockerfile).unwrap();
    s.cd([&["build", "-t", "app"], args, &["c"]].concat()).current_dir(s.path("")).run()
}

#[test]
fn here_documents_keep_their_quotes() {
    need!(Root);
    sandbox(|s| {
        let dockerfile = "FROM scratch\nENV V=\"1 2\"\nCOPY <<a <<-\"b\" /etc/\n\
                      <x y=\"$V\" z='${N:-\"q\"}'/>\na\n\t\"$V\"\n\t\tx\n\tb\n";
        build(s, dockerfile, &["--install-as", "app"]).ok();
        let read = |name: &str| fs::read_to_string(s.rootfs("app").join("etc").join(name)).unwrap();
        assert_eq!(read("a"), "<x y=\"1 2\" z='\"q\"'/>\n");
        assert_eq!(read("b"), "\"$V\"\nx\n");
    });
}

#[test]
fn what_is_not_supported_is_refused_before_anything_is_built() {
    need!(Root);
    sandbox(|s| {
        let scratch = "FROM scratch\nCOPY <<a /a\na\n";
        for (step, words) in [
            ("RUN --security=insecure a", ["Dockerfile:4", "--security=insecure is not supported"]),
            ("RUN --device=a b", ["Dockerfile:4", "--device is not supported"]),
            ("ADD git@example.com:a/b /b", ["Dockerfile:4", "git repositories are not supported"]),
            ("ADD https://example.com/a.git#main /b", ["Dockerfile:4", "git repositories are not supported"]),
        ] {
            let ran = build(s, &format!("{scratch}{step}\n"), &[]).fails(&words);
            assert!(!ran.err().contains("<<a"), "{}", ran.err());
        }
        // What a variable becomes is known later.
        let dockerfile = format!("{scratch}ENV U=git@example.com:a/b\nADD $U /b\n");
        build(s, &dockerfile, &[]).fails(&["git repositories are not supported"]);
        // A stage that nothing needs may hold what it likes.
        let dockerfile = format!("FROM scratch AS other\nRUN --security=insecure a\n{scratch}");
        build(s, &dockerfile, &[]).ok();
    });
}

#[test]
fn checks() {
    sandbox(|s| {
        let dockerfile = "FROM scratch\nENV A=$NOPE\nWORKDIR x\nCMD y\n";
        let ran = build(s, dockerfile, &["--check"]).code(1);
        ran.says(&["UndefinedVar", "WorkdirRelativePath", "JSONArgsRecommended", "Dockerfile:4"]);
        build(s, &format!("# check=skip=all\n{dockerfile}"), &["--check"]).ok();
        build(s, "FROM scratch\nLABEL a=b\n", &["--check"]).ok();
        let strict = format!("# check=error=true\n{dockerfile}");
        build(s, &strict, &[]).fails(&["JSONArgsRecommended, UndefinedVar, WorkdirRelativePath"]);
        s.cd(["images", "app"]).run().code(1);
    });
}
