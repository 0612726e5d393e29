//! buildah, with a storage of its own in the sandbox.

use std::path::PathBuf;

use rustix::mount::{UnmountFlags, unmount};
use serde_json::Value;

use super::seen;
use crate::support::listing::Listing;
use crate::support::prelude::*;

/// Unmounts its storage when it is dropped.
pub struct Buildah<'a>(&'a Sandbox);

impl Drop for Buildah<'_> {
    fn drop(&mut self) {
        // It mounts its directory over itself.
        let _ = unmount(self.0.path("b/root/overlay"), UnmountFlags::DETACH);
    }
}

impl<'a> Buildah<'a> {
    /// With the base image as `localhost/base`.
    pub fn new(s: &'a Sandbox) -> Buildah<'a> {
        let buildah = Buildah(s);
        let from = format!("docker-archive:{}", s.path("base.tar").display());
        let id = buildah.run(&["pull", "-q", &from]);
        buildah.run(&["tag", id.trim(), "localhost/base:latest"]);
        buildah
    }

    /// What it makes of the context that is laid out.
    pub fn build(&self, args: &[String], base: &Listing) -> String {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let fixed =
            ["bud", "-q", "--isolation", "chroot", "--pull-never", "--format", "docker", "-t", "made"];
        let ran = self.cd(&[&fixed, &args[..], &["-f", "c/Dockerfile", "c"]].concat()).run();
        if ran.code != Some(0) {
            return format!("buildah failed: {}\n", ran.err());
        }
        let image: Value = serde_json::from_str(&self.run(&["inspect", "--type", "image", "made"])).unwrap();
        let container = self.run(&["from", "--pull-never", "made"]);
        let root = PathBuf::from(self.run(&["mount", container.trim()]).trim());
        let text = seen::text(&image["Docker"], &root, base);
        self.run(&["rm", container.trim()]);
        self.run(&["rmi", "-f", "made"]);
        text
    }

    fn cd(&self, args: &[&str]) -> Cd {
        let path = |name: &str| self.0.path(name).display().to_string();
        let places = ["--root", &path("b/root"), "--runroot", &path("b/run"), "--storage-driver", "overlay"];
        let cd =
            self.0.world("/usr/bin/buildah").args(places.iter().chain(args)).current_dir(self.0.path(""));
        cd.env("TMPDIR", self.0.path("home")).deadline(120)
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> String {
        self.cd(args).run().ok().out()
    }
}
