//! Effects of latent actions as arrows: small inline SVGs in the page's colours.

use std::fmt::Write;

use crate::report::schema::{ActionEffect, Effects, Moves};

const SIDE: f64 = 44.0;
/// Motions below this share of the longest are drawn as a dot, because their direction is noise.
const DOT: f64 = 0.08;

/// The table row of a latent action.
pub struct EffectRow {
    pub action: usize,
    /// The true action and movement of most of the action's frames, if true actions are known.
    pub name: String,
    pub share: u32,
    /// Motion in the recordings, and while the action is held.
    pub arrows: [Option<Arrows>; 2],
}

/// Motions as a drawing and as text.
pub struct Arrows {
    pub svg: String,
    pub figure: String,
    pub scroll: String,
}

/// Returns a row for each latent action that occurs; all arrows have the same scale.
#[must_use]
pub fn rows(effects: &Effects) -> Vec<EffectRow> {
    let all = effects.actions.iter().flat_map(|action| [&action.recorded, &action.held]).flatten();
    let longest = all.flat_map(|moves| parts(moves).map(length)).fold(0.0, f64::max);
    let row = |action: &ActionEffect| EffectRow {
        action: action.action,
        name: name(action),
        share: (action.share * 100.0).round() as u32,
        arrows: [&action.recorded, &action.held]
            .map(|moves| moves.as_ref().map(|moves| arrows(moves, longest))),
    };
    let occurs = |action: &&ActionEffect| action.recorded.is_some() || action.held.is_some();
    effects.actions.iter().filter(occurs).map(row).collect()
}

/// Names the true action and the true movement of most frames of a latent action.
fn name(action: &ActionEffect) -> String {
    let said = |name: &Option<String>, share: Option<f64>| {
        let share = share.map_or_else(String::new, |share| format!(" {:.0}\u{a0}%", share * 100.0));
        name.as_ref().map(|name| format!("{name}{share}"))
    };
    let movement =
        action.movement.as_ref().filter(|movement| action.name.as_ref() != Some(movement)).cloned();
    let names = [said(&action.name, action.name_share), said(&movement, action.movement_share)];
    names.into_iter().flatten().collect::<Vec<_>>().join(", moves ")
}

/// Returns the motion of the figure, and of the whole picture.
fn parts(moves: &Moves) -> [[f64; 2]; 2] {
    [[moves.figure_x, moves.figure_y], [moves.scroll_x, moves.scroll_y]]
}

fn length([x, y]: [f64; 2]) -> f64 {
    x.hypot(y)
}

fn arrows(moves: &Moves, longest: f64) -> Arrows {
    let [figure, scroll] = parts(moves);
    let mut svg = format!(r#"<svg class="arrows" viewBox="0 0 {SIDE} {SIDE}" aria-hidden="true">"#);
    for (class, motion) in [("s2", scroll), ("s0", figure)] {
        svg.push_str(&arrow(class, motion, longest));
    }
    svg.push_str("</svg>");
    Arrows { svg, figure: said(figure), scroll: said(scroll) }
}

fn said([x, y]: [f64; 2]) -> String {
    format!("{x:+.1}, {y:+.1}").replace('-', "−")
}

/// Draws an arrow from the middle, or a dot if almost nothing moves.
fn arrow(class: &str, motion: [f64; 2], longest: f64) -> String {
    let middle = SIDE / 2.0;
    let mut svg = String::new();
    if longest <= 0.0 || length(motion) < DOT * longest {
        let _ = write!(svg, r#"<circle class="dot {class}" cx="{middle}" cy="{middle}" r="2.5"/>"#);
        return svg;
    }
    let [x, y] = motion.map(|part| part / longest * (middle - 4.0));
    let (tip_x, tip_y) = (middle + x, middle + y);
    let (along_x, along_y) = (x / length([x, y]), y / length([x, y]));
    let head = |side: f64| {
        (tip_x - 6.0 * along_x - side * 4.0 * along_y, tip_y - 6.0 * along_y + side * 4.0 * along_x)
    };
    let ((ax, ay), (bx, by)) = (head(1.0), head(-1.0));
    let _ = write!(
        svg,
        "<path class=\"line {class}\" d=\"M{middle} {middle}L{tip_x:.1} {tip_y:.1}\
         M{ax:.1} {ay:.1}L{tip_x:.1} {tip_y:.1}L{bx:.1} {by:.1}\"/>"
    );
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: arrows point up instead of down (y grows downwards in pixels and in SVG); arrows
    /// extend beyond their box.
    #[test]
    fn arrows_point_in_the_direction_of_motion() {
        let tip = |motion| {
            let svg = arrow("s0", motion, 2.0);
            svg.split('L').nth(1).unwrap().split('M').next().unwrap().to_owned()
        };
        assert_eq!(tip([2.0, 0.0]), "40.0 22.0");
        assert_eq!(tip([0.0, -1.0]), "22.0 13.0");
        assert!(
            arrow("s0", [0.01, 0.0], 2.0).contains("circle")
                && arrow("s0", [0.0, 0.0], 0.0).contains("circle")
        );
        assert_eq!(said([1.26, -0.04]), "+1.3, −0.0");
    }
}
