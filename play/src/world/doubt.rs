//! The doubt about a generated frame, by the signal that a report found usable.

use anyhow::Result;
use genie_model::{GeneratedFrame, Tokenizer};
use genie_training::{DoubtSignal, SignalTrust, changed_tokens, reencoding_rms};

/// The signal of doubt about a frame; none if no signal can be trusted.
///
/// # Errors
/// When the tokenizer fails.
pub fn doubt(
    trust: Option<&SignalTrust>,
    tokenizer: &Tokenizer,
    frame: &GeneratedFrame,
    pixels: &[u8],
) -> Result<Option<f32>> {
    let Some(trust) = trust else { return Ok(None) };
    let doubt = match trust.signal {
        DoubtSignal::Entropy => frame.mean_entropy(),
        DoubtSignal::ChangedTokens => {
            changed_tokens(&frame.tokens, &tokenizer.encode_start(pixels)?)
        }
        DoubtSignal::ReencodingRms => {
            let again = tokenizer.decode(&tokenizer.encode_start(pixels)?, 1)?;
            reencoding_rms(pixels, &again)
        }
    };
    Ok(Some(doubt as f32))
}
