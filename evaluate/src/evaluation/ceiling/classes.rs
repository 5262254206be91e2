//! Classes of keys: names of true actions that count as one.

/// A division of some items (true actions, or classes of them) into classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Division {
    /// Class of each item.
    pub class_of: Vec<u8>,
    /// Names of the true actions in each class.
    pub members: Vec<Vec<String>>,
}

impl Division {
    /// Returns the division in which each class of `classes` stays alone.
    pub fn trivial(classes: &Division) -> Division {
        divide(&classes.members, &[])
    }

    /// Returns the class of each of `items`.
    pub fn of(&self, items: &[u8]) -> Vec<u8> {
        items.iter().map(|&item| self.class_of[usize::from(item)]).collect()
    }

    /// Returns the number of classes.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns a name for each class.
    pub fn names(&self) -> Vec<String> {
        self.members.iter().map(|names| names.join(", ")).collect()
    }
}

/// Divides true actions: those that `same` lists together are one class, all others stay alone.
///
/// There are `count` true actions; those without a name get their number as a name.
pub fn divide_actions(names: &[String], count: usize, same: &[Vec<String>]) -> Division {
    let name = |action: usize| names.get(action).cloned().unwrap_or_else(|| action.to_string());
    let items: Vec<Vec<String>> = (0..count).map(|action| vec![name(action)]).collect();
    divide(&items, same)
}

/// Merges classes: classes with names in the same list of `lists` become one class.
pub fn divide(items: &[Vec<String>], lists: &[Vec<String>]) -> Division {
    let mut members: Vec<Vec<String>> = Vec::new();
    let mut class_of_list = vec![None; lists.len()];
    let mut class_of = Vec::new();
    for names in items {
        let list = lists.iter().position(|list| names.iter().any(|name| list.contains(name)));
        let known = list.and_then(|list| class_of_list[list]);
        let class = known.unwrap_or(members.len());
        if let Some(list) = list {
            class_of_list[list] = Some(class);
        }
        if class == members.len() {
            members.push(Vec::new());
        }
        members[class].extend_from_slice(names);
        class_of.push(class as u8);
    }
    Division { class_of, members }
}

/// Describes names in `lists` that no true action has; `None` if there are none.
pub fn unknown_names(key: &str, lists: &[Vec<String>], keys: &Division) -> Option<String> {
    let known = keys.members.concat();
    let unknown: Vec<&str> =
        lists.iter().flatten().filter(|name| !known.contains(name)).map(String::as_str).collect();
    (!unknown.is_empty()).then(|| {
        format!(
            "[evaluate] {key} names {}, but no recording has such a true action. The recordings \
             have {}.",
            unknown.join(", "),
            known.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    /// Catches: a key that is in no list joins another class; the order of a list decides which
    /// class an action gets; directions divide a class of keys.
    #[test]
    fn listed_keys_are_one_class_and_others_stay_alone() {
        let actions = names("left noop right down a");
        let keys = divide_actions(&actions, 6, &[names("down noop"), names("a left")]);
        assert_eq!(keys.class_of, [0, 1, 2, 1, 0, 3]);
        assert_eq!(keys.names(), ["left, a", "noop, down", "right", "5"]);
        let directions = divide(&keys.members, &[names("left right")]);
        assert_eq!(directions.class_of, [0, 1, 0, 2]);
        assert_eq!(directions.names(), ["left, a, right", "noop, down", "5"]);
        assert_eq!(directions.of(&keys.of(&[0, 1, 2, 3, 4, 5])), [0, 1, 0, 1, 0, 2]);
    }

    /// Catches: a misspelt name has no effect and gives no warning.
    #[test]
    fn a_name_that_no_recording_has_is_reported() {
        let keys = divide_actions(&names("left noop"), 2, &[]);
        assert_eq!(unknown_names("same_keys", &[names("left noop")], &keys), None);
        let told = unknown_names("same_keys", &[names("left nop")], &keys).unwrap();
        assert!(told.contains("names nop,") && told.contains("left, noop"), "{told}");
    }
}
