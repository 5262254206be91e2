//! Array mode: several processes each do a share of a step's work.
//!
//! An array job of Kubernetes or Slurm starts the same command on many machines, and each gets a
//! number. Which work a share contains depends on the data and on these two numbers alone. So a
//! share that failed can be repeated anywhere. No share finishes the step: a run without the flags
//! does this at the end.

use std::fmt;

use crate::exit::Usage;

/// The flags of array mode.
#[derive(clap::Args, Debug, Clone, Copy, Default)]
pub struct ShareArgs {
    /// Array mode: do only share I of the work, from 0 to N-1.
    ///
    /// A run without this flag has to finish the step.
    #[arg(long, value_name = "I", requires = "of")]
    index: Option<u32>,
    /// Array mode: the number of shares.
    #[arg(long, value_name = "N", requires = "index")]
    of: Option<u32>,
}

/// A share of the work of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    index: u32,
    of: u32,
}

impl ShareArgs {
    /// The share that the flags ask for; `None` without the flags.
    ///
    /// # Errors
    /// If there is no such share: exit code 64.
    pub fn share(self) -> Result<Option<Share>, Usage> {
        let Some((index, of)) = self.index.zip(self.of) else { return Ok(None) };
        if index < of {
            return Ok(Some(Share { index, of }));
        }
        Err(Usage(if of == 0 {
            "--of 0: the number of shares is at least 1".to_owned()
        } else {
            format!(
                "--index {index} --of {of}: shares are numbered from 0 to {}; Slurm needs \
                 --array=0-{}",
                of - 1,
                of - 1
            )
        }))
    }
}

impl Share {
    /// The share with this number.
    ///
    /// # Panics
    /// If `index` is not less than `of`.
    #[must_use]
    pub fn new(index: u32, of: u32) -> Self {
        assert!(index < of, "shares are numbered from 0");
        Self { index, of }
    }

    /// Number of shares.
    #[must_use]
    pub fn of(self) -> usize {
        self.of as usize
    }

    /// Number of this share, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// Whether a unit of work belongs to this share, by its number.
    #[must_use]
    pub fn has(self, unit: usize) -> bool {
        unit % self.of() == self.index()
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "share {} of {}", self.index, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(index: Option<u32>, of: Option<u32>) -> Result<Option<Share>, String> {
        ShareArgs { index, of }.share().map_err(|error| error.to_string())
    }

    /// Catches: a wrong number makes an array job do nothing, or leave out work, without a message.
    #[test]
    fn shares_are_checked() {
        assert_eq!(share(None, None), Ok(None));
        assert_eq!(share(Some(2), Some(3)), Ok(Some(Share::new(2, 3))));
        assert!(share(Some(3), Some(3)).unwrap_err().contains("from 0 to 2"));
        assert!(share(Some(0), Some(0)).unwrap_err().contains("at least 1"));
    }

    /// Catches: a unit of work belongs to no share, or to two.
    #[test]
    fn shares_divide_the_work() {
        for unit in 0..20 {
            assert_eq!((0..3).filter(|index| Share::new(*index, 3).has(unit)).count(), 1);
        }
    }
}
