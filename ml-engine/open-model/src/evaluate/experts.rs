//! The chosen experts of a routed layer: gate, up, hidden layer and down, all ranks together.

use super::{
	batch::{Content, Output, Side},
	error::EvaluateError,
	jobs::{Chosen, Job, Jobs},
	pass::{ensure_fits, set_hidden, Experts, Pass},
	plan::Step,
	recorder::{Recorder, RowPlace},
};
use blyan_exact::definition2::{Kind, Role};
use blyan_kernel::definition2::{mix, Inputs};
use std::ops::Range;

impl<R: Recorder> Pass<'_, R> {
	/// Computes one operator of the chosen experts at all ranks.
	pub(super) fn expert_step(&mut self, step: &Step) -> Result<Output, EvaluateError> {
		let unknown = EvaluateError::Weights(step.operator.role);
		let layer = layer_of(step.operator.role).ok_or(unknown.clone())?;
		let is_route = |output: &Output| matches!(output.content, Content::Choices(_));
		let route =
			step.inputs.iter().copied().find(|input| self.outputs[*input].as_ref().is_some_and(is_route));
		let is_new = route.is_some_and(|route| self.experts.as_ref().map(|known| known.route) != Some(route));
		let mut experts = match (is_new, route, self.experts.take()) {
			(true, Some(route), _) => self.begin_experts(step, layer, route)?,
			(_, _, Some(experts)) => experts,
			_ => return Err(unknown),
		};
		let content = match step.operator.kind {
			Kind::Linear { fraction, bound, .. } => {
				self.expert_products(step, layer, &mut experts, (fraction, bound))
			}
			Kind::AdapterIn { .. } => self.adapter_sums(step, layer, &experts.jobs),
			Kind::AdaptedLinear { fraction, bound, .. } => {
				self.adapted_products(step, layer, &experts.jobs, (fraction, bound))
			}
			Kind::Hidden { width } => self.expert_hidden(step, layer, &experts, width),
			_ => Err(unknown),
		};
		let differing = experts.jobs.differing().to_vec();
		self.experts = Some(experts);
		Ok(Output { differing, content: content? })
	}

	fn begin_experts(&self, step: &Step, layer: u8, route: usize) -> Result<Experts, EvaluateError> {
		let candidate = self.tensors.candidate;
		let slot = candidate.and_then(|candidate| candidate.slot_in(layer));
		let choices = self.outputs[route].as_ref().ok_or(EvaluateError::Weights(step.operator.role))?;
		let (top_k, input) = (step.operators.len(), self.input(step, 0)?);
		let jobs = Jobs::new(self.piece, top_k, input, choices, slot, candidate.is_some());
		let routing = self.plan.program().architecture().routing(layer);
		let are_adapters = routing.is_some_and(|routing| routing.adapter_rank.is_some());
		Ok(Experts { route, jobs, are_adapters, gathered: None })
	}

	/// Multiplies the rows of each group by the matrix of its network.
	fn expert_products(
		&mut self,
		step: &Step,
		layer: u8,
		experts: &mut Experts,
		unit: (u8, i32),
	) -> Result<Content, EvaluateError> {
		let (unknown, width) = (EvaluateError::Weights(step.operator.role), step.width());
		let (_, name) = step.tensor(0).ok_or(unknown.clone())?;
		let mut out = self.buffers.integers(experts.jobs.jobs().len() * width);
		let input = self.input(step, 0)?;
		let source = step.inputs.first().copied().unwrap_or(0);
		let groups: &[Inputs] = match &input.content {
			Content::ExpertActivations(groups) => groups,
			_ => {
				if experts.gathered.as_ref().map(|(from, _)| *from) != Some(source) {
					experts.gathered = Some((source, self.gather(input, &experts.jobs)));
				}
				experts.gathered.as_ref().map_or(&[][..], |(_, groups)| groups.as_slice())
			}
		};
		for ((chosen, range), inputs) in experts.jobs.groups().iter().zip(groups) {
			let matrix = self.tensors.expert(step, layer, *chosen)?.matrix(name).ok_or(unknown.clone())?;
			ensure_fits(step, matrix, inputs.width())?;
			let out = &mut out[range.start * width..range.end * width];
			self.means.product(matrix, inputs, unit, None, out);
		}
		Ok(Content::ExpertIntegers(out))
	}

	/// Copies the activations of each group's jobs.
	fn gather(&self, input: &Output, jobs: &Jobs) -> Vec<Inputs> {
		let Content::Activations(inputs) = &input.content else { return Vec::new() };
		jobs.groups().iter().map(|(_, range)| inputs.gather(&self.rows_of(input, jobs, range))).collect()
	}

	/// Returns the rows of an input that some jobs read.
	pub(super) fn rows_of(&self, input: &Output, jobs: &Jobs, range: &Range<usize>) -> Vec<u32> {
		let row = |job: &Job| match job.side {
			Side::Baseline => job.position,
			Side::Candidate => input.candidate_row(self.piece, job.position) as u32,
		};
		jobs.jobs()[range.clone()].iter().map(row).collect()
	}

	/// Computes the hidden layers of all jobs.
	fn expert_hidden(
		&mut self,
		step: &Step,
		layer: u8,
		experts: &Experts,
		bits: u8,
	) -> Result<Content, EvaluateError> {
		let unknown = EvaluateError::Weights(step.operator.role);
		let (width, kernel, activation) = (self.input_width(step, 0)?, self.means.kernel, self.activation());
		let jobs = &experts.jobs;
		// Adapters share the layer's norm, and so one batch.
		let batches: Vec<(Option<Chosen>, Range<usize>)> = match experts.are_adapters {
			true => vec![(None, 0..jobs.jobs().len())],
			false => jobs.groups().iter().map(|(chosen, range)| (Some(*chosen), range.clone())).collect(),
		};
		let mut outputs: Vec<Inputs> = batches.iter().map(|_| self.buffers.inputs()).collect();
		let (gate, up) = (self.input(step, 0)?, self.input(step, 1)?);
		let (Content::ExpertIntegers(gate), Content::ExpertIntegers(up)) = (&gate.content, &up.content)
		else {
			return Err(unknown);
		};
		for ((chosen, range), inputs) in batches.into_iter().zip(&mut outputs) {
			let norm = match (step.tensor(0), chosen) {
				(None, _) => None,
				(Some(_), None) => Some(self.tensors.norm(step)?),
				(Some(_), Some(chosen)) => {
					let weights = self.tensors.expert(step, layer, chosen)?;
					Some(weights.hidden_norm().ok_or(unknown.clone())?)
				}
			};
			let norm = norm.map(|norm| (norm.gain(), norm.eps));
			let rows = range.start * width..range.end * width;
			set_hidden(inputs, kernel, activation, [&gate[rows.clone()], &up[rows]], width, norm, bits);
		}
		Ok(Content::ExpertActivations(outputs))
	}

	/// Adds the outputs of the chosen experts, and of the shared network, to the stream.
	pub(super) fn mix(
		&mut self,
		step: &Step,
		differing: &[u32],
		top_k: usize,
		shared: bool,
	) -> Result<Content, EvaluateError> {
		let (piece, width) = (self.piece, step.width());
		let mut stream = self.buffers.integers(self.rows(differing) * width);
		stream.copy_from_slice(&self.integers(step, 0, differing)?);
		let (route, down) = (self.input(step, 1)?, self.input(step, 2)?);
		let shared = if shared { Some(self.integers(step, 3, differing)?) } else { None };
		let (Some(experts), Content::ExpertIntegers(values)) = (&self.experts, &down.content) else {
			return Err(EvaluateError::Weights(step.operator.role));
		};
		for (row, (side, position)) in piece.rows(differing).enumerate() {
			let position = position - piece.first;
			let choices = match side {
				Side::Baseline => position,
				Side::Candidate => route.candidate_row(piece, position as u32),
			};
			let gates: Vec<u32> = route.choices(choices, top_k).iter().map(|choice| choice.gate).collect();
			let rank = |rank| {
				let job = experts.jobs.place(side, rank, position);
				&values[job * width..(job + 1) * width]
			};
			let ranks: Vec<&[i32]> = (0..gates.len()).map(rank).collect();
			let own = row * width..(row + 1) * width;
			let shared = shared.as_ref().map(|shared| &shared[own.clone()]);
			mix(self.means.kernel, &mut stream[own], &gates, &ranks, shared);
		}
		Ok(Content::Integers(stream))
	}

	/// Returns the place of every job's row.
	pub(super) fn expert_places(&self, step: &Step) -> Vec<RowPlace> {
		let jobs = self.experts.as_ref().map_or(&[][..], |experts| experts.jobs.jobs());
		let place = |job: &Job| RowPlace {
			operator: step.operators.get(job.rank).copied().unwrap_or(0),
			side: job.side,
			position: self.piece.first + job.position as usize,
		};
		jobs.iter().map(place).collect()
	}
}

/// Returns the layer of an operator of the chosen experts.
fn layer_of(role: Role) -> Option<u8> {
	match role {
		Role::GateIn(layer, _)
		| Role::Gate(layer, _)
		| Role::UpIn(layer, _)
		| Role::Up(layer, _)
		| Role::Hidden(layer, _)
		| Role::DownIn(layer, _)
		| Role::Down(layer, _) => Some(layer),
		_ => None,
	}
}
