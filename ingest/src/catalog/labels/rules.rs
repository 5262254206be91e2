//! Which names, labels and tags are allowed. They come from a page or from a CSV file.

use genie_shards::Judgement;

/// Most characters of a name or of a tag.
const LENGTH: usize = 40;
/// Most tags of a label.
const TAGS: usize = 16;

/// Returns the name of a person without spaces around it.
///
/// # Errors
/// What is wrong with it.
pub fn checked_who(who: &str) -> Result<String, String> {
    word("the name in `who`", who)
}

/// Returns tags without spaces around them, each once.
///
/// # Errors
/// What is wrong with one of them.
pub fn checked_tags<'a>(tags: impl Iterator<Item = &'a str>) -> Result<Vec<String>, String> {
    let mut checked: Vec<String> = Vec::new();
    for tag in tags {
        let tag = word("a tag", tag)?;
        if tag.contains(';') {
            return Err(format!("the tag {tag:?} contains a semicolon, which separates tags"));
        }
        if !checked.contains(&tag) {
            checked.push(tag);
        }
    }
    if checked.len() > TAGS {
        return Err(format!("there are {} tags; use at most {TAGS}", checked.len()));
    }
    Ok(checked)
}

/// Returns the judgement with this name.
///
/// # Errors
/// That there is none, and which there are.
pub fn judgement(name: &str) -> Result<Judgement, String> {
    let found = Judgement::parse(name.trim());
    found.ok_or_else(|| format!("{name:?} is not a label; write good, bad or unsure"))
}

fn word(what: &str, text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("{what} is empty"));
    }
    let length = text.chars().count();
    if length > LENGTH {
        return Err(format!("{what} has {length} characters; use at most {LENGTH}"));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{what} contains a control character: {text:?}"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a tag or a name breaks the CSV file, a terminal or the page.
    #[test]
    fn words_are_short_and_plain() {
        assert_eq!(checked_who(" ana b. ").unwrap(), "ana b.");
        assert_eq!(checked_tags(["menu", " menu", "HUD"].into_iter()).unwrap(), ["menu", "HUD"]);
        for wrong in ["", " ", "a\u{1b}[2J", "a\nb", &"x".repeat(41)] {
            assert!(checked_who(wrong).is_err(), "{wrong:?}");
        }
        assert!(checked_tags(["a;b"].into_iter()).is_err());
        let many: Vec<String> = (0..17).map(|i| i.to_string()).collect();
        assert!(checked_tags(many.iter().map(String::as_str)).is_err());
        assert!(judgement("gud").unwrap_err().contains("good, bad or unsure"));
    }
}
