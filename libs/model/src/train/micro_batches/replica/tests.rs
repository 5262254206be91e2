//! Tests of which tensors are rounded, and of the gradient of rounded weights.

use std::rc::Rc;

use burn::backend::Flex;
use burn::backend::flex::FlexDevice;
use burn::optim::GradientsParams;

use super::*;
use crate::StackConfig;
use crate::layers::{Grid, Stack};
use crate::recompute::{Recompute, Tape};
use crate::testing::{Ad, noise, seeded};
use crate::train::micro_batches::GradientSums;
use crate::train::with_autodiff_lock;

/// Largest relative error of rounding to bf16: half of the gap between 1 and the next number.
const ROUNDING: f64 = 1.0 / 256.0;

fn stack() -> Stack<Ad> {
    let config = StackConfig {
        layers: 2,
        d: 32,
        heads: 2,
        head_dim: 0,
        ffn_mult: 4,
        qk_norm: true,
        temporal: true,
    };
    seeded(3, || config.init(&FlexDevice))
}

/// Path, type and values of each parameter.
struct Weights {
    path: Vec<String>,
    found: Vec<(String, DType, Vec<f32>)>,
}

impl Weights {
    fn of(stack: &Stack<Ad>) -> Vec<(String, DType, Vec<f32>)> {
        let mut weights = Self { path: Vec::new(), found: Vec::new() };
        stack.visit(&mut weights);
        weights.found
    }
}

impl ModuleVisitor<Ad> for Weights {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<Ad, D>>) {
        let value = param.val();
        let dtype = value.dtype();
        self.found.push((self.path.join("."), dtype, value.into_data().iter::<f32>().collect()));
    }
}

/// The number of matrices of linear layers that were read.
#[derive(Debug, Default)]
struct Initialised {
    matrices: usize,
}

impl Initialised {
    fn of(stack: &Stack<Ad>) -> Self {
        let mut all = Self::default();
        stack.visit(&mut all);
        all
    }
}

impl ModuleVisitor<Ad> for Initialised {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<Ad, D>>) {
        self.matrices += usize::from(D == 2 && param.is_initialized());
    }
}

/// Catches: norms, biases or master weights are rounded; a matrix is not rounded; the copy has
/// other weights.
#[test]
fn the_matrices_of_a_copy_are_rounded_and_nothing_else() {
    let stack = stack();
    let rounded =
        Weights::of(&replica(&stack, &FlexDevice, Precision::Bf16, &Arc::new(Transfers::new())));
    let (mut matrices, mut others) = (0, 0);
    for ((path, dtype, values), (_, before, exact)) in rounded.iter().zip(&Weights::of(&stack)) {
        assert_eq!(*before, DType::F32, "{path}");
        let matrix = ["qkv.weight", "output.weight", "up.weight", "down.weight"]
            .iter()
            .any(|end| path.ends_with(end));
        if matrix {
            matrices += 1;
            assert_eq!(*dtype, DType::BF16, "{path}");
            let off =
                |(a, b): (&f32, &f32)| f64::from((a - b).abs()) <= ROUNDING * f64::from(b.abs());
            assert!(values != exact && values.iter().zip(exact).all(off), "{path}");
        } else {
            others += 1;
            assert!(*dtype == DType::F32 && values == exact, "{path}");
        }
    }
    assert_eq!((matrices, others), (2 * 6, 2 * 20 + 2));
}

/// Catches: a copy initialises its own weights, so that the step is one of another model.
#[test]
fn weights_are_drawn_once() {
    let config = StackConfig {
        layers: 1,
        d: 16,
        heads: 2,
        head_dim: 0,
        ffn_mult: 2,
        qk_norm: false,
        temporal: true,
    };
    let stack: Stack<Ad> = config.init(&FlexDevice);
    let rounded =
        Weights::of(&replica(&stack, &FlexDevice, Precision::Bf16, &Arc::new(Transfers::new())));
    for ((path, _, a), (_, _, b)) in rounded.iter().zip(&Weights::of(&stack)) {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 0.01 * b.abs()), "{path}");
    }
}

/// The gradient of all weights, as f32 values.
fn gradient(stack: &Stack<Ad>, precision: Precision, recompute: bool) -> Vec<f64> {
    struct All(GradientsParams, Vec<f64>);
    impl ModuleVisitor<Ad> for All {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<Ad, D>>) {
            let grad = self.0.get::<Flex, D>(param.id).expect("every weight has a gradient");
            assert_eq!(grad.dtype(), DType::F32, "the optimizer's moments are made of it");
            self.1.extend(grad.into_data().iter::<f64>());
        }
    }
    let grid = Grid { b: 2, t: 4, s: 9 };
    let values: Vec<f32> =
        noise(grid.rows() * 32, 1).into_iter().map(|byte| f32::from(byte) / 128.0 - 1.0).collect();
    let x = Tensor::<Ad, 1>::from_floats(values.as_slice(), &FlexDevice).reshape([grid.rows(), 32]);
    let replica = replica(stack, &FlexDevice, precision, &Arc::new(Transfers::new()));
    let made_when_read = matches!(replica, Cow::Owned(_));
    let again = recompute.then(|| Recompute { on_event: Rc::new(|_| ()), made_when_read });
    let mut sums = GradientSums::new();
    with_autodiff_lock(|| {
        let (loss, tape) = Tape::<Ad>::record(again, || {
            let y = replica.forward(x.clone(), grid);
            assert_eq!(y.dtype(), DType::F32);
            (y.clone() * y * x).mean()
        });
        tape.backward(&loss, &*replica, |grads| sums.add(grads));
    });
    if recompute {
        let made = Initialised::of(&replica);
        assert!(made.matrices == if precision == Precision::F32 { 12 } else { 0 }, "{made:?}");
    }
    let mut all = All(sums.of_model(stack), Vec::new());
    stack.visit(&mut all);
    all.1
}

/// Catches: the rounding cuts off a gradient, or the gradient is that of other weights; products
/// are computed in f32; the rounded matrices of all blocks stay until the end of the backward pass.
///
/// Two blocks have 2·(4 + 4 + 2) products in sequence, and twice that many backward. Each product
/// rounds two factors and its result. 180 independent errors, uniform up to 2⁻⁸, add up to
/// √(180 / 3) · 2⁻⁸ = 3 %, if none is lost on the way.
#[test]
fn a_gradient_is_f32s_but_for_the_rounding() {
    let stack = stack();
    let [exact, rounded] =
        [Precision::F32, Precision::Bf16].map(|precision| gradient(&stack, precision, false));
    assert!(exact == gradient(&stack, Precision::F32, true), "recompute changes a gradient");
    assert!(rounded == gradient(&stack, Precision::Bf16, true), "recompute changes a gradient");
    let length = |values: &mut dyn Iterator<Item = f64>| {
        values.map(|value| value * value).sum::<f64>().sqrt()
    };
    let off = length(&mut exact.iter().zip(&rounded).map(|(a, b)| a - b))
        / length(&mut exact.iter().copied());
    let bound = ROUNDING * 60f64.sqrt();
    assert!(off < bound && off > ROUNDING / 4.0, "off by {off}, bound {bound}");
}
