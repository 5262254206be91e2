//! Which device updates which parameter.
//!
//! Several devices divide the optimizer's work and moments among them: stage 1 of `ZeRO`
//! [Rajbhandari et al. 2020]. Each parameter has an owner. Burn's optimizers update a parameter on
//! the device of its gradient, and keep its moments there. So the gradients of a parameter are
//! added up on its owner, and the first device collects the new weights.
//!
//! Guarantee: the sums have the same order whoever owns a parameter. So the owners change no bit if
//! all devices compute the same.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

/// The devices of a training run, and the parameters that each of them owns.
pub struct Owners<B: Backend> {
    /// The devices, at least one.
    devices: Vec<B::Device>,
    /// The index of each parameter's owner; without an entry it is the first device.
    of: HashMap<ParamId, usize>,
}

impl<B: AutodiffBackend> Owners<B> {
    /// Divides a model's parameters among devices, with about equally many values for each.
    ///
    /// The largest parameter is given to a device first, each to the device with the fewest values.
    ///
    /// # Panics
    /// If there is no device.
    pub fn divide(model: &impl Module<B>, devices: &[B::Device]) -> Self {
        assert!(!devices.is_empty(), "training needs a device");
        let mut of = HashMap::new();
        if devices.len() > 1 {
            let mut sizes = Sizes(Vec::new());
            model.visit(&mut sizes);
            sizes.0.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
            let mut loads = vec![0; devices.len()];
            for (id, size) in sizes.0 {
                let least = (0..loads.len()).min_by_key(|device| loads[*device]).unwrap_or(0);
                loads[least] += size;
                of.insert(id, least);
            }
        }
        Self { devices: devices.to_vec(), of }
    }

    /// The devices; the first one has the model.
    pub fn devices(&self) -> &[B::Device] {
        &self.devices
    }

    /// Adds up the gradients of all devices, each on the device of its parameter's owner.
    pub fn add_up(&self, model: &impl Module<B>, parts: Vec<GradientsParams>) -> GradientsParams {
        let mut all = AddUp { owners: self, parts, sum: GradientsParams::new() };
        model.visit(&mut all);
        all.sum
    }

    /// Moves the weights of a model that was just updated to the first device.
    pub fn collect<M: Module<B>>(&self, model: M) -> M {
        if self.devices.len() == 1 { model } else { model.fork(&self.devices[0]) }
    }
}

/// The number of values of each parameter, in visiting order.
struct Sizes(Vec<(ParamId, usize)>);

impl<B: Backend> ModuleVisitor<B> for Sizes {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.0.push((param.id, param.val().dims().iter().product()));
    }
}

/// Adds up the gradients of several devices.
struct AddUp<'a, B: Backend> {
    owners: &'a Owners<B>,
    parts: Vec<GradientsParams>,
    sum: GradientsParams,
}

impl<B: AutodiffBackend> ModuleVisitor<B> for AddUp<'_, B> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let Owners { devices, of } = self.owners;
        let owner = &devices[of.get(&param.id).copied().unwrap_or(0)];
        let grads = self.parts.iter_mut().filter_map(|part| part.remove(param.id));
        let grads = grads.map(|grad: Tensor<B::InnerBackend, D>| grad.to_device(owner));
        if let Some(sum) = grads.reduce(|sum, grad| sum + grad) {
            self.sum.register(param.id, sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::flex::FlexDevice;

    use super::*;
    use crate::layers::StackConfig;
    use crate::testing::{Ad, seeded};

    /// Catches: a device owns most of the model or nothing; a parameter has no owner.
    #[test]
    fn devices_own_equal_shares() {
        let config = StackConfig {
            layers: 4,
            d: 32,
            heads: 2,
            head_dim: 0,
            ffn_mult: 4,
            qk_norm: true,
            temporal: true,
        };
        let stack = seeded(1, || config.init::<Ad>(&FlexDevice));
        let mut sizes = Sizes(Vec::new());
        Module::<Ad>::visit(&stack, &mut sizes);
        for devices in [2, 4, 8] {
            let owners = Owners::<Ad>::divide(&stack, &vec![FlexDevice; devices]);
            let mut loads = vec![0; devices];
            for (id, size) in &sizes.0 {
                loads[owners.of[id]] += size;
            }
            let equal = loads.iter().sum::<usize>() / devices;
            for load in &loads {
                let share = *load as f64 / equal as f64;
                assert!((0.85..1.15).contains(&share), "{devices} devices: {loads:?}");
            }
        }
    }
}
