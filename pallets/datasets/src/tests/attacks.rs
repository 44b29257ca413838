//! Attacks: what each would gain, and that it does not.

use super::mock::*;
use crate::*;
use blyan_primitives::{
	AuditFinding, AuditReport, Ballot, DatasetAuditMessage, DatasetOffer, DatasetReason, DatasetStage,
	DatasetTier,
};
use frame_support::{assert_noop, assert_ok, traits::Hooks, weights::Weight};
use sp_core::H256;

type Failure = Error<Test>;

#[test]
fn attack_two_thousand_offers_at_once_from_many_accounts() {
	story(9, || {
		let (mut taken, mut refused) = (0u32, 0u32);
		let mut per_account = std::collections::BTreeMap::<u32, u32>::new();
		for number in 0..2_000u32 {
			let who = 5_000 + number % 40;
			match submit(who, offer(number)) {
				Ok(_) => {
					taken += 1;
					*per_account.entry(who).or_default() += 1;
				}
				Err(_) => refused += 1,
			}
		}
		// Eleven each: the first is free of flags, the second is hasty, the eleventh a burst.
		assert!(per_account.values().all(|offers| *offers == 11), "{per_account:?}");
		assert_eq!((taken, refused), (440, 1_560));
		assert_eq!(OpenCount::<Test>::get(), 440);
		DatasetsPallet::do_try_state().unwrap();
		// They expire in the order in which they came, a few a block, and leave nothing.
		run(PENDING_WINDOW + 440 / 8 + 5);
		assert_eq!(OpenCount::<Test>::get(), 0);
		run(REJECTED_FOR + 3 * 440 / 8 + 10);
		assert_eq!((Datasets::<Test>::iter().count(), AnnouncedBlobs::<Test>::iter().count()), (0, 0));
	});
}

#[test]
fn attack_two_thousand_accounts_offer_one_each() {
	story(9, || {
		for who in 0..2_000u32 {
			assert_ok!(submit(10_000 + who, offer(who)));
		}
		assert_eq!(OpenCount::<Test>::get(), 2_000);
		for number in 2_000..2_048 {
			assert_ok!(submit(20_000 + number, offer(number)));
		}
		let (offer, blobs) = offer(3_000);
		let stamp = stamp(&account(ALICE), &offer);
		assert_noop!(DatasetsPallet::offer(signed(ALICE), offer, blobs, stamp), Failure::TooManyOpen);
		// A block without room does nothing, and one with room no more than it has.
		assert_eq!(DatasetsPallet::on_idle(1, Weight::zero()), Weight::zero());
		run(PENDING_WINDOW + 2_048 / 8 + 5);
		assert_eq!(OpenCount::<Test>::get(), 0);
	});
}

#[test]
fn attack_copy_a_sealed_finding() {
	story(9, || {
		let dataset = audited(ALICE, 1);
		let auditors = drawn(dataset);
		let [honest, lazy] = [auditors[0], auditors[1]];
		let finding = AuditFinding::Examined(clean());
		seal(dataset, honest, finding).unwrap();
		let copied = finding.seal(&audit(dataset).draw, &salt(honest), &account(honest));
		assert_ok!(deliver(call(DatasetAuditMessage::Seal { dataset, seal: copied }, lazy)));
		for who in &auditors[2..] {
			seal(dataset, *who, finding).unwrap();
		}
		run(1);
		reveal(dataset, honest, finding).unwrap();
		// The salt and the finding are public now, and open nothing of the copier's.
		let message = DatasetAuditMessage::Reveal { dataset, finding, salt: salt(honest) };
		assert!(deliver(call(message, lazy)).is_err());
		for who in &auditors[2..] {
			reveal(dataset, *who, finding).unwrap();
		}
		run(REVEAL_WINDOW + 1);
		assert!(!Paid::get().contains(&account(lazy)));
		assert_eq!(Paid::get().len(), 4);
	});
}

#[test]
fn attack_open_a_finding_of_another_draw() {
	story(9, || {
		let dataset = audited(ALICE, 1);
		let first = drawn(dataset);
		let old = audit(dataset).draw;
		let finding = AuditFinding::Examined(clean());
		run(SEAL_WINDOW + 2);
		let second = drawn(dataset);
		let both = second.iter().find(|who| first.contains(who)).copied().unwrap();
		// Signed for the first draw: not valid in the second.
		let seal_of = |draw: &H256| finding.seal(draw, &salt(both), &account(both));
		let message = DatasetAuditMessage::Seal { dataset, seal: seal_of(&old) };
		let Call::seal { dataset, seal, key, .. } = call(message, both) else { panic!("a seal") };
		let payload = message.signing_payload(&System::block_hash(0), &old);
		let signature = sp_core::Pair::sign(&pair(both), &payload).into();
		assert!(deliver(Call::seal { dataset, seal, key, signature }).is_err());
		// Sealed for the first draw and signed for the second: it cannot be opened.
		assert_ok!(deliver(call(message, both)));
		for who in second.iter().filter(|who| **who != both) {
			super::mock::seal(dataset, *who, finding).unwrap();
		}
		run(1);
		assert!(reveal(dataset, both, finding).is_err());
	});
}

#[test]
fn attack_sign_with_a_key_that_is_not_the_auditors() {
	story(9, || {
		let dataset = audited(ALICE, 1);
		let auditors = drawn(dataset);
		let seal = H256([1; 32]);
		let message = DatasetAuditMessage::Seal { dataset, seal };
		let Call::seal { key, .. } = call(message, auditors[0]) else { panic!("a seal") };
		let Call::seal { signature, .. } = call(message, auditors[1]) else { panic!("a seal") };
		assert!(deliver(Call::seal { dataset, seal, key, signature }).is_err());
	});
}

#[test]
fn attack_audit_ones_own_data_through_ones_own_operators() {
	story(6, || {
		// Alice runs thirty operators under her account.
		for operator in 100..130 {
			register_for(operator, ALICE);
		}
		for seed in 0..5 {
			let dataset = audited(ALICE, seed);
			assert!(drawn(dataset).iter().all(|who| *who < 6), "strangers only");
		}
	});
}

/// Figures beyond the limits of gold, below the thresholds.
fn dirty() -> AuditReport {
	AuditReport { toxicity: 60_000, duplicate_rate: 250_000, pii: 9_000, ..clean() }
}

#[test]
fn attack_a_coordinated_vote_of_thirty_percent() {
	// Thirty of a hundred push through data that auditors found to be dirty.
	let (coalition, honest) = (0..30u32, 30..100u32);
	let no = Ballot::No { reason: DatasetReason::Quality };
	story(100, || {
		let dataset = reported(ALICE, 1, dirty());
		for voter in coalition.clone() {
			vote(dataset, voter, YES).unwrap();
		}
		for voter in honest.clone() {
			vote(dataset, voter, no).unwrap();
		}
		run(VOTE_WINDOW + 2);
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Quality), "outvoted");
	});
	story(100, || {
		let dataset = reported(ALICE, 1, dirty());
		for voter in coalition.clone() {
			vote(dataset, voter, YES).unwrap();
		}
		run(VOTE_WINDOW + 2);
		// No other voter came: theirs decide, and the figures keep it from gold all the same.
		assert_eq!(stage(dataset), DatasetStage::Approved(DatasetTier::Silver));
	});
	story(100, || {
		// Beyond the thresholds there is no vote at all.
		let dataset = reported(ALICE, 1, AuditReport { toxicity: 100_001, ..dirty() });
		assert_noop!(vote(dataset, 0, YES), Failure::WrongStage);
	});
}

#[test]
fn attack_register_operators_when_a_vote_is_known() {
	story(9, || {
		let dataset = reported(ALICE, 1, clean());
		for operator in 100..130 {
			register(operator);
		}
		for operator in 100..130 {
			assert_noop!(vote(dataset, operator, YES), Failure::NotAVoter);
		}
		assert_eq!(record(dataset).vote.unwrap().voters, 9);
	});
}

#[test]
fn attack_offer_the_data_of_another_contributor() {
	story(9, || {
		let theirs = approved(ALICE, 1);
		// The same root under another manifest, and the same manifest under another root.
		let copy = (DatasetOffer { manifest: offer(2).0.manifest, ..offer(1).0 }, offer(2).1);
		let stamp = stamp(&account(BOB), &copy.0);
		assert_noop!(DatasetsPallet::offer(signed(BOB), copy.0, copy.1, stamp), Failure::RootKnown);
		let forged = DatasetOffer { root: H256([7; 32]), ..offer(1).0 };
		let dataset = submit(BOB, (forged, offer(1).1)).unwrap();
		assert_ok!(DatasetsPallet::begin_audit(signed(BOB), dataset));
		// The manifest does not have that root: auditors say so.
		play(dataset, |_| AuditFinding::Malformed);
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Quality));
		assert!(stage(theirs).is_approved());
	});
}

#[test]
fn attack_offer_many_roots_with_one_proof_of_work() {
	story(0, || {
		// Of the stamps for one offer, one that is none for the next.
		let other = |root: u8| DatasetOffer { root: H256([root; 32]), ..offer(1).0 };
		let mine = stamp(&account(ALICE), &offer(1).0);
		let hash = System::block_hash(mine.block);
		let bits = |offer: &DatasetOffer| {
			let work = blyan_primitives::pow_hash(
				&codec::Encode::encode(&account(ALICE)),
				&offer.work_subject(),
				&hash,
				mine.nonce,
			);
			blyan_primitives::leading_zero_bits(&work)
		};
		let next = (1..=u8::MAX).map(other).find(|next| bits(next) < POW_BITS).unwrap();
		assert_eq!(next.manifest, offer(1).0.manifest);
		let send = |offer, blobs| DatasetsPallet::offer(signed(ALICE), offer, blobs, mine);
		assert_ok!(send(offer(1).0, offer(1).1));
		assert_noop!(send(next, offer(1).1), Error::<Test>::PowTooWeak);
	});
}

#[test]
fn attack_withdraw_whatever_is_about_to_be_rejected() {
	story(9, || {
		for seed in 0..5 {
			run(60 + seed * 13);
			let dataset = audited(ALICE, seed);
			drawn(dataset);
			assert_ok!(DatasetsPallet::withdraw(signed(ALICE), dataset));
		}
		run(500);
		submit(ALICE, offer(90)).unwrap();
		let terms = DatasetsPallet::offer_terms(&account(ALICE));
		assert!(terms.flags.rejected, "five of five count as rejected");
	});
}

#[test]
fn attack_a_minority_of_auditors_rejects_what_is_clean() {
	story(9, || {
		let dataset = audited(ALICE, 1);
		let lie = AuditFinding::Examined(AuditReport { copyright_hits: 100, ..clean() });
		play(dataset, |place| if place < 2 { lie } else { AuditFinding::Examined(clean()) });
		assert_eq!(stage(dataset), DatasetStage::Vote);
		assert_eq!(Paid::get().len(), 3);
	});
}
