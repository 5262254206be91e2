//! Suggests the nearest known name: "did you mean …?".

/// Below this Jaro-Winkler similarity, a suggestion would only confuse.
const NEAR: f64 = 0.75;

/// Returns the candidate most similar to `name`, if one is similar enough.
///
/// It ignores case and the difference between `-` and `_`.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = normal(name);
    candidates
        .into_iter()
        .map(|candidate| (similarity(&name, &normal(candidate)), candidate))
        .filter(|(similarity, _)| *similarity >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Similarity from 0 to 1: Jaro-Winkler, with two exceptions that count as at least 0.9.
///
/// Jaro-Winkler favours a common beginning. The exceptions are one typing error (`lma` for `lam`)
/// and one name that is a word of the other (`rate` and `learning_rate`).
fn similarity(name: &str, candidate: &str) -> f64 {
    let word_of = |short: &str, long: &str| short.len() > 2 && long.split('_').any(|w| w == short);
    let spelled = strsim::jaro_winkler(name, candidate);
    let one_slip = name.len() > 2 && strsim::damerau_levenshtein(name, candidate) == 1;
    if one_slip || word_of(name, candidate) || word_of(candidate, name) {
        spelled.max(0.9)
    } else {
        spelled
    }
}

fn normal(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a common typing error gets no suggestion, or a misleading one.
    #[test]
    fn usual_slips_are_understood() {
        let known = ["root", "videos", "held_out", "learning_rate", "steps"];
        let nearest = |name| nearest(name, known);
        assert_eq!(nearest("heldout"), Some("held_out"));
        assert_eq!(nearest("Held-Out"), Some("held_out"));
        assert_eq!(nearest("vidoes"), Some("videos"));
        assert_eq!(nearest("step"), Some("steps"));
        assert_eq!(nearest("rott"), Some("root"));
        assert_eq!(nearest("rate"), Some("learning_rate"));
        assert_eq!(nearest("colour"), None);
    }
}
