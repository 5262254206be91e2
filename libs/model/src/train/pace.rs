//! How fast a run goes, and what its time is spent on: what is told with each logged step.
//!
//! Phases are timed on the host. Where the device works by itself (CUDA) they say how long the host took to ask for the work; the step's own time is right
//! in either case, because a logged step waits for its loss.

use std::time::Instant;

use super::TrainConfig;
use crate::estimate::Estimate;

/// The speed of the steps since the last report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Mean time a step.
    pub seconds_per_step: f64,
    /// Share of that time spent waiting for data.
    pub data_wait_share: f64,
    /// Share spent on the loss.
    pub forward_share: f64,
    /// Share spent on gradients.
    pub backward_share: f64,
    /// Share spent on changing the weights, and all that follows from that.
    pub optimizer_share: f64,
    /// Rows through the model a second ([`Estimate::rows`]).
    pub tokens_per_second: f64,
    /// 10¹² floating-point operations of matrix products a second.
    pub tflops: f64,
    /// Those as a share of the device's peak, where [`TrainConfig::peak_tflops`] says it.
    pub mfu: Option<f64>,
    /// Time to the end of the run, if the rest goes as fast.
    pub eta_seconds: f64,
}

/// What a step's time is spent on.
#[derive(Clone, Copy, Debug)]
pub enum Phase {
    /// Waiting for a batch.
    Data,
    /// From the batch to the loss.
    Forward,
    /// From the loss to gradients.
    Backward,
    /// From gradients to new weights.
    Optimizer,
}

/// A stopwatch.
pub struct Pace {
    since: Instant,
    /// Seconds in each [`Phase`].
    spent: [f64; 4],
    steps: u32,
}

impl Pace {
    /// Begins now.
    pub fn new() -> Self {
        Self { since: Instant::now(), spent: [0.0; 4], steps: 0 }
    }

    /// Does what belongs to a phase.
    pub fn timed<R>(&mut self, phase: Phase, work: impl FnOnce() -> R) -> R {
        let began = Instant::now();
        let result = work();
        self.spent[phase as usize] += began.elapsed().as_secs_f64();
        result
    }

    /// Another step was made.
    pub fn step(&mut self) {
        self.steps += 1;
    }

    /// The speed since the last lap, `done` steps into a run whose steps cost `cost`.
    pub fn lap(&mut self, done: usize, config: &TrainConfig, cost: &Estimate) -> Speed {
        let Self { since, spent, steps } = std::mem::replace(self, Self::new());
        let seconds = since.elapsed().as_secs_f64().max(1e-9);
        let step = seconds / f64::from(steps.max(1));
        let tflops = cost.flops_per_step / step / 1e12;
        Speed {
            seconds_per_step: step,
            data_wait_share: spent[Phase::Data as usize] / seconds,
            forward_share: spent[Phase::Forward as usize] / seconds,
            backward_share: spent[Phase::Backward as usize] / seconds,
            optimizer_share: spent[Phase::Optimizer as usize] / seconds,
            tokens_per_second: cost.rows as f64 / step,
            tflops,
            mfu: (config.peak_tflops > 0.0).then(|| tflops / config.peak_tflops),
            eta_seconds: step * (config.steps - done) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Catches: a speed of one step told as that of many, or of all since the beginning; waiting counted as work; a share of the peak a thousandfold off.
    #[test]
    fn laps_are_told_apart() {
        let cost = Estimate { rows: 10, flops_per_step: 2e9, ..Estimate::default() };
        let config = TrainConfig { steps: 12, peak_tflops: 0.5, ..Default::default() };
        let mut pace = Pace::new();
        std::thread::sleep(Duration::from_millis(50));
        pace.step();
        pace.lap(1, &config, &cost);
        for _ in 0..4 {
            pace.timed(Phase::Data, || std::thread::sleep(Duration::from_millis(15)));
            pace.timed(Phase::Backward, || std::thread::sleep(Duration::from_millis(5)));
            pace.step();
        }
        let speed = pace.lap(2, &config, &cost);
        let step = speed.seconds_per_step;
        assert!((0.02..0.05).contains(&step), "{speed:?}");
        assert!((0.4..0.9).contains(&speed.data_wait_share), "{speed:?}");
        assert!((0.1..0.6).contains(&speed.backward_share), "{speed:?}");
        assert!((speed.forward_share, speed.optimizer_share) == (0.0, 0.0), "{speed:?}");
        assert!((speed.tokens_per_second * step - 10.0).abs() < 1e-6, "{speed:?}");
        assert!((speed.tflops * step - 2e-3).abs() < 1e-9 && (speed.mfu.unwrap() - speed.tflops / 0.5).abs() < 1e-9);
        assert!((speed.eta_seconds - 10.0 * step).abs() < 1e-9, "{speed:?}");
        let unknown = TrainConfig { peak_tflops: 0.0, ..config };
        assert_eq!(pace.lap(3, &unknown, &cost).mfu, None);
    }
}
