//! Which device keeps what of a model that several devices train.
//!
//! Several devices divide what training keeps of each parameter, as `ZeRO` does [Rajbhandari et al.
//! 2020]. Each parameter has an owner. The owner adds up the parameter's gradients, keeps the
//! optimizer's moments, and updates the weight: stages 1 and 2 of `ZeRO`. Burn's optimizers update
//! a parameter on the device of its gradient, and keep its moments there.
//!
//! With `train.shard_weights`, the owner also keeps the weight of each matrix of the transformers'
//! blocks: stage 3. The other devices have a copy only while they run its block. All other weights
//! are on the first device, and each other device has a copy.

use std::collections::{HashMap, HashSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::transfer::moved;

/// The devices of a training run, and what each of them keeps.
pub struct Owners<B: Backend> {
    /// The devices, at least one.
    devices: Vec<B::Device>,
    /// The index of each parameter's owner; without an entry it is the first device.
    of: HashMap<ParamId, usize>,
    /// The parameters whose weights only their owners have.
    divided: HashSet<ParamId>,
}

impl<B: Backend> Owners<B> {
    /// Divides a model's parameters among devices, with about equally many values for each.
    ///
    /// The largest parameter is given to a device first, each to the device with the fewest values.
    /// The weights of blocks are divided, too, if `shard_weights`.
    ///
    /// # Panics
    /// If there is no device.
    pub fn divide(model: &impl Module<B>, devices: &[B::Device], shard_weights: bool) -> Self {
        assert!(!devices.is_empty(), "training needs a device");
        let (mut of, mut divided) = (HashMap::new(), HashSet::new());
        if devices.len() > 1 {
            let mut all = ParamSizes::default();
            model.visit(&mut all);
            if shard_weights {
                divided =
                    all.found.iter().filter(|size| size.of_block).map(|size| size.id).collect();
            }
            all.found.sort_by_key(|size| std::cmp::Reverse(size.values));
            let mut loads = vec![0; devices.len()];
            for ParamSize { id, values, .. } in all.found {
                let least = (0..loads.len()).min_by_key(|device| loads[*device]).unwrap_or(0);
                loads[least] += values;
                of.insert(id, least);
            }
        }
        Self { devices: devices.to_vec(), of, divided }
    }

    /// The devices; the first one has all weights that are not divided.
    pub fn devices(&self) -> &[B::Device] {
        &self.devices
    }

    /// The device that adds up the gradients of a parameter, and updates it.
    pub fn owner(&self, id: ParamId) -> &B::Device {
        &self.devices[self.of.get(&id).copied().unwrap_or(0)]
    }

    /// Moves each weight of a model to the device that keeps it between training steps.
    ///
    /// The model may be one without autodiff.
    pub fn keep<C: Backend<Device = B::Device>, M: Module<C>>(&self, model: M) -> M {
        if self.devices.len() == 1 {
            return model;
        }
        let keeper =
            |id| if self.divided.contains(&id) { self.owner(id) } else { &self.devices[0] };
        model.map(&mut MoveWeights::<C> { keeper: &keeper })
    }

    /// Moves each weight of a model to its owner, which updates it.
    pub fn give<M: Module<B>>(&self, model: M) -> M {
        if self.devices.len() == 1 {
            return model;
        }
        model.map(&mut MoveWeights::<B> { keeper: &|id| self.owner(id) })
    }

    /// A copy of a model for a training step on a device.
    ///
    /// The copy has all weights that are not divided. It shares those that are divided with their
    /// owners.
    pub fn copy_for<M: Module<B>>(&self, model: &M, device: &B::Device) -> M {
        let keeper = |id| if self.divided.contains(&id) { self.owner(id) } else { device };
        model.clone().map(&mut MoveWeights::<B> { keeper: &keeper })
    }
}

/// The size of a parameter.
struct ParamSize {
    id: ParamId,
    /// Number of values.
    values: usize,
    /// Whether it is a matrix of a transformer block.
    of_block: bool,
}

/// Collects the sizes of all parameters, in visiting order.
#[derive(Default)]
struct ParamSizes {
    path: Vec<String>,
    found: Vec<ParamSize>,
}

impl<B: Backend> ModuleVisitor<B> for ParamSizes {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let of_block = D == 2 && self.path.iter().any(|name| name == "blocks");
        self.found.push(ParamSize {
            id: param.id,
            values: param.val().shape().num_elements(),
            of_block,
        });
    }
}

/// Moves weights to devices, as leaves of autodiff's graph.
struct MoveWeights<'a, B: Backend> {
    /// The device of each parameter.
    keeper: &'a dyn Fn(ParamId) -> &'a B::Device,
}

impl<B: Backend> ModuleMapper<B> for MoveWeights<'_, B> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let device = (self.keeper)(param.id);
        param.map(|weight| {
            let tracked = weight.is_require_grad();
            moved(weight.detach().set_require_grad(false), device).set_require_grad(tracked)
        })
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
        let mut all = ParamSizes::default();
        Module::<Ad>::visit(&stack, &mut all);
        for devices in [2, 4, 8] {
            let owners = Owners::<Ad>::divide(&stack, &vec![FlexDevice; devices], true);
            let (mut loads, mut weights) = (vec![0; devices], vec![0; devices]);
            for ParamSize { id, values, of_block } in &all.found {
                loads[owners.of[id]] += values;
                assert_eq!(owners.divided.contains(id), *of_block);
                weights[owners.of[id]] += if *of_block { *values } else { 0 };
            }
            for loads in [loads, weights] {
                let equal = loads.iter().sum::<usize>() / devices;
                for load in &loads {
                    let share = *load as f64 / equal as f64;
                    assert!((0.85..1.15).contains(&share), "{devices} devices: {loads:?}");
                }
            }
        }
    }
}
