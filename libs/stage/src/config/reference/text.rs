//! The reference for a terminal.

use std::fmt;

use super::tables::{ConfigKey, ConfigReference};
use super::wrap::{paragraphs, wrap};

impl fmt::Display for ConfigReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, table) in self.tables.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            writeln!(f, "[{}]", table.name)?;
            write_doc(f, &table.doc, "  ")?;
            for key in &table.keys {
                write_key(f, key)?;
            }
        }
        Ok(())
    }
}

fn write_key(f: &mut fmt::Formatter<'_>, key: &ConfigKey) -> fmt::Result {
    // The default is in one line, so that it can be copied.
    write!(f, "\n{}\n    {}; default {}\n", key.name, key.kind, key.default)?;
    write_doc(f, &key.doc, "    ")?;
    for value in &key.values {
        writeln!(f, "      {}", value.value)?;
        write_doc(f, &value.doc, "          ")?;
    }
    Ok(())
}

fn write_doc(f: &mut fmt::Formatter<'_>, doc: &str, indent: &str) -> fmt::Result {
    paragraphs(doc).iter().try_for_each(|text| f.write_str(&wrap(text, indent, indent)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reference::tables::{AllowedValue, ConfigTable};

    /// Catches: a terminal shows a key without its name, type, default, comment or values.
    #[test]
    fn a_key_is_shown_with_all_that_is_known_of_it() {
        let key = ConfigKey {
            name: "lam.pool".into(),
            kind: "one of the values below".into(),
            default: "\"max\"".into(),
            doc: "How vectors are pooled.\n\nOver all\npositions.".into(),
            values: vec![AllowedValue { value: "\"max\"".into(), doc: "The maximum.".into() }],
        };
        let table = ConfigTable { name: "lam".into(), doc: "The model.".into(), keys: vec![key] };
        let reference = ConfigReference { tables: vec![table] };
        assert_eq!(
            reference.to_string(),
            "[lam]\n  The model.\n\n\
             lam.pool\n    one of the values below; default \"max\"\n\
             \x20   How vectors are pooled.\n    Over all positions.\n\
             \x20     \"max\"\n          The maximum.\n"
        );
    }
}
