//! The models' config sections.

use genie_model::{DynamicsConfig, LamConfig, ModelError, TokenizerConfig, TrainConfig};
use genie_stage::config::Section;
use serde::{Deserialize, Serialize};

macro_rules! section {
    ($(#[$doc:meta])* $name:ident, $config:ty, $key:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $config);

        impl Section for $name {
            const NAME: &'static str = $key;

            fn check(&self) -> Result<(), String> {
                self.0.check().map_err(|error: ModelError| error.to_string())
            }
        }

        impl $name {
            /// What the trained weights depend on: not where they were computed or how often something was written.
            #[must_use]
            pub fn keyed(&self) -> Self {
                let mut config = self.0.clone();
                config.device = String::new();
                config.train = keyed(&config.train);
                Self(config)
            }
        }
    };
}

section!(
    /// `[tokenizer]`.
    TokenizerSection, TokenizerConfig, "tokenizer"
);
section!(
    /// `[lam]`.
    LamSection, LamConfig, "lam"
);
section!(
    /// `[dynamics]`.
    DynamicsSection, DynamicsConfig, "dynamics"
);

fn keyed(train: &TrainConfig) -> TrainConfig {
    TrainConfig { log_every: 1, checkpoint_every: 1, keep: 1, keep_every: 0, peak_tflops: 0.0, ..train.clone() }
}
