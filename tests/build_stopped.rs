//! `build` that is stopped by a signal: what it says, its exit code, and that nothing half-made is left.

use std::fs::{self, File};
use std::io::{self, Read};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::prelude::*;

/// More than can be compressed by xz in a moment.
const MANY: u64 = 48 << 20;

#[test]
fn a_signal_while_the_image_is_written_is_told() {
    need!(Root);
    sandbox(|s| {
        fs::create_dir_all(s.path("c")).unwrap();
        let mut random = File::open("/dev/urandom").unwrap().take(MANY);
        io::copy(&mut random, &mut File::create(s.path("c/much")).unwrap()).unwrap();
        fs::write(s.path("c/Dockerfile"), "FROM scratch\nCOPY much /\n").unwrap();
        let index = s.data().join("images/index.json");
        let is_kept = || fs::read_to_string(&index).is_ok_and(|text| text.contains("app:latest"));
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let args = ["build", "-t", "app", "-o", "a.tar.xz", "--export", "type=local,dest=d", "c"];
            let mut running = s.cd(args).current_dir(s.path("")).spawn();
            while !is_kept() && running.is_running() {
                std::thread::sleep(Duration::from_millis(2));
            }
            running.signal(signal);
            running.wait().code(code).says(&["stopped before everything was written", "hint:"]);
            let names = fs::read_dir(s.path("")).unwrap().flatten().map(|entry| entry.file_name());
            let left: Vec<_> =
                names.filter(|name| name == "d" || name.to_string_lossy().contains("a.tar")).collect();
            assert!(left.is_empty(), "{left:?}");
            s.cd(["rmi", "-q", "app"]).run().ok();
        }
        assert!(s.settles());
        s.assert_store();
    });
}
