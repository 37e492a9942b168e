//! Where a change is: a JSON pointer (RFC 6901), shown to people with dots.

/// `/address/city` from either form: a pointer stays what it is, `address.city` becomes one.
pub(super) fn pointer(path: &str) -> String {
    if path.is_empty() || path.starts_with('/') {
        return path.to_owned();
    }
    let mut pointer = String::from("/");
    let mut chars = path.chars();
    while let Some(char) = chars.next() {
        match char {
            '.' => pointer.push('/'),
            '\\' => push_escaped(&mut pointer, chars.next().unwrap_or('\\')),
            char => push_escaped(&mut pointer, char),
        }
    }
    pointer
}

/// `address.city`. A dot or backslash in a key has a backslash before it, so has a slash that would make
/// the path look like a pointer; control characters are shown as in Rust's literals.
pub(super) fn dotted(pointer: &str) -> String {
    let mut dotted = String::new();
    for (index, key) in segments(pointer).iter().enumerate() {
        if index > 0 {
            dotted.push('.');
        }
        if key.is_empty() {
            dotted.push_str("\"\"");
        }
        for char in key.chars() {
            match char {
                '.' | '\\' => dotted.extend(['\\', char]),
                '/' if dotted.is_empty() => dotted.push_str("\\/"),
                char if char.is_control() => dotted.extend(char.escape_default()),
                char => dotted.push(char),
            }
        }
    }
    if dotted.is_empty() { "the whole".to_owned() } else { dotted }
}

/// The keys on the way.
pub(super) fn segments(pointer: &str) -> Vec<String> {
    let unescaped = |key: &str| key.replace("~1", "/").replace("~0", "~");
    pointer.split('/').skip(1).map(unescaped).collect()
}

/// Goes one step down.
pub(super) fn push(pointer: &mut String, key: &str) {
    pointer.push('/');
    key.chars().for_each(|char| push_escaped(pointer, char));
}

fn push_escaped(pointer: &mut String, char: char) {
    match char {
        '~' => pointer.push_str("~0"),
        '/' => pointer.push_str("~1"),
        char => pointer.push(char),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same_place() {
        for (given, dots) in [
            ("/address/city", "address.city"),
            ("/lines/0/amount", "lines.0.amount"),
            ("/a.b/c", "a\\.b.c"),
            ("/a\\b", "a\\\\b"),
            ("/a~1b~0c", "a/b~c"),
            ("/~1a", "\\/a"),
        ] {
            assert_eq!(dotted(given), dots);
            assert_eq!(pointer(dots), given);
            assert_eq!(pointer(given), given);
        }
    }

    #[test]
    fn what_has_no_dotted_form_is_shown_without_breaking_the_line() {
        assert_eq!(dotted(""), "the whole");
        assert_eq!(dotted("/"), "\"\"");
        assert_eq!(dotted("/a\nb"), "a\\nb");
        assert_eq!(pointer("\\"), "/\\");
    }
}
