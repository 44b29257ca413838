//! `report_open_copy_as_operator`, and the off-chain worker that has near copies of adapters looked for.

use super::{
	copy_reports::{refused, validity},
	open_copies::{block_of, evidence, flipped, mixed, offer, parent, trained, with_parent, world},
	open_models::{architecture, become_open, HasAdapters},
	worker::Node,
	*,
};
use crate::{Call, Event, OpenSubmissions};
use blyan_exact::definition2::OwnedPart;
use blyan_primitives::{
	open_copy_report_payload, EngineError, JobStatus, OpenComparison, OpenCopyEvidence, OpenCopyFinding,
	OpenCopyQuery, Original, Projection, SubmissionId,
};
use blyan_runtime_api::{RejectReason, SubmissionOutcome};
use blyan_support::genesis_hash;
use frame_support::traits::fungible::Inspect;
use parking_lot::Mutex;
use sp_core::{Pair, H256};
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Dave, Eve, Ferdie};
use sp_runtime::transaction_validity::InvalidTransaction;
use std::collections::BTreeMap;

/// Findings of an engine by the candidate's bytes, and what it was asked.
#[derive(Default)]
pub(super) struct Adapters {
	findings: Mutex<BTreeMap<H256, OpenCopyFinding>>,
	queries: Mutex<Vec<OpenCopyQuery>>,
	/// It is of a release that compares no adapters.
	is_older: Mutex<bool>,
}

impl Adapters {
	pub(super) fn find_open_copy(&self, query: OpenCopyQuery) -> Result<OpenComparison, EngineError> {
		self.queries.lock().push(query.clone());
		if *self.is_older.lock() {
			return Err(EngineError::JobMalformed);
		}
		let found = self.findings.lock().get(&query.candidate.blob.hash).cloned();
		Ok(found.map_or(OpenComparison::Distinct, |finding| OpenComparison::Copy(Box::new(finding))))
	}

	/// Has it find that `copy` is one of the earliest expert that it is compared with.
	fn learn(&self, original: &OwnedPart, copy: &OwnedPart) {
		let evidence = evidence(original, copy, Projection::Gate);
		self.findings.lock().insert(block_of(copy).blob.hash, OpenCopyFinding { original: 0, evidence });
	}
}

/// A node of one operator in a world of adapters with a parent.
fn node(who: Sr25519Keyring) -> Node {
	let mut node = Node::new(&[who], JobStatus::Queued);
	node.world.execute_with(|| {
		HasAdapters::set(true);
		become_open();
		with_parent();
	});
	node
}

/// A report by an operator.
fn report_by(
	who: Sr25519Keyring,
	copy: SubmissionId,
	original: Original,
	evidence: OpenCopyEvidence,
) -> Call<Test> {
	let payload = open_copy_report_payload(&genesis_hash::<Test>(), copy, &original, &evidence);
	let (key, signature) = (who.public().into(), who.pair().sign(&payload).into());
	Call::report_open_copy_as_operator { copy, original, evidence: Box::new(evidence), key, signature }
}

#[test]
fn worker_reports_a_near_copy_of_adapters_and_its_operator_is_paid_the_share() {
	let mut node = node(Alice);
	let (original, stolen, before) = node.world.execute_with(|| {
		let first = trained(b"first");
		let numbers = (offer(Dave, &first), offer(Eve, &mixed(&first)));
		(numbers.0, numbers.1, Balances::balance(&Alice.to_account_id()))
	});
	node.engine.adapters.learn(&trained(b"first"), &mixed(&trained(b"first")));
	let sent = node.watch(12);
	assert_eq!(sent.len(), 1);
	assert_eq!(node.work(), [], "not again at once");
	node.include_all(sent);
	node.world.execute_with(|| {
		assert_eq!(outcome(stolen), Some(SubmissionOutcome::Rejected(RejectReason::Copied)));
		assert!(OpenSubmissions::<Test>::contains_key(original));
		assert_eq!(Balances::balance(&Alice.to_account_id()), before + BOND / 5);
		let is_proven = |event: &Event<Test>| matches!(event, Event::CopyProven { likeness: 995.., .. });
		assert!(events().iter().any(is_proven));
	});
	node.check();
}

#[test]
fn worker_names_the_architecture_and_the_earlier_adapters_of_other_miners() {
	let mut node = node(Alice);
	let experts = [b"first", b"owned", b"third"].map(|seed| trained(seed));
	node.world.execute_with(|| {
		offer(Dave, &experts[0]);
		offer(Eve, &experts[1]);
		offer(Eve, &experts[2]);
	});
	assert_eq!(node.work(), []);
	let queries = node.engine.adapters.queries.lock().clone();
	let asked = queries.iter().find(|query| query.candidate == block_of(&experts[2])).unwrap();
	assert_eq!((&asked.architecture, asked.layer), (&architecture().to_bytes(), 0));
	assert_eq!(asked.parent, block_of(&parent()));
	let blocks: Vec<_> = asked.originals.iter().map(|original| (original.block, original.parent)).collect();
	assert_eq!(blocks, [(block_of(&experts[0]), None), (block_of(&parent()), None)]);
}

/// A chain is upgraded before all of its nodes are.
#[test]
fn worker_goes_on_without_comparisons_where_the_engine_knows_no_adapters() {
	let mut node = node(Alice);
	*node.engine.adapters.is_older.lock() = true;
	node.world.execute_with(|| (offer(Dave, &trained(b"first")), offer(Eve, &trained(b"second"))));
	for _ in 0..20 {
		assert_eq!(node.watch(1), []);
	}
	let asked = node.engine.adapters.queries.lock().len();
	assert!((1..=4).contains(&asked), "asked {asked} times in 20 blocks");
	node.check();
}

/// A finding of the engine is held against the chain's measure before it is sent.
#[test]
fn worker_does_not_report_honest_adapters_that_its_engine_takes_for_a_copy() {
	let mut node = node(Alice);
	node.world.execute_with(|| (offer(Dave, &trained(b"first")), offer(Eve, &trained(b"second"))));
	node.engine.adapters.learn(&trained(b"first"), &trained(b"second"));
	assert_eq!(node.watch(12), []);
}

#[test]
fn report_open_copy_as_operator_is_included_once_when_two_operators_report_one_copy() {
	world(|| {
		let (first, copy) = (trained(b"first"), flipped(&trained(b"first")));
		let (original, stolen) = (Original::Submission(offer(Dave, &first)), offer(Eve, &copy));
		let report = |who| report_by(who, stolen, original, evidence(&first, &copy, Projection::Up));
		let reports = [Alice, Bob].map(report);
		let tags = reports.each_ref().map(|report| validity(report.clone()).unwrap().provides);
		assert_eq!(tags[0], tags[1], "a pool holds one report of a copy");
		let before = [Alice, Bob].map(|who| Balances::balance(&who.to_account_id()));
		let [one, other] = reports;
		include(one).unwrap();
		assert_eq!(outcome(stolen), Some(SubmissionOutcome::Rejected(RejectReason::Copied)));
		assert_eq!(refused(other), Some(InvalidTransaction::Stale), "no author includes it");
		let after = [Alice, Bob].map(|who| Balances::balance(&who.to_account_id()));
		assert_eq!(after, [before[0] + BOND / 5, before[1]], "no fee is lost");
	});
}

/// Reports are free, so a pool must not take those that no block can hold, and must find that out cheaply.
#[test]
fn attack_flood_the_pool_with_reports_about_adapters_that_prove_nothing() {
	world(|| {
		let (first, honest) = (trained(b"first"), trained(b"second"));
		let (earlier, victim) = (offer(Dave, &first), offer(Eve, &honest));
		let original = Original::Submission(earlier);
		let shown = evidence(&first, &honest, Projection::Down);
		let unlike = report_by(Alice, victim, original, shown.clone());
		assert_eq!(refused(unlike.clone()), Some(InvalidTransaction::Call));
		let others = report_by(Alice, victim, original, evidence(&first, &first, Projection::Down));
		assert_eq!(refused(others), Some(InvalidTransaction::Call));
		let outsider = report_by(Ferdie, victim, original, shown);
		assert_eq!(refused(outsider), Some(InvalidTransaction::BadSigner));
		let Call::report_open_copy_as_operator { copy, original, mut evidence, key, signature } = unlike
		else {
			panic!("it was made above")
		};
		// Not even looked at: what was signed is other evidence.
		evidence.projection = Projection::Up;
		let forged = Call::report_open_copy_as_operator { copy, original, evidence, key, signature };
		assert_eq!(refused(forged), Some(InvalidTransaction::BadProof));
		let turned = super::open_copies::evidence(&honest, &first, Projection::Down);
		let turned = report_by(Alice, earlier, Original::Submission(victim), turned);
		assert_eq!(refused(turned), Some(InvalidTransaction::Call));
		assert!(OpenSubmissions::<Test>::contains_key(victim));
	});
}
