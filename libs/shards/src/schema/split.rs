//! The two splits of the sources: training and held out.

/// The split of a source; ingest decides it once, from the hash of the source.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    #[default]
    Train,
    HeldOut,
}

impl Split {
    /// Name on disk: `train` or `held_out`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::HeldOut => "held_out",
        }
    }

    /// Parses the name on disk.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Train, Self::HeldOut].into_iter().find(|split| split.as_str() == name)
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
