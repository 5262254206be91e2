//! Versions of the models' computation and of the results of training.

/// Version of the models' computation and of the format of checkpoints.
pub const MODEL_FORMAT: u32 = 3;

/// Version of the results of training from the same config and data.
///
/// It is part of every model's work key. It follows [`MODEL_FORMAT`], and also goes up by one if
/// only training changes, such as the order of its windows. Models are then trained again, but
/// weights from files still fit.
pub const TRAINING_FORMAT: u32 = MODEL_FORMAT + 1;
