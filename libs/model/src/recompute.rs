//! Activation recompute: a transformer block keeps only its input for the backward pass.
//!
//! It runs again in the backward pass, so a training step needs the memory of one block at a time
//! [Chen et al. 2016]. The block's code is the same both times.
//!
//! A [`Tape`] cuts the graph of a forward pass at every block. Blocks first run without a graph.
//! The backward pass begins at the loss and ends at the output of the last block. Then each block
//! runs again, with a graph of its own, from the last one to the first. Each of these backward
//! passes begins with the gradient of the block's output and gives that of its input. Burn cannot
//! run one backward pass within another one (`docs/log/`), so the passes run in sequence.
//!
//! A weight that is made when it is first read exists only while its block runs, because each run
//! has its own clone of the block. All weights of a block are made before it runs.
//!
//! A thread has at most one tape, as autodiff has one graph. [`through`] and [`cut`] record on it.
//! Without a tape, or on another backend than its own, they only compute.
//!
//! Guarantee: on the CPU, all gradients have the same bits as without a tape. Blocks must compute
//! the same when they run again, so they must not draw random numbers.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::ops::FloatTensor;

use crate::weights;

thread_local! {
    /// The [`Tape`] of the forward pass that this thread records.
    static RECORDING: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

/// What happens next in a recorded forward or backward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockEvent {
    /// The weights of a block are made.
    MakeWeights,
    /// The block runs.
    RunBlock,
    /// The forward pass goes on with the next block.
    NextBlock,
}

/// A function that is called at each [`BlockEvent`].
pub type OnEvent = Rc<dyn Fn(BlockEvent)>;

/// How blocks run again.
pub struct Recompute {
    pub on_event: OnEvent,
    /// Whether weights are made when they are read, for each run of their block.
    ///
    /// Otherwise a weight that was never read has no initial value yet.
    pub made_when_read: bool,
}

/// A recorded forward pass.
pub struct Tape<B: Backend> {
    /// The stacks of blocks, in the order of the forward pass.
    stacks: Vec<RecordedStack<B>>,
    /// The losses that were cut off since the last stack.
    losses: Vec<CutLoss<B>>,
    /// Nothing if the forward pass is not recorded.
    recompute: Option<Recompute>,
}

/// A parameter and a tensor: a leaf of a graph with its weight, or its gradient.
type OfParam<B> = (ParamId, FloatTensor<B>);

/// Runs a block again: from its input to its output and its weights.
type RunAgain<B> = Box<dyn FnOnce(Tensor<B, 2>) -> (Tensor<B, 2>, Vec<OfParam<B>>)>;

/// A stack of blocks, and the graph before them.
struct RecordedStack<B: Backend> {
    /// The losses of the graph before the blocks.
    losses: Vec<CutLoss<B>>,
    /// The last tensor of the graph before the blocks.
    start: Tensor<B, 2>,
    blocks: Vec<RecordedBlock<B>>,
    /// The output of the last block: a leaf of the graph after the blocks.
    output: Tensor<B, 2>,
}

/// A block: its input, and the function that runs it again and also returns its weights.
struct RecordedBlock<B: Backend> {
    input: Tensor<B, 2>,
    run: RunAgain<B>,
}

/// A loss that was cut off its graph.
struct CutLoss<B: Backend> {
    /// The loss in its graph.
    before: Tensor<B, 1>,
    /// A leaf with its value, which the final loss contains.
    after: Tensor<B, 1>,
}

impl<B: AutodiffBackend> Tape<B> {
    /// Runs a forward pass of this thread, and records it with `recompute`.
    pub fn record<R>(recompute: Option<Recompute>, forward: impl FnOnce() -> R) -> (R, Self) {
        let recorded = recompute.is_some();
        let mut tape = Self { stacks: Vec::new(), losses: Vec::new(), recompute };
        if !recorded {
            return (forward(), tape);
        }
        RECORDING.set(Some(Box::new(tape)));
        let result = forward();
        tape = *RECORDING.take().and_then(|tape| tape.downcast().ok()).expect("set above");
        (result, tape)
    }

    /// Runs the backward pass of a loss of `model`'s recorded forward pass.
    ///
    /// Calls `found` with the gradients of each part of the graph. A weight that only one part uses
    /// has a gradient only there.
    ///
    /// # Panics
    /// If a loss was cut off after the last stack.
    pub fn backward(
        self,
        loss: &Tensor<B, 1>,
        model: &impl Module<B>,
        mut found: impl FnMut(Vec<OfParam<B::InnerBackend>>),
    ) {
        assert!(self.losses.is_empty(), "a loss may be cut off only before a stack of blocks");
        let mut grads = loss.backward();
        for RecordedStack { losses, start, blocks, output } in self.stacks.into_iter().rev() {
            let mut grad = output.grad_remove(&mut grads);
            let cut =
                |CutLoss { before, after }| Some(times(before, after.grad_remove(&mut grads)?));
            let losses: Vec<Tensor<B, 1>> = losses.into_iter().filter_map(cut).collect();
            found(gradients::<B>(weights_of::<B>(model), &mut grads));
            for RecordedBlock { input, run } in blocks.into_iter().rev() {
                let Some(known) = grad.take() else { break };
                let input = input.require_grad();
                let (output, weights) = run(input.clone());
                let mut grads = times(output, known).backward();
                grad = input.grad_remove(&mut grads);
                found(gradients::<B>(weights, &mut grads));
            }
            // Autodiff adds up gradients in an order that follows from the order of these terms. It
            // is that of the whole loss, in which the losses that are cut off come last.
            let ends = grad.map(|grad| times(start, grad)).into_iter().chain(losses);
            let Some(end) = ends.reduce(|a, b| a + b) else { return };
            grads = end.backward();
        }
        found(gradients::<B>(weights_of::<B>(model), &mut grads));
    }
}

/// A number whose gradient with respect to `x` is `grad`.
fn times<B: AutodiffBackend, const D: usize>(
    x: Tensor<B, D>,
    grad: Tensor<B::InnerBackend, D>,
) -> Tensor<B, 1> {
    (x * Tensor::from_inner(grad)).sum()
}

/// The weights of a module, as leaves of the graph that it was used in.
///
/// A weight that was not read yet is in no graph.
fn weights_of<B: Backend>(module: &impl Module<B>) -> Vec<OfParam<B>> {
    struct CollectLeaves<B: Backend>(Vec<OfParam<B>>);
    impl<B: Backend> ModuleVisitor<B> for CollectLeaves<B> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
            if param.is_initialized() {
                self.0.push((param.id, param.val().into_primitive().tensor()));
            }
        }
    }
    let mut all = CollectLeaves(Vec::new());
    module.visit(&mut all);
    all.0
}

/// Takes the gradients of weights out of those of a graph.
fn gradients<B: AutodiffBackend>(
    weights: Vec<OfParam<B>>,
    grads: &mut B::Gradients,
) -> Vec<OfParam<B::InnerBackend>> {
    let grad = |(id, weight)| Some((id, B::grad_remove(&weight, grads)?));
    weights.into_iter().filter_map(grad).collect()
}

/// Runs `record` on this thread's tape; does nothing if there is none for this backend.
fn on_tape<B: Backend, R>(record: impl FnOnce(&mut Tape<B>) -> R) -> Option<R> {
    RECORDING.with_borrow_mut(|tape| tape.as_mut()?.downcast_mut().map(record))
}

/// Runs rows `[n, d]` through a stack of blocks, one after the other.
///
pub fn through<B: Backend, M: Module<B> + 'static>(
    blocks: &[M],
    x: Tensor<B, 2>,
    forward: impl Fn(&M, Tensor<B, 2>) -> Tensor<B, 2> + Copy + 'static,
) -> Tensor<B, 2> {
    let recompute = on_tape::<B, _>(|tape| {
        let recompute = tape.recompute.as_ref()?;
        Some((Rc::clone(&recompute.on_event), recompute.made_when_read))
    });
    let Some((on_event, made_when_read)) = recompute.flatten() else {
        return blocks.iter().fold(x, |x, block| forward(block, x));
    };
    let start = x.clone();
    let mut x = x.set_require_grad(false);
    let mut recorded = Vec::with_capacity(blocks.len());
    for block in blocks {
        if !made_when_read {
            // A clone of a block without initial weights would get others.
            weights::draw(block);
        }
        let (input, again) = (x.clone(), block.clone());
        let before = Rc::clone(&on_event);
        let run = Box::new(move |x| {
            before(BlockEvent::MakeWeights);
            weights::draw(&again);
            before(BlockEvent::RunBlock);
            let output = forward(&again, x);
            (output, weights_of::<B>(&again))
        });
        recorded.push(RecordedBlock { input, run });
        on_event(BlockEvent::MakeWeights);
        let local = block.clone().no_grad();
        weights::draw(&local);
        on_event(BlockEvent::RunBlock);
        x = forward(&local, x).set_require_grad(false);
        on_event(BlockEvent::NextBlock);
    }
    let output = x.require_grad();
    on_tape(|tape| {
        tape.stacks.push(RecordedStack {
            losses: std::mem::take(&mut tape.losses),
            start,
            blocks: recorded,
            output: output.clone(),
        });
    });
    output
}

/// Cuts off a loss whose graph continues into a stack of blocks.
///
/// The backward pass of the final loss then does not enter that graph. The loss and the stack's
/// input have one backward pass together, since autodiff frees a graph after its backward pass.
pub fn cut<B: Backend>(loss: Tensor<B, 1>) -> Tensor<B, 1> {
    let leaf = || loss.clone().set_require_grad(false).require_grad();
    let cut = on_tape(|tape| {
        let after = leaf();
        tape.losses.push(CutLoss { before: loss.clone(), after: after.clone() });
        after
    });
    cut.unwrap_or(loss)
}
