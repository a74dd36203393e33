//! Just enough of Rust's grammar to ask a file what it names.

/// `text` with comments and literals blanked out: every line and column stays where it was.
pub(crate) fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = end_of_blank(&chars, at);
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(chars[at..end].iter().map(|c| match c {
                '\n' => '\n',
                _ => ' ',
            }));
            at = end;
        }
    }
    code
}

/// Where the comment or literal that begins at `at` ends; `at` itself if none begins there.
fn end_of_blank(chars: &[char], at: usize) -> usize {
    let next = |offset: usize| chars.get(at + offset).copied();
    let after_name = at > 0 && is_name(chars[at - 1]);
    match chars[at] {
        '/' if next(1) == Some('/') => {
            at + chars[at..]
                .iter()
                .take_while(|character| **character != '\n')
                .count()
        }
        '/' if next(1) == Some('*') => end_of_block_comment(chars, at),
        '"' => end_of_string(chars, at + 1),
        'r' if !after_name || chars[at - 1] == 'b' => {
            let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
            if next(1 + hashes) == Some('"') {
                end_of_raw_string(chars, at + 2 + hashes, hashes)
            } else {
                at
            }
        }
        // A quote that is not closed at once is a lifetime.
        '\'' if next(1) == Some('\\') => {
            let closing = chars[at + 3..].iter().position(|c| *c == '\'');
            closing.map_or(chars.len(), |closing| at + 3 + closing + 1)
        }
        '\'' if next(2) == Some('\'') => at + 3,
        _ => at,
    }
}

fn end_of_block_comment(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_u32);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn end_of_string(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn end_of_raw_string(chars: &[char], mut at: usize, hashes: usize) -> usize {
    while at < chars.len() {
        let closing = chars[at + 1..].iter().take_while(|c| **c == '#').count();
        if chars[at] == '"' && closing >= hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    at
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The part of a file that is not its unit tests.
pub(crate) fn without_tests(text: &str) -> &str {
    // The fuzzer compiles some of them as well.
    let attributes = ["#[cfg(test)]\n", "#[cfg(any(test, resilient_fuzz))]\n"];
    let tests = attributes.iter().filter_map(|attribute| {
        let mut found = text.match_indices(attribute);
        found.find(|(at, _)| text[at + attribute.len()..].starts_with("mod tests"))
    });
    tests.map(|(at, _)| at).min().map_or(text, |at| &text[..at])
}

/// The number of the line, from 1, in which the byte at `offset` stands.
pub(crate) fn line(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// The offsets at which `needle` stands as a whole: not as a part of a longer name.
pub(crate) fn mentions<'a>(code: &'a str, needle: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(needle)
        .map(|(at, _)| at)
        .filter(move |at| {
            let before = code[..*at].chars().next_back();
            let after = code[at + needle.len()..].chars().next();
            let continues = |edge: Option<char>, next: Option<char>| {
                edge.is_some_and(is_name) && next.is_some_and(is_name)
            };
            !continues(needle.chars().next(), before) && !continues(needle.chars().last(), after)
        })
}

/// A path as it is written, with what stands before a `{…}` in front of each name within.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) offset: usize,
    pub(crate) segments: Vec<String>,
}

/// All paths in `code` that begin with `root`, for example `crate`. `$crate` is another thing: it
/// belongs to whoever uses the macro.
pub(crate) fn paths(code: &str, root: &str) -> Vec<Named> {
    let mut found = Vec::new();
    for offset in mentions(code, root) {
        let before = code[..offset].trim_end();
        let after = code[offset + root.len()..].trim_start();
        let goes_on = before
            .strip_suffix("::")
            .is_some_and(|path| path.ends_with(is_name) || path.ends_with('>'));
        if before.ends_with('$') || goes_on || !after.starts_with("::") {
            continue;
        }
        let mut trees = Vec::new();
        tree(&after[2..], vec![root.to_owned()], &mut trees);
        found.extend(trees.into_iter().map(|segments| Named { offset, segments }));
    }
    found
}

/// Reads the rest of a path, or a tree of imports, and returns what stands behind it.
fn tree<'a>(text: &'a str, mut prefix: Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start().trim_start_matches(',').trim_start();
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            let before = rest.len();
            rest = tree(rest, prefix.clone(), found);
            if rest.len() == before {
                return rest;
            }
        }
    }
    if let Some(rest) = text.strip_prefix('*') {
        prefix.push("*".to_owned());
        found.push(prefix);
        return rest;
    }
    let length = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(length);
    if !name.is_empty() && name != "self" {
        prefix.push(name.to_owned());
    }
    if let Some(rest) = rest.trim_start().strip_prefix("::") {
        return tree(rest, prefix, found);
    }
    found.push(prefix);
    match rest.trim_start().strip_prefix("as ") {
        Some(alias) => alias.trim_start().trim_start_matches(is_name),
        None => rest,
    }
}

/// The inline modules around `offset`, outermost first.
pub(crate) fn inline_modules(code: &str, offset: usize) -> Vec<String> {
    let mut open: Vec<Option<String>> = Vec::new();
    for (at, brace) in code[..offset].match_indices(['{', '}']) {
        if brace == "}" {
            open.pop();
            continue;
        }
        let mut words = code[..at].split_whitespace().rev();
        let name = words.next().map(str::to_owned);
        open.push(name.filter(|_| words.next() == Some("mod")));
    }
    open.into_iter().flatten().collect()
}

mod tests {
    use super::*;

    fn written(code: &str, root: &str) -> Vec<String> {
        let named = paths(code, root).into_iter();
        named.map(|named| named.segments.join("::")).collect()
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        let text = "a // crate::x\n/* b /* c */ d */ e \"f \\\" g\" r#\"h \" i\"# 'j' '\\'' k<'l>";
        let code = code(text);
        assert_eq!(code.chars().count(), text.chars().count());
        assert_eq!(
            code.split_whitespace().collect::<Vec<_>>(),
            ["a", "e", "k<'l>"]
        );
        assert_eq!(line(&code, code.find('e').expect("code")), 2);
    }

    #[test]
    fn a_tree_of_imports_names_each_of_its_leaves() {
        let code = "use crate::{a::{self, b as c, d::*}, e}; fn f(_: crate::g::H<u8>) {}";
        assert_eq!(
            written(code, "crate"),
            [
                "crate::a",
                "crate::a::b",
                "crate::a::d::*",
                "crate::e",
                "crate::g::H"
            ]
        );
    }

    #[test]
    fn other_names_that_end_alike_are_not_the_root() {
        let others = "$crate::a my_crate::b pub(crate) tokio::std::c";
        assert!(written(others, "crate").is_empty());
        assert_eq!(written("tokio::std::c ::std::d", "std"), ["std::d"]);
    }

    #[test]
    fn unit_tests_are_cut_off() {
        let text = "fn a() {}\n#[cfg(test)]\nfn b() {}\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(without_tests(text), "fn a() {}\n#[cfg(test)]\nfn b() {}\n");
    }

    #[test]
    fn inline_modules_are_known_where_they_are_open() {
        let code = "mod a { fn b() { c } pub mod d { e } } z";
        let around = |word| inline_modules(code, code.find(word).expect("a word"));
        assert_eq!(around("c }"), ["a"]);
        assert_eq!(around("e }"), ["a", "d"]);
        assert!(around("z").is_empty());
    }
}
