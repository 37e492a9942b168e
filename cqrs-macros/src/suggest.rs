//! "Did you mean" for misspelt options.

/// The known name closest to what was written, if at most two letters differ.
pub(crate) fn closest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let allowed = if written.chars().count() <= 4 { 1 } else { 2 };
    known
        .iter()
        .map(|name| (strsim::osa_distance(&written.to_lowercase(), name), *name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `a`, `b` and `c`, each as code.
pub(crate) fn list(names: &[impl AsRef<str>]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_words_are_recognized_and_other_words_are_not() {
        let known = ["name", "version", "entity", "action"];
        assert_eq!(closest("nmae", &known), Some("name"));
        assert_eq!(closest("versoin", &known), Some("version"));
        assert_eq!(closest("entityy", &known), Some("entity"));
        assert_eq!(closest("Name", &known), Some("name"));
        assert_eq!(closest("topic", &known), None);
    }

    #[test]
    fn names_are_listed_as_in_a_sentence() {
        assert_eq!(list(&["a"]), "`a`");
        assert_eq!(list(&["a", "b"]), "`a` and `b`");
        assert_eq!(list(&["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
