//! The layers that a user writes: config files and `--set` flags, not yet typed.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::error::{ConfigError, Origin};

/// A config file with its text, to find the line of a key.
#[derive(Debug, Clone)]
pub(super) struct ConfigFile {
    path: Utf8PathBuf,
    text: String,
    pub(super) table: Table,
    /// The file below this one.
    extends: Option<Utf8PathBuf>,
}

/// The only key outside the sections.
const EXTENDS: &str = "extends";

/// Maximum number of files that extend each other.
const DEEPEST: usize = 8;

impl ConfigFile {
    /// Reads the file at `path` and the files that it extends, lowest layer first.
    pub(super) fn read(path: &Utf8Path) -> Result<Vec<Self>, ConfigError> {
        let mut files: Vec<Self> = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next.take() {
            if files.len() == DEEPEST {
                let message = format!(
                    "more than {DEEPEST} files extend each other; look for a cycle of `extends`"
                );
                return Err(files[DEEPEST - 1].extends_error(message));
            }
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(source) => match files.last() {
                    Some(file) => {
                        return Err(file.extends_error(format!("cannot read {path}: {source}")));
                    }
                    None => return Err(ConfigError::Read { path, source }),
                },
            };
            let file = Self::parse(&path, text)?;
            next.clone_from(&file.extends);
            files.push(file);
        }
        files.reverse();
        Ok(files)
    }

    pub(super) fn parse(path: &Utf8Path, text: String) -> Result<Self, ConfigError> {
        let table = text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
            path: path.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        let mut file = Self { path: path.to_owned(), text, table, extends: None };
        match file.table.remove(EXTENDS) {
            None => {}
            // Relative to the file that contains it, not to the working directory.
            Some(Value::String(base)) => {
                let beside = path.parent().unwrap_or(Utf8Path::new(""));
                file.extends = Some(beside.join(base));
            }
            Some(_) => {
                return Err(file.extends_error(
                    "it must be the path of another config file, as a string".to_owned(),
                ));
            }
        }
        Ok(file)
    }

    fn extends_error(&self, message: String) -> ConfigError {
        ConfigError::Value { key: EXTENDS.to_owned(), origin: self.origin(&[EXTENDS]), message }
    }

    /// Whether the file has a value at `keys`.
    pub(super) fn has(&self, keys: &[&str]) -> bool {
        let Some((last, tables)) = keys.split_last() else { return false };
        let inside = tables.iter().try_fold(&self.table, |table, key| table.get(*key)?.as_table());
        inside.is_some_and(|table| table.contains_key(*last))
    }

    /// Place of the value at `keys`, or of the deepest of these keys that exists.
    pub(super) fn origin(&self, keys: &[&str]) -> Origin {
        // Parses again, with positions: only error messages need them.
        let start = DeTable::parse(&self.text)
            .map_or(0, |document| offset_of(document.get_ref(), keys).unwrap_or(0));
        let line = 1 + self.text[..start].matches('\n').count();
        Origin::File { path: self.path.clone(), line }
    }
}

/// Offset in the text of the deepest of `keys` that exists.
fn offset_of(table: &DeTable<'_>, keys: &[&str]) -> Option<usize> {
    let (first, rest) = keys.split_first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    let deeper = match value.get_ref() {
        DeValue::Table(table) => offset_of(table, rest),
        _ => None,
    };
    deeper.or(Some(key.span().start))
}

/// One `--set section.key=value`.
#[derive(Debug, Clone)]
pub(super) struct Override {
    /// As the user wrote it.
    pub(super) text: String,
    pub(super) section: String,
    /// Keys inside the section; several for a nested table.
    pub(super) keys: Vec<String>,
    /// Text of the value, for a key whose value is a string.
    words: String,
    value: Value,
}

impl Override {
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = |reason: &str| ConfigError::Override {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        let (path, words) =
            text.split_once('=').ok_or_else(|| wrong("write it as section.key=value"))?;
        let mut keys = path.split('.').map(|key| key.trim().to_owned());
        let section = keys.next().unwrap_or_default();
        let keys: Vec<_> = keys.collect();
        if section.is_empty() || keys.is_empty() || keys.iter().any(String::is_empty) {
            return Err(wrong("write it as section.key=value"));
        }
        let words = words.trim();
        Ok(Self {
            text: text.to_owned(),
            section,
            keys,
            words: words.to_owned(),
            value: value_of(words).map_err(|reason| wrong(&reason))?,
        })
    }

    /// The value in place of `default`: if that is a string, `2024` is the string "2024".
    pub(super) fn value_for(&self, default: Option<&Value>) -> Value {
        match (default, &self.value) {
            (
                Some(Value::String(_)),
                Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_),
            ) => Value::String(self.words.clone()),
            _ => self.value.clone(),
        }
    }

    pub(super) fn origin(&self) -> Origin {
        Origin::Set(self.text.clone())
    }
}

/// Parses `words` as a TOML value, or as a bare string if they do not look like one.
fn value_of(words: &str) -> Result<Value, String> {
    let document: Result<Table, _> = format!("value = {words}").parse();
    match document {
        Ok(mut table) if table.len() == 1 => {
            Ok(table.remove("value").unwrap_or_else(|| Value::String(words.into())))
        }
        // A text that starts like a list, a table or a quoted string is a typing error, not a bare
        // word.
        Err(error) if words.starts_with(['[', '{', '"', '\'']) => Err(format!(
            "the value is not valid TOML ({}); the shell may have removed quotes",
            error.message()
        )),
        // `Ok` here: words with a line break, which TOML parses as a second key.
        Ok(_) | Err(_) => Ok(Value::String(words.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Override::parse(text).unwrap().value
    }

    /// Catches: numbers become strings, paths need quotes, or a space or `=` breaks a value.
    #[test]
    fn values_are_toml_or_bare_words() {
        assert_eq!(value("lam.steps=200"), Value::Integer(200));
        assert_eq!(value("lam.rate = 3e-4"), Value::Float(3e-4));
        assert_eq!(value("lam.on=true"), Value::Boolean(true));
        assert_eq!(value("data.root=my data/x=1"), Value::String("my data/x=1".into()));
        assert_eq!(value("data.root=\"quoted\""), Value::String("quoted".into()));
        assert_eq!(
            value(r#"data.videos=["a b", "it's"]"#),
            Value::Array(vec!["a b".into(), "it's".into()])
        );
        assert_eq!(value("data.root="), Value::String(String::new()));
    }

    /// Catches: an invalid list silently becomes a string.
    #[test]
    fn broken_values_are_refused() {
        for text in ["data.videos=[a, b]", "data", "data=3", ".x=3", "a..b=3"] {
            let error = Override::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("--set {text}: ")), "{error}");
        }
    }

    /// Catches: a directory called 2024 is read as a number and rejected.
    #[test]
    fn a_string_is_wanted() {
        let root = Override::parse("data.root=2024").unwrap();
        assert_eq!(root.value_for(Some(&"x".into())), "2024".into());
        assert_eq!(root.value_for(Some(&0.5.into())), Value::Integer(2024));
    }

    /// Catches: a message has the wrong line, or has no line for a nested key.
    #[test]
    fn origins_have_the_keys_line() {
        let text = "# head\n[data]\nroot = 'x'\n\n[lam]\nsteps = 3\n[lam.deep]\nkey = 1\n";
        let file = ConfigFile::parse("p.toml".into(), text.into()).unwrap();
        let line = |keys: &[&str]| file.origin(keys).to_string();
        assert_eq!(line(&["data", "root"]), "p.toml:3");
        assert_eq!(line(&["lam", "steps"]), "p.toml:6");
        assert_eq!(line(&["lam", "deep", "key"]), "p.toml:8");
        assert_eq!(line(&["lam", "deep", "none"]), "p.toml:7");
    }
}
