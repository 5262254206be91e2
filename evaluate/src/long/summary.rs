//! From the scores of long clips to the section `long` of the report.

use genie_training::TrackedObject;

use crate::distance::{Draws, EncoderDescription, Groups, window_distance};
use crate::held_out::{HeldOutWindow, LongClip};
use crate::long::back::{WAYS, WayScores};
use crate::long::curve::{points, usable};
use crate::long::jobs::{HeldScores, LongMeasurement};
use crate::long::objects::ObjectScores;
use crate::long::scores::ClipScores;
use crate::long::windows::WindowFeatures;
use crate::report::schema::{
    LongDistance, LongRollouts, ObjectPresence, Point, Reached, Rollout, ThereAndBack, Way,
};
use crate::statistics::bootstrap::{Bootstrap, GroupedMean, numbered};

/// Smallest share of recorded frames that must show as many objects as their prompt.
const FITS: f64 = 0.95;

/// What the summary needs beside the scores.
pub struct LongSummary<'a> {
    pub clips: &'a [LongClip],
    pub clips_asked: usize,
    pub prompt_frames: usize,
    pub objects: &'a [TrackedObject],
    pub encoders: Vec<&'a EncoderDescription>,
    pub draws: Draws,
}

/// Makes the section of the report; adds warnings to `notes`.
#[must_use]
pub fn summarise_long(
    found: &LongMeasurement,
    of: &LongSummary<'_>,
    notes: &mut Vec<String>,
) -> LongRollouts {
    let (count, group) = numbered(of.clips.iter().map(|clip| &clip.window.source));
    let bootstrap = Bootstrap::new(count, of.draws.bootstrap, of.draws.seed);
    let means = Means { found, of, group, count, bootstrap };
    let frames = means.frames();
    let reached = |t| found.clips.iter().filter(|clip| means.index(clip, t).is_some()).count();
    let has_mean_frame = means.has_mean_frame();
    let half_life = if has_mean_frame { means.half_life() } else { None };
    LongRollouts {
        clips: found.clips.len(),
        clips_asked: of.clips_asked,
        frames,
        reached: points(of.prompt_frames, frames)
            .map(|t| Reached { t, clips: reached(t) })
            .collect(),
        rollout: Rollout {
            psnr_db: means.psnr(|clip| &clip.psnr),
            psnr_copy_last_db: means.psnr(|clip| &clip.psnr_copy_last),
            psnr_mean_frame_db: means.psnr(|clip| &clip.psnr_mean_frame),
            psnr_reconstruction_db: means.psnr(|clip| &clip.psnr_reconstruction),
            ssim: means.listed(|clip| &clip.ssim),
            ssim_copy_last: means.listed(|clip| &clip.ssim_copy_last),
            ssim_reconstruction: means.listed(|clip| &clip.ssim_reconstruction),
            lpips: means.listed(|clip| &clip.lpips),
            lpips_copy_last: means.listed(|clip| &clip.lpips_copy_last),
            lpips_reconstruction: means.listed(|clip| &clip.lpips_reconstruction),
        },
        gain_over_copy_db: means.curve(|clip, t| {
            let at = t - of.prompt_frames;
            Some(clip.psnr.get(at)? - clip.psnr_copy_last[at])
        }),
        half_life,
        half_life_at_least: has_mean_frame.then(|| half_life.unwrap_or(frames)),
        distances: means.distances(),
        there_and_back: means.there_and_back(),
        objects: means.objects(notes),
    }
}

/// Means over clips, with intervals over sources.
struct Means<'a> {
    found: &'a LongMeasurement,
    of: &'a LongSummary<'a>,
    group: Vec<usize>,
    count: usize,
    bootstrap: Bootstrap,
}

impl Means<'_> {
    /// Returns the number of frames of the longest rollout.
    fn frames(&self) -> usize {
        let generated = self.found.clips.iter().map(|clip| clip.psnr.len()).max();
        self.of.prompt_frames + generated.unwrap_or(0)
    }

    /// Returns the position of frame `t` in lists of measured frames, if the clip reaches it.
    fn index(&self, clip: &ClipScores, t: usize) -> Option<usize> {
        let frames = self.of.prompt_frames + clip.psnr.len();
        points(self.of.prompt_frames, frames).position(|point| point == t)
    }

    /// Returns the mean of the clips that have a value; `None` if there are none.
    fn point(&self, t: usize, values: impl Iterator<Item = (usize, Option<f64>)>) -> Option<Point> {
        let known: Vec<(usize, f64)> =
            values.filter_map(|(clip, value)| Some((self.group[clip], value?))).collect();
        if known.is_empty() {
            return None;
        }
        let mean = GroupedMean::new(self.count, known);
        Some(Point { t, mean: mean.mean(), ci95: mean.interval(&self.bootstrap) })
    }

    /// Returns the mean at every measured frame, over the clips for which there is a value.
    fn curve(&self, value: impl Fn(&ClipScores, usize) -> Option<f64>) -> Vec<Point> {
        let clips = || self.found.clips.iter().enumerate();
        points(self.of.prompt_frames, self.frames())
            .filter_map(|t| self.point(t, clips().map(|(clip, of)| (clip, value(of, t)))))
            .collect()
    }

    /// Returns the curve of a list with one value for every generated frame.
    fn psnr(&self, list: impl Fn(&ClipScores) -> &Vec<f64>) -> Vec<Point> {
        self.curve(|clip, t| list(clip).get(t - self.of.prompt_frames).copied())
    }

    /// Returns the curve of a list with one value for every measured frame.
    fn listed(&self, list: impl Fn(&ClipScores) -> &Vec<f64>) -> Vec<Point> {
        self.curve(|clip, t| list(clip).get(self.index(clip, t)?).copied())
    }

    /// Returns whether all clips were compared with a mean frame.
    fn has_mean_frame(&self) -> bool {
        let mut clips = self.found.clips.iter();
        clips.all(|clip| !clip.psnr_mean_frame.is_empty())
    }

    /// Returns the first frame at which half of the lead over the mean frame is gone.
    ///
    /// The lead at frame t is compared with the lead of the same clips at the first generated
    /// frame. If there is no lead at first, it is the first generated frame. `None` if more than
    /// half is left at the end.
    fn half_life(&self) -> Option<usize> {
        let prompt = self.of.prompt_frames;
        let lead = |clip: &ClipScores, at: usize| clip.psnr[at] - clip.psnr_mean_frame[at];
        let is_gone = |t: &usize| {
            let at = t - prompt;
            let reach = || self.found.clips.iter().filter(|clip| clip.psnr.len() > at);
            let first: f64 = reach().map(|clip| lead(clip, 0)).sum();
            let now: f64 = reach().map(|clip| lead(clip, at)).sum();
            first <= 0.0 || now < first / 2.0
        };
        (prompt..self.frames()).find(is_gone)
    }

    fn distances(&self) -> Vec<LongDistance> {
        let mut ends: Vec<usize> =
            self.found.clips.iter().flat_map(|clip| &clip.windows).map(|found| found.t).collect();
        ends.sort_unstable();
        ends.dedup();
        let encoders = self.of.encoders.iter().enumerate();
        encoders.map(|(number, encoder)| self.distance(number, encoder, &ends)).collect()
    }

    fn distance(
        &self,
        number: usize,
        encoder: &EncoderDescription,
        ends: &[usize],
    ) -> LongDistance {
        let at = |t: usize| {
            let clips = self.found.clips.iter().zip(self.of.clips);
            let of = |(clip, chosen): (&'_ ClipScores, &LongClip)| {
                let found = clip.windows.iter().position(|window| window.t == t)?;
                Some((found, chosen.window.clone()))
            };
            let (places, windows): (Vec<(usize, usize)>, Vec<HeldOutWindow>) = clips
                .enumerate()
                .filter_map(|(number, pair)| {
                    let (found, window) = of(pair)?;
                    Some(((number, found), window))
                })
                .unzip();
            let groups = Groups::of(&windows).ok()?;
            let rows = |side: fn(&WindowFeatures) -> &Vec<Vec<f32>>| -> Vec<&[f32]> {
                let row = |&(clip, found): &(usize, usize)| {
                    side(&self.found.clips[clip].windows[found])[number].as_slice()
                };
                places.iter().map(row).collect()
            };
            let (real, generated) = (rows(|window| &window.real), rows(|window| &window.generated));
            Some(window_distance(t, encoder, &real, &generated, &groups, self.of.draws))
        };
        let windows: Vec<_> = ends.iter().filter_map(|&t| at(t)).collect();
        // If all clips are equal, the floor is 0, and there is no quotient.
        let quotient = windows.iter().filter(|window| window.half_floor > 0.0).map(|window| {
            Point { t: window.t, mean: window.half_generated / window.half_floor, ci95: None }
        });
        LongDistance {
            name: encoder.name.clone(),
            comparable_with_fvd: encoder.comparable,
            encoder: encoder.identity.clone(),
            preset: encoder.preset.clone(),
            over_floor: quotient.collect(),
            windows,
        }
    }

    fn there_and_back(&self) -> ThereAndBack {
        let mean = |values: Vec<(usize, f64)>| {
            let values = values.into_iter().map(|(clip, value)| (self.group[clip], value));
            GroupedMean::new(self.count, values)
        };
        let each = |list: &[f64]| list.iter().copied().enumerate().collect::<Vec<_>>();
        let gains = |way: &WayScores| -> Vec<(usize, f64)> {
            way.back.iter().zip(&way.there).map(|(back, there)| back - there).enumerate().collect()
        };
        let ways = self.found.ways.iter().map(|way| {
            let gain = mean(gains(way));
            Way {
                there: way.actions.there,
                back: way.actions.back,
                frames: way.frames,
                starts: way.there.len(),
                psnr_there_db: mean(each(&way.there)).mean(),
                psnr_back_db: mean(each(&way.back)).mean(),
                gain_db: gain.mean(),
                gain_db_ci95: gain.interval(&self.bootstrap),
            }
        });
        let longest = WAYS.into_iter().max();
        let far: Vec<_> =
            self.found.ways.iter().filter(|way| Some(way.frames) == longest).collect();
        let all = mean(far.iter().flat_map(|way| gains(way)).collect());
        let known = !far.is_empty();
        ThereAndBack {
            ways: ways.collect(),
            gain_db: known.then(|| all.mean()),
            gain_db_ci95: if known { all.interval(&self.bootstrap) } else { None },
        }
    }

    fn objects(&self, notes: &mut Vec<String>) -> Vec<ObjectPresence> {
        let mut objects = Vec::new();
        for (number, object) in self.of.objects.iter().enumerate() {
            let found = self.object(number, &object.name);
            if found.clips == 0 {
                notes.push(format!(
                    "No prompt of a long rollout shows a whole `{}` of evaluate.objects.",
                    found.name
                ));
            }
            let recorded = found.recorded.iter().map(|point| point.mean).sum::<f64>()
                / found.recorded.len().max(1) as f64;
            if found.clips > 0 && recorded < FITS {
                notes.push(format!(
                    "Only {:.0} % of the recorded frames show as many `{}` of evaluate.objects as \
                     their prompt. Its colours or its number of pixels do not fit, or it comes \
                     and goes.",
                    recorded * 100.0,
                    found.name
                ));
            }
            objects.push(found);
        }
        objects
    }

    fn object(&self, number: usize, name: &str) -> ObjectPresence {
        let share = |value: &dyn Fn(&ObjectScores, usize) -> Option<bool>| {
            let curve = self.curve(|clip, t| {
                let seen = clip.objects[number].as_ref()?;
                value(seen, self.index(clip, t)?).map(|is| f64::from(u8::from(is)))
            });
            curve.iter().map(as_share).collect()
        };
        let held: Vec<(usize, &HeldScores, &Vec<Vec<bool>>)> = self
            .found
            .held
            .iter()
            .enumerate()
            .filter_map(|(clip, held)| Some((clip, held, held.objects[number].as_ref()?)))
            .collect();
        let codes = held.first().map_or(0, |(_, _, actions)| actions.len());
        ObjectPresence {
            name: name.to_owned(),
            clips: self.found.clips.iter().filter(|clip| clip.objects[number].is_some()).count(),
            recorded: share(&|seen, at| Some(seen.recorded[at])),
            reconstructed: share(&|seen, at| Some(seen.reconstructed[at])),
            as_many: share(&|seen, at| Some(seen.as_many[at])),
            none: share(&|seen, at| Some(seen.none[at])),
            near: share(&|seen, at| seen.near[at]),
            held_starts: held.len(),
            held: self.held(&held, 0..codes),
            held_by_action: (0..codes)
                .map(|code| {
                    let curve = self.held(&held, code..code + 1).into_iter();
                    curve.map(|point| Point { ci95: None, ..point }).collect()
                })
                .collect(),
        }
    }

    /// Returns the share of held rollouts of some actions that have as many objects.
    fn held(
        &self,
        held: &[(usize, &HeldScores, &Vec<Vec<bool>>)],
        actions: std::ops::Range<usize>,
    ) -> Vec<Point> {
        let longest = held.iter().map(|(_, held, _)| held.frames).max().unwrap_or(0);
        let prompt = self.of.prompt_frames;
        points(prompt, usable(longest))
            .filter_map(|t| {
                let values = held.iter().flat_map(|(clip, held, seen)| {
                    let at = points(prompt, held.frames).position(|point| point == t);
                    let value = move |is: &Vec<bool>| at.map(|at| f64::from(u8::from(is[at])));
                    seen[actions.clone()].iter().map(move |is| (*clip, value(is)))
                });
                self.point(t, values).as_ref().map(as_share)
            })
            .collect()
    }
}

/// Limits the interval of a share to possible shares.
fn as_share(point: &Point) -> Point {
    let ci95 = point.ci95.map(|[low, high]| [low.clamp(0.0, 1.0), high.clamp(0.0, 1.0)]);
    Point { t: point.t, mean: point.mean, ci95 }
}
