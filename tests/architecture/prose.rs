//! Checks of prose: how long lines are, and how doc comments begin.

use camino::Utf8Path;

/// The longest line, in characters. `rustfmt.toml` has the same limit for code.
pub const COLUMNS: usize = 100;

/// The lines of a file that are too long, counted from 1.
///
/// In Markdown, tables, code blocks and lines with a link that alone is too long are excepted.
pub fn long_lines(path: &Utf8Path, text: &str) -> Vec<usize> {
    let markdown = path.extension() == Some("md");
    let mut in_code = false;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if markdown && line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let excepted = markdown && (in_code || is_table_code_or_link(line));
        if line.chars().count() > COLUMNS && !excepted {
            found.push(number);
        }
    }
    found
}

/// Whether a long line of Markdown cannot be wrapped.
fn is_table_code_or_link(line: &str) -> bool {
    let trimmed = line.trim_start();
    let table = trimmed.starts_with('|');
    let code = line.starts_with("    ") && !trimmed.starts_with(['-', '*']);
    // A picture's text cannot be broken, nor can an address.
    let picture = trimmed.starts_with("![");
    let link = trimmed.split(' ').any(|word| word.contains("](") && word.chars().count() > 40);
    table || code || picture || link
}

/// Lists the faults of the doc comments of a Rust file, one line per fault.
///
/// A doc comment starts with one line that stands alone: a summary that ends with a full stop, and
/// then nothing or an empty line.
pub fn doc_comments(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    for marker in ["//!", "///"] {
        for (number, line) in lines.iter().enumerate() {
            let is_doc = |line: &&str| line.starts_with(marker) && !line.starts_with("////");
            let starts = is_doc(line) && (number == 0 || !is_doc(&lines[number - 1]));
            if !starts {
                continue;
            }
            let summary = line[marker.len()..].trim();
            let next = lines.get(number + 1).filter(|line| is_doc(line));
            let alone = next.is_none_or(|line| line[marker.len()..].trim().is_empty());
            // A test's comment lists the faults that the test catches, and may need more lines.
            if summary.starts_with("Catches: ") {
                continue;
            }
            let fault = if summary.starts_with('#') || summary.is_empty() {
                "has no summary"
            } else if !alone {
                "has a summary longer than one line"
            } else if !summary.ends_with(['.', '?', ':', '`', ')']) {
                "has a summary without a full stop"
            } else {
                continue;
            };
            wrong.push(format!("line {} {fault}: {line}", number + 1));
        }
    }
    wrong
}

/// The lines of test comments that do not say what the test catches, counted from 1.
///
/// A doc comment of a function under `#[test]` starts with `Catches:`.
pub fn test_comments(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let mut wrong = Vec::new();
    for (number, _) in lines.iter().enumerate().filter(|(_, line)| **line == "#[test]") {
        let comment = |line: &&&str| line.starts_with("///");
        let first = lines[..number].iter().rev().take_while(comment).last();
        if first.is_some_and(|line| !line.starts_with("/// Catches: ")) {
            wrong.push(number);
        }
    }
    wrong
}

/// The name of the type or trait that a line defines for other files.
pub fn shared_type(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub")?;
    let rest = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |r| r.1);
    let line = rest.trim_start();
    let kinds = ["struct ", "enum ", "trait ", "type "];
    let rest = kinds.iter().find_map(|kind| line.strip_prefix(kind))?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    Some(&rest[..end])
}
