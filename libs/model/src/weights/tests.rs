//! Tests of files of weights: contents, invalid files, and the table in README.md.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use burn::tensor::{DType, TensorData};
use camino::Utf8PathBuf;
use serde_json::json;

use super::*;
use crate::testing::{Clips, Quiet, Runs};
use crate::{
    Device, DynamicsConfig, LamConfig, LamHistory, LamReads, LamSees, Outcome, QuantizerConfig,
    StackConfig, TokenWindows, Tokenizer, TokenizerConfig, TrainConfig, newest_weights,
    train_dynamics, train_lam, train_tokenizer,
};

fn stack(temporal: bool) -> StackConfig {
    StackConfig { layers: 1, d: 8, heads: 2, head_dim: 0, ffn_mult: 2, qk_norm: false, temporal }
}

fn config() -> TokenizerConfig {
    TokenizerConfig {
        frames: 3,
        encoder: stack(true),
        decoder: stack(true),
        quantizer: QuantizerConfig { codes: 16, latent: 4, ..Default::default() },
        train: TrainConfig { steps: 2, batch: 2, ..Default::default() },
        ..Default::default()
    }
}

fn video() -> Clips {
    Clips::noise((8, 8), &[5, 9])
}

fn train(config: &TokenizerConfig, run: &Utf8Path) -> Result<Outcome, ModelError> {
    train_tokenizer(config, &video(), run, &Device::Cpu, &mut Quiet::default())
}

/// Trains a tokenizer in a directory of its own, and returns its file of weights.
fn exported(runs: &Runs) -> Utf8PathBuf {
    train(&config(), &runs.run("theirs")).unwrap();
    newest_weights(&runs.run("theirs")).unwrap().unwrap().1
}

/// Trains from the imported file. `steps` is 0 if `change` does not set it.
fn import(
    change: impl FnOnce(&mut TokenizerConfig),
    file: &Utf8Path,
    runs: &Runs,
) -> Result<Outcome, ModelError> {
    let mut config = config();
    (config.train.import, config.train.steps) = (file.to_owned(), 0);
    change(&mut config);
    train(&config, &runs.run("ours"))
}

/// The bytes of the tensors, without the header.
fn tensors(file: &Utf8Path) -> Vec<u8> {
    let bytes = fs::read(file).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + length..].to_vec()
}

/// Catches: export or import transposes, moves, rounds or omits a tensor; a training step is made
/// although `steps` is 0; fine-tuning does not start from the imported weights; a resumed run
/// imports again and loses the progress of its training.
#[test]
fn weights_come_back_to_the_last_bit_and_training_goes_on_from_them() {
    let runs = Runs::new();
    let file = exported(&runs);
    assert_eq!(import(|_| (), &file, &runs).unwrap(), Outcome::Finished);
    let (step, ours) = newest_weights(&runs.run("ours")).unwrap().unwrap();
    assert_eq!((step, tensors(&ours)), (0, tensors(&file)));
    let tokens = |run: &str| {
        let frames = &video().clips[0][..3 * 8 * 8 * 3];
        Tokenizer::load(&runs.run(run), &Device::Cpu).unwrap().encode(frames).unwrap()
    };
    assert_eq!(tokens("ours"), tokens("theirs"));

    // The rate is so small that only a run from these weights can end near them.
    let longer = |steps, stop| {
        let mut config = config();
        (config.train.import, config.train.steps, config.train.lr) = (file.clone(), steps, 1e-9);
        let mut observer = Quiet { after: stop, ..Quiet::default() };
        train_tokenizer(&config, &video(), &runs.run("tuned"), &Device::Cpu, &mut observer)
            .unwrap();
        let bytes = tensors(&newest_weights(&runs.run("tuned")).unwrap().unwrap().1);
        bytes
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
            .collect::<Vec<_>>()
    };
    let before: Vec<f32> = tensors(&file)
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
        .collect();
    let tuned = longer(5, Some(3));
    assert!(before.iter().zip(&tuned).all(|(a, b)| (a - b).abs() < 1e-4) && before != tuned);
    fs::remove_file(&file).unwrap();
    longer(5, None);
}

/// Catches: a file is read in part; a message does not name the fault; heads or positions fit by
/// shape but mean something else; weights are not finite or have another type; a LAM's file is read
/// into a tokenizer; a damaged file causes a panic.
#[test]
fn weights_that_do_not_fit_are_an_error_with_their_name() {
    let runs = Runs::new();
    let file = exported(&runs);
    let refused = |change: &dyn Fn(&mut TokenizerConfig), file: &Utf8Path, words: &[&str]| {
        let error = import(change, file, &runs).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{words:?} are not all in: {error}");
        assert!(error.contains(file.as_str()), "{error}");
        assert!(newest_weights(&runs.run("ours")).unwrap().is_none(), "something was written");
    };
    // The description shows the difference before the tensors do.
    refused(
        &|config| config.encoder.heads = 4,
        &file,
        &["config.encoder.heads is 2 in the file and 4 in the config"],
    );
    refused(&|config| config.encoder.layers = 2, &file, &["layers"]);
    // Options of training do not count as a difference.
    import(|config| config.changed_pixel_weight = 3.0, &file, &runs).unwrap();
    fs::remove_dir_all(runs.run("ours")).unwrap();

    // A file from PyTorch has no description, so the tensors must show the difference.
    let bare = runs.run("bare.safetensors");
    strip(&file, &bare, |_, _| ());
    import(|_| (), &bare, &runs).unwrap();
    fs::remove_dir_all(runs.run("ours")).unwrap();
    let lack = "the file lacks encoder.blocks.1.down.bias, encoder.blocks.1.down.weight";
    refused(&|config| config.encoder.layers = 2, &bare, &[lack]);
    refused(
        &|config| config.decoder.temporal = false,
        &bare,
        &["the model does not have decoder.blocks.0.time.norm.bias"],
    );
    let shape = "quantizer.codebook is F32 [16, 4] and must be F32 [32, 4]";
    refused(&|config| config.quantizer.codes = 32, &bare, &[shape]);
    let rows = "encoder.blocks.0.up.weight is F32 [16, 8] and must be F32 [24, 8]";
    refused(&|config| config.encoder.ffn_mult = 3, &bare, &[rows]);

    let odd = runs.run("odd.safetensors");
    strip(&file, &odd, |name, data| {
        if name == "pixels.bias" {
            data.as_mut_slice::<f32>().unwrap()[1] = f32::NAN;
        }
    });
    refused(&|_| (), &odd, &["finite", "pixels.bias"]);
    strip(&file, &odd, |name, data| {
        if name == "pixels.bias" {
            *data = data.clone().convert_dtype(DType::F16);
        }
    });
    refused(&|_| (), &odd, &["pixels.bias is F16 [48] and must be F32 [48]"]);

    let lam = LamConfig {
        encoder: stack(false),
        decoder: stack(false),
        train: config().train,
        ..Default::default()
    };
    train_lam(&lam, &video(), &runs.run("lam"), &Device::Cpu, &mut Quiet::default()).unwrap();
    let lam = newest_weights(&runs.run("lam")).unwrap().unwrap().1;
    refused(&|_| (), &lam, &["holds \"lam\"", "needs \"tokenizer\""]);

    let bytes = fs::read(&file).unwrap();
    for damaged in [&[][..], &bytes[..100], &bytes[..bytes.len() - 4], &[255; 64]] {
        fs::write(&odd, damaged).unwrap();
        refused(&|_| (), &odd, &[]);
    }
    refused(&|_| (), &runs.run("nowhere.safetensors"), &[]);
}

/// Writes the tensors of a file after `change`, without a description, as another program would.
fn strip(from: &Utf8Path, to: &Utf8Path, change: impl Fn(&str, &mut TensorData)) {
    let (mut header, mut bytes) = (Map::new(), Vec::new());
    for (name, snapshot) in
        SafetensorsStore::from_file(from.as_std_path()).get_all_snapshots().unwrap()
    {
        let (mut data, first) = (snapshot.to_data().unwrap(), bytes.len());
        change(name, &mut data);
        bytes.extend_from_slice(data.as_bytes());
        let dtype = format!("{:?}", data.dtype);
        let offsets = [first, bytes.len()];
        header.insert(
            name.clone(),
            json!({ "dtype": dtype, "shape": data.shape.to_vec(), "data_offsets": offsets }),
        );
    }
    let header = serde_json::to_vec(&header).unwrap();
    fs::write(to, [&(header.len() as u64).to_le_bytes()[..], &header, &bytes].concat()).unwrap();
}

/// The tensors of one of README.md's tables, with their number of dimensions.
fn documented(table: &str) -> BTreeSet<(String, usize)> {
    let readme = include_str!("../../README.md");
    let begin = format!("| {table} |");
    let rows = readme.lines().skip_while(|line| !line.starts_with(&begin)).skip(2);
    let mut tensors = BTreeSet::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let (name, weight, bias) = (cells[1], cells[2], cells[3]);
        let rank = |shape: &str| shape.split(',').count();
        if let Some(prefix) = name.strip_suffix('…') {
            tensors.extend(
                documented("stack")
                    .into_iter()
                    .map(|(name, rank)| (format!("{prefix}{name}"), rank)),
            );
        } else if bias == "–" {
            tensors.insert((name.to_owned(), rank(weight)));
        } else {
            tensors.insert((format!("{name}.weight"), rank(weight)));
            tensors.insert((format!("{name}.bias"), rank(bias)));
        }
    }
    tensors
}

/// The tensors of a run's newest checkpoint. The numbers of layers are replaced by N.
fn saved(run: &Utf8Path) -> BTreeSet<(String, usize)> {
    let file = newest_weights(run).unwrap().unwrap().1;
    let mut store = SafetensorsStore::from_file(file.as_std_path());
    let tensors = store.get_all_snapshots().unwrap().iter();
    let number = |part: &str| part.parse::<usize>().is_ok();
    let layer = |name: &str| {
        name.split('.')
            .map(|part| if number(part) { "N" } else { part })
            .collect::<Vec<_>>()
            .join(".")
    };
    tensors.map(|(name, snapshot)| (layer(name), snapshot.shape.len())).collect()
}

/// Catches: README.md does not list a tensor, or lists one that does not exist any more.
#[test]
fn the_page_knows_every_tensor() {
    let runs = Runs::new();
    let full = StackConfig { qk_norm: true, ..stack(true) };
    let quantizer = QuantizerConfig { centre: true, codes: 8, latent: 4, ..Default::default() };
    let tokenizer = TokenizerConfig {
        encoder: full.clone(),
        decoder: full.clone(),
        quantizer: quantizer.clone(),
        ..config()
    };
    train(&tokenizer, &runs.run("tokenizer")).unwrap();
    let lam = LamConfig {
        encoder: full.clone(),
        decoder: full.clone(),
        sees: LamSees::Frames,
        history: LamHistory::History,
        quantizer,
        train: config().train,
        ..Default::default()
    };
    train_lam(&lam, &video(), &runs.run("lam"), &Device::Cpu, &mut Quiet::default()).unwrap();
    let convolution = LamConfig {
        sees: LamSees::Pairs,
        reads: LamReads::Convolution,
        encoder: stack(false),
        ..lam.clone()
    };
    train_lam(
        &convolution,
        &video(),
        &runs.run("convolution"),
        &Device::Cpu,
        &mut Quiet::default(),
    )
    .unwrap();
    let dynamics = DynamicsConfig { stack: full, train: config().train, ..Default::default() };
    let data = TokenWindows {
        frames: 2,
        positions: 2,
        columns: 2,
        tokens: vec![0, 1, 2, 3],
        actions: vec![0],
    };
    train_dynamics(
        &dynamics,
        Arc::new(data),
        4,
        2,
        &runs.run("dynamics"),
        &Device::Cpu,
        &mut Quiet::default(),
    )
    .unwrap();
    for model in ["tokenizer", "dynamics"] {
        assert_eq!(documented(model), saved(&runs.run(model)), "{model}");
    }
    // A latent action model has either attention or convolutions, so two models have all tensors.
    let (attends, convolves) = (saved(&runs.run("lam")), saved(&runs.run("convolution")));
    assert_eq!(documented("lam"), &attends | &convolves);
}
