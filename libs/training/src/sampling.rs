//! How `evaluate` and `play` generate frames: the section `[evaluate]`.

mod config;

pub use config::EvaluateConfig;
