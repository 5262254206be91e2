//! The cost of each model on some devices, without and with recompute and divided weights.

use anyhow::Result;
use genie_model::{
    Estimate, FrameSize, LamInput, RGB, TrainConfig, estimate_dynamics, estimate_lam,
    estimate_tokenizer,
};
use genie_training::ModelSections;
use serde_json::{Map, Value, json};

/// Sizes of device memory in GiB: of an A100 or H100, and of an H200 without its driver's share.
pub const MEMORIES: [u64; 2] = [80, 139];

/// Largest share of a device's memory that an estimate may take to count as fitting.
///
/// The rest is for what the estimate does not contain: the allocator's reserve and the kernels'
/// scratch memory.
const USABLE: f64 = 0.9;

/// Seconds of a day.
pub const DAY: f64 = 24.0 * 3600.0;

/// The devices that train.
pub struct Hardware {
    /// Number of devices.
    pub devices: u64,
    /// Operations per second of one device, at the share of the peak that is used.
    pub speed: f64,
}

impl Hardware {
    /// Seconds of a training run; `None` if the devices cannot share its micro-batches equally.
    pub fn seconds(&self, model: &Estimate) -> Option<f64> {
        let shared = model.micro_batches.is_multiple_of(self.devices);
        shared.then(|| model.seconds(self.speed, 1.0) / self.devices as f64)
    }

    /// Bytes of memory that each device needs.
    pub fn bytes(&self, model: &Estimate) -> u64 {
        model.bytes_on(self.devices)
    }

    /// Bytes that a training step moves over the link of the first device, in both directions.
    pub fn moved(&self, model: &Estimate) -> u64 {
        model.moved_on(self.devices)
    }

    /// Whether a training fits into the memory of devices with `gib` GiB each.
    fn fits(&self, model: &Estimate, gib: u64) -> bool {
        self.bytes(model) as f64 <= USABLE * gib as f64 * f64::from(1 << 30)
    }
}

/// The estimates of one model.
pub struct ModelCost {
    /// Name of the model's config section.
    pub name: &'static str,
    /// Without recompute.
    pub plain: Estimate,
    /// With recompute.
    pub recompute: Estimate,
    /// With recompute and `shard_weights`, which makes a difference on several devices.
    pub sharded: Estimate,
}

impl ModelCost {
    /// How the training fits into the memory of devices with `gib` GiB each.
    pub fn fit(&self, hardware: &Hardware, gib: u64) -> &'static str {
        let ways = [
            ("yes", &self.plain),
            ("with recompute", &self.recompute),
            ("with shard_weights", &self.sharded),
        ];
        let fitting = ways.into_iter().find(|(_, model)| hardware.fits(model, gib));
        fitting.map_or("no", |(way, _)| way)
    }

    /// The numbers for programs.
    pub fn to_json(&self, hardware: &Hardware) -> Value {
        let Self { name, plain, recompute, sharded } = self;
        let days = |model| hardware.seconds(model).map(|seconds| seconds / DAY);
        let fits: Map<String, Value> = MEMORIES
            .into_iter()
            .map(|gib| (gib.to_string(), self.fit(hardware, gib).into()))
            .collect();
        json!({
            "model": name,
            "parameters": plain.parameters,
            "model_bytes": plain.model_bytes,
            "activation_bytes": plain.activation_bytes,
            "activation_bytes_with_recompute": recompute.activation_bytes,
            "fits_gib": fits,
            "rows_per_step": plain.rows,
            "flops_per_step": plain.flops_per_step,
            "steps": plain.steps,
            "flops": plain.flops(),
            "devices": hardware.devices,
            "device_bytes": hardware.bytes(plain),
            "device_bytes_with_recompute": hardware.bytes(recompute),
            "device_bytes_with_shard_weights": hardware.bytes(sharded),
            "bytes_moved_per_step": hardware.moved(plain),
            "bytes_moved_per_step_with_shard_weights": hardware.moved(sharded),
            "days": days(plain),
            "days_with_recompute": days(recompute),
        })
    }
}

/// The estimates of all models, for frames of `(height, width)` pixels.
///
/// # Errors
/// When no model can be built from the config.
pub fn models(sections: &ModelSections, size: (usize, usize)) -> Result<[ModelCost; 3]> {
    let ways = [(false, false), (true, false), (true, true)];
    let [plain, recompute, sharded] = ways.map(|(recompute, shard_weights)| {
        let mut sections = sections.clone();
        let trains: [&mut TrainConfig; 3] = [
            &mut sections.tokenizer.0.train,
            &mut sections.lam.0.train,
            &mut sections.dynamics.0.train,
        ];
        for train in trains {
            (train.recompute, train.shard_weights) = (recompute, shard_weights);
        }
        estimates(&sections, size)
    });
    let (plain, recompute, sharded) = (plain?, recompute?, sharded?);
    let names = ["tokenizer", "lam", "dynamics"];
    Ok(std::array::from_fn(|model| ModelCost {
        name: names[model],
        plain: plain[model],
        recompute: recompute[model],
        sharded: sharded[model],
    }))
}

/// The estimates of tokenizer, latent action model and dynamics model.
fn estimates(sections: &ModelSections, size: (usize, usize)) -> Result<[Estimate; 3]> {
    let (tokenizer, lam, (height, width)) = (&sections.tokenizer.0, &sections.lam.0, size);
    let pixels = FrameSize { height, width, patch: tokenizer.patch, channels: RGB };
    let tokens = pixels.positions();
    let (seen, channels) = match lam.input {
        LamInput::Pixels => (size, RGB),
        LamInput::Tokens => (pixels.patches(), tokenizer.quantizer.width()),
    };
    let (codes, actions) = (tokenizer.quantizer.size(), lam.num_actions());
    Ok([
        estimate_tokenizer(tokenizer, size)?,
        estimate_lam(lam, seen, channels)?,
        estimate_dynamics(&sections.dynamics.0, (tokenizer.frames, tokens), codes, actions)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a time is promised for devices that cannot share the micro-batches; more devices
    /// take as long as one.
    #[test]
    fn several_devices_share_the_micro_batches() {
        let model = Estimate {
            micro_batches: 4,
            flops_per_step: 6.0,
            flops_again_per_step: 2.0,
            steps: 100,
            ..Estimate::default()
        };
        let seconds = |devices| Hardware { devices, speed: 10.0 }.seconds(&model);
        assert_eq!([1, 2, 3, 4, 8].map(seconds), [Some(80.0), Some(40.0), None, Some(20.0), None]);
    }

    /// Catches: a model is said to fit only with options that it does not need, or to fit although
    /// no option helps.
    #[test]
    fn the_first_way_that_fits_is_named() {
        let with = |gigabytes: u64| Estimate {
            model_bytes: gigabytes * 1_000_000_000,
            ..Estimate::default()
        };
        let one = Hardware { devices: 1, speed: 1.0 };
        let fit = |[plain, recompute, sharded]: [u64; 3]| {
            let (plain, recompute, sharded) = (with(plain), with(recompute), with(sharded));
            ModelCost { name: "lam", plain, recompute, sharded }.fit(&one, 80)
        };
        assert_eq!(fit([70, 60, 50]), "yes");
        assert_eq!(fit([80, 70, 60]), "with recompute");
        assert_eq!(fit([90, 80, 70]), "with shard_weights");
        assert_eq!(fit([100, 90, 80]), "no");
    }

    /// Catches: gigabytes are compared with gibibytes, or the whole memory is promised.
    #[test]
    fn a_tenth_of_the_memory_stays_free() {
        let with = |model_bytes| Estimate { model_bytes, ..Estimate::default() };
        let one = Hardware { devices: 1, speed: 1.0 };
        assert!(one.fits(&with(77_000_000_000), 80));
        assert!(!one.fits(&with(78_000_000_000), 80));
    }
}
