//! `genie-play roll`: an image or a clip and a list of actions, to a GIF or a PNG strip.

use std::fs;

use anyhow::{Context, Result, bail};
use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};
use genie_stage::Exit;
use genie_stage::exit::Usage;

use crate::engine::{Game, Start, start};
use crate::output::{Output, check_place};
use crate::pictures::{Fit, PictureLimits, decode};
use crate::record::LONGEST_LOG;
use crate::world::{Clips, PlayableWorld};

/// The flags of `roll`.
#[derive(Args, Debug)]
pub struct RollArgs {
    #[command(flatten)]
    from: From,
    /// Actions by name or code, such as "right*8 jump*4 0 3"; the page shows the names.
    #[arg(long)]
    actions: String,
    /// The file to write: .gif is an animation, .png is a strip of all frames.
    #[arg(long, value_name = "FILE")]
    out: Utf8PathBuf,
    /// Also write an action log that `genie-play replay` reads.
    #[arg(long, value_name = "FILE")]
    log: Option<Utf8PathBuf>,
    /// Seed of the sampler; without it, a clip of the report gets the report's seed, others 0.
    #[arg(long)]
    seed: Option<u64>,
    /// How an image of another shape fits into a frame.
    #[arg(long, value_enum, default_value_t = FitArg::Crop)]
    fit: FitArg,
}

/// What a world starts from.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct From {
    /// Start from an image: PNG, JPEG, WebP, GIF or BMP.
    #[arg(long, value_name = "FILE")]
    image: Option<Utf8PathBuf>,
    /// Start from a held-out clip, by its id; `:N` begins at its frame N.
    #[arg(long, value_name = "ID[:N]")]
    clip: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FitArg {
    /// Cut out the centre.
    Crop,
    /// Add bars.
    Pad,
}

/// Generates the frames and writes the file.
///
/// # Errors
/// When the image, the clip or the actions are not valid, or a file cannot be written.
pub fn roll(world: &PlayableWorld, clips: &Clips, args: &RollArgs) -> Result<Exit> {
    let output = Output::of(&args.out)?;
    if let Some(log) = &args.log {
        check_place("--log", log)?;
        output.check_apart(log)?;
    }
    let actions = world
        .actions()
        .parse(&args.actions)
        .map_err(|error| Usage(format!("--actions: {error}")))?;
    let from = args.from.start(world, args.fit)?;
    let limit = actions.len() + world.longest_prompt() + 1;
    let started = start(world, clips, from, args.seed, 0, limit)?;
    let prompt = started.prompt.frames.len();
    if args.log.is_some() && prompt + actions.len() > LONGEST_LOG {
        bail!(Usage(format!(
            "--log: a log has at most {LONGEST_LOG} frames; use at most {} actions",
            LONGEST_LOG - prompt
        )));
    }
    let mut game = Game::new(String::new(), started, &world.lineage().sampler, clips.fps());
    for action in actions {
        game.step(world, action)?;
    }
    output.write(&game, world.size())?;
    if let Some(path) = &args.log {
        game.log(world)?.write(path)?;
    }
    output.print()?;
    Ok(Exit::Done)
}

impl From {
    fn start(&self, world: &PlayableWorld, fit: FitArg) -> Result<Start> {
        if let Some(path) = &self.image {
            let bytes = fs::read(path).with_context(|| format!("cannot read the image {path}"))?;
            let fit = match fit {
                FitArg::Crop => Fit::Crop,
                FitArg::Pad => Fit::Pad,
            };
            let frame = decode(&bytes, world.size(), fit, &PictureLimits::default());
            return Ok(Start::Image(frame.with_context(|| format!("cannot use {path}"))?));
        }
        let text = self.clip.as_deref().unwrap_or_default();
        let (clip, first) = text.split_once(':').unwrap_or((text, "0"));
        let Ok(first) = first.parse() else {
            bail!(Usage(format!("--clip {text}: `{first}` is not the number of a frame")));
        };
        Ok(Start::Clip { clip: clip.to_owned(), first, prompt: world.lineage().prompt })
    }
}
