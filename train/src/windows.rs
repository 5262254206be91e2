//! Token windows joined with their labels: all that the dynamics model learns from.

use anyhow::{Result, bail};
use genie_model::TokenWindows;
use genie_shards::{Split, read_actions, read_tokens};
use genie_training::Chain;

/// The training windows of the chain's tokenizer and latent action model, by clip, then first frame.
///
/// # Errors
/// When a shard cannot be read, windows are of several shapes, or a token window has no label.
pub fn read(chain: &Chain) -> Result<TokenWindows> {
    let mut labels = read_actions(chain.actions.path())?.into_iter().peekable();
    let mut data = TokenWindows::default();
    for window in read_tokens(chain.tokens.path())? {
        let place = (&window.clip_id, window.first_frame);
        while labels.next_if(|label| (&label.clip_id, label.first_frame) < place).is_some() {}
        let Some(label) = labels.next_if(|label| (&label.clip_id, label.first_frame) == place) else {
            bail!(
                "the window of clip {} at frame {} has tokens but no latent actions: run `genie-train label` again",
                place.0,
                place.1
            );
        };
        if window.split != Split::Train {
            continue;
        }
        let (rows, columns) = (usize::from(window.h), usize::from(window.w));
        let shape = (usize::from(window.t), rows * columns, columns);
        if data.tokens.is_empty() {
            (data.frames, data.positions, data.columns) = shape;
        }
        if (data.frames, data.positions, data.columns) != shape || label.codes.len() + 1 != data.frames {
            bail!("the windows of {} and {} are of several shapes", chain.tokens.path(), chain.actions.path());
        }
        data.tokens.extend(window.tokens);
        data.actions.extend(label.codes);
    }
    Ok(data)
}
