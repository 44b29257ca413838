//! Jobs of audits: an expert, tried in a slot that is not its own.

use crate::PinnedJob;
use blyan_primitives::{
	traits::ExpertRegistry, EvaluationJob, ExpertShape, ExpertSlot, HoldoutRef, ModelId, Slots, Statement,
};
use codec::Encode;
use core::marker::PhantomData;
use sp_core::H256;
use sp_io::hashing::blake2_256;

/// Where jobs for audits come from.
pub trait JobSource {
	/// A job that was not computed before, over `sample` sequences; `None` if there is nothing to evaluate.
	fn draw(seed: &H256, sample: u32) -> Option<PinnedJob>;
	/// The same with everything spelt out, while it is kept. Off-chain workers ask.
	fn job(pinned: &PinnedJob) -> Option<EvaluationJob>;
	/// The shape that the candidate must have.
	fn shape(pinned: &PinnedJob) -> Option<ExpertShape>;
	/// Reports whether the model still is as it was at the draw. If not, its files may be gone, and no operator is to blame
	/// for an evaluation that did not happen.
	fn is_current(pinned: &PinnedJob) -> bool;
	/// Keeps what [`JobSource::job`] needs for a job that was drawn just now, until it is released. Returns whether it is.
	fn keep(pinned: &PinnedJob) -> bool;
	/// Gives up what was kept for a job.
	fn release(pinned: &PinnedJob);
	/// Makes the world in which a benchmark can draw a job.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_job_for_benchmark();
}

/// Which models can be audited.
pub trait HoldoutBook {
	/// One of the models that have a holdout, chosen by `seed`, with its holdout.
	fn pick(seed: &H256) -> Option<(ModelId, HoldoutRef)>;
	/// Gives the model a holdout.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_holdout_for_benchmark(model: ModelId);
}

/// The usual source: the baseline is a model as it is, the candidate the head of one of its slots, tried in another.
///
/// All files involved are the model's own, so every operator that can evaluate submissions has them. Fresh are
/// the pair of slots and the sample, so the outcome is nowhere to be copied from.
///
/// Models of the first definition only: under the second, slots differ in shape from layer to layer. A draw that falls on such a
/// model gives no job, so the book should name none.
pub struct HeadSwap<AccountId, Experts, Holdouts>(PhantomData<(AccountId, Experts, Holdouts)>);

/// Pairs of slots that are looked at before a draw gives up: a young model has equal experts.
const PAIRS: u8 = 4;

impl<AccountId, Experts, Holdouts> JobSource for HeadSwap<AccountId, Experts, Holdouts>
where
	Experts: ExpertRegistry<AccountId>,
	Holdouts: HoldoutBook,
{
	fn draw(seed: &H256, sample: u32) -> Option<PinnedJob> {
		let (model, holdout) = Holdouts::pick(seed)?;
		let body = Experts::body(model)?;
		let layout = Slots::first(body.config()?);
		let slots = layout.count();
		let slot_at = |index| {
			let (layer, expert) = layout.at(index)?;
			Some(ExpertSlot { model, layer, expert })
		};
		let (slot, candidate) = (0..PAIRS).find_map(|pair| {
			let target = uniform(seed, pair, 0).checked_rem(slots)?;
			let others = slots.checked_sub(1)?;
			let distance = uniform(seed, pair, 1).checked_rem(others)?.checked_add(1)?;
			let source = target.checked_add(distance)?.checked_rem(slots)?;
			let slot = slot_at(target)?;
			let candidate = Experts::head(slot_at(source)?)?.block;
			(Experts::head(slot)?.block.tensor_root != candidate.tensor_root).then_some((slot, candidate))
		})?;
		let statement = Statement::evaluation(
			body.definition(),
			&body,
			Experts::model_root(model)?,
			(slot.layer, slot.expert),
			candidate.tensor_root,
			&holdout,
			(*seed, sample.min(holdout.sequences)),
		);
		let generation = Experts::generation(model)?;
		Some(PinnedJob { statement, model, generation, candidate, holdout })
	}

	fn job(pinned: &PinnedJob) -> Option<EvaluationJob> {
		let model = Experts::model_at(pinned.model, pinned.generation)?;
		pinned.statement.job::<Experts>(model, pinned.candidate, pinned.holdout)
	}

	fn shape(pinned: &PinnedJob) -> Option<ExpertShape> {
		pinned.statement.shape()
	}

	fn is_current(pinned: &PinnedJob) -> bool {
		Experts::generation(pinned.model) == Some(pinned.generation)
	}

	fn keep(pinned: &PinnedJob) -> bool {
		Experts::keep(pinned.model, pinned.generation)
	}

	fn release(pinned: &PinnedJob) {
		Experts::release(pinned.model, pinned.generation);
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_job_for_benchmark() {
		let slot = Experts::ensure_model_for_benchmark();
		Holdouts::ensure_holdout_for_benchmark(slot.model);
	}
}

/// Reduced modulo at most 2^14 slots, so the bias is below 2^-18.
fn uniform(seed: &H256, pair: u8, which: u8) -> u32 {
	let [a, b, c, d, ..] = blake2_256(&(b"blyan/audit/pair", seed, pair, which).encode());
	u32::from_le_bytes([a, b, c, d])
}
