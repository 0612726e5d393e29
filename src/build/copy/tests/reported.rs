//! What was reported of other builders, tried here.

use super::scene::{From, archive, check, copied};
use crate::testing::{TempDir, needs_root};

const CONTEXT: From<'_> = From::Context("");

#[test]
fn a_directory_that_is_there_keeps_its_owner_and_mode() {
    needs_root!();
    // kaniko 550, 846 and 2240: the destination became root's, or /tmp lost its mode.
    check(&["f=F"], CONTEXT, &["app@755,1000:1000/"], "COPY . /app", &["app/@755,1000:1000", "app/f=F"]);
    check(&["d@700,9:9/", "d/f=F"], CONTEXT, &["tmp@1777/"], "COPY d /tmp/", &["tmp/@1777", "tmp/f=F"]);
    check(
        &["1.txt=1"],
        CONTEXT,
        &["app@755,1000:1000/", "app/lib@755,1000:1000/"],
        "COPY --chown=1000:1000 1.txt /app/lib/",
        &["app/@755,1000:1000", "app/lib/@755,1000:1000", "app/lib/1.txt@644,1000:1000=1"],
    );
}

#[test]
fn directories_on_the_way_have_the_owner_that_is_given() {
    needs_root!();
    // kaniko 1524 and 2035.
    let home = &["home/", "home/u@755,1000:1000/"];
    let expected =
        &["home/", "home/u/@755,1000:1000", "home/u/t/@755,1000:1000", "home/u/t/c@644,1000:1000=C"];
    check(&["c=C"], CONTEXT, home, "COPY --chown=1000:1000 c /home/u/t/c", expected);
    let expected = &["app/@755,1001:0", "app/d/@755,1001:0", "app/d/f@644,1001:0=F"];
    check(&["d/", "d/f=F"], CONTEXT, &[], "COPY --chown=1001:0 . /app", expected);
    // kaniko 3166: --chmod is not of the directory that is made for the file.
    check(&["f=F"], CONTEXT, &[], "COPY --chmod=444 f /x/y/f", &["x/", "x/y/", "x/y/f@444=F"]);
    // buildkit 1941: neither mode nor owner of the source directory itself.
    let stage = &["server@770,1000:0/", "server/d@770,1000:0/"];
    check(stage, From::Stage, &[], "COPY /server/ /server/", &["server/", "server/d/@770,1000:0"]);
}

#[test]
fn links_are_followed_where_they_are_named_and_nowhere_else() {
    needs_root!();
    // kaniko 915, 1036, 1382 and 1737.
    let stage =
        &["bin/", "bin/dash@755=D", "bin/sh>dash", "tmp/", "tmp/t=T", "test>/tmp", "tmp/link>/test/t"];
    check(stage, From::Stage, &["bin/"], "COPY /bin/sh /bin/sh", &["bin/", "bin/sh@755=D"]);
    check(stage, From::Stage, &[], "COPY /test/link /other/link", &["other/", "other/link=T"]);
    // kaniko 1186 and 2364.
    let tree = &["a/", "a/dangling>abc", "a/self>self"];
    check(tree, CONTEXT, &[], "COPY a /a", &["a/", "a/dangling>abc", "a/self>self"]);
    // kaniko 942: links of the destination.
    let base = &["root/", "root/real/", "root/link>/root/real"];
    for (instruction, below) in [
        ("COPY f /root/link/f", &["root/real/f=F"][..]),
        ("COPY f /root/link/inner/f", &["root/real/inner/", "root/real/inner/f=F"]),
        ("COPY d/ /root/link", &["root/real/g=G"]),
        ("COPY d/ /root/link/d/", &["root/real/d/", "root/real/d/g=G"]),
    ] {
        let expected = [&["root/", "root/link>/root/real", "root/real/"][..], below].concat();
        check(&["f=F", "d/", "d/g=G"], CONTEXT, base, instruction, &expected);
    }
}

#[test]
fn a_directory_meets_a_link_as_in_merged_usr() {
    needs_root!();
    let base = &["usr/", "usr/lib/", "lib>usr/lib"];
    let tree = &["lib/", "lib/x=X"];
    check(
        tree,
        CONTEXT,
        base,
        "COPY . /",
        &[
            "! '/lib' is a symbolic link, and a directory cannot replace it (an instruction of its own follows the link: COPY lib/ /lib/)",
        ],
    );
    check(tree, CONTEXT, base, "COPY lib/ /lib/", &["lib>usr/lib", "usr/", "usr/lib/", "usr/lib/x=X"]);
}

#[test]
fn archives_are_unpacked_where_docker_unpacks_them() {
    needs_root!();
    let source = TempDir::new();
    archive(&source, "a.tar", &["l>/data", "l/f=F", "p/q/", "p/q/g=G"]);
    std::os::unix::fs::symlink("a.tar", source.path().join("latest.tar")).unwrap();
    // buildah 2102 (a link to an archive), buildah 3052 and moby 53258 (links in it), moby 53257 (parents that it does not
    // have).
    let expected = ["x/", "x/data/", "x/data/f=F", "x/l>/data", "x/p/", "x/p/q/", "x/p/q/g=G"];
    for name in ["a.tar", "latest.tar"] {
        assert_eq!(copied(&source, CONTEXT, &[], &format!("ADD {name} /x/")).unwrap(), expected, "{name}");
    }
}

#[test]
fn what_dockerignore_takes_back_is_there() {
    needs_root!();
    let ignored = |ignore: &str, tree: &[&str], instruction: &str, expected: &[&str]| {
        check(tree, From::Context(ignore), &[], instruction, expected);
    };
    // kaniko 466
    let tree = &["a=A", "target/", "target/s/", "target/s/b.jar=B", "target/s/c.jar=C"];
    ignored(
        "*\n!target/s/b.jar\n",
        tree,
        "COPY . /x",
        &["x/", "x/target/", "x/target/s/", "x/target/s/b.jar=B"],
    );
    // moby 30018
    let tree = &["hi.txt=1", "no=2", "photos/", "photos/s.jpeg=3", "recipes/", "recipes/c.txt=4"];
    let expected = &["x/", "x/hi.txt=1", "x/photos/", "x/photos/s.jpeg=3", "x/recipes/", "x/recipes/c.txt=4"];
    ignored("*\n!hi.txt\n!photos/*.jpeg\n!*/*.txt\n", tree, "COPY . /x", expected);
    // buildkit 2371
    let tree = &[
        "docker/",
        "docker/nginx/",
        "docker/nginx/conf=N",
        "docker/a=A",
        "docker/p/",
        "docker/p/docker-entrypoint1.sh=E",
    ];
    let ignore =
        "# Docker\n.dockerignore\ndocker\n!**/docker-entrypoint*.sh\n!docker/nginx/*\ndocker-compose*.yml\n";
    ignored(ignore, tree, "COPY docker/nginx /x", &["x/", "x/conf=N"]);
    ignored(ignore, tree, "COPY docker/p/docker-entrypoint1.sh /x", &["x=E"]);
    ignored(ignore, tree, "COPY docker/a /x", &["! .dockerignore hides it"]);
    // kaniko 1486
    let tree = &[".git/", ".git/x=1", "a/", "a/.git/", "a/.git/y=2", "a/.gitignore=3"];
    ignored("**/.git", tree, "COPY . /x", &["x/", "x/a/", "x/a/.gitignore=3"]);
}

#[test]
fn wildcards_may_match_nothing_where_their_directory_is() {
    needs_root!();
    // moby 26332 and buildah 5742, buildkit 1266, buildkit 2933
    check(&["there=T"], CONTEXT, &[], "COPY requirements.* /", &[]);
    check(&["there=T"], CONTEXT, &[], "COPY no.* there /x/", &["x/", "x/there=T"]);
    check(&["a/", "a/f=F"], CONTEXT, &[], "COPY a/* b/* /x/", &["! 'b/*' is not there"]);
    // buildkit 4900: --parents passed over what is not there.
    check(&["there=T"], CONTEXT, &[], "COPY --parents ./none /", &["! './none' is not there"]);
}
