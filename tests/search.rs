//! `search`, against a server that answers as Docker Hub does.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::http::Server;
use crate::support::prelude::*;

/// A server that gives `answers` in turn, the last one again and again, and keeps the paths that it was asked for.
fn hub(answers: Vec<Answer>) -> (Server, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let server = Server::start(move |request, out| {
        let mut log = log.lock().expect("a log");
        log.push(request.path.clone());
        answers[(log.len() - 1).min(answers.len() - 1)].write(request, out)?;
        Ok(true)
    });
    (server, asked)
}

fn search<'a>(server: &Server, args: impl IntoIterator<Item = &'a str>) -> Cd {
    Cd::bare(["search"])
        .args(args)
        .env("CD_SEARCH_URL", format!("http://{}/v1/search", server.host()))
        .env("HOME", "/nonexistent")
}

fn results() -> Value {
    json!({"num_results": 3, "results": [
        {"name": "nginx", "description": "Official  build\nof Nginx. \u{1b}[2J", "star_count": 20_000,
         "is_official": true, "is_automated": false},
        {"repo_name": "me/nginx", "short_description": "Mine", "star_count": 3, "is_official": false},
        {"name": "odd\nforged", "description": null},
        {"description": "nameless"},
        7,
    ]})
}

#[test]
fn results_are_a_table_names_or_json() {
    let (server, asked) = hub(vec![Answer::new(200, results().to_string())]);
    let table = search(&server, ["nginx"]).run().ok();
    assert_eq!(table.err(), "");
    let out = table.out();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 4, "{out}");
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["NAME", "STARS", "OFFICIAL", "DESCRIPTION"]);
    assert!(
        lines[1].starts_with("nginx           20000  yes       Official build of Nginx. \\u{1b}[2J"),
        "{out}"
    );
    assert!(lines[2].starts_with("me/nginx        3                Mine"), "{out}");
    assert!(lines[3].starts_with("odd\\u{a}forged  0"), "{out}");
    for name in ["find", "se"] {
        let text = Cd::bare([name, "-q", "nginx"])
            .env("CD_SEARCH_URL", format!("http://{}/v1/search", server.host()))
            .run()
            .ok();
        text.prints("nginx\nme/nginx\nodd\\u{a}forged\n");
    }
    let json: Value =
        serde_json::from_slice(&search(&server, ["--json", "nginx"]).run().ok().stdout).unwrap();
    assert_eq!(json[0]["stars"], 20_000);
    assert_eq!(json[0]["official"], true);
    assert_eq!((&json[1]["name"], &json[1]["description"]), (&json!("me/nginx"), &json!("Mine")));
    // No more than asked for, even where the server does not care.
    search(&server, ["-q", "-l", "1", "a b&c/ü"]).run().ok().prints("nginx\n");
    let asked = asked.lock().unwrap();
    assert_eq!(asked[0], "/v1/search?q=nginx&n=25");
    assert_eq!(asked.last().unwrap(), "/v1/search?q=a%20b%26c%2F%C3%BC&n=1");
}

#[test]
fn nothing_found_is_no_failure() {
    let (server, _) = hub(vec![Answer::new(200, r#"{"results": []}"#)]);
    search(&server, ["zzz"]).run().ok().prints("").says(&["no image matches 'zzz'"]);
    search(&server, ["-q", "zzz"]).run().ok().prints("");
    search(&server, ["--json", "zzz"]).run().ok().prints("[]\n");
}

#[test]
fn a_busy_server_is_asked_again_and_a_broken_one_named() {
    let busy = || Answer::new(503, "").with("Retry-After", "0");
    let (server, asked) = hub(vec![busy(), Answer::new(200, results().to_string())]);
    search(&server, ["-q", "nginx"]).run().ok();
    assert_eq!(asked.lock().unwrap().len(), 2);
    for (answer, word) in [
        (Answer::new(200, "<html>"), "not JSON"),
        (Answer::new(200, "{}"), "no results"),
        (Answer::new(200, vec![b' '; 5 << 20]), "too long"),
        (Answer::new(404, ""), "404"),
    ] {
        let (server, _) = hub(vec![answer]);
        search(&server, ["nginx"]).env("CD_DOWNLOAD_MAX_RETRIES", "0").run().fails(&[word]);
    }
    let port = hub(vec![busy()]).0.port;
    Cd::bare(["search", "x"])
        .env("CD_SEARCH_URL", format!("http://127.0.0.1:{port}/"))
        .run()
        .fails(&[&format!("127.0.0.1:{port}")]);
}

#[test]
fn limits_are_checked_before_anybody_is_asked() {
    let (server, asked) = hub(vec![Answer::new(200, results().to_string())]);
    for limit in ["0", "101", "-1", "x", "", "1.5", "99999999999"] {
        search(&server, [&*format!("--limit={limit}"), "nginx"]).run().code(2).says(&["1 to 100"]);
    }
    search(&server, [""]).run().code(2);
    search(&server, []).run().code(2);
    search(&server, ["a", "b"]).run().code(2);
    assert!(asked.lock().unwrap().is_empty());
    search(&server, ["-l", "100", "nginx"]).run().ok();
}
