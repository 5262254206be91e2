//! Reads the clips of a dataset, and prints the size and the mean colour of each one.
//!
//! The argument is a dataset root: the directory `[data] root` of a config, after `genie-ingest
//! run`. Run it from the root of the workspace:
//!
//! ```text
//! cargo run --release --locked -p genie-shards --example read_clips -- data/demo
//! ```

use std::error::Error as _;
use std::process::ExitCode;

use camino::Utf8Path;
use genie_shards::{ClipStore, Error, Manifest, tables};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root] = arguments.as_slice() else {
        eprintln!("usage: read_clips ROOT, where ROOT is a dataset root such as data/demo");
        return ExitCode::from(64);
    };
    match print_clips(Utf8Path::new(root)) {
        Ok(0) => {
            eprintln!(
                "`{root}` has no clips; run `genie-ingest run`, or give another dataset root"
            );
            ExitCode::FAILURE
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

/// Prints the published shards and clips of a dataset root, and returns the number of clips.
fn print_clips(root: &Utf8Path) -> Result<usize, Error> {
    // A file that the manifest does not name is not published, so readers ignore it.
    for shard in Manifest::load(root)?.table(tables::CLIPS) {
        println!("{}: {} clips, {} bytes", shard.file, shard.rows, shard.bytes);
    }
    // Opens all splits. It reads which clips there are, but not their metadata and frames.
    let store = ClipStore::open(root, None)?;
    println!("{:<32} {:>8} {:>11} {:>6}  first frame", "clip", "split", "size", "frames");
    for index in 0..store.len() {
        let (clip, first) = (store.meta(index)?, store.window(index, 0, 1)?);
        let [red, green, blue] = mean_colour(&first.data);
        println!(
            "{} {:>8} {:>11} {:>6}  #{red:02x}{green:02x}{blue:02x}",
            clip.clip_id,
            clip.split.as_str(),
            format!("{}×{}", clip.width, clip.height),
            clip.frame_count(),
        );
    }
    Ok(store.len())
}

/// Averages RGB pixels, per colour.
fn mean_colour(pixels: &[u8]) -> [u64; 3] {
    let count = (pixels.len() as u64 / 3).max(1);
    [0, 1, 2].map(|colour| {
        let values = pixels.iter().skip(colour).step_by(3);
        values.map(|value| u64::from(*value)).sum::<u64>() / count
    })
}
