//! serde's rules for renaming fields and variants, as serde applies them.

use ident_case::RenameRule;

/// A value of `rename_all`: one of the rules that `ident_case` took from serde, with capital letters for the
/// two that serde has besides.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    case: RenameRule,
    upper: bool,
}

impl Rule {
    /// The rule of this name; serde itself reports an unknown one.
    pub(crate) fn named(name: Option<&str>) -> Self {
        let (case, upper) = match name.unwrap_or_default() {
            "UPPERCASE" => (RenameRule::None, true),
            "SCREAMING-KEBAB-CASE" => (RenameRule::KebabCase, true),
            name => (name.parse().unwrap_or_default(), false),
        };
        Self { case, upper }
    }

    /// Renames a variant, which is in `PascalCase`.
    pub(crate) fn variant(self, name: &str) -> String {
        self.cased(self.case.apply_to_variant(name))
    }

    /// Renames a field, which is in `snake_case`.
    pub(crate) fn field(self, name: &str) -> String {
        self.cased(self.case.apply_to_field(name))
    }

    fn cased(self, name: String) -> String {
        if self.upper { name.to_ascii_uppercase() } else { name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_renames_as_serde_does() {
        for (rule, variant, field) in [
            ("lowercase", "verytasty", "very_tasty"),
            ("UPPERCASE", "VERYTASTY", "VERY_TASTY"),
            ("PascalCase", "VeryTasty", "VeryTasty"),
            ("camelCase", "veryTasty", "veryTasty"),
            ("snake_case", "very_tasty", "very_tasty"),
            ("SCREAMING_SNAKE_CASE", "VERY_TASTY", "VERY_TASTY"),
            ("kebab-case", "very-tasty", "very-tasty"),
            ("SCREAMING-KEBAB-CASE", "VERY-TASTY", "VERY-TASTY"),
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
}
