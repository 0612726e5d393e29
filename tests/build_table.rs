//! `build` held against buildah, Dockerfile by Dockerfile: the tree and the config that come of it.
//!
//! The rows stand in `tests/dockerfiles` (its README says how one is written). What each must become stands beside them,
//! written by buildah: `CD_BLESS=1` runs it and writes that anew. Where buildah does not know the language, or BuildKit does
//! otherwise, a row names the rule, and what stands there was read and judged. Every tenth row is also built by buildah where
//! it is installed.

mod buildah;
mod rows;
mod seen;

use std::fs;

use rows::Row;

use crate::build::image;
use crate::support::listing::{Listing, listing};
use crate::support::need;
use crate::support::prelude::*;

/// What FROM base is.
fn base(s: &Sandbox) -> Listing {
    let mut image = Image::new(&[(crate::support::image::userland(), Encoding::Plain)]);
    // As buildah wants it: an entry a layer.
    image.config["history"] = serde_json::json!([{"created_by": "base"}]);
    let saved = image.with("Env", serde_json::json!(["PATH=/usr/bin:/bin"])).saved("base:latest");
    fs::write(s.path("base.tar"), saved).unwrap();
    s.cd(["load", "-q"]).arg(s.path("base.tar")).run().ok();
    s.cd(["install", "-n", "base"]).arg(s.path("base.tar")).run().ok();
    listing(&s.rootfs("base"), &[])
}

/// The context of a row, with its Dockerfile.
fn lay_out(s: &Sandbox, row: &Row) {
    let context = s.path("c");
    let _ = fs::remove_dir_all(&context);
    fs::create_dir(&context).unwrap();
    let script = format!("umask 022\n{}", row.context);
    s.world("/bin/sh").args(["-ec", &script]).current_dir(&context).run().ok();
    fs::write(context.join("Dockerfile"), &row.dockerfile).unwrap();
}

fn build(s: &Sandbox, row: &Row) -> Cd {
    let _ = fs::remove_dir_all(s.path("out"));
    let export = "type=local,dest=out";
    s.cd(["build", "--progress", "plain", "-t", "app", "--export", export])
        .args(&row.args)
        .arg("c")
        .current_dir(s.path(""))
}

/// What this program makes of a row.
fn ours(s: &Sandbox, row: &Row, base: &Listing) -> String {
    lay_out(s, row);
    let ran = build(s, row).run();
    if ran.code != Some(0) {
        return format!("{ran:?}\n");
    }
    let (.., config) = image(s);
    seen::text(&config, &s.path("out"), base)
}

/// What is wrong with how a row is refused.
fn refuses(s: &Sandbox, row: &Row, words: &str) -> Option<String> {
    lay_out(s, row);
    let ran = build(s, row).run();
    let said = ran.err().to_lowercase();
    let is_missing = |word: &&str| !said.contains(&word.to_lowercase());
    let missing = words.split(" | ").find(is_missing);
    let is_right = ran.code == Some(1) && missing.is_none();
    (!is_right).then(|| format!("== {}: no {missing:?}: {ran:?}", row.name))
}

/// All rows of a chapter.
fn chapter(name: &str) {
    need!(Root, Tool("busybox"));
    let rows = rows::of(name);
    let blesses = std::env::var_os("CD_BLESS").is_some();
    let has_buildah = need::program("buildah").is_some();
    sandbox(|s| {
        let base = base(s);
        let mut buildah = (blesses || has_buildah).then(|| buildah::Buildah::new(s));
        let mut wrong = Vec::new();
        let mut blessed = Vec::new();
        for (number, row) in rows.iter().enumerate() {
            if let Some(words) = &row.refused {
                wrong.extend(refuses(s, row, words));
                continue;
            }
            let made = ours(s, row, &base);
            let is_live = row.rule.is_none() && (blesses || number % 10 == 0);
            let theirs = buildah.as_mut().filter(|_| is_live).map(|buildah| buildah.build(&row.args, &base));
            let wanted = match (blesses, &theirs) {
                (true, Some(theirs)) => theirs.clone(),
                (true, None) => made.clone(),
                (false, _) => rows::expected(name, &row.name),
            };
            if made != wanted || theirs.is_some_and(|theirs| theirs != wanted) {
                wrong.push(format!("== {}\n--- here:\n{made}--- as it should be:\n{wanted}", row.name));
            }
            blessed.push((row.name.clone(), wanted));
        }
        if blesses {
            rows::bless(name, &blessed);
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

macro_rules! chapters {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            chapter(stringify!($name));
        }
    )*};
}

chapters! { copy destinations ignoring config variables running stages reading options refused }
