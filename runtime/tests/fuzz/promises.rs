//! All that is committed to before it is shown: submissions and findings. And near copies of what others show.

use crate::{
	learning::genesis_hash,
	world::{account, Deed, World},
};
use blyan_primitives::{
	commitment_hash, copy_report_payload, search_pow, traits::ExpertRegistry, BlockRef, ExpertSlot, PowStamp,
	SubmissionId, VersionIndex,
};
use blyan_runtime::{AccountId, Experts, Runtime, RuntimeCall, System};
use codec::Encode;
use frame_support::traits::Get;
use pallet_proof_of_learning::{Call, ClaimOf, Config, CopyEvidence, Decisions, OpenSubmissions, Original};
use sp_core::H256;

/// Promises of one kind that are remembered.
const KEPT: usize = 48;
/// Blocks after which an account gives a finding up.
const PATIENCE: u32 = 120;

/// A submission that an account has committed to.
#[derive(Clone)]
pub struct Offer {
	who: usize,
	slot: ExpertSlot,
	block: BlockRef,
	salt: H256,
	since: u32,
}

/// A finding that an account has committed to, and the call that shows it.
#[derive(Clone)]
pub struct Finding {
	who: usize,
	call: RuntimeCall,
	hash: H256,
	since: u32,
}

/// The place of a promise to keep: one that is old enough, or now and then any.
fn due<V>(world: &mut World, all: &[V], since: impl Fn(&V) -> u32, age: u32) -> Option<usize> {
	let (now, is_hasty) = (world.now(), world.choose.one_in(16));
	let fit = (0..all.len()).filter(|at| is_hasty || since(&all[*at]).saturating_add(age) <= now);
	let fit: Vec<usize> = fit.collect();
	world.choose.pick(&fit)
}

fn version(slot: ExpertSlot, version: VersionIndex) -> Option<BlockRef> {
	let found = <Experts as ExpertRegistry<AccountId>>::version(slot, version);
	found.map(|(block, _)| block)
}

impl World<'_> {
	/// Commits to a submission.
	pub fn offer(&mut self) -> Option<Deed> {
		let who = self.choose.below(8);
		let slot = ExpertSlot { model: 0, layer: 0, expert: self.choose.below(3) as u16 };
		let head = pallet_experts::Heads::<Runtime>::get(slot)?;
		let number = self.choose.below(200);
		let block = match self.choose.below(40) {
			0 => {
				let mut block = self.lab.candidate(number as u64);
				block.blob.size = 0;
				block
			}
			1 => head.block,
			2..=15 => self.lab.trained(&head.block, number)?,
			16..=21 => {
				let original = self.shown(slot)?;
				self.lab.copy_of(&original, number)?
			}
			22..=23 => self.shown(slot)?,
			_ => self.lab.candidate(number as u64),
		};
		let salt = self.choose.hash();
		if self.offers.len() == KEPT {
			self.offers.remove(0);
		}
		self.offers.push(Offer { who, slot, block, salt, since: self.now() });
		let commitment = commitment_hash(&genesis_hash(), &account(who), &slot, &block, &salt);
		Some(Deed::Signed(who, Call::commit { commitment }.into()))
	}

	/// The block of a submission that everyone sees.
	fn shown(&mut self, slot: ExpertSlot) -> Option<BlockRef> {
		let open = OpenSubmissions::<Runtime>::iter_values().map(|record| record.claim);
		let blocks: Vec<BlockRef> =
			open.filter(|claim| claim.slot == slot).map(|claim| claim.block).collect();
		self.choose.pick(&blocks)
	}

	/// Opens a commitment, usually one's own and with its salt.
	pub fn submit(&mut self) -> Option<Deed> {
		let offers = std::mem::take(&mut self.offers);
		let at = due(self, &offers, |offer| offer.since, <Runtime as Config>::CommitAge::get());
		self.offers = offers;
		let offer = self.offers.get(at?)?.clone();
		if !self.choose.one_in(12) {
			self.offers.remove(at?);
		}
		let Offer { slot, block, .. } = offer;
		let head = pallet_experts::Heads::<Runtime>::get(slot)?;
		let parent = if self.choose.one_in(40) { head.version.wrapping_sub(1) } else { head.version };
		let who = if self.choose.one_in(32) { self.choose.below(8) } else { offer.who };
		let salt = match self.choose.below(32) {
			0 => self.choose.hash(),
			1 => self.choose.pick(&self.offers)?.salt,
			_ => offer.salt,
		};
		let recent = self.now().saturating_sub(1 + self.choose.below(3) as u32);
		let hash = System::block_hash(recent);
		let nonce =
			search_pow(&account(who).encode(), &block.tensor_root, &hash, 4, 0, 400).unwrap_or_default();
		let stamp = PowStamp { block: recent, nonce };
		let manifest = self.choose.hash();
		Some(Deed::Signed(who, Call::submit { slot, parent, block, manifest, stamp, salt }.into()))
	}

	/// Reports a near copy, or what is none, as an account or as an operator.
	pub fn report_copy(&mut self) -> Option<Deed> {
		let open = OpenSubmissions::<Runtime>::iter().map(|(submission, record)| (submission, record.claim));
		let decided = Decisions::<Runtime>::iter().map(|(submission, decision)| (submission, decision.claim));
		let all: Vec<(SubmissionId, ClaimOf<Runtime>)> = open.chain(decided).collect();
		let copies = all.iter().filter(|(_, claim)| self.lab.original_of(&claim.block).is_some());
		let copies: Vec<_> = copies.cloned().collect();
		let (copy, claim) =
			if self.choose.one_in(8) { self.choose.pick(&all) } else { self.choose.pick(&copies) }?;
		let root = self.lab.original_of(&claim.block);
		let first = all.iter().find(|(_, other)| Some(other.block.tensor_root) == root).cloned();
		let first = if self.choose.one_in(8) { self.choose.pick(&all) } else { first };
		let (original, block, before) = match first {
			Some((first, other)) => (Original::Submission(first), other.block, Some(other.parent)),
			None => {
				let older = claim.parent.saturating_sub(self.choose.below(3) as u32);
				(Original::Version(older), version(claim.slot, older)?, older.checked_sub(1))
			}
		};
		let original_parent = match before {
			Some(before) if before != claim.parent || self.choose.one_in(8) => {
				version(claim.slot, before).and_then(|block| self.lab.proof(&block))
			}
			_ => None,
		};
		let evidence = CopyEvidence {
			tile: 0,
			copy_tile: u8::from(self.choose.one_in(24)),
			original: self.lab.proof(&block)?,
			original_parent,
			copy_parent: self.lab.proof(&version(claim.slot, claim.parent)?)?,
			copy: self.lab.proof(&claim.block)?,
			moved: Default::default(),
		};
		let who = self.choose.below(8);
		let evidence = Box::new(evidence);
		if self.choose.one_in(2) {
			let payload = copy_report_payload(&genesis_hash(), copy, &original, &evidence);
			let (key, signature) = self.sign(&account(who), &payload)?;
			let call = Call::report_copy_as_operator { copy, original, evidence, key, signature };
			return Some(Deed::Authorized(call.into()));
		}
		Some(Deed::Signed(who, Call::report_copy { copy, original, evidence }.into()))
	}

	/// Commits to a finding that `call` will show; now and then it is shown at once.
	pub fn find(&mut self, who: usize, call: RuntimeCall, hash: H256) -> Deed {
		if self.choose.one_in(24) {
			return Deed::Signed(who, call);
		}
		if self.findings.len() == KEPT {
			self.findings.remove(0);
		}
		self.findings.push(Finding { who, call, hash, since: self.now() });
		Deed::Signed(who, pallet_disputes::Call::commit { hash }.into())
	}

	/// Shows a finding, or gives it up.
	pub fn show_finding(&mut self) -> Option<Deed> {
		let findings = std::mem::take(&mut self.findings);
		let age = <Runtime as pallet_disputes::Config>::CommitmentAge::get();
		let at = due(self, &findings, |finding| finding.since, age);
		self.findings = findings;
		let finding = self.findings.get(at?)?.clone();
		if !self.choose.one_in(12) {
			self.findings.remove(at?);
		}
		let who = if self.choose.one_in(24) { self.choose.below(8) } else { finding.who };
		if self.now() > finding.since + PATIENCE || self.choose.one_in(24) {
			let call = pallet_disputes::Call::withdraw_commitment { hash: finding.hash };
			return Some(Deed::Signed(who, call.into()));
		}
		Some(Deed::Signed(who, finding.call))
	}
}
