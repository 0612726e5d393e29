//! --chown, --chmod, --exclude, --parents, .dockerignore.

use super::scene::{From, check};
use crate::testing::needs_root;

const CONTEXT: From<'_> = From::Context("");
const TREE: &[&str] =
    &["a=A", "d@711/", "d/e@700/", "d/e/f.txt=F", "d/e/g.md@755=G", "d/h.txt=H", "d/l>h.txt"];

#[test]
fn owners_and_modes_are_given() {
    needs_root!();
    for (base, instruction, expected) in [
        (&[][..], "COPY --chown=5:6 a /x/y", &["x/@755,5:6", "x/y@644,5:6=A"][..]),
        (&[], "COPY --chown=5:6 d/e /x", &["x/@755,5:6", "x/f.txt@644,5:6=F", "x/g.md@755,5:6=G"]),
        (&["x@700,1:1/"], "COPY --chown=5:6 a /x/", &["x/@700,1:1", "x/a@644,5:6=A"]),
        (&[], "COPY --chown=5:6 d/l /x", &["x@644,5:6=H"]),
        (&[], "COPY --chmod=0640 a /x/y", &["x/", "x/y@640=A"]),
        // Of directories too, but not of those that are made on the way.
        (
            &[],
            "COPY --chmod=750 d /x",
            &["x/", "x/e/@750", "x/e/f.txt@750=F", "x/e/g.md@750=G", "x/h.txt@750=H", "x/l>h.txt"],
        ),
        (
            &[],
            "COPY --chmod=u=rwX,go=rX d /x",
            &["x/", "x/e/", "x/e/f.txt=F", "x/e/g.md@755=G", "x/h.txt=H", "x/l>h.txt"],
        ),
        (&[], "COPY --chmod=4755 --chown=5:6 a /x", &["x@4755,5:6=A"]),
    ] {
        check(TREE, CONTEXT, base, instruction, expected);
    }
    check(
        TREE,
        CONTEXT,
        &[],
        "COPY --chown=5:6 d /x",
        &[
            "x/@755,5:6",
            "x/e/@700,5:6",
            "x/e/f.txt@644,5:6=F",
            "x/e/g.md@755,5:6=G",
            "x/h.txt@644,5:6=H",
            "x/l@777,5:6>h.txt",
        ],
    );
}

#[test]
fn what_is_excluded_stays_behind() {
    needs_root!();
    for (instruction, expected) in [
        ("COPY --exclude=*.txt d /x", &["x/", "x/e/@700", "x/e/f.txt=F", "x/e/g.md@755=G", "x/l>h.txt"][..]),
        ("COPY --exclude=**/*.txt d /x", &["x/", "x/e/@700", "x/e/g.md@755=G", "x/l>h.txt"]),
        ("COPY --exclude=e d /x", &["x/", "x/h.txt=H", "x/l>h.txt"]),
        (
            "COPY --exclude=e --exclude=!e/f.txt d /x",
            &["x/", "x/e/@700", "x/e/f.txt=F", "x/h.txt=H", "x/l>h.txt"],
        ),
        ("COPY --exclude=*.txt --exclude=l d/* /x/", &["x/", "x/g.md@755=G"]),
        ("COPY --exclude=a a d/l /x/", &["x/", "x/l=H"]),
    ] {
        check(TREE, CONTEXT, &[], instruction, expected);
    }
}

#[test]
fn parents_are_made_from_the_pivot_on() {
    needs_root!();
    let tree = &["p@750/", "p/q@711/", "p/q/a=A", "p/q/r/", "p/q/r/b=B", "p/s/", "p/s/c=C", "top=T"];
    for (base, instruction, expected) in [
        (&[][..], "COPY --parents p/q/a /x/", &["x/", "x/p/@750", "x/p/q/@711", "x/p/q/a=A"][..]),
        (&[], "COPY --parents p/./q/a /x/", &["x/", "x/q/@711", "x/q/a=A"]),
        (&[], "COPY --parents p/q/./r /x/", &["x/", "x/r/", "x/r/b=B"]),
        (&[], "COPY --parents top p/s/c /x/", &["x/", "x/p/@750", "x/p/s/", "x/p/s/c=C", "x/top=T"]),
        (&[], "COPY --parents p/*/b /x/", &[]),
        (&[], "COPY --parents p/**/b /x/", &["x/", "x/p/@750", "x/p/q/@711", "x/p/q/r/", "x/p/q/r/b=B"]),
        (&[], "COPY --parents p/*/c /x/", &["x/", "x/p/@750", "x/p/s/", "x/p/s/c=C"]),
        (&[], "COPY --parents p/*/./c /x/", &["x/", "x/c=C"]),
        (&[], "COPY --parents --exclude=p/q/r p/q /x/", &["x/", "x/p/@750", "x/p/q/@711", "x/p/q/a=A"]),
        (&[], "COPY --parents none/a /x/", &["! 'none/a' is not there"]),
        (
            &[],
            "COPY --parents --chown=5:6 p/s/c /x",
            &["x/@755,5:6", "x/p/@750,5:6", "x/p/s/@755,5:6", "x/p/s/c@644,5:6=C"],
        ),
        // A directory that is there keeps its owner, and takes the mode.
        (&["x/", "x/p@700,3:3/"], "COPY --parents p/s/c /x/", &["x/", "x/p/@750,3:3", "x/p/s/", "x/p/s/c=C"]),
    ] {
        check(tree, CONTEXT, base, instruction, expected);
    }
}

#[test]
fn what_dockerignore_hides_is_not_there() {
    needs_root!();
    let all = |ignore, expected: &[&str]| check(TREE, From::Context(ignore), &[], "COPY . /x", expected);
    all("d", &["x/", "x/a=A"]);
    all("# d\n\n/d/\n", &["x/", "x/a=A"]);
    all("**/*.txt", &["x/", "x/a=A", "x/d/@711", "x/d/e/@700", "x/d/e/g.md@755=G", "x/d/l>h.txt"]);
    all(
        "*.txt",
        &[
            "x/",
            "x/a=A",
            "x/d/@711",
            "x/d/e/@700",
            "x/d/e/f.txt=F",
            "x/d/e/g.md@755=G",
            "x/d/h.txt=H",
            "x/d/l>h.txt",
        ],
    );
    all("*\n!d/e/f.txt", &["x/", "x/d/@711", "x/d/e/@700", "x/d/e/f.txt=F"]);
    all("d/*\n!d/e\nd/e/g*", &["x/", "x/a=A", "x/d/@711", "x/d/e/@700", "x/d/e/f.txt=F"]);
    all("*", &["x/"]);
    for (ignore, instruction, expected) in [
        (
            "a",
            "COPY a /x",
            &["! 'a' is not there (it is in the build context, but .dockerignore hides it)"][..],
        ),
        ("d", "COPY d /x", &["! .dockerignore hides it"]),
        ("d", "COPY d/e/f.txt /x", &["! .dockerignore hides it"]),
        ("d\n!d/none", "COPY d /x", &["! .dockerignore hides it"]),
        ("d\n!d/e/f.txt", "COPY d /x", &["x/", "x/e/@700", "x/e/f.txt=F"]),
        ("d\n!d/e/f.txt", "COPY d/e/f.txt /x", &["x=F"]),
        ("d/h.txt", "COPY d/l /x", &["! 'd/l' is not there"]),
        ("**/*.txt", "COPY d/h.txt a /x/", &["! 'd/h.txt' is not there"]),
        ("**/*.txt", "COPY d/*.txt a /x/", &["x/", "x/a=A"]),
    ] {
        check(TREE, From::Context(ignore), &[], instruction, expected);
    }
}
