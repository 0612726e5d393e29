//! Words and what they become. Each row is BuildKit's answer, as `frontend/dockerfile/shell` gives it.

use super::*;

fn lookup(name: &str) -> Option<String> {
    let value = match name {
        "PWD" => "/home",
        "SHELL" => "bash",
        "KOREAN" => "한국어",
        "NULL" => "",
        "A" => "1",
        "PATH" => "/usr/local/bin:/usr/bin",
        "FILE" => "archive.tar.gz",
        "DOTS" => "a.b.c",
        "STARS" => "a*b*c",
        "LINES" => "one\ntwo",
        "QUOTED" => "a 'b c' d",
        "SLASHED" => "a/b/c",
        "BRACE" => "x}y}z",
        "BACK" => r"a\b",
        _ => return None,
    };
    Some(value.to_owned())
}

fn becomes(word: &str) -> Result<String> {
    expand(word, '\\', &lookup)
}

#[track_caller]
fn all(rows: &[(&str, &str)]) {
    for (word, expected) in rows {
        match becomes(word) {
            Ok(made) => assert_eq!(made, *expected, "{word}"),
            Err(error) => panic!("{word}: {error}"),
        }
    }
}

#[track_caller]
fn refused(rows: &[(&str, &str)]) {
    for (word, why) in rows {
        let error = becomes(word).expect_err(word).to_string();
        assert!(error.contains(why), "{word}: {error}");
    }
}

#[test]
fn quotes_and_escapes() {
    all(&[
        ("", ""),
        ("hello", "hello"),
        ("he'll'o", "hello"),
        (r"he\'llo", "he'llo"),
        (r"abc\tdef", "abctdef"),
        (r"'abc\tdef'", r"abc\tdef"),
        (r#""abc\tdef""#, r"abc\tdef"),
        (r#""abc\"def""#, r#"abc"def"#),
        (r#""abc\\def""#, r"abc\def"),
        (r#""abc\$PWD""#, "abc$PWD"),
        (r"'abc\\def'", r"abc\\def"),
        ("'$PWD'", "$PWD"),
        ("'he\"llo'", "he\"llo"),
        ("\"he'llo\"", "he'llo"),
        ("a\\", "a"),
        ("''\"\"", ""),
        ("a  b ", "a  b "),
        ("안녕$A하세요", "안녕"),
        ("안녕${A}하세요", "안녕1하세요"),
    ]);
    refused(&[
        ("he'llo", "single quote (') has no end"),
        ("he\"llo", "double quote (\") has no end"),
        ("'he\\'llo'", "single quote (') has no end"),
        (r#""abc\"#, "double quote (\") has no end"),
        ("\"$PWD", "double quote (\") has no end"),
    ]);
}

#[test]
fn another_escape_character() {
    let expand = |word| expand(word, '`', &lookup).unwrap();
    assert_eq!(expand(r"a\b"), r"a\b");
    assert_eq!(expand("`$PWD"), "$PWD");
    assert_eq!(expand("\"`$PWD`\"``\""), "$PWD\"`");
    assert_eq!(expand(r"C:\${A}"), r"C:\1");
}

#[test]
fn variables() {
    all(&[
        ("$PWD", "/home"),
        ("$PWDx", ""),
        ("$PWD.x", "/home.x"),
        ("${PWD}x", "/homex"),
        ("\"$PWD\"", "/home"),
        (r"\$PWD", "$PWD"),
        (r"\\$PWD", r"\/home"),
        ("$NOPE", ""),
        ("${NOPE}", ""),
        ("$KOREAN", "한국어"),
        ("$", "$"),
        ("a$", "a$"),
        ("$ x", "$ x"),
        ("$.x", "$.x"),
        ("$$", ""),
        ("$$PWD", "PWD"),
        ("$1x", "x"),
        ("$12x", "x"),
        ("$@x", "x"),
        ("$#", ""),
        ("${#}", ""),
        ("${1}x", "x"),
        ("$A$A", "11"),
        ("$QUOTED", "a 'b c' d"),
        ("$BACK", r"a\b"),
    ]);
    refused(&[
        ("${", "has no '}'"),
        ("${PWD", "has no '}'"),
        ("${}", "needs the name"),
        ("${:-x}", "needs the name"),
        ("${{PWD}}", "needs the name"),
        ("${PWD!}", "'!' is not known"),
        ("${PWD:x}", "':x' is not known"),
        ("${PWD=x}", "'=' is not known"),
        ("${PWD:=x}", "':=' is not known"),
        ("${PWD:/a/b}", "':/' is not known"),
        ("${PWD:", "has no '}'"),
        ("${PWD:-x", "has no '}'"),
        ("${!PWD}", "'P' is not known"),
        ("${ PWD}", "' ' is not known"),
    ]);
}

#[test]
fn defaults_and_alternatives() {
    all(&[
        ("${PWD:-x}", "/home"),
        ("${NULL:-x}", "x"),
        ("${NOPE:-x}", "x"),
        ("${PWD-x}", "/home"),
        ("${NULL-x}", ""),
        ("${NOPE-x}", "x"),
        ("${PWD:+x}", "x"),
        ("${NULL:+x}", ""),
        ("${NOPE:+x}", ""),
        ("${PWD+x}", "x"),
        ("${NULL+x}", "x"),
        ("${NOPE+x}", ""),
        ("${NOPE:-}", ""),
        ("${NOPE:-$PWD}", "/home"),
        ("${NOPE:-${NOPE:-${A}}}", "1"),
        ("${NOPE:-'a}b'}", "a}b"),
        (r"${NOPE:-a\}b}", "a}b"),
        ("${NOPE:-a b  c}", "a b  c"),
        ("\"${NOPE:-a b}\"", "a b"),
        ("${NOPE:-a}b}", "ab}"),
        ("${PWD:?x}", "/home"),
        ("${PWD?x}", "/home"),
        ("${NULL?x}", ""),
    ]);
    refused(&[
        ("${NOPE:?the message}", "NOPE: the message"),
        ("${NOPE?the message}", "NOPE: the message"),
        ("${NULL:?the message}", "NULL: the message"),
        ("${NOPE:?}", "NOPE is not set"),
        ("${NULL:?}", "NULL is empty"),
        ("${NOPE:?$PWD}", "NOPE: /home"),
        ("${NOPE:-${}}", "needs the name"),
    ]);
}

#[test]
fn beginnings_and_ends() {
    all(&[
        ("${DOTS#*.}", "b.c"),
        ("${DOTS##*.}", "c"),
        ("${DOTS%.*}", "a.b"),
        ("${DOTS%%.*}", "a"),
        ("${FILE%.tar.gz}", "archive"),
        ("${FILE#arch}", "ive.tar.gz"),
        ("${FILE#x}", "archive.tar.gz"),
        ("${FILE%?}", "archive.tar.g"),
        ("${FILE%%*}", ""),
        ("${FILE%*}", "archive.tar.gz"),
        ("${FILE#*}", "archive.tar.gz"),
        ("${FILE##*}", ""),
        ("${STARS#*\\*}", "b*c"),
        ("${STARS##*\\*}", "c"),
        ("${STARS%\\**}", "a*b"),
        ("${STARS%%\\**}", "a"),
        ("${BRACE#x\\}}", "y}z"),
        ("${BRACE%\\}*}", "x}y"),
        ("${BACK%\\\\*}", "a"),
        ("${NOPE#x}", ""),
        ("${DOTS#${A}}", "a.b.c"),
        ("${DOTS:#*.}", "b.c"),
        ("${LINES#*t}", "one\ntwo"),
        ("${LINES##*}", "\ntwo"),
        ("${KOREAN#?}", "국어"),
        ("${KOREAN%?}", "한국"),
        ("${PATH%%:*}", "/usr/local/bin"),
    ]);
    refused(&[
        ("${DOTS#\\a}", "'\\a' is not known in the pattern"),
        ("${DOTS%a\\b}", "is not known in the pattern"),
    ]);
}

#[test]
fn replacements() {
    all(&[
        ("${DOTS/./-}", "a-b.c"),
        ("${DOTS//./-}", "a-b-c"),
        ("${DOTS/.}/x}", "a.b.c"),
        ("${DOTS//./}", "abc"),
        ("${DOTS/*./}", "c"),
        ("${DOTS/?/x}", "x.b.c"),
        ("${DOTS//?/x}", "xxxxx"),
        ("${DOTS/nope/x}", "a.b.c"),
        ("${SLASHED/\\//-}", "a-b/c"),
        ("${SLASHED//\\//-}", "a-b-c"),
        ("${STARS//\\*/+}", "a+b+c"),
        ("${DOTS/$A/x}", "a.b.c"),
        ("${DOTS/a/$PWD}", "/home.b.c"),
        ("${NOPE/a/b}", ""),
        ("${NULL/*/b}", "b"),
        ("${DOTS//*/x}", "x"),
        ("${KOREAN/국/-}", "한-어"),
    ]);
    refused(&[
        ("${DOTS/a", "has no second '/'"),
        ("${DOTS/a/b", "has no '}'"),
        ("${DOTS/\\a/b}", "'\\a' is not known"),
    ]);
}

#[test]
fn words() {
    let words = |word| expand_words(word, '\\', &lookup).unwrap();
    assert_eq!(words(" a  b\t"), ["a", "b"]);
    assert_eq!(words("'a b' \"c d\"e"), ["a b", "c de"]);
    assert_eq!(words("$QUOTED"), ["a", "'b", "c'", "d"]);
    assert_eq!(words("\"$QUOTED\""), ["a 'b c' d"]);
    assert_eq!(words(r"a\ b"), ["a b"]);
    assert_eq!(words("x${LINES}y"), ["xone", "twoy"]);
    assert_eq!(words("''"), [""; 0]);
    assert_eq!(words("$NOPE"), [""; 0]);
    assert_eq!(words("80${NOPE} ${A}0-20/udp"), ["80", "10-20/udp"]);
}

#[test]
fn documents() {
    let document = |text| expand_document(text, &lookup).unwrap();
    assert_eq!(document("it's \"$A\"\n"), "it's \"1\"\n");
    assert_eq!(document("\\$A \\\\ \\n ${NOPE:-x y}"), "$A \\ n x y");
    assert!(expand_document("${", &lookup).is_err());
}

#[test]
fn a_hostile_word_is_an_error_and_no_crash() {
    let deep = format!("{}{}", "${X:-".repeat(100_000), "}".repeat(100_000));
    assert!(becomes(&deep).unwrap_err().to_string().contains("nested too deep"));
    let long = "x".repeat(1 << 20);
    let lookup = |_: &str| Some(long.clone());
    let error = expand(&"$X".repeat(20), '\\', &lookup).unwrap_err();
    assert!(error.to_string().contains("longer than 16 MiB"), "{error}");
    let error = expand("${X//x/$X}", '\\', &lookup).unwrap_err();
    assert!(error.to_string().contains("longer than 16 MiB"), "{error}");
    let stars = format!("${{X##{}y}}", "*a".repeat(200));
    let lookup = |_: &str| Some("a".repeat(2000));
    assert_eq!(expand(&stars, '\\', &lookup).unwrap().len(), 2000);
}
