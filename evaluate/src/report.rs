//! From scores of windows to `report.json`.

mod agreement;
mod averages;
mod effects;
mod json;
pub mod schema;
mod summary;
#[cfg(test)]
mod tests;
mod trust;

pub use agreement::AgreementWindows;
pub use summary::{Provenance, summarise};
