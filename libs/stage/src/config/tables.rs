//! TOML tables: overlay one on another, look up and insert a key, list keys, find a number.

use toml::{Table, Value};

/// Overlays `over` on `under`: tables key by key, other values as a whole.
pub(super) fn merge(under: &mut Table, over: &Table) {
    for (key, value) in over {
        match (under.get_mut(key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            _ => {
                under.insert(key.clone(), value.clone());
            }
        }
    }
}

pub(super) fn lookup<'a>(table: &'a Table, keys: &[String]) -> Option<&'a Value> {
    let (first, rest) = keys.split_first()?;
    match (table.get(first)?, rest) {
        (value, []) => Some(value),
        (Value::Table(table), rest) => lookup(table, rest),
        _ => None,
    }
}

/// Inserts `value` at `keys`; the error is the key that is not a table.
pub(super) fn insert(table: &mut Table, keys: &[String], value: Value) -> Result<(), String> {
    match keys {
        [] => Ok(()),
        [last] => {
            table.insert(last.clone(), value);
            Ok(())
        }
        [first, rest @ ..] => {
            let inner = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
            match inner {
                Value::Table(inner) => insert(inner, rest, value),
                _ => Err(first.clone()),
            }
        }
    }
}

/// Dotted names of all values in `table`.
pub(super) fn leaves(table: &Table) -> Vec<String> {
    let mut names = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                names.extend(leaves(inner).iter().map(|name| format!("{key}.{name}")));
            }
            _ => names.push(key.clone()),
        }
    }
    names
}

/// Dotted names in `wanted` that `defaults` does not have. An empty default table allows any key.
pub(super) fn unknown_keys(wanted: &Table, defaults: &Table) -> Vec<String> {
    let mut names = Vec::new();
    for (key, value) in wanted {
        match (value, defaults.get(key)) {
            // A misspelt table: its values show which table the user meant.
            (Value::Table(value), None) if !value.is_empty() => {
                names.extend(leaves(value).iter().map(|name| format!("{key}.{name}")));
            }
            (_, None) => names.push(key.clone()),
            (Value::Table(value), Some(Value::Table(default))) if !default.is_empty() => {
                names.extend(
                    unknown_keys(value, default).iter().map(|name| format!("{key}.{name}")),
                );
            }
            _ => {}
        }
    }
    names
}

/// Dotted name of a value that is, or contains, the number -0.0.
pub(super) fn negative_zero(table: &Table) -> Option<String> {
    table.iter().find_map(|(key, value)| match value {
        Value::Table(inner) => negative_zero(inner).map(|name| format!("{key}.{name}")),
        value => has_negative_zero(value).then(|| key.clone()),
    })
}

fn has_negative_zero(value: &Value) -> bool {
    match value {
        Value::Float(number) => *number == 0.0 && number.is_sign_negative(),
        Value::Array(values) => values.iter().any(has_negative_zero),
        Value::Table(table) => negative_zero(table).is_some(),
        _ => false,
    }
}
