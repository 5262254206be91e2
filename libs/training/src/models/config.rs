//! The config sections `[tokenizer]`, `[lam]`, `[dynamics]` and `[quality]`.

use camino::Utf8PathBuf;
use genie_model::{
    DynamicsConfig, LamConfig, ModelError, QualityConfig, TokenizerConfig, TrainConfig,
};
use genie_stage::config::Section;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::device::check_device_name;

macro_rules! section {
    ($(#[$doc:meta])* $name:ident, $config:ty, $key:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub $config);

        impl Section for $name {
            const NAME: &'static str = $key;

            fn check(&self) -> Result<(), String> {
                check_device_name(&self.0.device)?;
                self.0.check().map_err(|error: ModelError| error.to_string())
            }
        }

        impl $name {
            /// The config that trained weights depend on, for the work key.
            ///
            /// The device and the intervals of logs and checkpoints do not change the weights: they
            /// are reset here. The options of memory are not in it.
            #[must_use]
            pub fn keyed(&self) -> Value {
                let mut config = self.0.clone();
                config.device = String::new();
                config.train = keyed(&config.train);
                without_memory_options(&config)
            }
        }
    };
}

section!(
    /// The tokenizer, which turns frames into tokens and tokens into frames.
    TokenizerSection, TokenizerConfig, "tokenizer"
);
section!(
    /// The latent action model, which learns without labels what happens between two frames.
    LamSection, LamConfig, "lam"
);
section!(
    /// The dynamics model, which predicts the tokens of the next frame from the past and an action.
    DynamicsSection, DynamicsConfig, "dynamics"
);
section!(
    /// The quality network, which learns from labels of people which clips are good.
    QualitySection, QualityConfig, "quality"
);

/// The config of a model or network for its work key, without the options of memory.
///
/// `train.recompute` and `train.shard_weights` do not change the weights. Models of earlier
/// versions do not have them, and keep their work keys.
///
/// # Panics
/// If the config cannot be serialised as JSON: a programming error.
pub fn without_memory_options(config: &impl Serialize) -> Value {
    let mut config = serde_json::to_value(config).expect("a config is serialisable");
    if let Some(train) = config.get_mut("train").and_then(Value::as_object_mut) {
        train.remove("recompute");
        train.remove("shard_weights");
    }
    config
}

fn keyed(train: &TrainConfig) -> TrainConfig {
    let train = TrainConfig {
        log_every: 1,
        checkpoint_every: 1,
        keep: 1,
        keep_every: 0,
        peak_tflops: 0.0,
        ..train.clone()
    };
    // An imported file is an input of the key, by the hash of its content.
    TrainConfig { import: Utf8PathBuf::new(), ..train }
}

#[cfg(test)]
mod tests {
    use genie_model::Precision;

    use super::*;

    /// Catches: a model trained in bf16 has the key of the model trained in f32; the key of a model
    /// depends on the device.
    #[test]
    fn precision_makes_another_model_and_the_device_does_not() {
        let section = DynamicsSection::default();
        let mut elsewhere = section.clone();
        elsewhere.0.device = "cuda".into();
        assert_eq!(elsewhere.keyed(), section.keyed());
        let mut rounded = section.clone();
        rounded.0.train.precision = Precision::Bf16;
        assert_ne!(rounded.keyed(), section.keyed());
        assert_eq!(rounded.keyed()["train"]["precision"], "bf16");
    }

    /// Catches: recompute or divided weights give a model another key; models of earlier versions,
    /// whose keys do not contain them, get other keys.
    #[test]
    fn options_of_memory_are_not_in_the_key() {
        let section = TokenizerSection::default();
        let mut again = section.clone();
        (again.0.train.recompute, again.0.train.shard_weights) = (true, true);
        assert_eq!(again.keyed(), section.keyed());
        for option in ["recompute", "shard_weights"] {
            assert!(section.keyed()["train"].get(option).is_none(), "{option}");
        }
    }
}
