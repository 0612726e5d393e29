//! What a token is for: actions on repositories (the distribution project's docs, "auth/scope").

use std::fmt;

/// Some actions on one repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The repository's name on the server that is asked.
    pub repository: String,
    actions: &'static str,
}

/// To read, and no more.
pub const PULL: &str = "pull";

/// To delete, and to see what is there.
pub const DELETE: &str = "pull,delete";

/// To write, and to see what is there.
pub const PUSH: &str = "pull,push";

impl Scope {
    /// `actions` are separated by commas: `pull`, or `pull,push` for what writes.
    pub fn new(repository: &str, actions: &'static str) -> Scope {
        Scope { repository: repository.to_owned(), actions }
    }

    /// The same actions on a repository of another name.
    pub fn on(&self, repository: String) -> Scope {
        Scope { repository, ..*self }
    }

    /// Whether it changes nothing.
    pub fn only_reads(&self) -> bool {
        self.actions == PULL
    }

    /// The actions that `word`, of a challenge, asks for on this repository.
    fn actions_in<'a>(&self, word: &'a str) -> Option<&'a str> {
        let (repository, actions) = word.strip_prefix("repository:")?.rsplit_once(':')?;
        (repository == self.repository).then_some(actions)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "repository:{}:{}", self.repository, self.actions)
    }
}

/// The scopes to ask a token server for, each once: those that the registry's challenge asks for, widened by those
/// that the call needs.
///
/// A challenge that names none of the call's repositories is believed as it stands: some registries have a scope of
/// another form, and behind some mirrors a repository has another name.
pub fn to_ask_for(needed: &[Scope], challenged: &str) -> Vec<String> {
    let mut asked: Vec<String> = challenged.split_whitespace().map(str::to_owned).collect();
    let is_known = |scope: &Scope| asked.iter().any(|word| scope.actions_in(word).is_some());
    if !asked.is_empty() && !needed.iter().any(is_known) {
        return asked;
    }
    for scope in needed {
        match asked.iter_mut().find(|word| scope.actions_in(word).is_some()) {
            None => asked.push(scope.to_string()),
            Some(word) => {
                let has = scope.actions_in(word).unwrap_or_default().to_owned();
                for action in scope.actions.split(',').filter(|action| !has.split(',').any(|h| h == *action))
                {
                    word.push(',');
                    word.push_str(action);
                }
            }
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_call_needs_widens_what_the_challenge_says() {
        let (a, to_a, b) = (Scope::new("a/b", PULL), Scope::new("a/b", PUSH), Scope::new("c", PULL));
        let asked = |needed: &[&Scope], challenged: &str| {
            to_ask_for(&needed.iter().copied().cloned().collect::<Vec<_>>(), challenged).join(" ")
        };
        assert_eq!(asked(&[&a], ""), "repository:a/b:pull");
        assert_eq!(asked(&[&a], "repository:a/b:pull"), "repository:a/b:pull");
        assert_eq!(asked(&[&to_a], "repository:a/b:pull"), "repository:a/b:pull,push");
        assert_eq!(asked(&[&to_a], "repository:a/b:push"), "repository:a/b:push,pull");
        assert_eq!(asked(&[&a], "repository:a/b:pull,push"), "repository:a/b:pull,push");
        assert_eq!(asked(&[&to_a, &b], ""), "repository:a/b:pull,push repository:c:pull");
        assert_eq!(
            asked(&[&to_a, &b], "repository:a/b:pull,push"),
            "repository:a/b:pull,push repository:c:pull"
        );
        assert_eq!(asked(&[&a], "repository:a/b:pull  registry:catalog:*").split(' ').count(), 2);
    }

    #[test]
    fn a_challenge_in_words_of_its_own_is_believed() {
        for own in ["aws", "repository:x/a/b:pull", "repository:a:pull", "repository:a/b"] {
            assert_eq!(to_ask_for(&[Scope::new("a/b", PULL)], own), [own]);
        }
    }
}
