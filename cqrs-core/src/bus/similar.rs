//! Suggestions for names that do not exist.

/// The unknown name, shortened for an error; and the most similar name that exists, as the end of the error's text.
pub(super) fn similar<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> (String, String) {
    // The unknown name may have any length; real names have at most 128 bytes.
    let name: String = name.chars().take(128).collect();
    let near = known.min_by_key(|&known| (strsim::levenshtein(&name.to_lowercase(), known), known));
    let near = near.map(|near| format!("; the most similar name is `{near}`"));
    (name, near.unwrap_or_default())
}
