//! `WWW-Authenticate` (RFC 9110, section 11.6.1): several challenges in one header or in several, commas and
//! quotes inside quoted strings, names in any case. What cannot be read is skipped.

/// One challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Lower case: `basic`, `bearer`.
    pub scheme: String,
    params: Vec<(String, String)>,
}

impl Challenge {
    /// A parameter's value.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Every challenge of one header's value.
pub fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        let follows = after.trim_start_matches([' ', '\t']);
        if let Some(value) = follows.strip_prefix('=') {
            let (value, after) = parse_value(value.trim_start_matches([' ', '\t']));
            if let Some(challenge) = challenges.last_mut() {
                challenge.params.push((token.to_ascii_lowercase(), value));
            }
            rest = after;
        } else if token.is_empty() {
            return challenges;
        } else {
            challenges.push(Challenge { scheme: token.to_ascii_lowercase(), params: Vec::new() });
            rest = after;
        }
    }
}

/// A token or a quoted string, and what follows it.
fn parse_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_hub() {
        let header = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let [bearer] = &parse(header)[..] else { panic!("one challenge") };
        assert_eq!(bearer.scheme, "bearer");
        assert_eq!(bearer.param("realm"), Some("https://auth.docker.io/token"));
        assert_eq!(bearer.param("scope"), Some("repository:a/b:pull,push"));
    }

    #[test]
    fn several_in_one_header_in_any_case() {
        let found = parse(r#"BASIC Realm = "a \"b\", c" , bEaReR SERVICE=x,realm=http://r/t?a=b, Negotiate"#);
        assert_eq!(
            found.iter().map(|c| c.scheme.as_str()).collect::<Vec<_>>(),
            ["basic", "bearer", "negotiate"]
        );
        assert_eq!(found[0].param("realm"), Some(r#"a "b", c"#));
        assert_eq!(found[1].param("realm"), Some("http://r/t?a=b"));
        assert_eq!(found[1].param("service"), Some("x"));
    }

    #[test]
    fn malformed_ones_end() {
        for text in
            ["", ",,", "=", "Bearer realm=\"open", "Bearer realm=\"\\", "Basic =x", "a=b", "\"", "é=ü"]
        {
            parse(text);
        }
        assert_eq!(parse("Bearer realm=\"open")[0].param("realm"), Some("open"));
    }
}
