//! The table of actions that the page and the command line use.

use serde::Serialize;
use serde_json::Value;

use super::effect::{PlayerMotion, motions};
use super::keys::default_keys;
use super::names::names;

/// One latent action, as the page gets it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlayAction {
    pub code: u8,
    /// `right`, `left`, `jump`, `right jump`, `still`, `right 2`, …, or `action 5`.
    pub name: String,
    /// Mean motion of the player, in pixels per frame; x grows to the right, y downwards.
    pub dx: f64,
    pub dy: f64,
    /// Whether the report has measured the action.
    pub measured: bool,
    /// The default key as `KeyboardEvent.code`. Digits reach the actions without one.
    pub key: Option<&'static str>,
}

/// All latent actions of a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActionTable {
    pub actions: Vec<PlayAction>,
    /// The action that moves least: it is taken while no key is down.
    pub still: u8,
}

impl ActionTable {
    /// Names `actions` latent actions by their effects in `report`, a parsed `report.json`.
    ///
    /// Actions that the report does not have are not measured. Without a report, none is.
    ///
    /// # Panics
    /// Panics if there are no actions, or more than 256.
    pub fn from_report(report: Option<&Value>, actions: usize) -> Self {
        assert!((1..=256).contains(&actions), "a model has 1 to 256 actions, not {actions}");
        let motions = report.map_or_else(|| vec![None; actions], |it| motions(it, actions));
        let keys = default_keys(&motions);
        let still = still(&motions);
        let named = (0..=u8::MAX).zip(names(&motions)).zip(motions.iter().zip(keys));
        let actions = named
            .map(|((code, name), (motion, key))| {
                let [dx, dy] = motion.map_or([0.0; 2], |motion| motion.own);
                PlayAction { code, name, dx, dy, measured: motion.is_some(), key }
            })
            .collect();
        Self { actions, still }
    }
}

/// Returns the action that moves least; of equal ones, the most common one.
///
/// An action without certain motion comes before all others. The result is 0 if no action is
/// measured.
fn still(motions: &[Option<PlayerMotion>]) -> u8 {
    let measured = (0..=u8::MAX).zip(motions).filter_map(|(code, motion)| Some((code, (*motion)?)));
    let least = measured.min_by(|(_, a), (_, b)| {
        let moves = |motion: &PlayerMotion| motion.strength() > 0.0;
        let by_motion = moves(a).cmp(&moves(b)).then(a.total.total_cmp(&b.total));
        by_motion.then(b.share.total_cmp(&a.share))
    });
    least.map_or(0, |(code, _)| code)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// An entry of the report while an action is held, with narrow intervals.
    fn held(action: usize, figure: [f64; 2], scroll: [f64; 2]) -> Value {
        let near = |value: f64| json!([value - 0.05, value + 0.05]);
        json!({"action": action, "share": 0.1, "recorded": null, "held": {
            "count": 24,
            "figure_x": figure[0], "figure_x_ci95": near(figure[0]),
            "figure_y": figure[1], "figure_y_ci95": near(figure[1]),
            "scroll_x": scroll[0], "scroll_x_ci95": near(scroll[0]),
            "scroll_y": scroll[1], "scroll_y_ci95": near(scroll[1]),
        }})
    }

    fn table(entries: &[Value], actions: usize) -> ActionTable {
        let report = json!({"effects": {"starts": 24, "actions": entries}});
        ActionTable::from_report(Some(&report), actions)
    }

    fn names(table: &ActionTable) -> Vec<&str> {
        table.actions.iter().map(|action| action.name.as_str()).collect()
    }

    /// Catches: the page's list has other keys than the contract; a platformer is named wrongly.
    #[test]
    fn a_platformer_is_named() {
        let found = table(
            &[
                held(0, [0.0, 0.0], [0.0, 0.0]),
                held(1, [2.5, 0.0], [-2.5, 0.0]),
                held(2, [-2.0, 0.1], [0.0, 0.0]),
                held(3, [0.1, -3.0], [0.0, 0.0]),
                held(4, [2.0, -2.0], [-2.0, 0.0]),
            ],
            6,
        );
        assert_eq!(names(&found), ["still", "right", "left", "jump", "right jump", "action 5"]);
        assert_eq!(found.still, 0);
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!(
            json["actions"][1],
            json!({"code": 1, "name": "right", "dx": 2.5, "dy": 0.0, "measured": true,
                   "key": "ArrowRight"})
        );
        assert_eq!(json["actions"][4]["key"], "Space");
        assert_eq!(
            json["actions"][5],
            json!({"code": 5, "name": "action 5", "dx": 0.0, "dy": 0.0, "measured": false,
                   "key": null})
        );
    }

    /// Catches: if the camera follows the player, all actions are called `still`.
    #[test]
    fn a_moving_camera_is_a_moving_player() {
        let found = table(
            &[
                held(0, [0.0; 2], [-3.0, 0.0]),
                held(1, [0.0; 2], [3.0, 0.0]),
                held(2, [0.0; 2], [0.0; 2]),
            ],
            3,
        );
        assert_eq!(names(&found), ["right", "left", "still"]);
        assert_eq!(found.still, 2);
    }

    /// Catches: no report, an empty one or a single action causes a panic, or an action gets a
    /// name.
    #[test]
    fn models_without_measurements_can_be_played() {
        for report in
            [None, Some(json!({})), Some(json!({"effects": {"actions": [{"action": 0}]}}))]
        {
            let found = ActionTable::from_report(report.as_ref(), 2);
            assert_eq!(names(&found), ["action 0", "action 1"]);
            assert_eq!(found.still, 0);
            assert!(found.actions.iter().all(|one| one.key.is_none() && !one.measured));
        }
        assert_eq!(names(&table(&[held(0, [1.0, 0.0], [0.0; 2])], 1)), ["right"]);
    }

    /// Catches: the still action is a moving one that is measured inexactly, or a rare one.
    #[test]
    fn still_is_the_most_common_of_the_least() {
        let mut common = held(2, [0.0; 2], [0.0; 2]);
        common["share"] = json!(0.6);
        let entries = [held(0, [0.3, 0.0], [0.0; 2]), held(1, [0.0; 2], [0.0; 2]), common];
        assert_eq!(table(&entries, 4).still, 2);
    }

    /// Catches: many codes have equal names, or one key twice; 256 codes overflow.
    #[test]
    fn many_actions_have_different_names_and_keys() {
        for count in [60, 256] {
            let turn = |k: usize| (k as f64 * 0.7).sin_cos();
            let length = |k: usize| (k % 9) as f64 / 2.0;
            let entry =
                |k: usize| held(k, [turn(k).0 * length(k), turn(k).1 * length(k)], [0.0; 2]);
            let found = table(&(0..count).map(entry).collect::<Vec<_>>(), count);
            let mut all = names(&found);
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), count);
            let mut keys: Vec<_> = found.actions.iter().filter_map(|one| one.key).collect();
            keys.sort_unstable();
            assert_eq!(keys, ["ArrowDown", "ArrowLeft", "ArrowRight", "ArrowUp", "Space"]);
        }
    }
}
