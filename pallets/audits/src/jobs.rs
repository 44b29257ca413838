//! Jobs of audits: an expert, tried in a slot that is not its own.

use crate::PinnedJob;
use blyan_primitives::{
	traits::ExpertRegistry, EvaluationJob, EvaluationStatement, ExpertIndex, ExpertSlot, HoldoutRef,
	LayerIndex, ModelConfig, ModelId, Statement,
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
	/// The architecture that the candidate must fit.
	fn config(pinned: &PinnedJob) -> Option<ModelConfig>;
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
		let config = Experts::config(model)?;
		let slots = u32::from(config.layers).checked_mul(config.experts.into())?;
		let (slot, candidate) = (0..PAIRS).find_map(|pair| {
			let target = uniform(seed, pair, 0).checked_rem(slots)?;
			let others = slots.checked_sub(1)?;
			let distance = uniform(seed, pair, 1).checked_rem(others)?.checked_add(1)?;
			let source = target.checked_add(distance)?.checked_rem(slots)?;
			let slot = slot_at(model, &config, target)?;
			let candidate = Experts::head(slot_at(model, &config, source)?)?.block;
			(Experts::head(slot)?.block.tensor_root != candidate.tensor_root).then_some((slot, candidate))
		})?;
		let statement = Statement::Evaluation(EvaluationStatement {
			definition: blyan_primitives::DEFINITION,
			config,
			model_root: Experts::model_root(model)?,
			layer: slot.layer,
			expert: slot.expert,
			candidate: candidate.tensor_root,
			holdout_root: holdout.root,
			holdout_sequences: holdout.sequences,
			sequence_len: holdout.sequence_len,
			seed: *seed,
			sample: sample.min(holdout.sequences),
		});
		let generation = Experts::generation(model)?;
		Some(PinnedJob { statement, model, generation, candidate, holdout })
	}

	fn job(pinned: &PinnedJob) -> Option<EvaluationJob> {
		let Statement::Evaluation(evaluation) = pinned.statement;
		let model = Experts::model_at(pinned.model, pinned.generation)?;
		Some(EvaluationJob {
			definition: evaluation.definition,
			model: pinned.model,
			config: model.config,
			trunk: model.trunk,
			heads: model.heads.into_iter().map(|head| head.block).collect(),
			layer: evaluation.layer,
			expert: evaluation.expert,
			candidate: pinned.candidate,
			holdout: pinned.holdout,
			seed: evaluation.seed,
			sample: evaluation.sample,
		})
	}

	fn config(pinned: &PinnedJob) -> Option<ModelConfig> {
		let Statement::Evaluation(evaluation) = pinned.statement;
		Some(evaluation.config)
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

/// Slots in row-major order.
fn slot_at(model: ModelId, config: &ModelConfig, index: u32) -> Option<ExpertSlot> {
	let experts = u32::from(config.experts);
	let layer = LayerIndex::try_from(index.checked_div(experts)?).ok()?;
	let expert = ExpertIndex::try_from(index.checked_rem(experts)?).ok()?;
	Some(ExpertSlot { model, layer, expert })
}

/// Reduced modulo at most 2^14 slots, so the bias is below 2^-18.
fn uniform(seed: &H256, pair: u8, which: u8) -> u32 {
	let [a, b, c, d, ..] = blake2_256(&(b"blyan/audit/pair", seed, pair, which).encode());
	u32::from_le_bytes([a, b, c, d])
}
