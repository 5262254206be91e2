//! Makes the reference of one section from its type.

use std::collections::BTreeMap;

use schemars::schema_for;
use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use super::tables::{AllowedValue, ConfigKey, ConfigReference, ConfigTable};
use crate::config::section::Section;

/// The section `T::NAME`, and the tables inside it.
///
/// # Panics
/// If TOML cannot represent the section's default: a programming error.
#[must_use]
pub fn of_section<T: Section>() -> ConfigReference {
    // The default is read from text, because `toml::Value` would show an f32 of 0.1 as
    // 0.10000000149011612.
    let text = toml::to_string(&BTreeMap::from([(T::NAME, T::default())]))
        .expect("a section's default is serialisable as TOML");
    let document = DeTable::parse(&text).expect("serialised TOML can be read");
    let root = schema_for!(T).to_value();
    let mut tables = Vec::new();
    let schema = Schema { root: &root, own: &root };
    for (name, value) in document.get_ref() {
        if let DeValue::Table(defaults) = value.get_ref() {
            add_table(&mut tables, name.get_ref(), defaults, schema, &text);
        }
    }
    ConfigReference { tables }
}

/// Adds a table and the tables inside it. `text` is the TOML that `defaults` were read from.
fn add_table(
    tables: &mut Vec<ConfigTable>,
    name: &str,
    defaults: &DeTable<'_>,
    schema: Schema<'_>,
    text: &str,
) {
    let (mut keys, mut inner) = (Vec::new(), Vec::new());
    for (key, default) in defaults {
        let name = format!("{name}.{}", key.get_ref());
        let schema = schema.property(key.get_ref());
        match default.get_ref() {
            DeValue::Table(defaults) if schema.has_properties() => {
                add_table(&mut inner, &name, defaults, schema, text);
            }
            _ => keys.push(ConfigKey {
                name,
                kind: schema.kind(),
                default: text[default.span()].to_owned(),
                doc: schema.doc(),
                values: schema.values(),
            }),
        }
    }
    tables.push(ConfigTable { name: name.to_owned(), doc: schema.doc(), keys });
    tables.append(&mut inner);
}

/// The JSON schema of a key, a table or a value.
#[derive(Clone, Copy)]
struct Schema<'a> {
    /// The whole schema, which contains the definitions that references name.
    root: &'a Json,
    own: &'a Json,
}

impl<'a> Schema<'a> {
    fn at(self, own: &'a Json) -> Self {
        Self { own, ..self }
    }

    /// The schema, and the definition that it refers to, and so on.
    fn definitions(self) -> impl Iterator<Item = &'a Json> {
        std::iter::successors(Some(self.own), move |schema| {
            let reference = schema.get("$ref")?.as_str()?;
            self.root.pointer(reference.strip_prefix('#')?)
        })
    }

    fn get(self, keyword: &str) -> Option<&'a Json> {
        self.definitions().find_map(|schema| schema.get(keyword))
    }

    fn text(self, keyword: &str) -> &'a str {
        self.get(keyword).and_then(Json::as_str).unwrap_or_default()
    }

    fn list(self, keyword: &str) -> &'a [Json] {
        self.get(keyword).and_then(Json::as_array).map_or(&[], Vec::as_slice)
    }

    /// The doc comment of the field, or of its type if the field has none.
    fn doc(self) -> String {
        self.text("description").to_owned()
    }

    fn has_properties(self) -> bool {
        self.get("properties").is_some()
    }

    /// The schema of a key; an empty schema if the type has no such field.
    fn property(self, key: &str) -> Self {
        let own = self.get("properties").and_then(|properties| properties.get(key));
        self.at(own.unwrap_or(&Json::Null))
    }

    /// The allowed values, if the type is an enum.
    fn values(self) -> Vec<AllowedValue> {
        let toml = |value: &Json| match value {
            Json::String(text) => toml::Value::from(text.as_str()).to_string(),
            other => other.to_string(),
        };
        let plain = |value: &Json| AllowedValue { value: toml(value), doc: String::new() };
        // Variants without doc comments are in one list, and each documented one is a `const`.
        let undocumented = self.list("enum").iter().map(plain);
        let variants = self.list("oneOf").iter().flat_map(|variant| {
            let variant = self.at(variant);
            let undocumented = variant.list("enum").iter().map(plain);
            let documented = variant
                .get("const")
                .map(|value| AllowedValue { value: toml(value), doc: variant.doc() });
            undocumented.chain(documented).collect::<Vec<_>>()
        });
        undocumented.chain(variants).collect()
    }

    /// The type in words.
    fn kind(self) -> String {
        if !self.values().is_empty() {
            return "one of the values below".to_owned();
        }
        match self.text("type") {
            "boolean" => "true or false".to_owned(),
            "array" => {
                let items = self.get("items").map(|items| self.at(items).kind());
                let items = items.unwrap_or_else(|| "value".to_owned());
                match items.strip_prefix("list of ") {
                    Some(inner) => format!("list of lists of {inner}"),
                    None => format!("list of {items}s"),
                }
            }
            "object" => "table".to_owned(),
            other => other.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;

    /// The section of the test.
    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    #[serde(transparent)]
    struct Wrapped(Settings);

    /// The type of the section.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(default)]
    struct Settings {
        /// Which frames are drawn.
        drawn: Drawn,
        /// The inner table.
        inner: Inner,
        /// The largest share, from 0 to 1.
        ///
        /// 0 means
        /// none.
        share: f32,
        names: Vec<String>,
        groups: Vec<Vec<String>>,
    }

    impl Default for Settings {
        fn default() -> Self {
            Self {
                drawn: Drawn::LastTwo,
                inner: Inner::default(),
                share: 0.1,
                names: vec!["a b".into()],
                groups: vec![vec!["c".into()]],
            }
        }
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Drawn {
        /// All of them.
        All,
        LastTwo,
    }

    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    struct Inner {
        /// Whether it is on.
        on: bool,
        /// How often it is done.
        r#where: u32,
    }

    impl Section for Wrapped {
        const NAME: &'static str = "lam";
    }

    /// Catches: a key is missing or lacks its type, default or comment; variants lack their
    /// comments; a default has more digits than in `genie config`.
    #[test]
    fn keys_have_types_defaults_and_comments() {
        let reference = of_section::<Wrapped>();
        let tables: Vec<_> =
            reference.tables.iter().map(|table| (&*table.name, &*table.doc)).collect();
        assert_eq!(
            tables,
            [("lam", "The section of the test."), ("lam.inner", "The inner table.")]
        );
        let keys: Vec<_> = reference
            .tables
            .iter()
            .flat_map(|table| &table.keys)
            .map(|key| (&*key.name, &*key.kind, &*key.default, &*key.doc))
            .collect();
        assert_eq!(
            keys,
            [
                ("lam.drawn", "one of the values below", "\"last_two\"", "Which frames are drawn."),
                ("lam.share", "number", "0.1", "The largest share, from 0 to 1.\n\n0 means\nnone."),
                ("lam.names", "list of strings", "[\"a b\"]", ""),
                ("lam.groups", "list of lists of strings", "[[\"c\"]]", ""),
                ("lam.inner.on", "true or false", "false", "Whether it is on."),
                ("lam.inner.where", "integer", "0", "How often it is done."),
            ]
        );
        let mut values: Vec<_> = reference.tables[0].keys[0]
            .values
            .iter()
            .map(|value| (&*value.value, &*value.doc))
            .collect();
        values.sort_unstable();
        assert_eq!(values, [("\"all\"", "All of them."), ("\"last_two\"", "")]);
    }
}
