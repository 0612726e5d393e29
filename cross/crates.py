"""What is compiled into the program, from `cargo tree` (which knows features and targets) and `cargo metadata`."""

import json
import os
import subprocess

TARGET = "x86_64-unknown-linux-musl"


def cargo(*arguments):
    """What cargo says; by the cargo that called us, or the one on the path."""
    command = [os.environ.get("CARGO", "cargo"), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def tree(edges, target=TARGET):
    """Pairs (crate, crates it needs), each crate as "name version", the program first."""
    text = cargo(
        "tree", "--locked", "--package", "chroot-distro", "--target", target,
        "--edges", edges, "--prefix", "depth", "--format", " {p}",
    )
    needs, path = {}, []
    for line in text.splitlines():
        depth, name, version = line.split()[:3]
        crate = f"{name} {version.removeprefix('v')}"
        del path[int(depth):]
        needs.setdefault(crate, [])
        if path and crate not in needs[path[-1]]:
            needs[path[-1]].append(crate)
        path.append(crate)
    return needs


def packages():
    """The packages of the lock file by "name version"."""
    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1"))
    return {f"{package['name']} {package['version']}": package for package in metadata["packages"]}
