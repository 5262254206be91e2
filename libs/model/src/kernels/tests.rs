//! Compares the fused kernels with the composed equations and with Burn's own autodiff.

use burn::backend::{Autodiff, Flex};
use burn::tensor::{Distribution, Tensor};

use super::convert::{primitive, tensor};
use super::{
    AttentionShape, Axis, Kernels, UnfoldShape, attend, compose, dense, gelu, log_softmax, norm,
    unfold,
};
use crate::Precision;

type Ad = Autodiff<Flex>;

fn random<const D: usize>(shape: [usize; D]) -> Tensor<Flex, D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &burn::backend::flex::FlexDevice)
}

fn close<const D: usize>(what: &str, a: Tensor<Flex, D>, b: Tensor<Flex, D>) {
    assert_eq!(a.dims(), b.dims(), "{what}");
    let off = (a - b).abs().max().into_scalar();
    assert!(off < 2e-5, "{what} is off by {off}");
}

fn shapes() -> Vec<(AttentionShape, usize)> {
    let shape = |b, t, s, heads, axis| AttentionShape {
        b,
        t,
        s,
        heads,
        axis,
        queries: t,
        precision: Precision::F32,
    };
    vec![
        (shape(2, 3, 5, 2, Axis::Space), 16),
        (shape(2, 5, 3, 2, Axis::Time), 16),
        (shape(1, 16, 17, 4, Axis::Time), 128),
        (shape(1, 2, 65, 3, Axis::Space), 24),
    ]
}

/// Catches: the strides of an axis are wrong; the softmax includes padding; a causal mask is off by
/// one.
#[test]
fn attention_equals_its_equations_on_both_axes() {
    for (shape, d) in shapes() {
        let rows = shape.b * shape.t * shape.s;
        let (qkv, grad) = (random([rows, 3 * d]), random([rows, d]));
        close::<2>(
            &format!("output of {shape:?}"),
            tensor(Flex::attend(primitive(qkv.clone()), shape)),
            tensor(compose::attend::<Flex>(primitive(qkv.clone()), shape)),
        );
        close::<2>(
            &format!("gradient of {shape:?}"),
            tensor(Flex::attend_backward(primitive(qkv.clone()), primitive(grad.clone()), shape)),
            tensor(compose::attend_backward::<Flex>(primitive(qkv), primitive(grad), shape)),
        );
    }
}

/// Catches: a hand-written gradient is wrong in the fused and in the composed version.
#[test]
fn gradients_equal_burns_own() {
    let (shape, d) = shapes()[1];
    let rows = shape.b * shape.t * shape.s;
    let (qkv, grad) = (random([rows, 3 * d]), random([rows, d]));
    let input = Tensor::<Ad, 2>::from_inner(qkv).require_grad();
    let weight = Tensor::<Ad, 2>::from_inner(grad);
    let ours = crate::train::with_autodiff_lock(|| {
        (attend(input.clone(), shape) * weight.clone()).sum().backward()
    });
    let theirs: Tensor<Ad, 2> = tensor(compose::attend::<Ad>(primitive(input.clone()), shape));
    let theirs = crate::train::with_autodiff_lock(|| (theirs * weight).sum().backward());
    close("attention", input.grad(&ours).unwrap(), input.grad(&theirs).unwrap());

    let x = Tensor::<Ad, 2>::from_inner(random([300, 24])).require_grad();
    let gamma = Tensor::<Ad, 1>::from_inner(random([24])).require_grad();
    let beta = Tensor::<Ad, 1>::from_inner(random([24])).require_grad();
    let weight = Tensor::<Ad, 2>::from_inner(random([300, 24]));
    let ours = crate::train::with_autodiff_lock(|| {
        (norm(x.clone(), gamma.clone(), beta.clone()) * weight.clone()).sum().backward()
    });
    let theirs: Tensor<Ad, 2> = tensor(compose::norm::<Ad>(
        primitive(x.clone()),
        primitive(gamma.clone()),
        primitive(beta.clone()),
    ));
    let theirs = crate::train::with_autodiff_lock(|| (theirs * weight.clone()).sum().backward());
    close("layer norm x", x.grad(&ours).unwrap(), x.grad(&theirs).unwrap());
    let sums = 1.0 / 300.0;
    close("gamma", gamma.grad(&ours).unwrap() * sums, gamma.grad(&theirs).unwrap() * sums);
    close("beta", beta.grad(&ours).unwrap() * sums, beta.grad(&theirs).unwrap() * sums);

    let ours =
        crate::train::with_autodiff_lock(|| (gelu(x.clone()) * weight.clone()).sum().backward());
    let theirs = crate::train::with_autodiff_lock(|| {
        (burn::tensor::activation::gelu(x.clone()) * weight).sum().backward()
    });
    close("gelu", x.grad(&ours).unwrap(), x.grad(&theirs).unwrap());
}

/// Catches: a cached query reads the wrong frame, on either axis.
#[test]
fn queries_of_the_last_frames_have_the_same_output() {
    for (shape, d) in shapes() {
        let qkv = random_rows(shape, d);
        let all = attend(qkv.clone(), shape).reshape([shape.b, shape.t, shape.s * d]);
        let last = attend(qkv.clone(), AttentionShape { queries: 1, ..shape }).reshape([
            shape.b,
            1,
            shape.s * d,
        ]);
        close("last frame", all.clone().narrow(1, shape.t - 1, 1), last);
        let composed: Tensor<Flex, 2> =
            tensor(compose::attend::<Flex>(primitive(qkv), AttentionShape { queries: 2, ..shape }));
        close(
            "last two",
            all.narrow(1, shape.t - 2, 2),
            composed.reshape([shape.b, 2, shape.s * d]),
        );
    }
}

/// Numbers of rows, inputs and outputs of linear layers.
///
/// There are fewer rows than a chunk has, and several chunks.
const DENSE_SHAPES: [[usize; 3]; 7] =
    [[1, 1, 1], [3, 5, 7], [3, 8, 9], [8, 64, 256], [513, 64, 48], [1300, 33, 5], [4200, 16, 20]];

/// Catches: a chunk of rows is left out or has another chunk's rows; the weights or their gradient
/// are transposed; the bias is added twice or never; partial sums are lost.
#[test]
fn a_linear_layer_equals_burns() {
    for [n, k, m] in DENSE_SHAPES {
        let input = |rows, columns| Tensor::<Ad, 2>::from_inner(random([rows, columns]));
        let (x, weight) = (input(n, k).require_grad(), input(k, m).require_grad());
        let bias = Tensor::<Ad, 1>::from_inner(random([m])).require_grad();
        let grad = input(n, m);
        let what = format!("[{n}, {k}] times [{k}, {m}]");
        let ours = dense(x.clone(), weight.clone(), bias.clone());
        let theirs = burn::tensor::module::linear(x.clone(), weight.clone(), Some(bias.clone()));
        close(&what, ours.clone().inner(), theirs.clone().inner());
        let gradients = |y: Tensor<Ad, 2>| {
            let all = crate::train::with_autodiff_lock(|| (y * grad.clone()).sum().backward());
            (x.grad(&all).unwrap(), weight.grad(&all).unwrap(), bias.grad(&all).unwrap())
        };
        let (ours, theirs) = (gradients(ours), gradients(theirs));
        close(&format!("x of {what}"), ours.0, theirs.0);
        let sums = 1.0 / n as f32;
        close(&format!("weight of {what}"), ours.1 * sums, theirs.1 * sums);
        close(&format!("bias of {what}"), ours.2 * sums, theirs.2 * sums);
    }
}

/// Catches: the other sessions of a batch change a session's frames in the last bit.
#[test]
fn a_row_of_a_linear_layer_does_not_depend_on_the_others() {
    for [n, k, m] in DENSE_SHAPES {
        let (x, weight, bias) = (random([n, k]), random([k, m]), random([m]));
        let bits = |y: Tensor<Flex, 2>| -> Vec<u32> {
            y.into_data().iter::<f32>().map(f32::to_bits).collect()
        };
        let all = bits(dense(x.clone(), weight.clone(), bias.clone()));
        for (row, rows) in [(0, 1), (n / 2, 1), (n - n.min(9), n.min(9))] {
            let some = dense(x.clone().narrow(0, row, rows), weight.clone(), bias.clone());
            assert_eq!(bits(some), all[row * m..(row + rows) * m], "{rows} rows at {row} of {n}");
        }
    }
}

/// Catches: a row is normalised with another row's sum; large logits overflow; the gradient is that
/// of a softmax without the logarithm.
#[test]
fn log_probabilities_equal_burns() {
    for shape in [[1, 1], [3, 5], [300, 256], [129, 17]] {
        let x = Tensor::<Ad, 2>::from_inner(random(shape) * 5.0).require_grad();
        let grad = Tensor::<Ad, 2>::from_inner(random(shape));
        let ours = log_softmax(x.clone());
        let theirs: Tensor<Ad, 2> = tensor(compose::log_softmax::<Ad>(primitive(x.clone())));
        close("log-probabilities", ours.clone().inner() * 0.1, theirs.clone().inner() * 0.1);
        let large = log_softmax(x.clone().inner() + 1e4).exp().sum_dim(1);
        close("sums of probabilities", large.ones_like() * 0.01, large * 0.01);
        let composed: Tensor<Flex, 2> = tensor(compose::log_softmax_grad::<Flex>(
            primitive(theirs.clone().inner()),
            primitive(grad.clone().inner()),
        ));
        let gradient = |y: Tensor<Ad, 2>| {
            let all = crate::train::with_autodiff_lock(|| (y * grad.clone()).sum().backward());
            x.grad(&all).unwrap()
        };
        let (ours, theirs) = (gradient(ours), gradient(theirs));
        close("gradient", ours * 0.1, theirs.clone() * 0.1);
        close("composed gradient", composed * 0.1, theirs * 0.1);
    }
}

fn random_rows(shape: AttentionShape, d: usize) -> Tensor<Flex, 2> {
    random([shape.b * shape.t * shape.s, 3 * d])
}

/// Images with a size that is or is not a multiple of the stride, and one below a neighbourhood.
fn unfold_shapes() -> [(UnfoldShape, usize); 4] {
    let shape =
        |images, height, width, side, stride| UnfoldShape { images, height, width, side, stride };
    [
        (shape(2, 6, 4, 3, 1), 5),
        (shape(2, 7, 5, 3, 2), 3),
        (shape(1, 2, 2, 5, 1), 2),
        (shape(3, 4, 4, 1, 3), 1),
    ]
}

/// Catches: a neighbourhood wraps at the edge or enters the next image; the axes are swapped.
#[test]
fn unfolding_and_a_product_is_a_convolution() {
    use burn::tensor::module::conv2d;
    use burn::tensor::ops::ConvOptions;

    for (shape, c) in unfold_shapes() {
        let UnfoldShape { images, height, width, side, stride } = shape;
        let x = random::<2>([images * height * width, c]);
        let weight = random::<2>([side * side * c, 7]);
        let ours = unfold(x.clone(), shape).matmul(weight.clone());
        let pixels = x.reshape([images, height, width, c]).permute([0, 3, 1, 2]);
        let kernel = weight.reshape([side, side, c, 7]).permute([3, 2, 0, 1]);
        let options = ConvOptions::new([stride; 2], [side / 2; 2], [1; 2], 1);
        let theirs = conv2d(pixels, kernel, None, options).permute([0, 2, 3, 1]);
        let (rows, columns) = shape.outputs();
        assert_eq!(theirs.dims(), [images, rows, columns, 7], "{shape:?}");
        close(&format!("{shape:?}"), ours, theirs.reshape([images * rows * columns, 7]));
    }
}

/// Catches: a gradient goes to another pixel, or is lost where neighbourhoods overlap.
#[test]
fn unfolding_passes_gradients_back() {
    for (shape, c) in unfold_shapes() {
        let x = Tensor::<Ad, 2>::from_inner(random([shape.images * shape.height * shape.width, c]))
            .require_grad();
        let weight = Tensor::<Ad, 2>::from_inner(random(unfold(x.clone(), shape).dims()));
        let ours = crate::train::with_autodiff_lock(|| {
            (unfold(x.clone(), shape) * weight.clone()).sum().backward()
        });
        let theirs: Tensor<Ad, 2> = tensor(compose::unfold::<Ad>(primitive(x.clone()), shape));
        let theirs =
            crate::train::with_autodiff_lock(|| (theirs * weight.clone()).sum().backward());
        close(&format!("{shape:?}"), x.grad(&ours).unwrap(), x.grad(&theirs).unwrap());
        let composed = tensor(compose::unfold_backward::<Flex>(primitive(weight.inner()), shape));
        close(&format!("composed {shape:?}"), x.grad(&ours).unwrap(), composed);
    }
}
