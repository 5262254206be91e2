//! The exit code of model errors that the user can fix.

use anyhow::Result;
use genie_model::ModelError;
use genie_stage::exit::usage;

/// Marks errors about a config or a device as wrong usage, so that the binary exits with code 64.
///
/// A model returns [`ModelError::Config`] and [`ModelError::Device`] in many places, and the model
/// crate does not depend on exit codes. So each binary calls this once, with the result of its
/// command.
pub fn mark_usage_errors<T>(result: Result<T>) -> Result<T> {
    result.map_err(|error| {
        let is_usage = error.chain().any(|cause| {
            matches!(cause.downcast_ref(), Some(ModelError::Config(_) | ModelError::Device(_)))
        });
        if is_usage { usage(error) } else { error }
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use genie_stage::exit::{FAILED, USAGE, code_of};

    use super::*;

    fn code(error: ModelError) -> u8 {
        let result: Result<()> = Err(error).context("cannot train the tokenizer");
        code_of(&mark_usage_errors(result).unwrap_err())
    }

    /// Catches: an impossible model config or a missing device gives exit code 1; a diverged run
    /// gives exit code 64.
    #[test]
    fn model_errors_about_config_and_device_are_wrong_usage() {
        assert_eq!(code(ModelError::Config("[lam] frames must be at least 2".into())), USAGE);
        assert_eq!(code(ModelError::Device("there is no device `cuad`".into())), USAGE);
        assert_eq!(code(ModelError::Diverged { step: 3, loss: 1e9 }), FAILED);
        let error = Err::<(), _>(anyhow::Error::from(ModelError::Config("wrong".into())));
        assert_eq!(mark_usage_errors(error).unwrap_err().to_string(), "wrong");
    }
}
