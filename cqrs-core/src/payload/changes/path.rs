//! The path of a change: a JSON pointer (RFC 6901), shown to people with dots.

/// A pointer as a path with dots, such as `address.city`, always in one line.
pub(super) fn dotted(pointer: &str) -> String {
    if pointer.is_empty() {
        return "the whole".to_owned();
    }
    let keys: Vec<_> = pointer.split('/').skip(1).map(key).collect();
    keys.join(".").replace(char::is_control, "\u{fffd}")
}

/// The pointer to the value of `key`.
pub(super) fn below(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The key of one step of a pointer.
pub(super) fn key(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_shown_with_dots() {
        for (given, dots) in [("/address/city", "address.city"), ("/lines/0/sum", "lines.0.sum")] {
            assert_eq!(dotted(given), dots);
        }
        assert_eq!(below("", "a/b~c"), "/a~1b~0c");
        assert_eq!(dotted("/a~1b~0c"), "a/b~c");
    }

    #[test]
    fn a_key_cannot_break_the_line() {
        assert_eq!(dotted("/a\nb"), "a\u{fffd}b");
        assert_eq!(dotted(""), "the whole");
    }
}
