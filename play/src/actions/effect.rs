//! The motion that an action causes, read from `effects` of `report.json`.

use serde_json::Value;

/// Motion below this counts as none, in pixels per frame: nobody sees it.
const LEAST: f64 = 0.1;

/// What a latent action does, in pixels per frame; x grows to the right, y downwards.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct PlayerMotion {
    /// Motion of the player in the world; 0 along an axis where none was measured.
    ///
    /// It is the motion of the figure, from which the report has subtracted the scroll already. If
    /// no figure moves, it is the opposite of the scroll: if the camera moves right, the scenery
    /// moves left.
    pub own: [f64; 2],
    /// Length of all motion, including motion that may be chance.
    pub total: f64,
    /// Share of the recorded frames that the action leads to.
    pub share: f64,
}

impl PlayerMotion {
    pub fn strength(&self) -> f64 {
        self.own[0].hypot(self.own[1])
    }
}

/// Reads the motion of each action; `None` for an action that the report has not measured.
///
/// Motion while an action is held is preferred to the motion in the recordings.
pub(super) fn motions(report: &Value, actions: usize) -> Vec<Option<PlayerMotion>> {
    let mut motions = vec![None; actions];
    let entries = report["effects"]["actions"].as_array();
    for entry in entries.into_iter().flatten() {
        let code = entry["action"].as_u64().and_then(|code| usize::try_from(code).ok());
        let Some(slot) = code.and_then(|code| motions.get_mut(code)) else { continue };
        let share = number(&entry["share"]).unwrap_or(0.0);
        let moved = motion(&entry["held"], share).or_else(|| motion(&entry["recorded"], share));
        *slot = slot.or(moved);
    }
    motions
}

/// Reads one `Moves` of the report; `None` if it has no numbers.
fn motion(moves: &Value, share: f64) -> Option<PlayerMotion> {
    let names = ["figure_x", "figure_y", "scroll_x", "scroll_y"];
    let means = names.map(|name| number(&moves[name]));
    if means.iter().all(Option::is_none) {
        return None;
    }
    let means = means.map(Option::unwrap_or_default);
    let certain = |i: usize| {
        let interval = &moves[format!("{}_ci95", names[i])];
        let bounds = (number(&interval[0]), number(&interval[1]));
        let by_chance = matches!(bounds, (Some(low), Some(high)) if low <= 0.0 && high >= 0.0);
        if by_chance || means[i].abs() < LEAST { 0.0 } else { means[i] }
    };
    let figure = [certain(0), certain(1)];
    let moves = figure.iter().any(|part| part.abs() > 0.0);
    let own = if moves { figure } else { [2, 3].map(|i| 0.0 - certain(i)) };
    let total = means[0].hypot(means[1]) + means[2].hypot(means[3]);
    Some(PlayerMotion { own, total, share })
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite() && number.abs() < 1e6)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(moves: &Value) -> Option<[f64; 2]> {
        motion(moves, 0.0).map(|motion| motion.own)
    }

    /// Catches: the scroll is subtracted twice; a player that the camera follows seems to stand.
    #[test]
    fn the_figure_counts_and_otherwise_the_camera() {
        let followed = json!({"figure_x": 2.0, "figure_y": 0.0, "scroll_x": -2.0, "scroll_y": 0.0});
        assert_eq!(of(&followed), Some([2.0, 0.0]));
        let camera = json!({"figure_x": 0.0, "figure_y": 0.02, "scroll_x": -3.0, "scroll_y": 1.0});
        assert_eq!(of(&camera), Some([3.0, -1.0]));
        let nothing = of(&json!({"figure_x": 0.0, "scroll_x": 0.0})).unwrap();
        assert!(nothing.iter().all(|value| value.is_sign_positive()), "-0 is shown: {nothing:?}");
    }

    /// Catches: motion that may be chance gives a name; an interval of `null` hides the motion.
    #[test]
    fn motion_by_chance_is_none() {
        let mut moves = json!({"figure_x": 2.0, "figure_x_ci95": [-0.1, 4.1],
                               "figure_y": -1.0, "figure_y_ci95": [-2.0, -0.5]});
        assert_eq!(of(&moves), Some([0.0, -1.0]));
        moves["figure_x_ci95"] = Value::Null;
        assert_eq!(of(&moves), Some([2.0, -1.0]));
    }

    /// Catches: an action without numbers in the report counts as measured; a huge or missing
    /// number is used.
    #[test]
    fn numbers_may_be_absent() {
        for moves in [json!(null), json!({}), json!([1]), json!({"figure_x": null}), json!(3)] {
            assert_eq!(of(&moves), None, "{moves}");
        }
        assert_eq!(of(&json!({"figure_x": 1e300, "figure_y": 2.0})), Some([0.0, 2.0]));
        let report = json!({"effects": {"actions": [
            {"action": 1, "held": null, "recorded": {"figure_x": 1.0}},
            {"action": 0, "held": {"figure_x": -1.0}, "recorded": {"figure_x": 1.0}},
            {"action": 99, "held": {"figure_x": 5.0}},
            {"held": {"figure_x": 5.0}},
            {"action": -3}, "text",
        ]}});
        let found = motions(&report, 3);
        let own: Vec<_> = found.iter().map(|motion| motion.map(|motion| motion.own)).collect();
        assert_eq!(own, [Some([-1.0, 0.0]), Some([1.0, 0.0]), None]);
        assert_eq!(motions(&json!({"effects": null}), 2), [None; 2]);
    }
}
