//! Sequences of actions in words: `right*8 jump*4 0 3`.

use genie_stage::config::nearest;

use super::table::ActionTable;

/// The longest sequence, in frames.
pub const LONGEST: usize = 100_000;
/// Largest number of names that a message lists.
const LISTED: usize = 20;

/// A sequence of actions cannot be understood; the message names the word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    #[error("there are no actions; write for example `{example}*8 0 3`")]
    Empty { example: String },
    #[error("`{word}` is no action{suggestion}; this model has {known}")]
    Unknown { word: String, suggestion: String, known: String },
    #[error("`{word}` has no number of frames from 1 to {LONGEST} after the `*`")]
    Repeats { word: String },
    #[error("with `{word}` there are more than {LONGEST} frames; use fewer")]
    TooLong { word: String },
}

impl ActionTable {
    /// Reads a sequence of actions: one code per frame.
    ///
    /// Words are separated by spaces or commas. A word is the name of an action or its code, and
    /// `*n` repeats it. A name of several words is joined: `right-jump`, `right_2` or `rightjump`.
    pub fn parse(&self, text: &str) -> Result<Vec<u8>, SequenceError> {
        let mut codes = Vec::new();
        let words = text.split(|c: char| c.is_whitespace() || c == ',');
        for word in words.filter(|word| !word.is_empty()) {
            let (name, repeats) = match word.split_once('*') {
                Some(("", _)) => return Err(self.unknown(word)),
                Some((name, repeats)) => (name, repeats_of(word, repeats)?),
                None => (word, 1),
            };
            let code = self.code(name)?;
            if codes.len() + repeats > LONGEST {
                return Err(SequenceError::TooLong { word: word.to_owned() });
            }
            codes.extend(std::iter::repeat_n(code, repeats));
        }
        if codes.is_empty() {
            let example = joined(&self.actions[usize::from(self.still)].name);
            return Err(SequenceError::Empty { example });
        }
        Ok(codes)
    }

    /// Returns the code of a name or of a number.
    fn code(&self, word: &str) -> Result<u8, SequenceError> {
        let by_code =
            word.parse::<u8>().ok().filter(|&code| self.actions.len() > usize::from(code));
        let by_name = || {
            let same = |name: &str| normal(name) == normal(word);
            self.actions.iter().find(|action| same(&action.name)).map(|action| action.code)
        };
        by_code.or_else(by_name).ok_or_else(|| self.unknown(word))
    }

    fn unknown(&self, word: &str) -> SequenceError {
        let names: Vec<String> = self
            .actions
            .iter()
            .filter(|action| action.measured)
            .map(|action| joined(&action.name))
            .collect();
        let near = nearest(word, names.iter().map(String::as_str));
        let suggestion = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
        let codes = format!("the codes 0 to {}", self.actions.len() - 1);
        let known = match names.len() {
            0 => codes,
            count if count > LISTED => format!("{}, …, and {codes}", names[..LISTED].join(", ")),
            _ => format!("{}, and {codes}", names.join(", ")),
        };
        SequenceError::Unknown { word: word.to_owned(), suggestion, known }
    }
}

/// Returns the number behind the `*` of a word.
fn repeats_of(word: &str, repeats: &str) -> Result<usize, SequenceError> {
    let digits = repeats.bytes().all(|byte| byte.is_ascii_digit());
    let count = repeats.parse().ok().filter(|count| digits && (1..=LONGEST).contains(count));
    count.ok_or_else(|| SequenceError::Repeats { word: word.to_owned() })
}

/// Returns a name as one word.
fn joined(name: &str) -> String {
    name.replace(' ', "-")
}

/// Returns a name without its separators and in lower case.
fn normal(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, ' ' | '-' | '_' | '+'))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn table() -> ActionTable {
        let entry = |action: usize, x: f64, y: f64| -> Value {
            json!({"action": action, "held": {"figure_x": x, "figure_y": y}})
        };
        let entries = [
            entry(0, 0.0, 0.0),
            entry(1, 3.0, 0.0),
            entry(2, -2.0, 0.0),
            entry(3, 0.0, -2.0),
            entry(4, 2.0, -2.0),
            entry(5, 1.0, 0.0),
        ];
        ActionTable::from_report(Some(&json!({"effects": {"actions": entries}})), 7)
    }

    /// Catches: a name, a code, a repetition or a separator is not understood.
    #[test]
    fn sequences_are_read() {
        let parse = |text: &str| table().parse(text).unwrap();
        assert_eq!(parse("right*3 jump*2 0 3"), [1, 1, 1, 3, 3, 0, 3]);
        assert_eq!(parse("  Left,\n2 ,, still*1\t"), [2, 2, 0]);
        assert_eq!(parse("right-jump right_jump rightjump RIGHT+jump"), [4; 4]);
        assert_eq!(parse("right-2 right2 action-6 6*2"), [5, 5, 6, 6, 6]);
        assert_eq!(parse("0*100000").len(), LONGEST);
    }

    /// Catches: a message does not name the word, the nearest name, or what is known.
    #[test]
    fn errors_name_the_word() {
        let message = |text: &str| table().parse(text).unwrap_err().to_string();
        assert_eq!(
            message("right*2 jmup*3"),
            "`jmup` is no action (did you mean `jump`?); this model has still, right, left, jump, \
             right-jump, right-2, and the codes 0 to 6"
        );
        assert!(message("7").starts_with("`7` is no action; this model has"), "{}", message("7"));
        assert!(message("300").contains("codes 0 to 6"));
        for text in ["right*", "right*0", "right*-1", "right*+2", "right*x", "1*100001", "1*2*3"] {
            assert!(message(text).contains(&format!("`{text}` has no number")), "{text}");
        }
        assert!(message("*3").starts_with("`*3` is no action"), "{}", message("*3"));
        assert!(message("1*99999 2 3").contains("with `3` there are more than 100000"));
        assert_eq!(message(" , "), "there are no actions; write for example `still*8 0 3`");
        let plain = ActionTable::from_report(None, 3).parse("right").unwrap_err().to_string();
        assert_eq!(plain, "`right` is no action; this model has the codes 0 to 2");
    }

    proptest! {
        /// Catches: some text causes a panic, or gives a code that the model does not have.
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z0-9*, _+-]{0,40}|\\PC{0,20}") {
            if let Ok(codes) = table().parse(&text) {
                prop_assert!(codes.len() <= LONGEST && codes.iter().all(|&code| code < 7));
            }
        }
    }
}
