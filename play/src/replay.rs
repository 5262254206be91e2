//! `genie-play replay`: generates the frames of an action log again, and compares every one.

use anyhow::{Result, bail};
use camino::Utf8PathBuf;
use clap::Args;
use genie_stage::Exit;

use crate::engine::{Game, start_of_log};
use crate::output::Output;
use crate::record::{ActionLog, LogModel};
use crate::world::PlayableWorld;

/// The flags of `replay`.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// The action log: a file that the page or `genie-play roll --log` saved.
    log: Utf8PathBuf,
    /// Also write the frames: .gif is an animation, .png is a strip of all frames.
    #[arg(long, value_name = "FILE")]
    out: Option<Utf8PathBuf>,
}

/// Replays a log. It is an error if a frame differs.
///
/// # Errors
/// When the log cannot be read or does not fit the models, or a frame differs. The error for a
/// frame that differs names the first one and the likely reason.
pub fn replay(world: &PlayableWorld, args: &ReplayArgs) -> Result<Exit> {
    let output = args.out.as_deref().map(Output::of).transpose()?;
    if let Some(output) = &output {
        output.check_apart(&args.log)?;
    }
    let log = ActionLog::read(&args.log)?;
    check_shape(world, &log)?;
    let started = start_of_log(world, &log)?;
    if started.prompt.tokens != log.prompt.tokens {
        bail!("{}", differs(world, &log, "the tokens of the prompt differ"));
    }
    let prompt = log.prompt.frames.len();
    let mut game = Game::new(String::new(), started, &world.lineage().sampler, log.fps);
    let mut frame = prompt;
    for segment in &log.segments {
        game.sampler = segment.sampler.clone().into();
        for (action, hash) in segment.actions.iter().zip(&segment.hashes) {
            game.step(world, *action)?;
            if game.world.timeline.node().content.hash != *hash {
                let what = format!("frame {frame} differs (the first frame is 0)");
                bail!("{}", differs(world, &log, &what));
            }
            frame += 1;
        }
    }
    if let Some(output) = &output {
        output.write(&game, world.size())?;
    }
    tracing::info!("replay: all {} generated frames are the same", frame - prompt);
    if let Some(output) = &output {
        output.print()?;
    }
    Ok(Exit::Done)
}

/// Checks that the models can play the log at all.
fn check_shape(world: &PlayableWorld, log: &ActionLog) -> Result<()> {
    let ours = (world.size(), world.num_actions());
    let theirs = ((log.height, log.width), log.actions);
    if ours != theirs {
        let ((height, width), actions) = ours;
        bail!(
            "the log is of {}×{} pixels and {} actions, but the models of this config have \
             {width}×{height} pixels and {actions} actions; use the config of dynamics model {}",
            log.width,
            log.height,
            log.actions,
            log.models.dynamics.key
        );
    }
    Ok(())
}

/// A message that says what differs, and why.
fn differs(world: &PlayableWorld, log: &ActionLog, what: &str) -> String {
    let lineage = world.lineage();
    let (keys, weights) = (&lineage.keys, &lineage.weights);
    let models = [
        ("tokenizer", &log.models.tokenizer, &keys.tokenizer, &weights.tokenizer),
        ("latent action model", &log.models.lam, &keys.lam, &weights.lam),
        ("dynamics model", &log.models.dynamics, &keys.dynamics, &weights.dynamics),
    ];
    let other: Vec<String> = models
        .into_iter()
        .filter(|(_, LogModel { weights, .. }, _, ours)| weights != *ours)
        .map(|(name, theirs, key, _)| {
            format!("{name} {} made the log, and {key} has other weights", theirs.key)
        })
        .collect();
    let program = format!("genie-play {}", env!("CARGO_PKG_VERSION"));
    let reason = if !other.is_empty() {
        other.join("; ")
    } else if log.device != lineage.device {
        format!("the log was made on {}, and this is {}", log.device, lineage.device)
    } else if log.program != program {
        format!("{} made the log, and this is {program}", log.program)
    } else {
        "models, device and version are the same, so another processor or build rounds \
         differently, or the log was changed"
            .to_owned()
    };
    format!("{what}: {reason}")
}
