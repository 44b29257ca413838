//! Execution of a model: losses of sequences, and logits of one position after another.
//!
//! Every operator works on one position at a time and sees the others only through the keys and values of attention.
//! So a text may be read in pieces of any length, and its bits stay the same.

mod batch;
mod choices;
mod lane;
mod means;
mod mixture;
mod network;
mod sampler;
mod scores;
mod states;
mod store;
mod usage;
mod weights;

pub use batch::{Choice, Rows};
pub use sampler::sample;
pub use scores::Scores;
pub use states::{Ends, States};
pub use store::Store;
pub use usage::{ExpertUse, Usage};
pub use weights::{
	Attention, ExpertAdapters, Experts, FeedForward, Head, Layer, Linear, Network, Norm, Routed, Shape,
	Weights,
};

use blyan_kernel::{
	definition2::{HeadCache, Inputs},
	Kernel,
};
use lane::{Lane, Part};
use means::{Means, Observer};
use rayon::ThreadPool;
use std::sync::{
	atomic::{AtomicBool, Ordering},
	Arc,
};

/// Positions that one thread takes through the layers at a time.
const LANE_POSITIONS: usize = 32;
/// Positions from which on they are worth a second thread.
const LANE_POSITIONS_MIN: usize = 8;

/// Reason why tokens were not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
	/// The sequence would be longer than the context.
	#[error("{positions} positions do not fit the model's context of {context}: shorten the text")]
	Context {
		/// Positions asked for.
		positions: usize,
		/// Positions that the model takes.
		context: usize,
	},
	/// A token is outside of the vocabulary.
	#[error(
		"token {token} is outside of the model's vocabulary of {vocabulary}: use the model's own tokenizer"
	)]
	Token {
		/// The token.
		token: u32,
		/// Size of the vocabulary.
		vocabulary: usize,
	},
	/// The model has no such layer.
	#[error("there is no layer {layer}: the model has {layers}, counted from 0")]
	Layer {
		/// Layer asked for.
		layer: usize,
		/// Layers of the model.
		layers: usize,
	},
	/// There is nothing to read.
	#[error("there is nothing to read: give at least one token, and two where losses are asked for")]
	Empty,
	/// The caller asked to stop.
	#[error("cancelled")]
	Cancelled,
	/// The threads cannot be started.
	#[error("cannot start {threads} threads: {reason}")]
	Threads {
		/// Number of threads.
		threads: usize,
		/// Message of the system.
		reason: String,
	},
}

/// Keys and values of the positions that were read.
pub struct Sequence {
	/// One a layer and key/value head.
	caches: Vec<HeadCache>,
	kv_heads: usize,
	positions: usize,
}

impl Sequence {
	/// Returns the number of positions that were read.
	pub fn positions(&self) -> usize {
		self.positions
	}

	/// Forgets all positions from `positions` on.
	pub fn truncate(&mut self, positions: usize) {
		self.positions = self.positions.min(positions);
		self.caches.iter_mut().for_each(|cache| cache.truncate(self.positions));
	}

	/// Returns the memory of keys and values.
	pub fn bytes(&self) -> usize {
		self.caches.iter().map(HeadCache::bytes).sum()
	}
}

/// A model on the threads of this machine.
pub struct Runner {
	weights: Arc<Weights>,
	kernel: Kernel,
	pool: Arc<ThreadPool>,
	threads: usize,
	lanes: Vec<Lane>,
	cancelled: Arc<AtomicBool>,
}

impl Runner {
	/// Starts `threads` threads.
	pub fn new(weights: Arc<Weights>, kernel: Kernel, threads: usize) -> Result<Self, RunError> {
		let threads = threads.max(1);
		let pool = rayon::ThreadPoolBuilder::new()
			.num_threads(threads)
			.thread_name(|index| format!("model-{index}"))
			.build()
			.map_err(|error| RunError::Threads { threads, reason: error.to_string() })?;
		let lanes = std::iter::repeat_with(Lane::default).take(threads).collect();
		Ok(Self { weights, kernel, pool: Arc::new(pool), threads, lanes, cancelled: Arc::default() })
	}

	/// Starts as many threads as this machine has cores, or another number, with the best kernel.
	pub fn on_this_machine(weights: Arc<Weights>, threads: Option<usize>) -> Result<Self, RunError> {
		let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get());
		Self::new(weights, Kernel::best(), threads.unwrap_or_else(cores))
	}

	/// Returns the model.
	pub fn weights(&self) -> &Arc<Weights> {
		&self.weights
	}

	/// Returns the flag that makes reading stop in front of the next layer. It stays set until it is cleared.
	pub fn cancelled(&self) -> &Arc<AtomicBool> {
		&self.cancelled
	}

	/// Begins a sequence.
	pub fn sequence(&self) -> Sequence {
		let shape = &self.weights.shape;
		let caches = self.weights.layers.len() * shape.kv_heads;
		let cache = || HeadCache::new(shape.head_size);
		let caches = std::iter::repeat_with(cache).take(caches).collect();
		Sequence { caches, kv_heads: shape.kv_heads, positions: 0 }
	}

	/// Reads tokens behind those of the sequence, and writes the logits after the last one.
	///
	/// If it fails, the sequence is as before.
	pub fn read(
		&mut self,
		sequence: &mut Sequence,
		ids: &[u32],
		logits: &mut Vec<i32>,
	) -> Result<(), RunError> {
		let end = sequence.positions + ids.len();
		self.pass(sequence, ids, None, |means, lanes, _| {
			if let Some(lane) = lanes.last_mut().filter(|lane| lane.positions().end == end) {
				lane.last_logits(means, logits);
			}
		})
	}

	/// Computes the loss (Q16, in bits) of every token but the first, which is context only.
	pub fn losses(&mut self, ids: &[u32]) -> Result<Vec<u64>, RunError> {
		let mut sequence = self.sequence();
		self.losses_behind(&mut sequence, ids)
	}

	/// Computes the loss (Q16, in bits) of every token but the first, behind those of the sequence, and reads all but the last.
	///
	/// If it fails, the sequence is as before.
	pub fn losses_behind(&mut self, sequence: &mut Sequence, ids: &[u32]) -> Result<Vec<u64>, RunError> {
		let [context @ .., _] = ids else { return Err(RunError::Empty) };
		self.ensure_tokens(ids)?;
		let before = sequence.positions;
		let mut losses = vec![0; context.len()];
		self.pass(sequence, context, None, |means, lanes, pass_first| {
			let mut rest = &mut losses[pass_first..];
			let mut lanes: Vec<(&mut Lane, &mut [u64])> = lanes
				.iter_mut()
				.map(|lane| {
					let (out, behind) = std::mem::take(&mut rest).split_at_mut(lane.positions().len());
					rest = behind;
					(lane, out)
				})
				.collect();
			let step = |(lane, out): &mut (&mut Lane, &mut [u64])| {
				let positions = lane.positions();
				lane.losses(means, &ids[positions.start - before + 1..positions.end - before + 1], out);
			};
			match lanes.as_mut_slice() {
				[only] => step(only),
				lanes => {
					use rayon::prelude::*;
					lanes.par_iter_mut().for_each(step);
				}
			}
		})?;
		Ok(losses)
	}

	/// Reads a sequence and shows what goes into the feed-forward networks and routers of its layers.
	///
	/// `observe` gets the layer, the first of some consecutive positions, and their normalised rows; pieces of a layer come
	/// in any order, from several threads.
	pub fn observe(
		&mut self,
		ids: &[u32],
		observe: &(dyn Fn(usize, usize, &Inputs) + Sync),
	) -> Result<(), RunError> {
		let mut sequence = self.sequence();
		self.pass(&mut sequence, ids, Some(observe), |_, _, _| {})
	}

	/// Refuses a text that is empty, longer than the context, or has tokens that the vocabulary does not have.
	pub fn ensure_readable(&self, ids: &[u32]) -> Result<(), RunError> {
		let (positions, context) = (ids.len(), self.weights.shape.context);
		if positions == 0 {
			return Err(RunError::Empty);
		}
		if positions > context {
			return Err(RunError::Context { positions, context });
		}
		self.ensure_tokens(ids)
	}

	fn ensure_tokens(&self, ids: &[u32]) -> Result<(), RunError> {
		let vocabulary = self.weights.shape.vocabulary;
		match ids.iter().find(|id| **id as usize >= vocabulary) {
			Some(token) => Err(RunError::Token { token: *token, vocabulary }),
			None => Ok(()),
		}
	}

	/// Takes tokens through all layers, a piece at a time; `behind` sees the lanes of each piece and its first position.
	fn pass(
		&mut self,
		sequence: &mut Sequence,
		ids: &[u32],
		observer: Option<Observer<'_>>,
		mut behind: impl FnMut(Means<'_>, &mut [Lane], usize) + Send,
	) -> Result<(), RunError> {
		let all = [self.weights.layers.len()];
		self.pass_through(&all, sequence, ids, observer, |means, lanes, _, first| behind(means, lanes, first))
	}

	/// Takes tokens through the first layers, as [`Self::pass`] does through all, and stops behind some of them: `stops` are
	/// the layers that have been run by then, ascending, and `behind` gets the place of the stop besides.
	fn pass_through(
		&mut self,
		stops: &[usize],
		sequence: &mut Sequence,
		ids: &[u32],
		observer: Option<Observer<'_>>,
		mut behind: impl FnMut(Means<'_>, &mut [Lane], usize, usize) + Send,
	) -> Result<(), RunError> {
		if ids.is_empty() {
			return Err(RunError::Empty);
		}
		let (before, context) = (sequence.positions, self.weights.shape.context);
		let positions = before + ids.len();
		if positions > context {
			return Err(RunError::Context { positions, context });
		}
		self.ensure_tokens(ids)?;
		let Self { weights, kernel, pool, threads, lanes, cancelled } = self;
		let is_complete = pool.install(|| {
			let mut first = before;
			for piece in ids.chunks(LANE_POSITIONS * *threads) {
				let count = (piece.len() / LANE_POSITIONS_MIN).clamp(1, *threads);
				let means = Means { weights, kernel: *kernel, threads: *threads, observer };
				let share = piece.len().div_ceil(count);
				let lanes = &mut lanes[..piece.len().div_ceil(share)];
				let starts = (first..).step_by(share).zip(piece.chunks(share));
				lanes.iter_mut().zip(starts).for_each(|(lane, (first, ids))| {
					lane.begin(means, &[Part { sequence: 0, first, ids }]);
				});
				let mut done = 0;
				for (place, stop) in stops.iter().enumerate() {
					let is_cancelled = || cancelled.load(Ordering::Relaxed);
					if !lane::layers(means, done..*stop, lanes, sequence, is_cancelled) {
						return false;
					}
					behind(means, lanes, place, first - before);
					done = *stop;
				}
				first += piece.len();
				sequence.positions = first;
			}
			true
		});
		if is_complete {
			return Ok(());
		}
		sequence.truncate(before);
		Err(RunError::Cancelled)
	}
}
