//! Rows of several sequences in one pass through the weights.
//!
//! Every operator but attention works on one row at a time, and attention sees the keys and values of its own sequence
//! only. So the bits of a sequence do not depend on those that share its pass.

use super::{
	lane::{self, Lane, Part},
	means::Means,
	sample, RunError, Runner, Scores, Store,
};
use blyan_exact::Sampling;
use rayon::prelude::*;

/// Consecutive tokens of one sequence in a batch.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
	/// Position of the first one: as many are in the store.
	pub first: usize,
	/// The tokens.
	pub ids: &'a [u32],
	/// Settings by which the token behind the last one is chosen, if it is wanted.
	pub sampling: Option<&'a Sampling>,
	/// Most probable tokens whose scores are wanted with the chosen one's; `None` for no scores.
	pub scores: Option<usize>,
}

/// Token chosen behind some rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
	/// The token.
	pub token: u32,
	/// Its scores, if they are wanted.
	pub scores: Option<Box<Scores>>,
}

/// Rows of one lane.
#[derive(Default)]
struct Plan<'a> {
	parts: Vec<Part<'a>>,
	rows: usize,
	/// Rows whose logits are wanted, and the sequences that they belong to.
	wanted: Vec<(usize, usize)>,
	chosen: Vec<Choice>,
}

impl<'a> Plan<'a> {
	fn push(&mut self, sequence: usize, rows: &Rows<'a>, from: usize, to: usize) {
		self.parts.push(Part { sequence, first: rows.first + from, ids: &rows.ids[from..to] });
		self.rows += to - from;
		if to == rows.ids.len() && rows.sampling.is_some() {
			self.wanted.push((self.rows - 1, sequence));
		}
	}
}

impl Runner {
	/// Takes rows of several sequences through all layers, and returns the token chosen behind each of them; `None` where
	/// none is wanted. A sequence is named by its index among `batch`.
	///
	/// # Errors
	/// Those of reading, before anything has been computed.
	pub fn batch(
		&mut self,
		store: &mut impl Store,
		batch: &[Rows<'_>],
	) -> Result<Vec<Option<Choice>>, RunError> {
		if batch.is_empty() {
			return Ok(Vec::new());
		}
		let context = self.weights.shape.context;
		for rows in batch {
			let positions = rows.first + rows.ids.len();
			if rows.ids.is_empty() {
				return Err(RunError::Empty);
			}
			if positions > context {
				return Err(RunError::Context { positions, context });
			}
			self.ensure_tokens(rows.ids)?;
		}
		let mut plans = plans(batch, self.threads);
		let Self { weights, kernel, pool, threads, lanes, .. } = self;
		// A single row is shared by all threads.
		let threads = if plans.len() > 1 { 1 } else { *threads };
		let means = Means { weights, kernel: *kernel, threads, observer: None };
		let lanes = &mut lanes[..plans.len()];
		pool.install(|| {
			lanes.iter_mut().zip(&plans).for_each(|(lane, plan)| lane.begin(means, &plan.parts));
			lane::layers(means, 0..means.weights.layers.len(), lanes, store, || false);
			let choose = |(lane, plan): (&mut Lane, &mut Plan<'_>)| choose(lane, means, batch, plan);
			match lanes {
				[lane] => choose((lane, &mut plans[0])),
				lanes => lanes.par_iter_mut().zip(&mut plans).for_each(choose),
			}
		});
		let mut choices = vec![None; batch.len()];
		for plan in plans {
			for ((_, sequence), choice) in plan.wanted.into_iter().zip(plan.chosen) {
				choices[sequence] = Some(choice);
			}
		}
		Ok(choices)
	}
}

/// Deals rows out to as many lanes as there are threads and rows for. Rows whose logits are wanted cost more than others,
/// so that each lane gets its share of both.
fn plans<'a>(batch: &[Rows<'a>], threads: usize) -> Vec<Plan<'a>> {
	let total: usize = batch.iter().map(|rows| rows.ids.len()).sum();
	let lanes = threads.min(total);
	let (steps, texts): (Vec<_>, Vec<_>) =
		batch.iter().enumerate().partition(|(_, rows)| rows.ids.len() == 1 && rows.sampling.is_some());
	let (mut steps, mut texts) = (steps.into_iter(), texts.into_iter());
	let steps_count = steps.len();
	// The sequence that is being dealt out, and how far it is.
	let mut rest: Option<(usize, &Rows<'a>, usize)> = None;
	let share = |count: usize, lane: usize| count * (lane + 1) / lanes - count * lane / lanes;
	let deal = |lane: usize| {
		let mut plan = Plan::default();
		for (sequence, rows) in steps.by_ref().take(share(steps_count, lane)) {
			plan.push(sequence, rows, 0, 1);
		}
		let quota = if lane + 1 == lanes { usize::MAX } else { share(total, lane) };
		while plan.rows < quota {
			let next = rest.take().or_else(|| texts.next().map(|(sequence, rows)| (sequence, rows, 0)));
			let Some((sequence, rows, from)) = next else { break };
			let to = rows.ids.len().min(from.saturating_add(quota - plan.rows));
			plan.push(sequence, rows, from, to);
			rest = (to < rows.ids.len()).then_some((sequence, rows, to));
		}
		plan
	};
	(0..lanes).map(deal).collect()
}

/// Chooses behind the rows of a lane whose logits are wanted.
fn choose(lane: &mut Lane, means: Means<'_>, batch: &[Rows<'_>], plan: &mut Plan<'_>) {
	let places: Vec<usize> = plan.wanted.iter().map(|(place, _)| *place).collect();
	let mut wanted = plan.wanted.iter();
	let chosen = &mut plan.chosen;
	lane.each_logits(means, &places, |_, logits| {
		// Logits come in the order of the places.
		let rows = wanted.next().map(|(_, sequence)| &batch[*sequence]);
		if let Some(Rows { first, ids, sampling: Some(sampling), scores }) = rows {
			let token = sample(sampling, logits, (first + ids.len()) as u64);
			let scores = scores.map(|best| Box::new(Scores::new(means.kernel, logits, token, best)));
			chosen.push(Choice { token, scores });
		}
	});
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	proptest! {
		/// Every row is in one lane, those of a sequence in order, and one wanted token comes of each sequence that wants it.
		#[test]
		fn plans_deal_every_row_out_once(
			lengths in prop::collection::vec((1_usize..40, any::<bool>()), 1..30), threads in 1_usize..6,
		) {
			let ids: Vec<u32> = (0..40).collect();
			let sampling = Sampling { temperature: 0, top_p: 256, seed: [0; 32] };
			let batch: Vec<Rows<'_>> = lengths
				.iter()
				.map(|(len, wanted)| {
					Rows { first: 7, ids: &ids[..*len], sampling: wanted.then_some(&sampling), scores: None }
				})
				.collect();
			let plans = plans(&batch, threads);
			let mut seen = vec![0; batch.len()];
			let mut wanted = vec![0; batch.len()];
			for plan in &plans {
				prop_assert!(plan.rows > 0);
				prop_assert_eq!(plan.rows, plan.parts.iter().map(|part| part.ids.len()).sum::<usize>());
				for part in &plan.parts {
					prop_assert_eq!(part.first, 7 + seen[part.sequence]);
					prop_assert_eq!(part.ids, &batch[part.sequence].ids[seen[part.sequence]..][..part.ids.len()]);
					seen[part.sequence] += part.ids.len();
				}
				plan.wanted.iter().for_each(|(_, sequence)| wanted[*sequence] += 1);
			}
			let total: usize = lengths.iter().map(|(len, _)| len).sum();
			let most = plans.iter().map(|plan| plan.rows).max().unwrap();
			prop_assert!(most <= total.div_ceil(plans.len()) + 1, "{most} of {total} rows in one of {}", plans.len());
			for (index, (len, wants)) in lengths.iter().enumerate() {
				prop_assert_eq!(seen[index], *len);
				prop_assert_eq!(wanted[index], usize::from(*wants));
			}
		}
	}
}
