//! Text of a log in messages.

/// Returns the first `most` characters of a text that a stranger may have written.
///
/// Control characters and characters that a terminal does not show are escaped.
pub fn shown(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for character in text.chars().take(most) {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    if text.chars().nth(most).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: text of a log changes the terminal's colours or writing direction, or fills it.
    #[test]
    fn strange_texts_are_escaped_and_cut() {
        assert_eq!(shown("unknown field `a\"b`, größer", 99), "unknown field `a\"b`, größer");
        assert_eq!(shown("\u{1b}[31m\n", 99), "\\u{1b}[31m\\n");
        assert_eq!(shown("a\u{202e}b\u{9b}", 99), "a\\u{202e}b\\u{9b}");
        assert_eq!(shown("abcd", 4), "abcd");
        assert_eq!(shown("abcde", 4), "abcd…");
    }
}
