//! Wraps doc comments at 100 columns.

/// The longest line, in characters.
const COLUMNS: usize = 100;

/// The paragraphs of a doc comment, each in one line. Each item of a list is one paragraph.
pub(super) fn paragraphs(doc: &str) -> Vec<String> {
    let mut paragraphs: Vec<String> = Vec::new();
    let mut open = false;
    for line in doc.lines().map(str::trim) {
        match paragraphs.last_mut() {
            Some(last) if open && !line.is_empty() && !line.starts_with("- ") => {
                last.push(' ');
                last.push_str(line);
            }
            _ if !line.is_empty() => paragraphs.push(line.to_owned()),
            _ => {}
        }
        open = !line.is_empty();
    }
    paragraphs
}

/// Wraps one paragraph. The first line starts with `first`, the other lines with `rest`.
pub(super) fn wrap(text: &str, first: &str, rest: &str) -> String {
    let mut wrapped = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in unbreakable(text) {
        let length = line.chars().count() + 1 + word.chars().count();
        if !empty && length > COLUMNS {
            wrapped += &line;
            wrapped.push('\n');
            rest.clone_into(&mut line);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line += &word;
        empty = false;
    }
    wrapped + &line + "\n"
}

/// The words of a text. A sign stays with the word before it.
///
/// Markdown would take a sign at the beginning of a line for an item of a list.
fn unbreakable(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if ["-", "+", "*"].contains(&word) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: line breaks of the source stay in the text; paragraphs are joined.
    #[test]
    fn paragraphs_lose_their_line_breaks() {
        let doc = "One line.\n\nTwo\nlines:\n- an item\n- another\n  item\n";
        assert_eq!(paragraphs(doc), ["One line.", "Two lines:", "- an item", "- another item"]);
        assert!(paragraphs("").is_empty());
    }

    /// Catches: lines are too long; words are lost or run together.
    #[test]
    fn lines_are_short_and_words_are_kept() {
        // The sign `-` does not fit at the end of the first line.
        let text = "word ".repeat(19) + "abc - " + &"word ".repeat(30) + "end";
        let wrapped = wrap(&text, "* ", "  ");
        assert!(wrapped.starts_with("* word word") && wrapped.contains("\n  abc - word"));
        assert!(wrapped.lines().all(|line| line.chars().count() <= COLUMNS));
        assert!(wrapped.lines().skip(1).all(|line| line.starts_with("  ")));
        assert_eq!(wrapped.split_whitespace().skip(1).collect::<Vec<_>>().join(" "), text);
    }
}
