//! The speed of a training run, and the share of each phase of a training step.
//!
//! A GPU works asynchronously: a call returns when the work is queued, not when it is done. So
//! forward, backward and optimizer are timed only in logged steps. These wait for the device before
//! the step and after each phase; they have to wait for their loss in any case. The other steps do
//! not wait. The time per step, and the share of waiting for data, are means over all steps since
//! the last report.

use std::time::Instant;

use super::config::TrainConfig;
use crate::ModelError;
use crate::estimate::Estimate;

/// The speed of the training steps since the last report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Mean time per training step, in seconds.
    pub seconds_per_step: f64,
    /// Share of that time that the loop waited for data.
    pub data_wait_share: f64,
    /// Time of the forward pass in the logged step, as a share of the mean time per step.
    pub forward_share: f64,
    /// Time of the backward pass in the logged step, as a share of the mean time per step.
    pub backward_share: f64,
    /// Time of the optimizer and all that follows it, as a share of the mean time per step.
    ///
    /// If not all steps are logged, it is the time of the logged step before.
    pub optimizer_share: f64,
    /// Rows through the model per second ([`Estimate::rows`]).
    pub tokens_per_second: f64,
    /// 10¹² floating-point operations of matrix products per second, without those of recompute.
    pub tflops: f64,
    /// Share of [`TrainConfig::peak_tflops`] that is used; none if the peak is not known.
    pub mfu: Option<f64>,
    /// Time to the end of the run at this speed, in seconds.
    pub eta_seconds: f64,
}

/// A phase of a training step.
#[derive(Clone, Copy, Debug)]
pub enum Phase {
    /// Waiting for the data of a micro-batch.
    Data,
    /// From the data to the loss.
    Forward,
    /// From the loss to the gradient.
    Backward,
    /// From the gradient to the new weights.
    Optimizer,
}

/// A clock that starts now, and returns the elapsed seconds.
pub fn clock() -> impl Fn() -> f64 {
    let began = Instant::now();
    move || began.elapsed().as_secs_f64()
}

/// Measures training steps and their phases.
pub struct StepTimer<'a> {
    /// Waits until the device has done all queued work.
    wait: &'a dyn Fn() -> Result<(), ModelError>,
    /// Seconds since any fixed moment.
    clock: &'a dyn Fn() -> f64,
    /// Time of the last report, by the clock.
    since: f64,
    /// Steps since the last report.
    steps: u32,
    /// Whether the current step is logged.
    logged: bool,
    /// Seconds in each [`Phase`]: in all steps for data, in the logged step for the others.
    spent: [f64; 4],
}

impl<'a> StepTimer<'a> {
    /// Starts now, with a step that is not logged.
    pub fn new(wait: &'a dyn Fn() -> Result<(), ModelError>, clock: &'a dyn Fn() -> f64) -> Self {
        Self { wait, clock, since: clock(), steps: 0, logged: false, spent: [0.0; 4] }
    }

    /// Begins a step. Before a logged step, it waits for the work of earlier steps.
    ///
    /// # Errors
    /// If the device has failed.
    pub fn begin(&mut self, logged: bool) -> Result<(), ModelError> {
        self.logged = logged;
        if logged { (self.wait)() } else { Ok(()) }
    }

    /// Runs and measures the work of a phase.
    ///
    /// # Errors
    /// Errors of the work, and failures of the device.
    pub fn timed<R>(
        &mut self,
        phase: Phase,
        work: impl FnOnce() -> Result<R, ModelError>,
    ) -> Result<R, ModelError> {
        let data = matches!(phase, Phase::Data);
        if !(data || self.logged) {
            return work();
        }
        let began = (self.clock)();
        let result = work()?;
        if !data {
            (self.wait)()?;
        }
        self.spent[phase as usize] += (self.clock)() - began;
        Ok(result)
    }

    /// Counts a finished step.
    pub fn count_step(&mut self) {
        self.steps += 1;
    }

    /// The speed since the last report, and the start of the next measurement.
    ///
    /// The run has done `done` steps; a step costs `cost`.
    pub fn report(&mut self, done: usize, config: &TrainConfig, cost: &Estimate) -> Speed {
        let next = Self { logged: self.logged, ..Self::new(self.wait, self.clock) };
        let Self { since, spent, steps, .. } = std::mem::replace(self, next);
        let seconds = (self.since - since).max(1e-9);
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

    use super::*;

    const COST: Estimate = Estimate {
        rows: 10,
        flops_per_step: 2e9,
        // The share of the peak does not count them.
        flops_again_per_step: 1e9,
        parameters: 0,
        model_bytes: 0,
        divided_bytes: 0,
        copied_bytes: 0,
        activation_bytes: 0,
        sent_per_step: 0,
        sent_per_micro_batch: 0,
        micro_batches: 1,
        steps: 0,
    };

    fn timed(timer: &mut StepTimer<'_>, phase: Phase, work: impl FnOnce()) {
        let work = || {
            work();
            Ok(())
        };
        timer.timed(phase, work).unwrap();
    }

    fn near(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-9
    }

    /// Catches: the speed of one training step, or of the whole run, is reported for the steps
    /// since the last report; waiting counts as work; the share of the peak is off by a factor of
    /// 1000.
    #[test]
    fn each_report_covers_the_steps_since_the_last_one() {
        let config = TrainConfig { steps: 12, peak_tflops: 0.5, ..Default::default() };
        let now = Cell::new(0.0);
        let advance = |seconds: f64| now.set(now.get() + seconds);
        let (wait, clock) = (|| Ok(()), || now.get());
        let mut timer = StepTimer::new(&wait, &clock);
        advance(0.050);
        timer.count_step();
        timer.report(1, &config, &COST);
        for step in 0..4 {
            timer.begin(step == 3).unwrap();
            timed(&mut timer, Phase::Data, || advance(0.015));
            timed(&mut timer, Phase::Backward, || advance(0.005));
            timer.count_step();
        }
        let speed = timer.report(2, &config, &COST);
        let step = speed.seconds_per_step;
        assert!(near(step, 0.02), "{speed:?}");
        assert!(near(speed.data_wait_share, 0.75), "{speed:?}");
        assert!(near(speed.backward_share, 0.25), "of one step: {speed:?}");
        assert!((speed.forward_share, speed.optimizer_share) == (0.0, 0.0), "{speed:?}");
        assert!((speed.tokens_per_second * step - 10.0).abs() < 1e-6, "{speed:?}");
        assert!(
            near(speed.tflops * step, 2e-3) && near(speed.mfu.unwrap(), speed.tflops / 0.5),
            "{speed:?}"
        );
        assert!(near(speed.eta_seconds, 10.0 * step), "{speed:?}");
        let unknown = TrainConfig { peak_tflops: 0.0, ..config };
        assert_eq!(timer.report(3, &unknown, &COST).mfu, None);
    }

    /// Catches: asynchronous work is counted in a later phase or not at all; steps wait although
    /// they are not logged; an optimizer's time is lost after the report.
    #[test]
    fn logged_steps_wait_for_the_device() {
        let (now, queued) = (Cell::new(0.0), Cell::new(0.0));
        let queue = |seconds: f64| queued.set(queued.get() + seconds);
        let wait = || {
            now.set(now.get() + queued.take());
            Ok(())
        };
        let clock = || now.get();
        let mut timer = StepTimer::new(&wait, &clock);
        for step in 1..=6 {
            timer.begin(step % 3 == 0).unwrap();
            timed(&mut timer, Phase::Forward, || queue(0.010));
            timed(&mut timer, Phase::Backward, || queue(0.030));
            timer.count_step();
            if step % 3 == 0 {
                assert!(queued.get() == 0.0, "the logged step has waited");
                let config = TrainConfig { steps: 6, ..Default::default() };
                let speed = timer.report(step, &config, &COST);
                assert!(
                    near(speed.backward_share, 3.0 * speed.forward_share)
                        && speed.forward_share > 0.0,
                    "{speed:?}"
                );
                assert_eq!(speed.optimizer_share > 0.0, step == 6, "{speed:?}");
            }
            timed(&mut timer, Phase::Optimizer, || queue(0.005));
        }
        assert!(queued.get() == 0.0, "the last step is logged");
        timer.begin(false).unwrap();
        timed(&mut timer, Phase::Forward, || queue(0.010));
        assert!(queued.get() == 0.010, "a step that is not logged must not wait");
    }

    /// Catches: a failure of the device is dropped, so that training continues with wrong values.
    #[test]
    fn a_failure_of_the_device_is_returned() {
        let (wait, clock) = (|| Err(ModelError::Failed("out of memory".into())), || 0.0);
        let mut timer = StepTimer::new(&wait, &clock);
        assert!(
            timer.begin(false).is_ok() && timer.timed(Phase::Forward, || Ok(())).is_ok(),
            "a step that is not logged must not wait"
        );
        assert!(timer.begin(true).is_err());
        assert!(matches!(timer.timed(Phase::Optimizer, || Ok(())), Err(ModelError::Failed(_))));
    }
}
