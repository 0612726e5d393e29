//! Which file imports which, and the circles among them. `use`, `pub use` and paths in the code count; `super::`,
//! `self::`, `crate::`, the names of child modules and of imported modules lead to a file.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;

/// For each file the files that it imports, by their numbers in `sources`.
pub fn imports(sources: &[Source]) -> Vec<BTreeSet<usize>> {
    let modules: Modules = sources.iter().zip(0..).map(|(source, index)| (source.module(), index)).collect();
    sources.iter().map(|source| imported(source, &modules)).collect()
}

type Modules<'a> = BTreeMap<Vec<&'a str>, usize>;

fn imported(source: &Source, modules: &Modules) -> BTreeSet<usize> {
    let own = source.module();
    let children = names_behind(&source.code, "mod ");
    let (uses, rest) = uses(&source.code);
    let mut known: BTreeMap<&str, Vec<&str>> =
        children.iter().map(|child| (*child, [&own[..], &[*child]].concat())).collect();
    let mut found = BTreeSet::new();
    for (path, alias) in &uses {
        let Some((file, left)) = resolve(path, &own, &known, modules) else { continue };
        found.insert(file);
        // A module that is imported by its name: what is said behind that name leads on from there.
        let module = modules.iter().find(|(_, index)| **index == file).map(|(module, _)| module.clone());
        if let (true, Some(module)) = (left == 0, module)
            && let Some(name) = alias.or(module.last().copied())
        {
            known.insert(name, module);
        }
    }
    for path in paths(&rest) {
        found.extend(resolve(&path, &own, &known, modules).map(|(file, _)| file));
    }
    found.remove(&modules[&own]);
    found
}

/// The file that a path leads to, and how many names are left behind it.
fn resolve(
    path: &str,
    own: &[&str],
    known: &BTreeMap<&str, Vec<&str>>,
    modules: &Modules,
) -> Option<(usize, usize)> {
    let mut names: Vec<&str> = path.split("::").map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.last() == Some(&"self") && names.len() > 1 {
        names.pop();
    }
    let mut names = &names[..];
    let mut base: Vec<&str> = match names.first()? {
        &"crate" => {
            names = &names[1..];
            Vec::new()
        }
        &("super" | "self") => {
            let mut base = own.to_vec();
            while let Some(first @ ("super" | "self")) = names.first().copied() {
                if first == "super" {
                    base.pop();
                }
                names = &names[1..];
            }
            base
        }
        first => {
            names = &names[1..];
            known.get(first)?.clone()
        }
    };
    let mut file = modules.get(&base);
    for (gone, name) in names.iter().enumerate() {
        base.push(name);
        match modules.get(&base) {
            None => return file.map(|file| (*file, names.len() - gone)),
            inner => file = inner,
        }
    }
    file.map(|file| (*file, 0))
}

/// The word behind each `mod ` that ends with `;`: modules in files of their own.
fn names_behind<'a>(code: &'a str, keyword: &str) -> Vec<&'a str> {
    let lines = code.lines().filter_map(|line| line.trim().strip_suffix(';'));
    lines
        .filter_map(|line| Some(line.rsplit_once(keyword)?.1))
        .filter(|name| name.chars().all(is_word))
        .collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The paths that `use` names, each with its `as` name, and the code without them.
fn uses(code: &str) -> (Vec<(String, Option<&str>)>, String) {
    let mut paths = Vec::new();
    let mut rest = String::new();
    let mut from = 0;
    for (at, _) in code.match_indices("use ") {
        let starts = code[..at].chars().next_back().is_none_or(|c| !is_word(c));
        let Some(length) = code[at..].find(';').filter(|_| starts && at >= from) else { continue };
        rest.push_str(&code[from..at]);
        from = at + length + 1;
        expand(&code[at + "use ".len()..at + length], "", &mut paths);
    }
    rest.push_str(&code[from..]);
    (paths, rest)
}

/// Each path of a tree such as `a::{b, c::{d, e}}`.
fn expand<'a>(tree: &'a str, before: &str, into: &mut Vec<(String, Option<&'a str>)>) {
    let tree = tree.trim();
    let Some((head, body)) = tree.split_once('{') else {
        let (path, alias) =
            tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias.trim())));
        if !path.is_empty() {
            into.push((format!("{before}{}", path.trim()), alias));
        }
        return;
    };
    let before = format!("{before}{}", head.trim());
    let body = &body[..body.rfind('}').unwrap_or(body.len())];
    let (mut depth, mut start) = (0, 0);
    for (at, c) in body.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&body[start..at], &before, into);
                start = at + 1;
            }
            _ => {}
        }
    }
    expand(&body[start..], &before, into);
}

/// The paths of more than one name in code that has no `use`.
fn paths(code: &str) -> Vec<String> {
    let words = code.split(|c: char| !is_word(c) && c != ':');
    words.filter(|word| word.contains("::") && !word.starts_with(':')).map(str::to_owned).collect()
}

/// The circles: sets of files of which each reaches each other one. (Tarjan's algorithm.)
pub fn circles(graph: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        graph,
        order: vec![None; graph.len()],
        low: vec![0; graph.len()],
        stack: Vec::new(),
        next: 0,
        found: Vec::new(),
    };
    for file in 0..graph.len() {
        if search.order[file].is_none() {
            search.visit(file);
        }
    }
    search.found
}

struct Search<'a> {
    graph: &'a [BTreeSet<usize>],
    order: Vec<Option<usize>>,
    low: Vec<usize>,
    stack: Vec<usize>,
    next: usize,
    found: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn visit(&mut self, file: usize) {
        let order = self.next;
        self.next += 1;
        self.order[file] = Some(order);
        self.low[file] = order;
        self.stack.push(file);
        for &next in &self.graph[file] {
            match self.order[next] {
                None => {
                    self.visit(next);
                    self.low[file] = self.low[file].min(self.low[next]);
                }
                Some(order) if self.stack.contains(&next) => self.low[file] = self.low[file].min(order),
                Some(_) => {}
            }
        }
        if self.low[file] == order {
            let at = self.stack.iter().rposition(|other| *other == file).unwrap();
            let mut circle = self.stack.split_off(at);
            circle.sort_unstable();
            if circle.len() > 1 {
                self.found.push(circle);
            }
        }
    }
}
