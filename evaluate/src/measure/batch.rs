//! One batch of windows: all arms of the comparison, and the scores of each window.

use std::ops::Range;

use anyhow::Result;
use genie_shards::{WindowScores, rollout_hash};

use crate::measure::frame_distance::{ComparedWindows, FrameDistance};
use crate::measure::measurement::{Measurement, Scene};
use crate::measure::observer::MeasurementObserver;
use crate::measure::reencoded::Reencoded;
use crate::measure::settings::{HOLD, REENCODED, Settings};
use crate::random::{random_actions, sampler_seed, shuffled_actions};
use crate::statistics::motion::{FrameMotion, lists, motion};
use crate::statistics::pixels::{psnr, ssim};
use crate::world::{ActionBatch, Checked, Continuation, TokenBatch, VideoBatch};

/// Counts how often each of `codes` codes occurs.
fn counts(tokens: &[u16], codes: usize) -> Vec<u32> {
    let mut counts = vec![0; codes];
    for &token in tokens {
        counts[usize::from(token)] += 1;
    }
    counts
}

/// The windows of one batch.
pub(super) struct WindowBatch<'a> {
    pub model: &'a Checked<'a>,
    pub settings: &'a Settings,
    pub observer: &'a dyn MeasurementObserver,
    /// Position of the first window in the list of all windows.
    pub start: usize,
    /// The actions of the windows.
    pub latent: ActionBatch,
    pub mean_frame: Option<&'a [u8]>,
    pub frame_distance: Option<&'a dyn FrameDistance>,
    pub real: VideoBatch,
}

impl WindowBatch<'_> {
    /// Measures the windows and adds the results to `found`; `None` if the observer stops it.
    ///
    /// # Errors
    /// Fails if the models do not fit the windows.
    pub fn run(self, found: &mut Measurement) -> Result<Option<()>> {
        let WindowBatch { model, settings, real, latent, .. } = &self;
        let tokens = model.encode(real)?;
        let reconstructed = model.decode(&tokens, real)?;
        self.observer.advance(real.batch);

        let prompt = tokens.prefix(settings.prompt_frames);
        let given = settings.prompt_frames - 1;
        let codes = model.0.num_actions();
        let Some((continued, inferred)) = self.arm(&prompt, latent)? else { return Ok(None) };
        self.observer.generated(&inferred)?;
        let reencode = |tokens, frames| {
            (self.start < REENCODED).then(|| Reencoded::new(model, tokens, frames)).transpose()
        };
        let doubt = reencode(&continued.tokens, &inferred)?;
        let recorded = reencode(&tokens, &reconstructed)?;
        let mut random = Vec::new();
        let mut shuffled = Vec::new();
        for draw in 0..settings.samples {
            let actions = self.actions(latent, |row, window| {
                random_actions(row, given, codes, settings.seed, window, draw)
            });
            let Some((_, video)) = self.arm(&prompt, &actions)? else { return Ok(None) };
            random.push(video);
            let actions = self.actions(latent, |row, window| {
                shuffled_actions(row, given, settings.seed, window, draw)
            });
            let Some((_, video)) = self.arm(&prompt, &actions)? else { return Ok(None) };
            shuffled.push(video);
        }
        for b in 0..real.batch {
            let window = self.start + b;
            let mut scores = WindowScores {
                token_counts: counts(tokens.window(b), found.token_counts.len()),
                rollout: rollout_hash(continued.tokens.window(b)),
                inferred_entropy: continued.entropy(b).to_vec(),
                ..self.score(b, latent, &reconstructed, &inferred, &random, &shuffled)
            };
            if let (Some(doubt), Some(recorded), true) = (&doubt, &recorded, window < REENCODED) {
                let (all, generated) = (0..real.frames, settings.prompt_frames..real.frames);
                scores.inferred_changed_tokens = doubt.changed_tokens(b, generated.clone());
                scores.inferred_reencoding_rms = doubt.rms(b, generated);
                scores.reconstruction_changed_tokens = recorded.changed_tokens(b, all.clone());
                scores.reconstruction_reencoding_rms = recorded.rms(b, all);
            }
            if let Some(distance) = self.frame_distance {
                let compared =
                    ComparedWindows { real, reconstructed: &reconstructed, inferred: &inferred };
                compared.score(b, settings.prompt_frames, distance, &mut scores)?;
            }
            let mut held = None;
            if window < settings.starts {
                let Some(video) = self.held(&found.held_actions, &prompt, b)? else {
                    return Ok(None);
                };
                scores.held = lists((0..video.batch).map(|row| self.mean_motion(&video, row)));
                held = Some(video).filter(|_| window < settings.held);
            }
            found.add(scores);
            if window < settings.scenes {
                found.scenes.push(Scene {
                    window,
                    latent: latent.window(b).to_vec(),
                    real: real.single(b),
                    reconstructed: reconstructed.single(b),
                    inferred: inferred.single(b),
                    random: random[0].single(b),
                    held,
                });
            }
        }
        Ok(Some(()))
    }

    /// Changes the actions of every window.
    ///
    /// `change` gets the actions of a window and its position in the list of all windows.
    fn actions(
        &self,
        latent: &ActionBatch,
        change: impl Fn(&[u8], usize) -> Vec<u8>,
    ) -> ActionBatch {
        let data =
            (0..latent.batch).flat_map(|b| change(latent.window(b), self.start + b)).collect();
        ActionBatch { data, ..*latent }
    }

    /// Returns the sampler seed of window `b`, which all its rollouts share.
    fn seed(&self, b: usize) -> u64 {
        sampler_seed(self.settings.seed, self.start + b)
    }

    /// Generates one arm of every window, as tokens and as frames; `None` if the observer stops it.
    fn arm(
        &self,
        prompt: &TokenBatch,
        actions: &ActionBatch,
    ) -> Result<Option<(Continuation, VideoBatch)>> {
        if self.observer.stopped() {
            return Ok(None);
        }
        let seeds: Vec<u64> = (0..prompt.batch).map(|b| self.seed(b)).collect();
        let continued = self.model.rollout(prompt, actions, &seeds)?;
        let video = self.model.decode(&continued.tokens, &self.real)?;
        self.observer.advance(self.real.batch);
        Ok(Some((continued, video)))
    }

    /// Continues window `b` with each of `actions` held: one clip for each action.
    ///
    /// The clips reach the end of the window if their frames are stored for the pictures. Otherwise
    /// they have at most [`HOLD`] generated frames.
    fn held(&self, actions: &[usize], prompt: &TokenBatch, b: usize) -> Result<Option<VideoBatch>> {
        if self.observer.stopped() {
            return Ok(None);
        }
        let (settings, latent, clips) = (self.settings, &self.latent, actions.len());
        let given = settings.prompt_frames - 1;
        let kept = self.start + b < settings.held;
        let steps = if kept { latent.steps } else { latent.steps.min(given + HOLD) };
        let mut data = Vec::with_capacity(clips * steps);
        for &action in actions {
            data.extend_from_slice(&latent.window(b)[..given]);
            data.extend(std::iter::repeat_n(action as u8, steps - given));
        }
        let actions = ActionBatch { batch: clips, steps, data };
        let seeds = vec![self.seed(b); clips];
        let tokens = self.model.rollout(&prompt.repeat(b, clips), &actions, &seeds)?.tokens;
        let video = self.model.decode(&tokens, &self.real)?;
        self.observer.advance(1);
        Ok(Some(video))
    }

    /// Computes the mean motion of clip `b`, in pixels per frame, while an action is held.
    ///
    /// It is over the first [`HOLD`] generated frames, or fewer if the clip ends before.
    fn mean_motion(&self, video: &VideoBatch, b: usize) -> FrameMotion {
        let first = self.settings.prompt_frames;
        let last = video.frames.min(first + HOLD);
        FrameMotion::mean(
            (first..last).map(|t| {
                motion(video.frame(b, t - 1), video.frame(b, t), video.height, video.width)
            }),
        )
    }

    fn score(
        &self,
        b: usize,
        latent: &ActionBatch,
        reconstructed: &VideoBatch,
        inferred: &VideoBatch,
        random: &[VideoBatch],
        shuffled: &[VideoBatch],
    ) -> WindowScores {
        let real = &self.real;
        let prompt = self.settings.prompt_frames;
        let (all, generated) = (0..real.frames, prompt..real.frames);
        let each = |frames: Range<usize>, score: &dyn Fn(usize) -> f64| {
            frames.map(score).collect::<Vec<f64>>()
        };
        let against = |other: &VideoBatch, t: usize| psnr(real.frame(b, t), other.frame(b, t));
        let similarity =
            |frame: &[u8], t: usize| ssim(real.frame(b, t), frame, real.height, real.width);
        let mean = |draws: &[VideoBatch], t: usize| {
            draws.iter().map(|video| against(video, t)).sum::<f64>() / draws.len() as f64
        };
        WindowScores {
            latent: latent.window(b).to_vec(),
            reconstruction_psnr: each(all.clone(), &|t| against(reconstructed, t)),
            reconstruction_ssim: each(all.clone(), &|t| similarity(reconstructed.frame(b, t), t)),
            copy_first_psnr: each(all.clone(), &|t| psnr(real.frame(b, t), real.frame(b, 0))),
            copy_first_ssim: each(all, &|t| similarity(real.frame(b, 0), t)),
            copy_last_psnr: each(generated.clone(), &|t| {
                psnr(real.frame(b, t), real.frame(b, prompt - 1))
            }),
            copy_last_ssim: each(generated.clone(), &|t| similarity(real.frame(b, prompt - 1), t)),
            mean_frame_psnr: self.mean_frame.map_or_else(Vec::new, |frame| {
                each(generated.clone(), &|t| psnr(real.frame(b, t), frame))
            }),
            inferred_psnr: each(generated.clone(), &|t| against(inferred, t)),
            inferred_ssim: each(generated.clone(), &|t| similarity(inferred.frame(b, t), t)),
            random_psnr: each(generated.clone(), &|t| mean(random, t)),
            shuffled_psnr: each(generated, &|t| mean(shuffled, t)),
            moved: lists(
                (1..real.frames).map(|t| {
                    motion(real.frame(b, t - 1), real.frame(b, t), real.height, real.width)
                }),
            ),
            // `run` adds the other scores.
            ..WindowScores::default()
        }
    }
}
