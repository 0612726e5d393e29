//! A container to enter, and waiting for what a guest does in it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::command::{Cd, Running};
use super::image::Image;
use super::sandbox::{Sandbox, on_both_kernels};

/// The options of each mode of `login`.
pub const MODES: [&[&str]; 3] = [&[], &["--isolated"], &["--minimal"]];

/// A busybox container named `c`.
pub fn make(s: &Sandbox) {
    make_named(s, "c");
}

/// A busybox container of this name.
pub fn make_named(s: &Sandbox, name: &str) {
    make_of(s, name, &Image::busybox());
}

/// A container of an image.
pub fn make_of(s: &Sandbox, name: &str, image: &Image) {
    let layout = s.path("layout");
    let _ = fs::remove_dir_all(&layout);
    image.write_layout(&layout, "latest");
    s.cd(["install", "-q", "-n", name, "/tmp/layout"]).run().ok();
}

/// `login`, options, the container `c`, and a shell script.
pub fn login(s: &Sandbox, options: &[&str], script: &str) -> Cd {
    s.cd([&["login"], options, &["c", "--", "/bin/sh", "-c", script]].concat())
}

/// Each mode on each kernel, in a container `c` of this image.
pub fn in_every_mode(image: &Image, body: impl Fn(&Sandbox, &'static [&'static str]) + Send + Sync) {
    on_both_kernels(|s| {
        make_of(s, "c", image);
        for mode in MODES {
            body(s, mode);
            assert!(s.settles(), "{mode:?} left {:?}", s.processes());
        }
    });
}

/// Waits until there is such a file.
#[track_caller]
pub fn appears(path: &Path) {
    let there = || {
        std::thread::sleep(Duration::from_millis(10));
        path.exists()
    };
    assert!((0..6000).any(|_| there()), "{} did not appear", path.display());
}

/// Waits until a script in `c` has written a line to `file`; what stands in it.
#[track_caller]
pub fn written(s: &Sandbox, file: &str) -> String {
    for _ in 0..6000 {
        let text = fs::read_to_string(s.rootfs("c").join(file)).unwrap_or_default();
        if text.ends_with('\n') {
            return text;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{file} was not written");
}

/// Ends a session as `kill` would.
pub fn end(session: Running) {
    session.signal(rustix::process::Signal::TERM);
    session.wait();
}
