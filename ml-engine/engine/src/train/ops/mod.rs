//! Differentiable operators with a hand-written gradient.
//!
//! burn's tape can derive all of them, but one tape entry per elementary operation costs more memory
//! traffic than the arithmetic itself. Each operator here is one entry.

mod attention;
mod cross_entropy;
mod experts;
mod norm_quant;
mod tape;
#[cfg(test)]
mod tests;

pub(crate) use attention::{attention, Heads, Rotary};
pub(crate) use cross_entropy::cross_entropy;
pub(crate) use experts::{experts, ExpertWeights, Routing};
pub(crate) use norm_quant::norm_quant;
