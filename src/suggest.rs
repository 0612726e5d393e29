//! The nearest of some words to a mistyped one. Pure.

/// The candidate that `typed` was probably meant to be: fewest edits, and no more than one in three letters.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(typed, candidate), candidate))
        .filter(|&(edits, candidate)| edits <= candidate.chars().count().max(3) / 3)
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, candidate)| candidate)
}

/// The candidate that is a single edit away.
pub fn nearest_by_one<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates.into_iter().find(|candidate| distance(typed, candidate) == 1)
}

/// Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, substitutions and swaps of
/// neighbours.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=to.len()).collect();
    let mut left = None;
    for (row, letter) in from.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, &other) in to.iter().enumerate() {
            let substituted = previous[column] + usize::from(letter != other);
            let mut edits = substituted.min(previous[column + 1] + 1).min(current[column] + 1);
            if column > 0 && left == Some(other) && letter == to[column - 1] {
                edits = edits.min(before[column - 1] + 1);
            }
            current.push(edits);
        }
        before = std::mem::replace(&mut previous, current);
        left = Some(letter);
    }
    previous[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("lsit", "list"), 1);
        assert_eq!(distance("instal", "install"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn suggests_only_what_is_near() {
        let words = ["install", "list", "login", "remove"];
        assert_eq!(nearest("instlal", words), Some("install"));
        assert_eq!(nearest("lst", words), Some("list"));
        assert_eq!(nearest("build", words), None);
        assert_eq!(nearest("x", words), None);
    }
}
