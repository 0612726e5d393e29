//! Where files and directories go.

use super::scene::{From, check, on_disk, sent};
use crate::testing::needs_root;

const CONTEXT: From<'_> = From::Context("");
const TREE: &[&str] = &[
    "a@600,7:8=A",
    "b@755=B",
    "d@711,7:8/",
    "d/e@700/",
    "d/e/f=F",
    "d/g@4755,7:8=G",
    "d/up>../a",
    "empty/",
    "to-a>a",
    "to-d>/d",
    "loop>loop",
    "out>../../etc/hostname",
];

#[test]
fn a_file_goes_to_a_name_or_into_a_directory() {
    needs_root!();
    for (base, instruction, expected) in [
        (&[][..], "COPY a /x", &["x@600=A"][..]),
        (&[], "COPY a /x/", &["x/", "x/a@600=A"]),
        (&[], "COPY a /x/.", &["x/", "x/a@600=A"]),
        (&[], "COPY a /x/y/z", &["x/", "x/y/", "x/y/z@600=A"]),
        (&[], "COPY a /", &["a@600=A"]),
        (&[], "COPY /a /b", &["b@600=A"]),
        (&[], "COPY ./a/ /b", &["b@600=A"]),
        (&[], "COPY a b /x/", &["x/", "x/a@600=A", "x/b@755=B"]),
        (&["x@700,1:2/"], "COPY a /x", &["x/@700,1:2", "x/a@600=A"]),
        (&["x=old"], "COPY a /x", &["x@600=A"]),
        (&["x=old"], "COPY a /x/", &["! '/x' is not a directory"]),
        (&["x=old"], "COPY a /x/y", &["! '/x' is not a directory"]),
        (&["x/", "x/a/"], "COPY a /x/", &["! '/x/a' is a directory, and a file cannot replace it"]),
        (&["x/", "x/a/"], "COPY a /x/../x/./b", &["x/", "x/a/", "x/b@600=A"]),
        (&[], "COPY a /../../x", &["x@600=A"]),
        // The last one wins, as they are copied one after the other.
        (&[], "COPY a b /x", &["x@755=B"]),
    ] {
        check(TREE, CONTEXT, base, instruction, expected);
    }
}

#[test]
fn of_a_directory_the_contents_go() {
    needs_root!();
    let all = &["x/", "x/e/@700", "x/e/f=F", "x/g@4755=G", "x/up>../a"][..];
    for (base, instruction, expected) in [
        // The directory itself is not copied: one that is made is 0755 and root's.
        (&[][..], "COPY d /x", all),
        (&[], "COPY d /x/", all),
        (&[], "COPY d/ /x", all),
        (&[], "COPY d/. /x", all),
        (&["x/"], "COPY d /x", all),
        (&[], "COPY d/e d/e /x", &["x/", "x/f=F"]),
        (&[], "COPY empty /x", &["x/"]),
        (&[], "COPY empty /", &[]),
        // What is there stays; directories inside take the source's mode.
        (
            &["x@777,5:5/", "x/e@755,5:5/", "x/e/old=O", "x/g=old"],
            "COPY d /x",
            &["x/@777,5:5", "x/e/@700", "x/e/f=F", "x/e/old=O", "x/g@4755=G", "x/up>../a"],
        ),
        (&["x=old"], "COPY d /x", &["! '/x' is not a directory, and a directory cannot replace it"]),
        (
            &["x/", "x/e=old"],
            "COPY d /x",
            &["! '/x/e' is not a directory, and a directory cannot replace it"],
        ),
        (&["x/", "y/", "x/e>/y"], "COPY d /x", &["! '/x/e' is a symbolic link, and a directory"]),
        (&["x/", "x/g/"], "COPY d /x", &["! '/x/g' is a directory, and a file cannot replace it"]),
        (
            &["x/", "y=Y", "x/g>/y"],
            "COPY d /x",
            &["x/", "x/e/@700", "x/e/f=F", "x/g@4755=G", "x/up>../a", "y=Y"],
        ),
    ] {
        check(TREE, CONTEXT, base, instruction, expected);
    }
}

#[test]
fn links_of_the_destination_are_followed_inside_the_root() {
    needs_root!();
    for (base, instruction, expected) in [
        (&["y/", "x>y"][..], "COPY a /x", &["x>y", "y/", "y/a@600=A"][..]),
        (&["y/", "x>/y"], "COPY a /x/", &["x>/y", "y/", "y/a@600=A"]),
        (&["y/", "x>../../y"], "COPY a /x/z", &["x>../../y", "y/", "y/z@600=A"]),
        (&["y=old", "x>y"], "COPY a /x", &["x>y", "y@600=A"]),
        // What a dangling link leads to is made.
        (&["x>/p/q"], "COPY a /x/", &["p/", "p/q/", "p/q/a@600=A", "x>/p/q"]),
        (&["x>q"], "COPY a /x", &["q@600=A", "x>q"]),
        // In the directory a link of the same name makes way.
        (&["y=Y", "x/", "x/a>../y"], "COPY a /x", &["x/", "x/a@600=A", "y=Y"]),
        (&["y/", "x>y"], "COPY d/e /x", &["x>y", "y/", "y/f=F"]),
        (&["x>x"], "COPY a /x/", &["! Too many levels of symbolic links"]),
    ] {
        check(TREE, CONTEXT, base, instruction, expected);
    }
}

#[test]
fn links_of_sources_are_followed_and_those_below_are_copied() {
    needs_root!();
    for (instruction, expected) in [
        ("COPY to-a /x/", &["x/", "x/to-a@600=A"][..]),
        ("COPY to-d /x", &["x/", "x/e/@700", "x/e/f=F", "x/g@4755=G", "x/up>../a"]),
        ("COPY to-d/e/f /x", &["x=F"]),
        ("COPY d/up /x", &["x@600=A"]),
        ("COPY out /x", &["! 'out' is not there"]),
        ("COPY loop /x", &["! Too many levels of symbolic links"]),
        ("COPY ../a /x", &["x@600=A"]),
        ("COPY none /x", &["! 'none' is not there (paths begin at the build context"]),
        ("COPY ../../etc/passwd /x", &["! 'none'"][..0]),
        ("COPY a/none /x", &["! 'a/none' is not there"]),
    ] {
        if !expected.is_empty() {
            check(TREE, CONTEXT, &[], instruction, expected);
        }
    }
    check(
        TREE,
        CONTEXT,
        &[],
        "COPY ../../etc/passwd /x",
        &["! nothing outside of the build context can be copied"],
    );
}

#[test]
fn owners_are_roots_of_a_context_and_their_own_of_a_stage() {
    needs_root!();
    let d = &["x/", "x/e/@700", "x/e/f=F", "x/g@4755,7:8=G", "x/up>../a"];
    check(TREE, From::Stage, &[], "COPY d /x", d);
    check(TREE, From::Stage, &[], "COPY a /x", &["x@600,7:8=A"]);
    check(
        TREE,
        From::Stage,
        &[],
        "COPY none /x",
        &["! paths after --from begin at the root of that stage or image"],
    );
}

#[test]
fn hard_links_stay_within_one_source() {
    needs_root!();
    let tree = &["d/", "d/a=A", "d/b&d/a", "other&d/a"];
    check(tree, CONTEXT, &[], "COPY d /x", &["x/", "x/a=A", "x/b&x/a"]);
    check(tree, CONTEXT, &[], "COPY d/a other /x/", &["x/", "x/a=A", "x/other=A"]);
    check(tree, CONTEXT, &["x/", "x/a=old"], "COPY d /x", &["x/", "x/a=A", "x/b&x/a"]);
}

#[test]
fn here_documents_are_files() {
    needs_root!();
    check(&[], CONTEXT, &[], "COPY <<EOT=text /x", &["x=text"]);
    check(&[], CONTEXT, &[], "COPY <<one=1 <<two=2 /x/", &["x/", "x/one=1", "x/two=2"]);
    check(&[], CONTEXT, &["x/"], "COPY --chmod=755 --chown=3:4 <<one=1 /x", &["x/", "x/one@755,3:4=1"]);
    check(&["a=A"], CONTEXT, &[], "COPY a <<b=B /x/", &["x/", "x/a=A", "x/b=B"]);
}

#[test]
fn a_layer_has_the_parents_of_what_it_holds() {
    needs_root!();
    let source = on_disk(TREE);
    let base = &["usr@750,1:2/", "usr/lib/", "lib>usr/lib"];
    let sent = sent(&source, CONTEXT, base, "COPY a /lib/x/");
    let shown: Vec<String> =
        sent.iter().map(|entry| format!("{} {:o} {}", entry.name, entry.mode, entry.uid)).collect();
    assert_eq!(shown, ["usr 750 1", "usr/lib 755 0", "usr/lib/x 755 0", "usr/lib/x/a 600 0"]);
    let times: Vec<i64> = sent.iter().map(|entry| entry.mtime.seconds).collect();
    assert_eq!(times, [1_000_000_000, 1_000_000_000, 1_500_000_000, 1_000_000_000]);
}
