//! What of a text can be seen.

/// Whether there is something to see. Marks that only join or direct what is beside them are legitimate
/// inside of a name, and are none alone.
pub(crate) fn is_visible(text: &str) -> bool {
    !text.chars().all(|char| char.is_whitespace() || is_invisible(char))
}

/// Whether the text shows in an order of its own: embeddings, overrides and isolates, which can make one
/// name look like another (Unicode's `Bidi_Control` without the plain marks, which Arabic and Hebrew use).
pub(crate) fn is_reordered(text: &str) -> bool {
    text.chars().any(|char| matches!(char, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'))
}

/// Unicode's `Default_Ignorable_Code_Point`, and a Braille cell without dots.
fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}
