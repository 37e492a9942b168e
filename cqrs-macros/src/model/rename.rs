//! serde's rules for renaming fields and variants, as serde applies them.

/// A value of `rename_all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    None,
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

impl Rule {
    /// The rule of this name; serde itself reports a name it does not know.
    pub(crate) fn named(name: Option<&str>) -> Self {
        match name {
            Some("lowercase") => Self::Lower,
            Some("UPPERCASE") => Self::Upper,
            Some("PascalCase") => Self::Pascal,
            Some("camelCase") => Self::Camel,
            Some("snake_case") => Self::Snake,
            Some("SCREAMING_SNAKE_CASE") => Self::ScreamingSnake,
            Some("kebab-case") => Self::Kebab,
            Some("SCREAMING-KEBAB-CASE") => Self::ScreamingKebab,
            _ => Self::None,
        }
    }

    /// Renames a variant, which is in `PascalCase`.
    pub(crate) fn variant(self, name: &str) -> String {
        match self {
            Self::None | Self::Pascal => name.to_owned(),
            Self::Lower => name.to_ascii_lowercase(),
            Self::Upper => name.to_ascii_uppercase(),
            Self::Camel => uncapitalized(name),
            Self::Snake => snake(name),
            Self::ScreamingSnake => snake(name).to_ascii_uppercase(),
            Self::Kebab => snake(name).replace('_', "-"),
            Self::ScreamingKebab => snake(name).to_ascii_uppercase().replace('_', "-"),
        }
    }

    /// Renames a field, which is in `snake_case`.
    pub(crate) fn field(self, name: &str) -> String {
        match self {
            Self::None | Self::Lower | Self::Snake => name.to_owned(),
            Self::Upper | Self::ScreamingSnake => name.to_ascii_uppercase(),
            Self::Pascal => pascal(name),
            Self::Camel => uncapitalized(&pascal(name)),
            Self::Kebab => name.replace('_', "-"),
            Self::ScreamingKebab => name.to_ascii_uppercase().replace('_', "-"),
        }
    }
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (at, char) in name.char_indices() {
        if at > 0 && char.is_uppercase() {
            snake.push('_');
        }
        snake.push(char.to_ascii_lowercase());
    }
    snake
}

fn pascal(name: &str) -> String {
    let mut pascal = String::new();
    let mut starts = true;
    for char in name.chars() {
        match char {
            '_' => starts = true,
            _ if starts => {
                pascal.push(char.to_ascii_uppercase());
                starts = false;
            }
            _ => pascal.push(char),
        }
    }
    pascal
}

fn uncapitalized(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) => std::iter::once(first.to_ascii_lowercase()).chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_renames_as_serde_does() {
        for (rule, variant, field) in [
            ("lowercase", "veryTasty".to_lowercase(), "very_tasty"),
            ("UPPERCASE", "VERYTASTY".to_owned(), "VERY_TASTY"),
            ("PascalCase", "VeryTasty".to_owned(), "VeryTasty"),
            ("camelCase", "veryTasty".to_owned(), "veryTasty"),
            ("snake_case", "very_tasty".to_owned(), "very_tasty"),
            ("SCREAMING_SNAKE_CASE", "VERY_TASTY".to_owned(), "VERY_TASTY"),
            ("kebab-case", "very-tasty".to_owned(), "very-tasty"),
            ("SCREAMING-KEBAB-CASE", "VERY-TASTY".to_owned(), "VERY-TASTY"),
        ] {
            assert_eq!(Rule::named(Some(rule)).variant("VeryTasty"), variant, "{rule}");
            assert_eq!(Rule::named(Some(rule)).field("very_tasty"), field, "{rule}");
        }
    }

    #[test]
    fn without_a_known_rule_names_stay() {
        assert_eq!(Rule::named(None).variant("VeryTasty"), "VeryTasty");
        assert_eq!(Rule::named(Some("Title Case")).field("very_tasty"), "very_tasty");
    }

    #[test]
    fn capitals_in_a_row_are_words_of_their_own_to_serde() {
        assert_eq!(Rule::Snake.variant("HTTPPort"), "h_t_t_p_port");
        assert_eq!(Rule::Camel.field("z42"), "z42");
        assert_eq!(Rule::Pascal.field("_id"), "Id");
    }
}
