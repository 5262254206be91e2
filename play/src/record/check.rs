//! Checks of a log's content, beyond its types.

use std::iter::once;

use super::format::{ActionLog, FORMAT, LONGEST_LOG, LogPrompt, LogSegment, hash};
use super::shown::shown;

/// The longest side of a frame that a log may have, in pixels.
const SIDE: usize = 4096;

impl ActionLog {
    /// Returns the first fault, as a sentence without its subject: "it has no prompt".
    ///
    /// The prompt's frames are decoded and compared with their hashes.
    pub(super) fn check(&self) -> Result<(), String> {
        let require = |holds: bool, fault: &str| if holds { Ok(()) } else { Err(fault.to_owned()) };
        if self.format != FORMAT {
            return Err(format!("it has format {} instead of {FORMAT}", self.format));
        }
        let models = &self.models;
        for model in [&models.tokenizer, &models.lam, &models.dynamics] {
            let right = is_hex(&model.key, 64) && is_hex(&model.weights, 64);
            require(right, "a key or a hash of its models is not in hex digits")?;
        }
        require(is_name(&self.program), "the name of its program is not a short text")?;
        require(is_name(&self.device), "the name of its device is not a short text")?;
        let side = |side: usize| (1..=SIDE).contains(&side);
        require(side(self.height) && side(self.width), "its frames have an impossible size")?;
        require(self.fps.is_finite() && self.fps > 0.0, "its frame rate is not positive")?;
        require((1..=256).contains(&self.actions), "it must have 1 to 256 latent actions")?;
        let frames = self.prompt.frames.len().saturating_add(self.generated());
        require(frames <= LONGEST_LOG, &format!("it has more than {LONGEST_LOG} frames"))?;
        self.check_prompt(&self.prompt)?;
        let mut frame = self.prompt.frames.len();
        for segment in &self.segments {
            self.check_segment(segment, frame)?;
            frame += segment.actions.len();
        }
        Ok(())
    }

    fn check_prompt(&self, prompt: &LogPrompt) -> Result<(), String> {
        let count = prompt.frames.len();
        if count == 0 {
            return Err("it has no prompt".to_owned());
        }
        if prompt.hashes.len() != count {
            let hashes = prompt.hashes.len();
            return Err(format!("its prompt has {count} frames and {hashes} hashes"));
        }
        if prompt.actions.len() + 1 != count {
            let actions = prompt.actions.len();
            return Err(format!(
                "its prompt has {count} frames and {actions} actions between them"
            ));
        }
        self.check_actions(&prompt.actions, 1)?;
        let tokens = (0, &prompt.tokens);
        check_hashes(once(tokens).chain((0..).zip(&prompt.hashes)))?;
        let frames = self.prompt_frames().map_err(|error| format!("its prompt: {error}"))?;
        for (i, (frame, expected)) in frames.iter().zip(&prompt.hashes).enumerate() {
            if hash(frame) != *expected {
                return Err(format!("frame {i} of its prompt does not have the hash {expected}"));
            }
        }
        Ok(())
    }

    fn check_segment(&self, segment: &LogSegment, first: usize) -> Result<(), String> {
        segment.sampler.check().map_err(|error| format!("frame {first}: {error}"))?;
        let (actions, hashes) = (segment.actions.len(), segment.hashes.len());
        if actions != hashes {
            return Err(format!(
                "the segment from frame {first} has {actions} actions and {hashes} hashes"
            ));
        }
        self.check_actions(&segment.actions, first)?;
        check_hashes((first..).zip(&segment.hashes))
    }

    fn check_actions(&self, actions: &[u8], first: usize) -> Result<(), String> {
        let wrong = (first..).zip(actions).find(|(_, code)| usize::from(**code) >= self.actions);
        wrong.map_or(Ok(()), |(frame, code)| {
            let last = self.actions - 1;
            Err(format!("frame {frame} has action {code}; the model has actions 0 to {last}"))
        })
    }
}

/// Whether a text has 1 to `most` hex digits in lower case.
fn is_hex(text: &str, most: usize) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (1..=most).contains(&text.len()) && text.bytes().all(is_digit)
}

/// Whether a text can be printed in a message.
fn is_name(text: &str) -> bool {
    text.len() <= 100 && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Fails if a hash does not have 16 hex digits in lower case.
fn check_hashes<'a>(hashes: impl Iterator<Item = (usize, &'a String)>) -> Result<(), String> {
    for (frame, text) in hashes {
        if text.len() != 16 || !is_hex(text, 16) {
            let shown = shown(text, 20);
            return Err(format!(
                "frame {frame} has `{shown}` instead of 16 hex digits as its hash"
            ));
        }
    }
    Ok(())
}
