//! Finds a section, a table or a key of the reference by its name.

use super::tables::{ConfigReference, ConfigTable};
use crate::config::suggest::nearest;
use crate::exit::Usage;

impl ConfigReference {
    /// The part that `name` names: a section, a table with all inside it, or one key.
    ///
    /// # Errors
    /// If there is no such name. The message gives the nearest name.
    pub fn select(&self, name: &str) -> Result<Self, Usage> {
        let wanted = name.trim().trim_start_matches('[').trim_end_matches(']');
        let inside = format!("{wanted}.");
        let part = |table: &ConfigTable| -> Option<ConfigTable> {
            if table.name == wanted || table.name.starts_with(&inside) {
                return Some(table.clone());
            }
            let key = table.keys.iter().find(|key| key.name == wanted)?;
            Some(ConfigTable { keys: vec![key.clone()], ..table.clone() })
        };
        let tables: Vec<_> = self.tables.iter().filter_map(part).collect();
        if tables.is_empty() { Err(self.unknown(wanted)) } else { Ok(Self { tables }) }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().flat_map(|table| {
            let keys = table.keys.iter().map(|key| key.name.as_str());
            std::iter::once(table.name.as_str()).chain(keys)
        })
    }

    fn unknown(&self, name: &str) -> Usage {
        let last = format!(".{name}");
        let ends: Vec<&str> = self.names().filter(|known| known.ends_with(&last)).collect();
        let hint = if !ends.is_empty() {
            format!("write one of {}", ends.join(", "))
        } else if let Some(nearest) = nearest(name, self.names()) {
            format!("did you mean `{nearest}`?")
        } else {
            let sections = self.tables.iter().map(|table| table.name.as_str());
            let sections: Vec<_> = sections.filter(|name| !name.contains('.')).collect();
            format!("the sections are {}", sections.join(", "))
        };
        Usage(format!("--explain {name}: there is no section or key of this name; {hint}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reference::tables::ConfigKey;

    fn reference() -> ConfigReference {
        let table = |name: &str, keys: &[&str]| ConfigTable {
            name: name.to_owned(),
            doc: String::new(),
            keys: keys
                .iter()
                .map(|key| ConfigKey {
                    name: format!("{name}.{key}"),
                    kind: String::new(),
                    default: String::new(),
                    doc: String::new(),
                    values: Vec::new(),
                })
                .collect(),
        };
        ConfigReference {
            tables: vec![
                table("lam", &["frames", "patch"]),
                table("lam.train", &["steps", "clip_norm"]),
                table("lamp", &["steps"]),
            ],
        }
    }

    fn selected(name: &str) -> Vec<String> {
        let found = reference().select(name).unwrap();
        found.names().map(str::to_owned).collect()
    }

    /// Catches: tables are missing, or tables of another section with the same prefix are shown.
    #[test]
    fn a_name_selects_all_inside_it() {
        assert_eq!(selected("lam").len(), 6);
        assert_eq!(selected("[lamp]"), ["lamp", "lamp.steps"]);
        let train = ["lam.train", "lam.train.steps", "lam.train.clip_norm"];
        assert_eq!(selected("lam.train"), train);
        assert_eq!(selected("lam.patch"), ["lam", "lam.patch"]);
    }

    /// Catches: the message for a typing error does not contain the name that was meant.
    #[test]
    fn an_unknown_name_is_an_error_with_the_nearest() {
        let error = |name: &str| reference().select(name).unwrap_err().to_string();
        assert!(
            error("lam.trian").ends_with("did you mean `lam.train`?"),
            "{}",
            error("lam.trian")
        );
        assert!(error("lma").ends_with("did you mean `lam`?"), "{}", error("lma"));
        assert!(error("clip_norm").ends_with("write one of lam.train.clip_norm"));
        assert!(error("zzz").ends_with("the sections are lam, lamp"), "{}", error("zzz"));
    }
}
