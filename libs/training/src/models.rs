//! Which model belongs to which config: its sections, its work key, its directory.

mod chain;
mod clip_set;
mod config;
mod device;
mod finished;
mod labeller;
mod pinned;
mod sections;
mod selection;
mod selection_hash;
mod spec;
mod trained;

pub use chain::Chain;
pub use clip_set::ClipSet;
#[cfg(test)]
pub(crate) use clip_set::SetClip;
pub use config::{
    DynamicsSection, LamSection, QualitySection, TokenizerSection, without_memory_options,
};
pub use device::{check_device_name, open_device};
pub use finished::{MissingStep, find_finished};
pub use labeller::ActionLabeller;
pub use pinned::PinnedSection;
pub use sections::ModelSections;
pub use selection::ClipFilter;
pub use trained::TrainedModels;
