//! `report_copy_as_operator`, and the off-chain worker that finds near copies.

use super::{
	copies::{accept, block_of, evidence, flipped, offer, parent, reject, tile, trained, with_parent},
	worker::Node,
	*,
};
use crate::{copy_types::Compared, Call, Event, OpenSubmissions};
use blyan_exact::{
	block::{write_expert, BlockShape, Layout},
	golden::copies::{family, Family, LIKE},
	similarity::{overlap, Tiles},
	Expert,
};
use blyan_primitives::{
	copy_report_payload, Comparand, Comparison, CopyEvidence, CopyFinding, CopyQuery, EngineError, JobStatus,
	Original, SubmissionId,
};
use blyan_runtime_api::{RejectReason, SubmissionOutcome};
use blyan_support::genesis_hash;
use frame_support::{
	pallet_prelude::{TransactionSource, ValidTransaction},
	traits::{fungible::Inspect, Authorize},
};
use parking_lot::Mutex;
use sp_core::{Pair, H256};
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Dave, Eve, Ferdie};
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};
use std::collections::BTreeMap;

/// Experts of one tile that an engine has, and what it was asked about them.
#[derive(Default)]
pub(super) struct Experts {
	files: Mutex<BTreeMap<H256, Expert>>,
	queries: Mutex<Vec<CopyQuery>>,
	is_slow: Mutex<bool>,
}

impl Experts {
	fn put(&self, expert: &Expert) {
		self.files.lock().insert(block_of(expert).blob.hash, expert.clone());
	}

	/// Compares with the chain's measure, and takes the first that is alike.
	pub(super) fn find_copy(&self, query: CopyQuery) -> Result<Comparison, EngineError> {
		self.queries.lock().push(query.clone());
		if core::mem::take(&mut *self.is_slow.lock()) {
			return Ok(Comparison::Running);
		}
		let files = self.files.lock();
		let candidate = files.get(&query.candidate.blob.hash);
		let candidate = candidate.ok_or(EngineError::BlobMissing(query.candidate.blob.hash))?;
		for (place, Comparand { block, .. }) in query.originals.iter().enumerate() {
			let Some(original) = files.get(&block.blob.hash) else { continue };
			if likeness(original, candidate).is_some() {
				let evidence = evidence(original, candidate);
				let finding = CopyFinding { original: place as u32, evidence };
				return Ok(Comparison::Copy(Box::new(finding)));
			}
		}
		Ok(Comparison::Distinct)
	}
}

/// Likeness of two experts of the common parent, if one is a copy.
fn likeness(original: &Expert, copy: &Expert) -> Option<i32> {
	let layout = Layout::new(BlockShape::expert_of(&CONFIG)).unwrap();
	let bytes = |expert: &Expert| write_expert(expert, &CONFIG).unwrap()[layout.tile(0)].to_vec();
	let (original, parent, copy) = (bytes(original), bytes(&parent()), bytes(copy));
	let tiles = Tiles {
		at: 0,
		original: &original,
		original_parent: &parent,
		copy_parent: &parent,
		copy_at: 0,
		copy: &copy,
	};
	let found = overlap(&layout, &tiles, &[])?;
	found.is_copy().then(|| found.likeness_milli())
}

/// A report by an operator.
fn report_by(
	who: Sr25519Keyring,
	copy: SubmissionId,
	original: Original,
	evidence: CopyEvidence,
) -> Call<Test> {
	let payload = copy_report_payload(&genesis_hash::<Test>(), copy, &original, &evidence);
	let (key, signature) = (who.public().into(), who.pair().sign(&payload).into());
	Call::report_copy_as_operator { copy, original, evidence: Box::new(evidence), key, signature }
}

/// Asks the call whether a pool may take it.
pub(super) fn validity(call: Call<Test>) -> Result<ValidTransaction, TransactionValidityError> {
	let call = RuntimeCall::Learning(call);
	call.authorize(TransactionSource::External).unwrap().map(|(valid, _)| valid)
}

pub(super) fn refused(call: Call<Test>) -> Option<InvalidTransaction> {
	match validity(call) {
		Err(TransactionValidityError::Invalid(reason)) => Some(reason),
		_ => None,
	}
}

/// A node of one operator in a world with a parent, and the experts that it has.
fn node(who: Sr25519Keyring, experts: &[&Expert]) -> Node {
	let mut node = Node::new(&[who], JobStatus::Queued);
	node.world.execute_with(with_parent);
	for expert in experts {
		node.engine.experts.put(expert);
	}
	node
}

impl Node {
	/// Runs the worker for so many blocks, or until it sends something.
	pub(super) fn watch(&mut self, blocks: u32) -> Vec<Call<Test>> {
		for _ in 0..blocks {
			let sent = self.work();
			if !sent.is_empty() {
				return sent;
			}
			let next = self.world.execute_with(System::block_number) + 1;
			self.run_to(next);
		}
		Vec::new()
	}

	/// Puts what was sent into a block.
	pub(super) fn include_all(&mut self, sent: Vec<Call<Test>>) {
		self.world.execute_with(|| sent.into_iter().for_each(|call| include(call).unwrap()));
	}

	pub(super) fn check(&mut self) {
		self.world.execute_with(|| Learning::do_try_state().unwrap());
	}
}

#[test]
fn worker_reports_a_near_copy_and_its_operator_is_paid_the_share() {
	let (first, copy) = (trained(0), flipped(&trained(0)));
	let mut node = node(Alice, &[&first, &copy]);
	*node.engine.experts.is_slow.lock() = true;
	let (original, stolen) = node.world.execute_with(|| (offer(Dave, &first), offer(Eve, &copy)));
	let before = node.world.execute_with(|| Balances::balance(&Alice.to_account_id()));
	let sent = node.watch(12);
	assert_eq!(sent.len(), 1, "one for each node, however many keys it has");
	assert_eq!(node.work(), [], "not again at once");
	node.include_all(sent);
	node.world.execute_with(|| {
		assert_eq!(outcome(stolen), Some(SubmissionOutcome::Rejected(RejectReason::Copied)));
		assert!(OpenSubmissions::<Test>::contains_key(original));
		assert_eq!(Balances::balance(&Alice.to_account_id()), before + BOND / 5);
		let likeness = likeness(&first, &copy).unwrap().unsigned_abs();
		let proven = Event::CopyProven {
			submission: stolen,
			original: Original::Submission(original),
			reporter: Alice.to_account_id(),
			likeness,
			bounty: BOND / 5,
		};
		assert!(events().contains(&proven));
	});
	assert_eq!(node.watch(60), [], "nothing is left to report");
	node.check();
}

#[test]
fn worker_reports_the_accepted_copy_of_a_refused_expert() {
	let (first, copy) = (trained(0), flipped(&trained(0)));
	let mut node = node(Alice, &[&first, &copy]);
	let stolen = node.world.execute_with(|| {
		let (original, stolen) = (offer(Dave, &first), offer(Eve, &copy));
		reject(original);
		accept(stolen);
		stolen
	});
	let sent = node.watch(12);
	node.include_all(sent);
	node.world.execute_with(|| {
		assert_eq!(outcome(stolen), Some(SubmissionOutcome::Rejected(RejectReason::Copied)));
		assert_eq!(Heads::get()[&slot(0)].block, block_of(&parent()));
	});
	node.check();
}

#[test]
fn worker_reports_no_honest_expert_and_does_not_compare_it_at_every_block() {
	let (first, honest) = (trained(0), trained(3));
	let mut node = node(Alice, &[&first, &honest]);
	node.world.execute_with(|| (offer(Dave, &first), offer(Eve, &honest)));
	for _ in 0..20 {
		assert_eq!(node.watch(1), []);
	}
	let asked = node.engine.experts.queries.lock().len();
	assert!((1..=4).contains(&asked), "asked {asked} times in 20 blocks");
	node.check();
}

#[test]
fn worker_compares_with_earlier_experts_of_other_miners_and_with_versions() {
	let experts = [trained(0), trained(3), trained(5), trained(7)];
	let [first, own, candidate, later] = &experts;
	let mut node = node(Alice, &[first]);
	node.world.execute_with(|| {
		offer(Dave, first);
		offer(Eve, own);
		offer(Eve, candidate);
		offer(Ferdie, later);
	});
	assert_eq!(node.work(), []);
	let queries = node.engine.experts.queries.lock().clone();
	let asked = queries.iter().find(|query| query.candidate == block_of(candidate)).unwrap();
	assert_eq!((asked.config, asked.parent), (CONFIG, block_of(&parent())));
	let blocks = asked.originals.iter().map(|original| (original.block, original.parent));
	assert_eq!(blocks.collect::<Vec<_>>(), [(block_of(first), None), (block_of(&parent()), None)]);
}

#[test]
fn worker_waits_for_bytes_and_reports_when_they_have_come() {
	let (first, copy) = (trained(0), flipped(&trained(0)));
	let mut node = node(Alice, &[&first]);
	node.world.execute_with(|| (offer(Dave, &first), offer(Eve, &copy)));
	assert_eq!(node.watch(3), []);
	node.engine.experts.put(&copy);
	assert_eq!(node.watch(16).len(), 1);
}

#[test]
fn worker_reports_nothing_of_its_own_miner() {
	let (first, copy) = (trained(0), flipped(&trained(0)));
	let mut node = node(Alice, &[&first, &copy]);
	node.world.execute_with(|| (offer(Dave, &first), offer(Alice, &copy)));
	assert_eq!(node.watch(12), []);
}

/// Both have found it, and the pool holds one of their reports. The other one costs nothing, wherever it is.
#[test]
fn report_copy_as_operator_is_included_once_when_two_operators_report_one_copy() {
	ExtBuilder::default().build_and_check(|| {
		with_parent();
		let (first, copy) = (trained(0), flipped(&trained(0)));
		let (original, stolen) = (Original::Submission(offer(Dave, &first)), offer(Eve, &copy));
		let reports = [Alice, Bob].map(|who| report_by(who, stolen, original, evidence(&first, &copy)));
		let tags = reports.each_ref().map(|report| validity(report.clone()).unwrap().provides);
		assert_eq!(tags[0], tags[1], "a pool holds one report of a copy");
		let before = [Alice, Bob].map(|who| Balances::balance(&who.to_account_id()));
		let [one, other] = reports;
		include(one).unwrap();
		assert_eq!(refused(other), Some(InvalidTransaction::Stale), "no author includes it");
		let after = [Alice, Bob].map(|who| Balances::balance(&who.to_account_id()));
		assert_eq!(after, [before[0] + BOND / 5, before[1]], "no fee is lost");
	});
}

/// The copier has an operator among its friends, which reports first and shares what it is paid.
#[test]
fn attack_report_a_copy_of_ones_own_through_a_friend() {
	ExtBuilder::default().build_and_check(|| {
		with_parent();
		EvaluationFee::set(90);
		let (first, copy) = (trained(0), flipped(&trained(0)));
		let original = Original::Submission(offer(Dave, &first));
		let wealth = || [Alice, Eve].iter().map(|who| Balances::total_balance(&who.to_account_id())).sum();
		let before: u128 = wealth();
		let stolen = offer(Eve, &copy);
		include(report_by(Alice, stolen, original, evidence(&first, &copy))).unwrap();
		let lost = before - wealth();
		assert!(lost >= BOND - BOND / 5 + 90, "four fifths of the bond and the fee: {lost}");
	});
}

/// Reports are free, so a pool must not take those that no block can hold, and must find that out cheaply.
#[test]
fn attack_flood_the_pool_with_reports_that_prove_nothing() {
	ExtBuilder::default().build_and_check(|| {
		with_parent();
		let (first, honest) = (trained(0), trained(3));
		let (earlier, victim) = (offer(Dave, &first), offer(Eve, &honest));
		let original = Original::Submission(earlier);
		let unlike = report_by(Alice, victim, original, evidence(&first, &honest));
		assert_eq!(refused(unlike.clone()), Some(InvalidTransaction::Call));
		let others = report_by(Alice, victim, original, evidence(&first, &first));
		assert_eq!(refused(others), Some(InvalidTransaction::Call));
		let outsider = report_by(Ferdie, victim, original, evidence(&first, &honest));
		assert_eq!(refused(outsider), Some(InvalidTransaction::BadSigner));
		let Call::report_copy_as_operator { copy, original, mut evidence, key, signature } = unlike else {
			panic!("it was made above")
		};
		// Not even looked at: what was signed is other evidence.
		evidence.tile = 9;
		let forged = Call::report_copy_as_operator { copy, original, evidence, key, signature };
		assert_eq!(refused(forged), Some(InvalidTransaction::BadProof));
		let turned = super::copies::evidence(&honest, &first);
		let turned = report_by(Alice, earlier, Original::Submission(victim), turned);
		assert_eq!(refused(turned), Some(InvalidTransaction::Call));
		assert!(OpenSubmissions::<Test>::contains_key(victim));
	});
}

#[test]
fn the_chain_measures_the_golden_overlap() {
	let Family { parent, original, copy, .. } = family();
	let evidence = CopyEvidence {
		tile: 0,
		copy_tile: 0,
		original: tile(&original),
		original_parent: None,
		copy_parent: tile(&parent),
		copy: tile(&copy),
		moved: Default::default(),
	};
	let blocks = Compared {
		original: block_of(&original),
		original_parent: None,
		copy_parent: block_of(&parent),
		copy: block_of(&copy),
	};
	assert_eq!(blocks.overlap(&CONFIG, &evidence), Ok(LIKE));
}
