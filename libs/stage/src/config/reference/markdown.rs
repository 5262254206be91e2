//! The reference as a page of Markdown.

use super::tables::{ConfigKey, ConfigReference};
use super::wrap::{paragraphs, wrap};

/// The beginning of the page. It says how the page is made, and how a config is read.
const HEAD: &str = "\
# Config reference

<!-- Generated from the doc comments of the code. Do not edit this page. Change the comments, then:
     genie config --explain --markdown > docs/config.md -->

This page lists all keys of a config file. `genie config --explain SECTION` prints a part of it, for
example `genie config --explain lam.train`. `genie config FILE` prints the value of every key of one
file.

Every key has a default, so a config file contains only the keys that differ. From weak to strong:

1. the defaults on this page,
2. the file that the file names as `extends = \"other.toml\"` (the only key outside a section),
3. the file,
4. `--set section.key=value` on the command line.

An unknown key or a value of the wrong type is an error before anything starts.
";

impl ConfigReference {
    /// The page: an introduction, then a heading for each table and an item for each key.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut page = HEAD.to_owned();
        for table in &self.tables {
            let level = if table.name.contains('.') { "###" } else { "##" };
            page += &["\n", level, " `[", &table.name, "]`\n"].concat();
            for text in paragraphs(&table.doc) {
                page.push('\n');
                page += &wrap(&text, "", "");
            }
            if !table.keys.is_empty() {
                page.push('\n');
            }
            for key in &table.keys {
                page += &item(key);
            }
        }
        page
    }
}

fn item(key: &ConfigKey) -> String {
    let head = format!("**`{}`** ({}; default `{}`): ", key.name, key.kind, key.default);
    let mut doc = paragraphs(&key.doc);
    if doc.is_empty() {
        doc.push(String::new());
    }
    doc[0] = head + &doc[0];
    let mut item = wrap(&doc[0], "- ", "  ");
    for text in &doc[1..] {
        item.push('\n');
        item += &wrap(text, "  ", "  ");
    }
    for value in &key.values {
        let text = format!("`{}`: {}", value.value, paragraphs(&value.doc).join(" "));
        item += &wrap(&text, "  - ", "    ");
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reference::tables::{AllowedValue, ConfigTable};

    /// Catches: a page is not Markdown, or lacks something that the terminal shows.
    #[test]
    fn a_key_is_an_item() {
        let key = ConfigKey {
            name: "lam.deep.pool".into(),
            kind: "one of the values below".into(),
            default: "\"max\"".into(),
            doc: "How vectors are pooled.\n\nOver all\npositions.".into(),
            values: vec![AllowedValue {
                value: "\"max\"".into(),
                doc: "The maximum.\n\nIt is\nlarge.".into(),
            }],
        };
        let table =
            ConfigTable { name: "lam.deep".into(), doc: "The model.".into(), keys: vec![key] };
        let page = ConfigReference { tables: vec![table] }.to_markdown();
        let (_, body) = page.split_once("anything starts.\n").expect("the introduction");
        assert_eq!(
            body,
            "\n### `[lam.deep]`\n\nThe model.\n\n\
             - **`lam.deep.pool`** (one of the values below; default `\"max\"`): How vectors are \
             pooled.\n\n  Over all positions.\n  - `\"max\"`: The maximum. It is large.\n"
        );
        assert!(page.lines().all(|line| line.chars().count() <= 100));
    }
}
