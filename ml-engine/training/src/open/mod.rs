//! Training of one expert of an open model: an adapter of a few ranks on the frozen network of a layer.
//!
//! ```text
//! exact, once a sequence        floats, thousands of times
//! ids -> layers -> input x      x -> W x + B A x -> hidden -> W x + B A x = y
//!                  stream h     h + gate y -> later layers -> norm -> logits of a sample -> loss
//! ```
//!
//! Nothing in front of the slot changes, so the integer engine computes it once: [`prefix`] keeps its results on disk
//! ([`cache`]). Of the head behind it a sample of the vocabulary suffices ([`draw`]). In the last layer nothing else is behind
//! the slot, and a step learns from any tokens. In front of other layers ([`later`], [`suffix`]) a changed token changes those
//! behind it through attention: there a step learns from whole sequences, and gradients pass through the frozen layers.
//! Activations are rounded as the integers round them, straight through; the adapter's own rounding ([`rounding`]) comes at
//! the end and loses next to nothing. Where a guard got worse, what was trained goes back towards the parent first ([`guard`]).

mod attention;
mod cache;
mod draw;
mod floats;
mod guard;
mod held;
mod latent;
mod later;
mod mixture;
mod network;
mod prefix;
mod rounding;
mod run;
mod sequence;
mod settings;
mod slot;
mod suffix;
#[cfg(test)]
mod tests;
mod text;
mod tokens;

pub use guard::Guarded;
pub use run::{train_adapter, Stage, Texts, TrainedAdapter};
pub use sequence::Sequence;
pub use settings::Settings;
pub use slot::Slot;
pub use text::Cutter;
