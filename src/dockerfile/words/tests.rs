//! Words of lines.

use super::*;

#[test]
fn words_with_quotes() {
    let words = |text| quoted(text, '\\');
    assert_eq!(words("a b"), ["a", "b"]);
    assert_eq!(words("a='x y' b=\"c d\"e"), ["a='x y'", "b=\"c d\"e"]);
    assert_eq!(words(r"a=x\ y b"), [r"a=x\ y", "b"]);
    assert_eq!(words(r#"a="x \" y" b"#), [r#"a="x \" y""#, "b"]);
    assert_eq!(words(r"a='x\' b"), [r"a='x\'", "b"]);
    assert_eq!(words(r"a=x\"), ["a=x"]);
    assert_eq!(words("a=\"x y"), ["a=\"x y"]);
    assert_eq!(words("a="), ["a="]);
    assert_eq!(words("  "), [""; 0]);
    assert_eq!(quoted(r"a=x` y b\ c", '`'), ["a=x` y", r"b\", "c"]);
}

#[test]
fn flags_and_the_rest() {
    let cut = |text| {
        let (flags, rest) = flags(text);
        (flags.join("|"), rest.to_owned())
    };
    let is = |flags: &str, rest: &str| (flags.to_owned(), rest.to_owned());
    assert_eq!(cut("a b"), is("", "a b"));
    assert_eq!(cut("--a=b  --c d --e"), is("--a=b|--c", "d --e"));
    assert_eq!(cut("--a=\"b c\" d"), is("--a=b c", "d"));
    assert_eq!(cut("--a='b\"c' d"), is("--a=b\"c", "d"));
    assert_eq!(cut(r"--a=b\ c d"), is("--a=b c", "d"));
    assert_eq!(cut("--a"), is("--a", ""));
    assert_eq!(cut("-- --a b"), is("", " --a b"));
    assert_eq!(cut("-a b"), is("", "-a b"));
    assert_eq!(cut("--a=ü d"), is("--a=ü", "d"));
}

#[test]
fn json_or_not() {
    let json = |text| match form(text) {
        Ok(Form::Json(words)) => words.join("|"),
        Ok(Form::Text(_)) => "text".to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(json(r#"["a", "b c"]"#), "a|b c");
    assert_eq!(json(r#"[ "a" , "\u00e9\n" ]"#), "a|é\n");
    assert_eq!(json("[]"), "");
    for broken in
        ["[a]", "['a']", r#"["a""#, r#"["a",]"#, r#"["a"] b"#, r#"[ "$x" = y ] && z"#, "a", "{}", "\"a\""]
    {
        assert_eq!(json(broken), "text", "{broken}");
    }
    for other in ["[1]", "[null]", r#"["a", ["b"]]"#] {
        assert!(json(other).contains("no string"), "{other}");
    }
}
