//! What is rounded and what is not, and that a gradient survives it.

use burn::backend::Flex;
use burn::backend::flex::FlexDevice;
use burn::module::ModuleVisitor;
use burn::optim::GradientsParams;

use super::*;
use crate::StackConfig;
use crate::layers::{Grid, Stack};
use crate::testing::{Ad, noise, seeded};

/// Half of the gap between 1 and the next number: the most that rounding to bf16 takes off or adds.
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

/// Each parameter's path, numbers and values.
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
        let numbers = value.dtype();
        self.found.push((self.path.join("."), numbers, value.into_data().iter::<f32>().collect()));
    }
}

/// Catches: norms and biases that are rounded, a matrix that is not, a master weight that is; other weights than the model's.
#[test]
fn the_matrices_of_a_copy_are_rounded_and_nothing_else() {
    let stack = stack();
    let rounded = Weights::of(&Precision::Bf16.rounded(&stack));
    let (mut matrices, mut others) = (0, 0);
    for ((path, numbers, values), (_, before, exact)) in rounded.iter().zip(&Weights::of(&stack)) {
        assert_eq!(*before, DType::F32, "{path}");
        let matrix = ["qkv.weight", "output.weight", "up.weight", "down.weight"]
            .iter()
            .any(|end| path.ends_with(end));
        if matrix {
            matrices += 1;
            assert_eq!(*numbers, DType::BF16, "{path}");
            let off =
                |(a, b): (&f32, &f32)| f64::from((a - b).abs()) <= ROUNDING * f64::from(b.abs());
            assert!(values != exact && values.iter().zip(exact).all(off), "{path}");
        } else {
            others += 1;
            assert!(*numbers == DType::F32 && values == exact, "{path}");
        }
    }
    assert_eq!((matrices, others), (2 * 6, 2 * 20 + 2));
}

/// Catches: a copy of weights that are not drawn yet, which would have drawn its own: a step on another model than the one it moves.
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
    let rounded = Weights::of(&Precision::Bf16.rounded(&stack));
    for ((path, _, a), (_, _, b)) in rounded.iter().zip(&Weights::of(&stack)) {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 0.01 * b.abs()), "{path}");
    }
}

/// The gradient of all weights, in f32.
fn gradient(stack: &Stack<Ad>, precision: Precision) -> Vec<f64> {
    struct All(GradientsParams, Vec<f64>);
    impl ModuleVisitor<Ad> for All {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<Ad, D>>) {
            let grad = self.0.get::<Flex, D>(param.id).expect("every weight has a gradient");
            assert_eq!(grad.dtype(), DType::F32, "what the optimizer's moments are made of");
            self.1.extend(grad.into_data().iter::<f64>());
        }
    }
    let grid = Grid { b: 2, t: 4, s: 9 };
    let values: Vec<f32> =
        noise(grid.rows() * 32, 1).into_iter().map(|byte| f32::from(byte) / 128.0 - 1.0).collect();
    let x = Tensor::<Ad, 1>::from_floats(values.as_slice(), &FlexDevice).reshape([grid.rows(), 32]);
    let y = precision.rounded(stack).forward(x.clone(), grid);
    assert_eq!(y.dtype(), DType::F32);
    let grads = crate::train::alone(|| (y.clone() * y * x).mean().backward());
    let mut all = All(GradientsParams::from_grads(grads, stack), Vec::new());
    stack.visit(&mut all);
    all.1
}

/// Catches: a gradient that does not come back through the rounding, or is of other weights; products that are still in f32. Two blocks are 2·(4 + 4 + 2)
/// products one after the other, and twice that backward; each rounds two factors and its result. 180 independent errors, each evenly spread up to
/// 2⁻⁸, come to √(180 / 3) · 2⁻⁸, 3 %, where none is lost on the way.
#[test]
fn a_gradient_is_f32s_but_for_the_rounding() {
    let stack = stack();
    let (exact, rounded) = (gradient(&stack, Precision::F32), gradient(&stack, Precision::Bf16));
    let length = |values: &mut dyn Iterator<Item = f64>| {
        values.map(|value| value * value).sum::<f64>().sqrt()
    };
    let off = length(&mut exact.iter().zip(&rounded).map(|(a, b)| a - b))
        / length(&mut exact.iter().copied());
    let bound = ROUNDING * 60f64.sqrt();
    assert!(off < bound && off > ROUNDING / 4.0, "off by {off}, bound {bound}");
}
