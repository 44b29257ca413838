//! Weight functions of `pallet_evolution`.
//!
//! Upper estimates: reads and writes counted by hand from the code's worst cases, times from measured calls of the same shape in
//! neighbours. `scripts/weights` measures them.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weights this pallet needs.
pub trait WeightInfo {
	/// `propose`, of the largest architecture.
	fn propose() -> Weight;
	/// `endorse`.
	fn endorse() -> Weight;
	/// `submit_candidate`, with `p` parts and `h` experts.
	fn submit_candidate(p: u32, h: u32) -> Weight;
	/// `seal`.
	fn seal() -> Weight;
	/// Checks before a `seal` enters the pool, and again in the block.
	fn authorize_seal() -> Weight;
	/// `reveal`.
	fn reveal() -> Weight;
	/// Checks before a `reveal` enters the pool, and again in the block.
	fn authorize_reveal() -> Weight;
	/// `set_tokenizer`.
	fn set_tokenizer() -> Weight;
	/// `begin_epoch`.
	fn begin_epoch() -> Weight;
	/// `set_model_record`, of the deepest model.
	fn set_model_record() -> Weight;
	/// `offer_gpus`.
	fn offer_gpus() -> Weight;
	/// `reserve_hours`, of as many offers as there may be.
	fn reserve_hours() -> Weight;
	/// `claim_hours`.
	fn claim_hours() -> Weight;
	/// `confirm_hours`.
	fn confirm_hours() -> Weight;
	/// `file_proposal`, of the model with most experts, when every model could be the base.
	fn file_proposal() -> Weight;
	/// `adopt`.
	fn adopt() -> Weight;
	/// The costliest step of an epoch: a draw from all operators after as many endorsements as there may be, or the end of an evaluation
	/// that pays.
	fn step() -> Weight;
	/// A block in which nothing is due.
	fn idle() -> Weight;
}

impl WeightInfo for () {
	// Two records of architectures are read and sized, of 128 layers each. Reads: epoch, model, architecture, tokenizer, the base's record,
	// count, number, two of the balance. Writes: balance and hold, number, proposal, count.
	fn propose() -> Weight {
		Weight::from_parts(3_000_000_000, 20_000).saturating_add(RocksDbWeight::get().reads_writes(10, 6))
	}
	// The electorate has 256 operators, which voices are looked up in. Reads: epoch, newest electorate and its list, endorsement, proposal,
	// owner, three of registrations and bans, two of the balance.
	fn endorse() -> Weight {
		Weight::from_parts(400_000_000, 60_000).saturating_add(RocksDbWeight::get().reads_writes(12, 8))
	}
	// The registration of a model, as `experts` measured it, and the epoch, the proposal, the hold, the keeping of a generation, the
	// appointment.
	fn submit_candidate(p: u32, h: u32) -> Weight {
		let each = u64::from(p).saturating_add(h.into());
		Weight::from_parts(2_000_000_000, 60_000)
			.saturating_add(Weight::from_parts(390_000_000, 2_600).saturating_mul(each))
			.saturating_add(RocksDbWeight::get().reads_writes(16, 18))
			.saturating_add(RocksDbWeight::get().reads_writes(1, 5).saturating_mul(each))
	}
	// Epoch, evaluation, key; the evaluation again.
	fn seal() -> Weight {
		Weight::from_parts(250_000_000, 28_000).saturating_add(RocksDbWeight::get().reads_writes(5, 2))
	}
	// A signature, genesis hash, epoch, evaluation twice, key.
	fn authorize_seal() -> Weight {
		Weight::from_parts(350_000_000, 28_000).saturating_add(RocksDbWeight::get().reads(6))
	}
	fn reveal() -> Weight {
		Weight::from_parts(250_000_000, 32_000).saturating_add(RocksDbWeight::get().reads_writes(6, 2))
	}
	fn authorize_reveal() -> Weight {
		Weight::from_parts(350_000_000, 32_000).saturating_add(RocksDbWeight::get().reads(7))
	}
	// Model, epoch, proposal, blob.
	fn set_tokenizer() -> Weight {
		Weight::from_parts(120_000_000, 15_000).saturating_add(RocksDbWeight::get().reads_writes(4, 2))
	}
	// Epoch, number, the newest electorate and its last use.
	fn begin_epoch() -> Weight {
		Weight::from_parts(120_000_000, 50_000).saturating_add(RocksDbWeight::get().reads_writes(5, 4))
	}
	// A model of 128 layers and its record. Reads: model, architecture, and 32 proposals with the key behind the last one.
	fn set_model_record() -> Weight {
		Weight::from_parts(900_000_000, 60_000).saturating_add(RocksDbWeight::get().reads_writes(35, 1))
	}
	// Epoch twice, the operator with its bans, offer, count; offer and count.
	fn offer_gpus() -> Weight {
		Weight::from_parts(120_000_000, 25_000).saturating_add(RocksDbWeight::get().reads_writes(7, 2))
	}
	// Epoch, proposal, 256 offers with the key behind the last one, the owners of all and of the proposer, eight offers again, credits;
	// eight offers and credits.
	fn reserve_hours() -> Weight {
		Weight::from_parts(2_000_000_000, 800_000).saturating_add(RocksDbWeight::get().reads_writes(525, 9))
	}
	// Epoch, proposal, offer twice, credits; offer and credits.
	fn claim_hours() -> Weight {
		Weight::from_parts(120_000_000, 20_000).saturating_add(RocksDbWeight::get().reads_writes(5, 2))
	}
	// As above.
	fn confirm_hours() -> Weight {
		Weight::from_parts(120_000_000, 20_000).saturating_add(RocksDbWeight::get().reads_writes(5, 2))
	}
	// Tokenizer, successor and generation of 256 models; architecture and parts of one, the versions of its 512 experts, its record; nine
	// architectures of 128 layers that are sized. Epoch, count, number; proposal, count, number, the network's.
	fn file_proposal() -> Weight {
		Weight::from_parts(12_000_000_000, 900_000)
			.saturating_add(RocksDbWeight::get().reads_writes(1_300, 4))
	}
	// Epoch, the network's, proposal, owner, the electorate's list, two endorsements, three of the balance; balance, hold, proposal.
	fn adopt() -> Weight {
		Weight::from_parts(400_000_000, 60_000).saturating_add(RocksDbWeight::get().reads_writes(11, 4))
	}
	// A draw: 256 operators by weight, up to 256 endorsements with the owners of their endorsers, each operator looked at again; or eight
	// evaluators that are paid, noted and granted credits, and the summary; or eight bonds, of which each is a hold and a balance;
	// or eight offers, of which each is two balances of credits.
	fn step() -> Weight {
		Weight::from_parts(12_000_000_000, 900_000).saturating_add(RocksDbWeight::get().reads_writes(805, 71))
	}
	// Epoch and evaluation.
	fn idle() -> Weight {
		Weight::from_parts(30_000_000, 12_000).saturating_add(RocksDbWeight::get().reads(3))
	}
}
