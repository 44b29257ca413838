//! The second definition: open checkpoints (Llama-, Qwen-, OLMoE-, Mixtral- and BitNet-shaped) in integers.
//!
//! `docs/definition-2.md` fixes every number; this module is its plain form, one file an operator. An architecture is
//! data: [`Program`] lists the operators that follow from it, and whatever executes, traces or judges a model follows
//! that list. Nothing here changes the first definition, which the modules above hold.
//!
//! Numbers: residual stream in `fraction` bits within 2^28; activations 8 to 12 bits as `i16`; accumulators `i64`;
//! scales [`Real`]; logits and losses Q16 in bits. Rounding is to nearest, halves away from zero
//! ([`crate::number::div_round`], [`crate::number::shift_round`]), except where a doc comment says otherwise.

pub mod adapter;
pub mod answer;
pub mod architecture;
pub mod attention;
pub mod block;
pub mod execution;
pub mod gate;
pub mod golden;
pub mod heads;
pub mod linear;
pub mod loss;
pub mod matrix;
pub mod model;
pub mod norm;
pub mod nucleus;
pub mod program;
pub mod quantise;
pub mod real;
pub mod root;
pub mod rotary;
pub mod routing;
pub mod sampling;
pub mod similarity;
pub mod span;
pub mod step;
pub mod tensors;
pub mod trace;

/// Revision of this definition. Whatever changes one number that a score, an answer or a proof is made of changes it; claims
/// name the revision they were computed under, beside the architecture, so it counts on its own: revision 1 of the second
/// definition is not version 1 of [the first](crate::DEFINITION).
pub const REVISION: u32 = 1;

pub use adapter::{Adapter, Codes, OwnedAdapter, OwnedCodes};
pub use answer::Answer;
pub use architecture::{
	Activation, Architecture, ArchitectureError, Bits, FeedForward, LayerShape, Network, QkNorm, Routing,
	WeightKind,
};
pub use execution::Execution;
pub use linear::{Factor, HEAD_MAX, LOGIT_MAX, PROJECTION_MAX, RESIDUAL_MAX};
pub use matrix::{Matrix, OwnedMatrix};
pub use model::{model_root, Gain, Model, ModelError, OwnedPart, OwnedTensor, PartTensors, View};
pub use program::{Kind, Operator, Program, Role, Slot, Source};
pub use quantise::Activations;
pub use real::Real;
pub use tensors::{Name, Part, Tensor, TensorShape};
pub use trace::Trace;
