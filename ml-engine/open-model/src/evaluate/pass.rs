//! A sequence on its way through all steps of a plan, piece by piece, the candidate beside the baseline.

use super::{
	batch::{union, Content, Output, Piece},
	error::EvaluateError,
	jobs::Jobs,
	means::{Buffers, Checkpoint, Means},
	plan::{Plan, Step, Work},
	recorder::{self, HeadScale, Recorder, RowPlace},
	tensors::Tensors,
};
use blyan_exact::definition2::{
	adapter::low_rank_bytes, model::Gain, routing::route, Activation, Kind, Role, RESIDUAL_MAX,
};
use blyan_kernel::{
	definition2::{add, angles, embed, HeadCache, Inputs, PackedView},
	Kernel,
};
use std::borrow::Cow;

/// Positions that pass through the layers together: whole blocks of keys, and enough tokens for each expert.
pub const PIECE_POSITIONS: usize = 64;

/// KV caches of a layer, one a key/value head.
#[derive(Default)]
pub(super) struct Caches {
	pub(super) baseline: Vec<HeadCache>,
	/// From the first piece on in which the candidate's keys or values differ.
	pub(super) candidate: Option<Vec<HeadCache>>,
}

/// Jobs of the layer whose experts are being computed.
pub(super) struct Experts {
	/// Step of the route that they follow.
	pub(super) route: usize,
	pub(super) jobs: Jobs,
	/// Experts are adapters of the layer's network.
	pub(super) are_adapters: bool,
	/// Activations of each group, and the step that they come from.
	pub(super) gathered: Option<(usize, Vec<Inputs>)>,
}

/// A sequence on its way.
pub struct Pass<'a, R> {
	pub(super) plan: &'a Plan,
	pub(super) tensors: Tensors<'a>,
	pub(super) means: Means,
	pub(super) buffers: &'a mut Buffers,
	pub(super) recorder: R,
	pub(super) ids: &'a [u32],
	pub(super) piece: Piece,
	/// Of each step, while a later one reads it.
	pub(super) outputs: Vec<Option<Output>>,
	pub(super) caches: Vec<Caches>,
	/// Angles of one position after another, from the piece's first.
	pub(super) rotations: Vec<[i32; 2]>,
	pub(super) experts: Option<Experts>,
	/// Totals of the baseline and of the candidate.
	pub(super) losses: [u64; 2],
}

impl<'a, R: Recorder> Pass<'a, R> {
	/// Begins a sequence of ids, the first of which is context only.
	pub fn new(
		plan: &'a Plan,
		tensors: Tensors<'a>,
		means: Means,
		buffers: &'a mut Buffers,
		ids: &'a [u32],
		recorder: R,
	) -> Self {
		let outputs = plan.steps().iter().map(|_| None).collect();
		let architecture = plan.program().architecture();
		let head = || HeadCache::new(architecture.head_size.into());
		let caches = architecture.layers.iter().map(|_| Caches {
			baseline: std::iter::repeat_with(head).take(architecture.kv_heads.into()).collect(),
			candidate: None,
		});
		Self {
			plan,
			tensors,
			means,
			buffers,
			recorder,
			ids,
			piece: Piece::default(),
			outputs,
			caches: caches.collect(),
			rotations: Vec::new(),
			experts: None,
			losses: [0; 2],
		}
	}

	/// Takes the whole sequence through the first `steps` steps; returns the recorder and the losses of both sides, which
	/// are complete if these are all steps.
	pub fn run(mut self, steps: usize, checkpoint: Checkpoint<'_>) -> Result<(R, [u64; 2]), EvaluateError> {
		let positions = self.plan.program().positions();
		for first in (0..positions).step_by(PIECE_POSITIONS) {
			self.begin(Piece { first, positions: PIECE_POSITIONS.min(positions - first) });
			for index in 0..steps.min(self.plan.steps().len()) {
				let step = &self.plan.steps()[index];
				let begins_layer = matches!(step.operator.role, Role::AttentionInput(_) | Role::HeadInput);
				if begins_layer && checkpoint().is_break() {
					return Err(EvaluateError::Cancelled);
				}
				let output = self.compute(step)?;
				self.record(step, &output);
				self.outputs[index] = Some(output);
				for end in &step.ends {
					if let Some(output) = self.outputs[*end].take() {
						self.buffers.keep(output.content);
					}
				}
			}
		}
		Ok((self.recorder, self.losses))
	}

	/// Begins a piece: computes the angles of its positions.
	fn begin(&mut self, piece: Piece) {
		self.piece = piece;
		self.experts = None;
		self.outputs.fill_with(|| None);
		self.rotations.clear();
		let mut turns = Vec::new();
		for position in piece.first..piece.first + piece.positions {
			// Positions are below 2^17.
			angles(position as u32, &self.tensors.weights.frequencies, &mut turns);
			self.rotations.extend_from_slice(&turns);
		}
	}

	fn compute(&mut self, step: &'a Step) -> Result<Output, EvaluateError> {
		match step.work {
			Work::Experts => return self.expert_step(step),
			Work::Vocabulary => return self.vocabulary(step),
			Work::Rows => {}
		}
		let differing = self.differing(step);
		let content = match step.operator.kind {
			Kind::Embed => self.embed(step)?,
			Kind::Norm { .. } | Kind::Quantise { .. } => self.quantise(step, &differing)?,
			Kind::Linear { width: _, fraction, bound } => {
				let bias = self.tensors.bias(step)?;
				Content::Integers(self.product(step, &differing, (fraction, bound), bias)?)
			}
			Kind::LinearAdd { .. } => {
				let fraction = self.plan.program().architecture().fraction;
				let mut stream = self.product(step, &differing, (fraction, RESIDUAL_MAX), None)?;
				let update = self.integers(step, 1, &differing)?;
				add(self.means.kernel, &mut stream, &update);
				Content::Integers(stream)
			}
			Kind::QueryHeads | Kind::KeyHeads => self.rotated_heads(step, &differing)?,
			Kind::ValueHeads => self.value_heads(step, &differing)?,
			Kind::Attention => self.attention(step, &differing)?,
			Kind::Hidden { width } => self.hidden(step, &differing, width)?,
			Kind::Route { top_k, normalised, .. } => {
				let logits = self.integers(step, 0, &differing)?;
				let rows = logits.chunks_exact(self.input_width(step, 0)?);
				Content::Choices(rows.flat_map(|logits| route(logits, top_k.into(), normalised)).collect())
			}
			Kind::Mix { top_k, shared } => self.mix(step, &differing, top_k.into(), shared)?,
			// Only chosen experts have adapters.
			Kind::AdapterIn { .. } | Kind::AdaptedLinear { .. } => {
				return Err(EvaluateError::Weights(step.operator.role));
			}
			Kind::LogitPeaks | Kind::LogitSums | Kind::Loss | Kind::Total => Content::Nothing,
			Kind::Buckets { .. } | Kind::Narrow { .. } | Kind::Cut | Kind::Best | Kind::Miss => {
				Content::Nothing
			}
		};
		Ok(Output { differing, content })
	}

	/// Returns the positions at which the candidate's row of a step may differ from the baseline's.
	fn differing(&self, step: &Step) -> Vec<u32> {
		let inputs = step.inputs.iter().filter_map(|input| self.outputs[*input].as_ref());
		let differing = inputs.fold(Vec::new(), |all, input| union(&all, &input.differing));
		let layer = match step.operator.role {
			Role::KeyHeads(layer) | Role::ValueHeads(layer) | Role::Attention(layer) => layer,
			_ => return differing,
		};
		// Keys and values are read by all later positions, and lie in blocks of several.
		let candidate = self.caches.get(usize::from(layer)).and_then(|caches| caches.candidate.as_ref());
		if differing.is_empty() && candidate.is_none() {
			differing
		} else {
			self.piece.all()
		}
	}

	/// Returns the output of an input of a step.
	pub(super) fn input(&self, step: &Step, place: usize) -> Result<&Output, EvaluateError> {
		let output = step.inputs.get(place).and_then(|input| self.outputs[*input].as_ref());
		output.ok_or(EvaluateError::Weights(step.operator.role))
	}

	/// Returns the entries of a row of an input.
	pub(super) fn input_width(&self, step: &Step, place: usize) -> Result<usize, EvaluateError> {
		let input = step.inputs.get(place).and_then(|input| self.plan.steps().get(*input));
		input.map(Step::width).ok_or(EvaluateError::Weights(step.operator.role))
	}

	/// Returns the rows of an input of integers.
	pub(super) fn integers(
		&self,
		step: &Step,
		place: usize,
		differing: &[u32],
	) -> Result<Cow<'_, [i32]>, EvaluateError> {
		let width = self.input_width(step, place)?;
		Ok(self.input(step, place)?.integers(self.piece, differing, width))
	}

	/// Returns the number of rows of an output.
	pub(super) fn rows(&self, differing: &[u32]) -> usize {
		self.piece.positions + differing.len()
	}

	fn embed(&mut self, step: &Step) -> Result<Content, EvaluateError> {
		let (matrix, width) = (self.tensors.matrix(step)?, step.width());
		let fraction = self.plan.program().architecture().fraction.into();
		let mut stream = self.buffers.integers(self.piece.positions * width);
		let ids = &self.ids[self.piece.first..][..self.piece.positions];
		let vocabulary = self.plan.program().architecture().vocabulary as usize;
		if (matrix.rows(), matrix.columns()) != (vocabulary, width) {
			return Err(EvaluateError::Weights(step.operator.role));
		}
		for (id, row) in ids.iter().zip(stream.chunks_exact_mut(width)) {
			embed(matrix, *id as usize, fraction, row);
		}
		Ok(Content::Integers(stream))
	}

	fn quantise(&mut self, step: &Step, differing: &[u32]) -> Result<Content, EvaluateError> {
		let (mut inputs, kernel) = (self.buffers.inputs(), self.means.kernel);
		let rows = self.integers(step, 0, differing)?;
		match step.operator.kind {
			Kind::Norm { unit, width } => {
				let norm = self.tensors.norm(step)?;
				if norm.values.len() != self.input_width(step, 0)? {
					return Err(EvaluateError::Weights(step.operator.role));
				}
				inputs.set_norm(kernel, &rows, unit.into(), norm.gain(), norm.eps, width.into());
			}
			Kind::Quantise { unit, width } => {
				let entries = self.input_width(step, 0)?;
				inputs.set_quantised(kernel, &rows, entries, unit.into(), width.into());
			}
			_ => return Err(EvaluateError::Weights(step.operator.role)),
		}
		Ok(Content::Activations(inputs))
	}

	/// Computes the product of a step's first input with its matrix.
	fn product(
		&mut self,
		step: &Step,
		differing: &[u32],
		unit: (u8, i32),
		bias: Option<&[i32]>,
	) -> Result<Vec<i32>, EvaluateError> {
		let matrix = self.tensors.matrix(step)?;
		let mut out = self.buffers.integers(self.rows(differing) * step.width());
		let inputs = self.input(step, 0)?.activations(self.piece, differing);
		let inputs = inputs.ok_or(EvaluateError::Weights(step.operator.role))?;
		ensure_fits(step, matrix, inputs.width())?;
		self.means.product(matrix, &inputs, unit, bias, &mut out);
		Ok(out)
	}

	fn hidden(&mut self, step: &Step, differing: &[u32], bits: u8) -> Result<Content, EvaluateError> {
		let (mut inputs, width) = (self.buffers.inputs(), self.input_width(step, 0)?);
		let (gate, up) = (self.integers(step, 0, differing)?, self.integers(step, 1, differing)?);
		let norm = match step.tensor(0) {
			Some(_) => Some(self.tensors.norm(step)?),
			None => None,
		};
		let norm = norm.map(|norm| (norm.gain(), norm.eps));
		set_hidden(&mut inputs, self.means.kernel, self.activation(), [&gate, &up], width, norm, bits);
		Ok(Content::Activations(inputs))
	}

	/// Returns the activation function of hidden layers.
	pub(super) fn activation(&self) -> Activation {
		self.plan.program().architecture().activation
	}

	fn record(&mut self, step: &Step, output: &Output) {
		if !R::IS_ACTIVE {
			return;
		}
		let operator = step.operators.first().copied().unwrap_or(0);
		let places = || -> Vec<RowPlace> {
			let rows = self.piece.rows(&output.differing);
			rows.map(|(side, position)| RowPlace { operator, side, position }).collect()
		};
		match &output.content {
			Content::Integers(values) => self.recorder.rows(&places(), &recorder::integers(values)),
			Content::Activations(inputs) => {
				let mut bytes = Vec::new();
				recorder::push_activations(inputs, &mut bytes);
				self.recorder.rows(&places(), &bytes);
			}
			Content::Choices(choices) => self.recorder.rows(&places(), &recorder::choices(choices)),
			Content::Heads(heads) => match step.operator.kind {
				Kind::QueryHeads => {
					self.recorder.rows(&places(), &recorder::heads(heads, HeadScale::Maximum));
				}
				kind => {
					let is_key = kind == Kind::KeyHeads;
					let scale = if is_key { HeadScale::Maximum } else { HeadScale::Step };
					let bytes = recorder::heads(heads, scale);
					let row = bytes.len() / self.rows(&output.differing);
					let (baseline, candidate) = bytes.split_at(row * self.piece.positions);
					let candidate = (!candidate.is_empty()).then_some(candidate);
					self.recorder.heads(operator, baseline, candidate);
				}
			},
			Content::ExpertIntegers(values) => {
				let places = self.expert_places(step);
				self.recorder.rows(&places, &recorder::integers(values));
			}
			Content::ExpertActivations(groups) => {
				let (places, mut bytes) = (self.expert_places(step), Vec::new());
				groups.iter().for_each(|inputs| recorder::push_activations(inputs, &mut bytes));
				self.recorder.rows(&places, &bytes);
			}
			Content::ExpertSums(sums) => {
				let places = self.expert_places(step);
				self.recorder.rows(&places, &low_rank_bytes(sums));
			}
			Content::Nothing => {}
		}
	}
}

/// Refuses a matrix of another shape than a step's: that of weights which are not this architecture's.
pub(super) fn ensure_fits(step: &Step, matrix: PackedView<'_>, columns: usize) -> Result<(), EvaluateError> {
	if (matrix.rows(), matrix.columns()) == (step.width(), columns) {
		Ok(())
	} else {
		Err(EvaluateError::Weights(step.operator.role))
	}
}

/// Computes a hidden layer: gates and ups of some rows.
pub(super) fn set_hidden(
	inputs: &mut Inputs,
	kernel: Kernel,
	activation: Activation,
	[gate, up]: [&[i32]; 2],
	width: usize,
	norm: Option<(Gain<'_>, u64)>,
	bits: u8,
) {
	inputs.set_hidden(kernel, activation, gate, up, width, norm, bits.into());
}
