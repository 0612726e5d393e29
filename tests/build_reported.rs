//! What other builders did to their users, by the numbers of their public reports: each Dockerfile builds to what Docker makes
//! of it.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;

use crate::build::{SHELL, build, context};
use crate::support::command::Ran;
use crate::support::prelude::*;

fn built(s: &Sandbox, dockerfile: &str) -> PathBuf {
    fs::write(s.path("c/Dockerfile"), dockerfile).unwrap();
    if s.rootfs("app").exists() {
        s.cd(["remove", "-q", "app"]).run().ok();
    }
    build(s, &["--install-as", "app"]).run().ok();
    s.rootfs("app")
}

fn text(path: PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn owner(path: PathBuf) -> (u32, u32, u32) {
    let found = path.symlink_metadata().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (found.uid(), found.gid(), found.mode() & 0o7777)
}

#[test]
fn links_at_the_source_and_at_the_destination() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        context(s, "");
        // GoogleContainerTools/kaniko#1658: a link to what is not there yet.
        let root = built(
            s,
            &format!(
                "{SHELL}WORKDIR /usr/src/app\nRUN mkdir -p packages/scripts node_modules && echo hello >packages/scripts/data && \
                 ln -s ../packages/scripts node_modules/sourced\nFROM shell\n\
                 COPY --from=0 /usr/src/app/node_modules /app/node_modules\n\
                 COPY --from=0 /usr/src/app/packages/scripts /app/node_modules/sourced\nRUN cat /app/node_modules/sourced/data\n"
            ),
        );
        assert_eq!(text(root.join("app/packages/scripts/data")), "hello\n");
        // GoogleContainerTools/kaniko#942: files and directories through a link.
        let root = built(
            s,
            &format!(
                "{SHELL}RUN mkdir -p /root/real && ln -sf /root/real /root/link\nCOPY sub/file /root/link/test\n\
                 COPY sub/file /root/link/inner/test\nCOPY sub/ /root/link\nCOPY sub/ /root/link/deep/sub/\n"
            ),
        );
        for path in ["test", "inner/test", "file", "deep/sub/file"] {
            assert_eq!(text(root.join("root/real").join(path)), "contents\n", "{path}");
        }
        assert!(root.join("root/link").is_symlink());
        // osscontainertools/kaniko#921, GoogleContainerTools/kaniko#1111: a link in a directory stays one, whatever it leads to.
        fs::create_dir_all(s.path("c/links")).unwrap();
        fs::write(s.path("c/links/target"), "hello\n").unwrap();
        symlink("target", s.path("c/links/link")).unwrap();
        symlink("./missing", s.path("c/links/dangling")).unwrap();
        let root = built(s, "FROM scratch\nCOPY links/target /d/target\nCOPY links /d/\nCOPY links /d/\n");
        assert_eq!(fs::read_link(root.join("d/link")).unwrap().to_str(), Some("target"));
        assert_eq!(fs::read_link(root.join("d/dangling")).unwrap().to_str(), Some("./missing"));
        assert!(root.join("d/target").symlink_metadata().unwrap().is_file());
    });
}

#[test]
fn owners_and_hard_links() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        context(s, "");
        let accounts = "COPY <<a /etc/passwd\nroot:x:0:0::/:/bin/sh\nu:x:7:8::/home/u:/bin/sh\na\nCOPY <<a /etc/group\ng:x:8:\na\n";
        // moby/moby#42819, GoogleContainerTools/kaniko#1178: directories that are made belong to the user, too.
        // podman-container-tools/buildah#2562: what is copied of a stage keeps its owners.
        // GoogleContainerTools/kaniko#1743: and its hard links.
        // moby/moby#20295, moby/moby#36677: WORKDIR makes the directory for the user.
        let root = built(
            s,
            &format!(
                "{SHELL}{accounts}RUN mkdir -p /s/d && echo x >/s/a && ln /s/a /s/b && chown -R 5:6 /s\nFROM shell\n\
                 COPY --chown=u:g sub /new/deep/sub\nCOPY --from=0 /s /s\nUSER u\nWORKDIR /work/here\nRUN touch mine\n\
                 RUN ln -s /x /new/deep/sub/link\n"
            ),
        );
        for path in ["new", "new/deep", "new/deep/sub", "new/deep/sub/file", "work/here", "work/here/mine"] {
            assert_eq!((owner(root.join(path)).0, owner(root.join(path)).1), (7, 8), "{path}");
        }
        assert_eq!((owner(root.join("s/d")), owner(root.join("s/a")).0), ((5, 6, 0o755), 5));
        assert_eq!(root.join("s/a").metadata().unwrap().ino(), root.join("s/b").metadata().unwrap().ino());
        // moby/moby#41978: directories that an archive does not have are made as all others, and no others.
        tool("tar", ["-C", "/tmp/c", "--owner=3", "--group=4", "-czf", "/tmp/c/a.tar.gz", "sub/file"]);
        let root = built(s, "FROM scratch\nADD a.tar.gz /\n");
        assert_eq!((owner(root.join("sub")), owner(root.join("sub/file")).0), ((0, 0, 0o755), 3));
        let image = fs::read_dir(&root).unwrap().flatten().map(|entry| entry.file_name());
        assert!(!image.into_iter().any(|name| name == "a.tar.gz"));
    });
}

#[test]
fn what_is_ignored_and_what_is_not() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        context(s, "");
        for path in ["one/f", "two/f", "three/f", "four/f", "five/f", "five/g", "six/deep/f", "seven"] {
            fs::create_dir_all(s.path("c").join(path).parent().unwrap()).unwrap();
            fs::write(s.path("c").join(path), "").unwrap();
        }
        for (ignored, there, gone) in [
            // podman-container-tools/buildah#1582, podman-container-tools/buildah#2936
            (
                "/one/\n/two\nthree/\nfour\n/five/f\n",
                &["five/g", "seven"][..],
                &["one", "two", "three", "four", "five/f"][..],
            ),
            // podman-container-tools/buildah#3272
            ("# all\n**\n\n# but\n!./seven\n", &["seven"], &["one", "five"]),
            // podman-container-tools/podman#7922, podman-container-tools/buildah#2237
            ("**\n!five/f\n!six/deep\n", &["five/f", "six/deep/f"], &["five/g", "one", "seven"]),
        ] {
            fs::write(s.path("c/.dockerignore"), ignored).unwrap();
            let root = built(s, "FROM scratch\nADD . /t/\n");
            for path in there {
                assert!(root.join("t").join(path).exists(), "{ignored}: {path}");
            }
            for path in gone {
                assert!(!root.join("t").join(path).exists(), "{ignored}: {path}");
            }
        }
        fs::write(s.path("c/.dockerignore"), "**\n!five/f\n").unwrap();
        let root = built(s, "FROM scratch\nADD five /t\n");
        assert!(root.join("t/f").exists() && !root.join("t/g").exists());
    });
}

fn cached(ran: &Ran) -> usize {
    ran.err().matches(" CACHED").count()
}

#[test]
fn a_mount_is_part_of_what_a_step_depends_on() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        context(s, "");
        fs::create_dir(s.path("more")).unwrap();
        fs::write(s.path("more/f"), "one").unwrap();
        let plain = |dockerfile: &str| {
            fs::write(s.path("c/Dockerfile"), dockerfile).unwrap();
            build(s, &["--progress", "plain", "--build-context", "more=more"]).run().ok()
        };
        // Each is cached (podman-container-tools/podman#24640, #22873), and runs again when what it shows has changed
        // (podman-container-tools/buildah#5400, #4522, podman-container-tools/podman#26057).
        let of = |version: &str| {
            format!(
                "{SHELL}FROM shell AS other\nRUN echo {version} >/version\nFROM shell\nRUN --mount=source=sub,target=/m cat /m/file >/a\n\
                 RUN --mount=from=more,target=/m cat /m/f >/b\nRUN --mount=from=other,target=/m cat /m/version >/c\n"
            )
        };
        plain(&of("1"));
        assert_eq!(cached(&plain(&of("1"))), 6);
        fs::write(s.path("more/f"), "two").unwrap();
        // The steps after it are on another layer.
        assert_eq!(cached(&plain(&of("1"))), 4);
        assert_eq!(cached(&plain(&of("2"))), 4);
        fs::write(s.path("c/sub/file"), "new").unwrap();
        assert_eq!(cached(&plain(&of("2"))), 3);
        s.cd(["install", "-q", "app"]).run().ok();
        let read = |name: &str| text(s.rootfs("app").join(name));
        assert_eq!((read("a"), read("b"), read("c")), ("new".into(), "two".into(), "2\n".into()));
    });
}

#[test]
fn mounts_have_the_owner_and_mode_that_they_ask_for_and_leave_nothing() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        context(s, "");
        let root = built(
            s,
            &format!(
                "{SHELL}RUN mkdir -p /home/u && chown 7:8 /home/u\n\
                 RUN --mount=type=cache,mode=0777,uid=7,gid=8,target=/build/cache stat -c '%u %g %a' /build/cache >/one\n\
                 USER 7:8\nRUN --mount=type=cache,target=/home/u/.cache,uid=7,gid=8 touch /home/u/.cache/x\n"
            ),
        );
        // podman-container-tools/buildah#4811
        assert_eq!(text(root.join("one")), "7 8 777\n");
        // moby/buildkit#3153, moby/buildkit#2683
        assert!(!root.join("home/u/.cache").exists() && !root.join("build").exists());
        assert_eq!((owner(root.join("home/u")).0, owner(root.join("home/u")).1), (7, 8));
    });
}

#[test]
fn here_documents_of_run_are_the_shells() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        context(s, "");
        // podman-container-tools/buildah#5473: variables that are set in the document. redhat-actions/buildah-build#140: stars.
        let root = built(
            s,
            &format!(
                "{SHELL}ENV V=outside\nRUN <<EOF\nV=inside\necho \"$V\" '*' >/a\nEOF\nCOPY <<EOF /b\n*/5 * * * * $V\nEOF\n"
            ),
        );
        assert_eq!(
            (text(root.join("a")), text(root.join("b"))),
            ("inside *\n".into(), "*/5 * * * * outside\n".into())
        );
    });
}

#[test]
fn what_is_copied_between_stages() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        context(s, "");
        // GoogleContainerTools/kaniko#986, #595: .dockerignore is of the context alone.
        fs::write(s.path("c/.dockerignore"), "*\n!busybox\n").unwrap();
        let root = built(
            s,
            &format!(
                "{SHELL}RUN mkdir -p /sub /tmp /venv/bin /usr/lib/ssl /etc/ssl/certs /top/nested && echo hi >/sub/file && \
                 ln -s file /sub/link && ln -s /tmp /test && echo target >/tmp/target && ln -s /test/target /test/link && \
                 ln -s /bin/python /venv/bin/python && ln -s /etc/ssl/certs /usr/lib/ssl/certs && ln -s usr/lib /lib && \
                 echo deep >/top/nested/file\n\
                 FROM scratch AS top\nCOPY --from=shell /top /top\nFROM scratch AS nested\nCOPY --from=top /top/nested /nested\n\
                 FROM scratch\nCOPY --from=shell /sub /sub\nCOPY --from=shell /test/link /other/link\n\
                 COPY --from=shell /sub/link /alone/\nCOPY --from=shell /venv /venv\nCOPY --from=shell /venv /venv\n\
                 COPY --from=shell /lib /lib\nCOPY --from=shell /usr/lib/ssl /usr/lib/ssl\nCOPY --from=top /top /top\n\
                 COPY --from=nested /nested /top/again\n"
            ),
        );
        let link = |path: &str| fs::read_link(root.join(path)).ok();
        assert_eq!(text(root.join("sub/file")), "hi\n");
        // GoogleContainerTools/kaniko#437: links in a directory stay links. kaniko#915, #1036: a link that is named is followed,
        // through other links too.
        assert_eq!(link("sub/link"), Some("file".into()));
        assert_eq!((link("alone/link"), text(root.join("alone/link"))), (None, "hi\n".into()));
        assert_eq!((link("other/link"), text(root.join("other/link"))), (None, "target\n".into()));
        // GoogleContainerTools/kaniko#3371: a link that leads to nothing, copied where it is already. kaniko#2381: what overlaps.
        assert_eq!(link("venv/bin/python"), Some("/bin/python".into()));
        for path in ["lib/ssl/certs", "usr/lib/ssl/certs"] {
            assert_eq!(link(path), Some("/etc/ssl/certs".into()), "{path}");
        }
        // GoogleContainerTools/kaniko#1909: a part of what another stage has copied.
        assert_eq!(text(root.join("top/nested/file")) + &text(root.join("top/again/file")), "deep\ndeep\n");
    });
}

#[test]
fn the_cache_looks_at_all_that_is_copied() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        context(s, "");
        fs::create_dir_all(s.path("c/deps/one/deep")).unwrap();
        let rebuilt = |argument: &str| {
            let dockerfile = format!(
                "FROM scratch\nCOPY Gemfile Gemfile.lock /app/\nFROM scratch\nCOPY deps /deps/\nFROM scratch\nARG NAME={argument}\n\
                 COPY ${{NAME}}/file /file\nCOPY --from=0 / /\nCOPY --from=1 / /\n"
            );
            fs::write(s.path("c/Dockerfile"), dockerfile).unwrap();
            let ran = build(s, &["--progress", "plain"]).run().ok();
            ran.err().matches(" DONE ").count()
        };
        fs::create_dir_all(s.path("c/other")).unwrap();
        for path in ["Gemfile", "Gemfile.lock", "deps/one/deep/util.py", "other/file"] {
            fs::write(s.path("c").join(path), "one").unwrap();
        }
        assert_eq!((rebuilt("sub"), rebuilt("sub")), (5, 0));
        // moby/buildkit#853, moby/buildkit#894, moby/moby#38964: the second source alone, of the same size.
        fs::write(s.path("c/Gemfile.lock"), "two").unwrap();
        assert_eq!((rebuilt("sub"), rebuilt("sub")), (3, 0));
        // moby/moby#17906: a file deep in a directory.
        fs::write(s.path("c/deps/one/deep/util.py"), "two").unwrap();
        assert_eq!((rebuilt("sub"), rebuilt("sub")), (2, 0));
        // moby/buildkit#1932: another default of the ARG that the path is made of.
        assert_eq!((rebuilt("other"), rebuilt("sub")), (3, 0));
    });
}

#[test]
fn the_owner_may_be_a_variable() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        context(s, "");
        // podman-container-tools/buildah#2192
        let accounts = "COPY <<a /etc/passwd\nroot:x:0:0::/:/bin/sh\nmyuser:x:7:8::/home/u:/bin/sh\na\n";
        let root =
            built(s, &format!("FROM scratch\n{accounts}ENV U=myuser\nCOPY --chown=\"${{U}}\" sub /sub\n"));
        assert_eq!((owner(root.join("sub")).0, owner(root.join("sub/file")).1), (7, 8));
    });
}
