//! The steps of the pipeline, in their order.

use genie_stage::config::DataConfig;
use genie_stage::status::StepStatus;

/// A stage: one binary with several steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Stage {
    Ingest,
    Tokenize,
    Train,
    Evaluate,
}

impl Stage {
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Tokenize, Self::Train, Self::Evaluate];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Tokenize => "tokenize",
            Self::Train => "train",
            Self::Evaluate => "evaluate",
        }
    }

    #[must_use]
    pub fn binary(self) -> String {
        format!("genie-{}", self.name())
    }
}

/// One step: a subcommand of a stage's binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub stage: Stage,
    pub subcommand: &'static str,
    /// What the step does, for the printed plan.
    pub purpose: &'static str,
}

impl Step {
    const fn new(stage: Stage, subcommand: &'static str, purpose: &'static str) -> Self {
        Self { stage, subcommand, purpose }
    }

    /// Stage and subcommand: "tokenize fit".
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.stage.name(), self.subcommand)
    }

    /// The config section whose `device` the step computes on, if it runs a model.
    #[must_use]
    pub fn device_section(&self) -> Option<&'static str> {
        match (self.stage, self.subcommand) {
            (Stage::Ingest, _) => None,
            (Stage::Tokenize, _) => Some("tokenizer"),
            (Stage::Train, "dynamics") => Some("dynamics"),
            (Stage::Train, _) => Some("lam"),
            (Stage::Evaluate, _) => Some("evaluate"),
        }
    }

    /// The status of this step among those that its stage printed.
    #[must_use]
    pub fn find<'a>(&self, statuses: &'a [StepStatus]) -> Option<&'a StepStatus> {
        statuses.iter().find(|status| status.step == self.subcommand || status.step == self.name())
    }
}

const SAMPLE: Step = Step::new(Stage::Ingest, "sample", "record gameplay of the built-in game");

/// All steps after the recording of the game.
///
/// The last line on the stdout of `evaluate run` is the report's directory.
const STEPS: [Step; 7] = [
    Step::new(Stage::Ingest, "run", "cut the videos into clips"),
    Step::new(Stage::Tokenize, "fit", "learn to draw frames as tokens"),
    Step::new(Stage::Tokenize, "encode", "turn the clips into tokens"),
    Step::new(Stage::Train, "lam", "discover the actions between frames"),
    Step::new(Stage::Train, "label", "name the action of every frame"),
    Step::new(Stage::Train, "dynamics", "learn what each action does"),
    Step::new(Stage::Evaluate, "run", "measure on unseen videos, write the report"),
];

/// The steps for `data`. The sample game is recorded only if `data` has no videos.
#[must_use]
pub fn for_data(data: &DataConfig) -> Vec<Step> {
    let sample = data.videos.is_empty().then_some(SAMPLE);
    sample.into_iter().chain(STEPS).collect()
}

/// The steps of the stages in `only`, or all steps if `only` is empty.
#[must_use]
pub fn of_stages(data: &DataConfig, only: &[Stage]) -> Vec<Step> {
    for_data(data)
        .into_iter()
        .filter(|step| only.is_empty() || only.contains(&step.stage))
        .collect()
}

/// The steps of `genie retokenize`: no training, no report.
#[must_use]
pub fn retokenize(data: &DataConfig) -> Vec<Step> {
    let nightly = |step: &Step| {
        matches!(
            step.name().as_str(),
            "ingest sample" | "ingest run" | "tokenize encode" | "train label"
        )
    };
    for_data(data).into_iter().filter(nightly).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a step comes before the step whose output it reads; the game is recorded although
    /// the user has videos.
    #[test]
    fn the_order() {
        let names =
            |data: &DataConfig| -> Vec<String> { for_data(data).iter().map(Step::name).collect() };
        let mut data = DataConfig::default();
        assert_eq!(
            names(&data),
            [
                "ingest sample",
                "ingest run",
                "tokenize fit",
                "tokenize encode",
                "train lam",
                "train label",
                "train dynamics",
                "evaluate run"
            ]
        );
        data.videos.push("my-videos".into());
        assert_eq!(names(&data)[0], "ingest run");
    }
}
