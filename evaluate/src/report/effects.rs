//! The effect of each latent action: in the recordings, while held, and its name.

use genie_shards::WindowScores;

use crate::held_out::LabelNames;
use crate::measure::HOLD;
use crate::report::averages::Averages;
use crate::report::schema::{ActionEffect, Effects, Moves};
use crate::statistics::agreement::Agreement;
use crate::statistics::bootstrap::GroupedMean;
use crate::statistics::consistency::{StartEffects, consistency};
use crate::statistics::motion::{FrameMotion, from_lists};

impl Averages<'_> {
    /// Measures the effects of every latent action, held after `prompt` frames.
    ///
    /// `agreements` are those with the true actions and with the true movements.
    pub fn effects(
        &self,
        prompt: usize,
        agreements: [Option<&Agreement>; 2],
        names: &LabelNames,
        seed: u64,
    ) -> Effects {
        let counts = &self.found.action_counts;
        let total = counts.iter().sum::<u64>().max(1) as f64;
        let [keys, movements] = agreements;
        let actions = (0..counts.len())
            .map(|action| {
                let name = majority(keys, action, &names.actions);
                let movement = majority(movements, action, &names.effects);
                ActionEffect {
                    action,
                    share: counts[action] as f64 / total,
                    name_share: name.as_ref().map(|(_, share)| *share),
                    name: name.map(|(name, _)| name),
                    movement_share: movement.as_ref().map(|(_, share)| *share),
                    movement: movement.map(|(name, _)| name),
                    recorded: self.moves(&self.recorded(action)),
                    held: self.moves(&self.held(action)),
                }
            })
            .collect();
        let scores = self.found.scores.iter().zip(&self.grouping.group);
        let starts: Vec<StartEffects> = scores
            .map(|(scores, &group)| StartEffects {
                group,
                effects: from_lists(&scores.held).collect(),
            })
            .filter(|start| !start.effects.is_empty())
            .collect();
        Effects {
            starts: starts.len(),
            hold_frames: HOLD.min(self.found.frames.saturating_sub(prompt)),
            actions,
            consistency: consistency(&starts, self.bootstrap.draws(), seed),
        }
    }

    /// Returns the motion between real frames for which the action was inferred, with groups.
    fn recorded(&self, action: usize) -> Vec<(usize, FrameMotion)> {
        let windows = self.found.scores.iter().zip(&self.grouping.group);
        let pairs = windows.flat_map(|(scores, &group)| {
            scores
                .latent
                .iter()
                .zip(from_lists(&scores.moved))
                .map(move |(&latent, motion)| (group, latent, motion))
        });
        pairs
            .filter(|(_, latent, _)| usize::from(*latent) == action)
            .map(|(group, _, motion)| (group, motion))
            .collect()
    }

    /// Returns the motion while the action is held, with groups; nothing if it is not held.
    fn held(&self, action: usize) -> Vec<(usize, FrameMotion)> {
        let held = self.found.held_actions.iter().position(|&held| held == action);
        let windows = self.found.scores.iter().zip(&self.grouping.group);
        let motion = |(scores, &group): (&WindowScores, &usize)| {
            Some((group, from_lists(&scores.held).nth(held?)?))
        };
        windows.filter_map(motion).collect()
    }

    /// Returns means and intervals; `None` if there are no motions.
    fn moves(&self, motions: &[(usize, FrameMotion)]) -> Option<Moves> {
        if motions.is_empty() {
            return None;
        }
        let [scroll_x, scroll_y, figure_x, figure_y] = [0, 1, 2, 3].map(|part| {
            let values =
                motions.iter().map(|(group, motion)| (*group, f64::from(motion.parts()[part])));
            let mean = GroupedMean::new(self.grouping.count, values);
            (mean.mean(), mean.interval(self.bootstrap))
        });
        Some(Moves {
            count: motions.len(),
            scroll_x: scroll_x.0,
            scroll_x_ci95: scroll_x.1,
            scroll_y: scroll_y.0,
            scroll_y_ci95: scroll_y.1,
            figure_x: figure_x.0,
            figure_x_ci95: figure_x.1,
            figure_y: figure_y.0,
            figure_y_ci95: figure_y.1,
        })
    }
}

/// Returns the true action of more than half of a latent action's frames, and its share.
fn majority(
    agreement: Option<&Agreement>,
    action: usize,
    names: &[String],
) -> Option<(String, f64)> {
    let rows = agreement?.confusion.rows();
    let counts = rows.get(action)?;
    let (best, &count) = counts.iter().enumerate().max_by_key(|&(_, count)| count)?;
    let total = counts.iter().sum::<u64>();
    let name = || names.get(best).cloned().unwrap_or_else(|| format!("action {best}"));
    (count * 2 > total).then(|| (name(), count as f64 / total as f64))
}
