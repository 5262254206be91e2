//! How fast a run goes, and what its time is spent on: what is told with each logged step.
//!
//! A GPU works by itself: that a line was passed says that the work was asked for, not that it was done. So forward, backward and optimizer are timed in the
//! steps that are logged alone, which wait for the device before them and after each of them (they wait for their loss anyway). The other steps wait for nothing. The time
//! of a step, and the share of it that is spent waiting for data, are means over all steps since the last report.

use std::time::Instant;

use super::TrainConfig;
use crate::ModelError;
use crate::estimate::Estimate;

/// The speed of the steps since the last report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Mean time a step.
    pub seconds_per_step: f64,
    /// Share of that time spent waiting for data.
    pub data_wait_share: f64,
    /// The loss of a logged step, as a share of that time.
    pub forward_share: f64,
    /// Its gradients, likewise.
    pub backward_share: f64,
    /// Changing the weights, and all that follows from that, likewise: of the logged step before, where not all are logged.
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
pub struct Pace<'a> {
    /// Waits until the device has done what it was asked for.
    wait: &'a dyn Fn() -> Result<(), ModelError>,
    since: Instant,
    steps: u32,
    /// Whether the present step is one that is logged.
    logged: bool,
    /// Seconds in each [`Phase`]: waiting for data in all steps, the rest in the logged one.
    spent: [f64; 4],
}

impl<'a> Pace<'a> {
    /// Begins now, with a step that is not logged.
    pub fn new(wait: &'a dyn Fn() -> Result<(), ModelError>) -> Self {
        Self { wait, since: Instant::now(), steps: 0, logged: false, spent: [0.0; 4] }
    }

    /// A step begins. Before one that is logged, the device finishes what earlier steps asked for.
    ///
    /// # Errors
    /// If the device has failed.
    pub fn begin(&mut self, logged: bool) -> Result<(), ModelError> {
        self.logged = logged;
        if logged { (self.wait)() } else { Ok(()) }
    }

    /// Does what belongs to a phase.
    ///
    /// # Errors
    /// Those of the work; if the device has failed.
    pub fn timed<R>(
        &mut self,
        phase: Phase,
        work: impl FnOnce() -> Result<R, ModelError>,
    ) -> Result<R, ModelError> {
        let data = matches!(phase, Phase::Data);
        if !(data || self.logged) {
            return work();
        }
        let began = Instant::now();
        let result = work()?;
        if !data {
            (self.wait)()?;
        }
        self.spent[phase as usize] += began.elapsed().as_secs_f64();
        Ok(result)
    }

    /// Another step was made.
    pub fn step(&mut self) {
        self.steps += 1;
    }

    /// The speed since the last lap, `done` steps into a run whose steps cost `cost`.
    pub fn lap(&mut self, done: usize, config: &TrainConfig, cost: &Estimate) -> Speed {
        let next = Self { logged: self.logged, ..Self::new(self.wait) };
        let Self { since, spent, steps, .. } = std::mem::replace(self, next);
        let seconds = since.elapsed().as_secs_f64().max(1e-9);
        let step = seconds / f64::from(steps.max(1));
        let share = |phase: Phase| spent[phase as usize] / step;
        let tflops = cost.flops_per_step / step / 1e12;
        Speed {
            seconds_per_step: step,
            data_wait_share: spent[Phase::Data as usize] / seconds,
            forward_share: share(Phase::Forward),
            backward_share: share(Phase::Backward),
            optimizer_share: share(Phase::Optimizer),
            tokens_per_second: cost.rows as f64 / step,
            tflops,
            mfu: (config.peak_tflops > 0.0).then(|| tflops / config.peak_tflops),
            eta_seconds: step * (config.steps - done) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    const COST: Estimate = Estimate {
        rows: 10,
        flops_per_step: 2e9,
        parameters: 0,
        model_bytes: 0,
        activation_bytes: 0,
        steps: 0,
    };

    fn timed(pace: &mut Pace<'_>, phase: Phase, work: impl FnOnce()) {
        let work = || {
            work();
            Ok(())
        };
        pace.timed(phase, work).unwrap();
    }

    /// Catches: a speed of one step told as that of many, or of all since the beginning; waiting counted as work; a share of the peak a thousandfold off.
    #[test]
    fn laps_are_told_apart() {
        let config = TrainConfig { steps: 12, peak_tflops: 0.5, ..Default::default() };
        let mut pace = Pace::new(&|| Ok(()));
        std::thread::sleep(Duration::from_millis(50));
        pace.step();
        pace.lap(1, &config, &COST);
        for step in 0..4 {
            pace.begin(step == 3).unwrap();
            timed(&mut pace, Phase::Data, || std::thread::sleep(Duration::from_millis(15)));
            timed(&mut pace, Phase::Backward, || std::thread::sleep(Duration::from_millis(5)));
            pace.step();
        }
        let speed = pace.lap(2, &config, &COST);
        let step = speed.seconds_per_step;
        assert!((0.02..0.05).contains(&step), "{speed:?}");
        assert!((0.4..0.9).contains(&speed.data_wait_share), "{speed:?}");
        assert!((0.1..0.6).contains(&speed.backward_share), "of one step: {speed:?}");
        assert!((speed.forward_share, speed.optimizer_share) == (0.0, 0.0), "{speed:?}");
        assert!((speed.tokens_per_second * step - 10.0).abs() < 1e-6, "{speed:?}");
        assert!(
            (speed.tflops * step - 2e-3).abs() < 1e-9
                && (speed.mfu.unwrap() - speed.tflops / 0.5).abs() < 1e-9
        );
        assert!((speed.eta_seconds - 10.0 * step).abs() < 1e-9, "{speed:?}");
        let unknown = TrainConfig { peak_tflops: 0.0, ..config };
        assert_eq!(pace.lap(3, &unknown, &COST).mfu, None);
    }

    /// Catches: a device that works by itself and whose work is counted where it is waited for next, or not at all; steps that wait though nobody looks; an
    /// optimizer's time that is lost because it comes after the report.
    #[test]
    fn logged_steps_wait_for_the_device() {
        let asked = Cell::new(0);
        let device = || {
            std::thread::sleep(Duration::from_millis(asked.take()));
            Ok(())
        };
        let mut pace = Pace::new(&device);
        for step in 1..=6 {
            pace.begin(step % 3 == 0).unwrap();
            timed(&mut pace, Phase::Forward, || asked.set(asked.get() + 10));
            timed(&mut pace, Phase::Backward, || asked.set(asked.get() + 30));
            pace.step();
            if step % 3 == 0 {
                assert_eq!(asked.get(), 0, "waited for");
                let speed = pace.lap(step, &TrainConfig { steps: 6, ..Default::default() }, &COST);
                assert!(
                    speed.backward_share > 2.0 * speed.forward_share && speed.forward_share > 0.0,
                    "{speed:?}"
                );
                assert_eq!(speed.optimizer_share > 0.0, step == 6, "{speed:?}");
            }
            timed(&mut pace, Phase::Optimizer, || asked.set(asked.get() + 5));
        }
        assert_eq!(asked.get(), 0, "the last is logged");
        pace.begin(false).unwrap();
        timed(&mut pace, Phase::Forward, || asked.set(10));
        assert_eq!(asked.get(), 10, "waited for in a step that is not logged");
    }

    /// Catches: a device whose failure is swallowed by who waits for it, so that training goes on with what is in its memory.
    #[test]
    fn a_device_that_fails_is_told() {
        let device = || Err(ModelError::Failed("out of memory".into()));
        let mut pace = Pace::new(&device);
        assert!(
            pace.begin(false).is_ok() && pace.timed(Phase::Forward, || Ok(())).is_ok(),
            "not waited for"
        );
        assert!(pace.begin(true).is_err());
        assert!(matches!(pace.timed(Phase::Optimizer, || Ok(())), Err(ModelError::Failed(_))));
    }
}
