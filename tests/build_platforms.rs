//! `build` for other CPUs: RUN by QEMU, several platforms in one build, and what is said where nothing runs them.

use serde_json::{Value, json};

use crate::foreign::CPUS;
use crate::support::command::Ran;
use crate::support::prelude::*;

const PLATFORMS: &str = "linux/amd64,linux/arm64,linux/arm/v7,linux/riscv64";

/// A registry with `base:1` for each CPU: a shell that exits with its user's number.
fn registry() -> Registry {
    let registry = Registry::start();
    let image = |cpu: &crate::foreign::Cpu| {
        let variant = (cpu.oci == "arm").then_some("v7");
        Image::of([
            Entry::dir("bin"),
            Entry::file("bin/sh", cpu.program(cpu.code)).mode(0o755),
            Entry::file("etc/passwd", "root:x:0:0::/:/bin/sh\n"),
        ])
        .for_cpu(cpu.oci, variant)
    };
    push_index(&registry, "base:1", &CPUS.iter().map(image).collect::<Vec<_>>());
    registry
}

fn build(s: &Sandbox, dockerfile: &str, args: &[&str]) -> Ran {
    std::fs::create_dir_all(s.path("c")).unwrap();
    std::fs::write(s.path("c/Dockerfile"), dockerfile).unwrap();
    let args = [&["build", "--allow-insecure", "-t", "app", "--progress", "plain"], args, &["c"]].concat();
    s.cd(args).current_dir(s.path("")).run()
}

#[test]
fn four_platforms_with_run_become_one_index() {
    need!(Root, Tool("docker-registry"), Tool("qemu-aarch64-static"), Tool("qemu-arm-static"));
    need!(Tool("qemu-riscv64-static"), Tool("qemu-x86_64-static"), Filesystem("binfmt_misc"));
    sandbox(|s| {
        let registry = registry();
        let from = format!("FROM {}\nARG TARGETPLATFORM\n", registry.reference("base:1"));
        let dockerfile = format!("{from}RUN anything\nLABEL is=$TARGETPLATFORM\n");
        let ran = build(s, &dockerfile, &["--platform", PLATFORMS]).ok();
        ran.says(&["[linux/riscv64 2/2] RUN anything", "[linux/arm/v7 2/2] RUN anything"]);
        let listed: Value =
            serde_json::from_str(&s.cd(["images", "--json", "app"]).run().ok().out()).unwrap();
        let platforms: Vec<&str> = PLATFORMS.split(',').collect();
        assert_eq!(listed[0]["platforms"], json!(platforms));
        // It did run: as another user it exits with another number.
        for platform in platforms {
            let ran = build(s, &format!("{from}USER 7\nRUN anything\n"), &["--platform", platform]);
            ran.fails(&["RUN failed: exit code 7"]);
        }
        // The first of several that fails is named.
        let dockerfile = format!("{from}USER 7\nRUN anything\n");
        build(s, &dockerfile, &["--platform", "linux/riscv64,linux/arm64"])
            .fails(&["build for linux/riscv64"]);
    });
}

#[test]
fn an_image_of_a_layout_is_that_of_the_stages_platform() {
    need!(Root);
    sandbox(|s| {
        let both = ["--platform", "linux/amd64,linux/arm64", "-o", "two.tar"];
        build(s, "FROM scratch\nARG TARGETARCH\nCOPY <<a /cpu\n$TARGETARCH\na\n", &both).ok();
        std::fs::create_dir(s.path("two")).unwrap();
        tool(
            "tar",
            ["-C".as_ref(), s.path("two").as_os_str(), "-xf".as_ref(), s.path("two.tar").as_os_str()],
        );
        for (platform, cpu) in [("linux/amd64", "amd64\n"), ("linux/arm64", "arm64\n")] {
            for dockerfile in [
                format!("FROM --platform={platform} two AS found\nFROM scratch\nCOPY --from=found /cpu /\n"),
                format!(
                    "FROM --platform={platform} scratch AS found\nCOPY --from=two /cpu /\nFROM scratch\nCOPY --from=found /cpu /\n"
                ),
            ] {
                let export = ["--build-context", "two=oci-layout://two", "--export", "type=local,dest=out"];
                build(s, &dockerfile, &export).ok();
                assert_eq!(std::fs::read_to_string(s.path("out/cpu")).unwrap(), cpu, "{dockerfile}");
                std::fs::remove_dir_all(s.path("out")).unwrap();
            }
        }
    });
}

#[test]
fn a_program_alone_runs_for_the_stages_platform() {
    need!(Root, Tool("qemu-aarch64-static"), Tool("qemu-arm-static"));
    need!(Tool("qemu-riscv64-static"), Tool("qemu-x86_64-static"), Filesystem("binfmt_misc"));
    sandbox(|s| {
        for cpu in &CPUS {
            std::fs::create_dir_all(s.path("c")).unwrap();
            std::fs::write(s.path("c/program"), cpu.program(cpu.code)).unwrap();
            let variant = if cpu.oci == "arm" { "/v7" } else { "" };
            let platform = format!("linux/{}{variant}", cpu.oci);
            // It exits with its user's number.
            let of = |user: u32| {
                format!("FROM scratch\nCOPY --chmod=755 program /program\nUSER {user}\nRUN [\"/program\"]\n")
            };
            build(s, &of(0), &["--platform", &platform]).ok();
            build(s, &of(7), &["--platform", &platform]).fails(&["RUN failed: exit code 7"]);
        }
    });
}
