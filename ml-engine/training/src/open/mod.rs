//! Training of one expert of an open model: an adapter of a few ranks on the frozen network of the last layer.
//!
//! ```text
//! exact, once a sequence        floats, thousands of times
//! ids -> layers -> input x      x -> W x + B A x -> hidden -> W x + B A x = y
//!                  stream h     h + gate y -> norm -> logits of a sample -> loss
//! ```
//!
//! Nothing in front of the slot changes, so the integer engine computes it once: [`prefix`] keeps its results on disk
//! ([`cache`]). Behind the slot are only the norm and the head, and of the head a sample of the vocabulary suffices
//! ([`draw`]). What remains of a step is the expert itself. Activations are rounded as the integers round them, straight
//! through; the adapter's own rounding ([`rounding`]) comes at the end and loses next to nothing.

mod cache;
mod draw;
mod floats;
mod held;
mod latent;
mod network;
mod prefix;
mod rounding;
mod run;
mod sequence;
mod settings;
mod slot;
#[cfg(test)]
mod tests;
mod tokens;

pub use run::{train_adapter, Stage, TrainedAdapter};
pub use sequence::Sequence;
pub use settings::Settings;
pub use slot::Slot;
