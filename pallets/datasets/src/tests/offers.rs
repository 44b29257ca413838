//! Offers, their blobs, and what becomes of pending datasets.

use super::mock::*;
use crate::*;
use blyan_primitives::{
	conduct::Level, traits::BlobAnnouncements, BlobChunk, BlobRef, DatasetOffer, DatasetReason, DatasetRef,
	DatasetStage, PowStamp,
};
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;

type Failure = Error<Test>;

#[test]
fn offer_takes_a_number_announces_blobs_and_waits_for_its_audit() {
	story(0, || {
		let (offer, blobs) = offer(1);
		let dataset = submit(ALICE, (offer.clone(), blobs)).unwrap();
		assert_eq!(dataset, DatasetRef { dataset: 0, version: 0 });
		assert_eq!(stage(dataset), DatasetStage::Pending);
		assert_eq!(DatasetsPallet::announced(&blob(1).hash), Some(1_000));
		assert_eq!(DatasetsPallet::announced(&offer.manifest.hash), Some(500));
		assert_eq!(DatasetsPallet::blobs(dataset, 0), [blob(1)]);
		assert_eq!(DatasetsPallet::dataset_of_root(offer.root), Some(dataset));
		let until = 1 + PENDING_WINDOW;
		System::assert_has_event(
			Event::Offered { dataset, creator: account(ALICE), root: offer.root, until }.into(),
		);
		System::assert_last_event(Event::BlobsNamed { dataset, named: 1 }.into());
	});
}

#[test]
fn offer_needs_no_balance() {
	// The mock has no coins at all: nothing is held, reserved or paid by the pallet.
	story(0, || {
		assert_ok!(submit(ALICE, offer(1)));
	});
}

#[test]
fn offer_fails_when_something_is_empty_or_out_of_bounds() {
	story(0, || {
		let (good, blobs) = offer(1);
		for broken in [
			DatasetOffer { licence: Default::default(), ..good.clone() },
			DatasetOffer { source: Default::default(), ..good.clone() },
			DatasetOffer { records: 0, ..good.clone() },
			DatasetOffer { bytes: 0, ..good.clone() },
			DatasetOffer { blobs: 0, ..good.clone() },
			DatasetOffer { blobs: blyan_primitives::BLOBS_MAX + 1, ..good.clone() },
			DatasetOffer { manifest: BlobRef { size: 0, ..good.manifest }, ..good.clone() },
		] {
			let stamp = stamp(&account(ALICE), &broken);
			assert_noop!(
				DatasetsPallet::offer(signed(ALICE), broken, blobs.clone(), stamp),
				Failure::OfferMalformed
			);
		}
	});
}

#[test]
fn offer_fails_when_its_proof_of_work_is_anothers_old_or_weak() {
	story(0, || {
		let (offer, blobs) = offer(1);
		let send = |who: u32, stamp| DatasetsPallet::offer(signed(who), offer.clone(), blobs.clone(), stamp);
		let stamp = stamp(&account(ALICE), &offer);
		let weak = (0..100).map(|nonce| PowStamp { nonce, ..stamp }).find(|stamp| {
			let hash = System::block_hash(stamp.block);
			let work = blyan_primitives::pow_hash(
				&codec::Encode::encode(&account(ALICE)),
				&offer.work_subject(),
				&hash,
				stamp.nonce,
			);
			blyan_primitives::leading_zero_bits(&work) < POW_BITS
		});
		assert_noop!(send(ALICE, weak.unwrap()), Failure::PowTooWeak);
		assert_noop!(send(ALICE, PowStamp { block: 1, ..stamp }), Failure::PowBlockUnknown);
		run_to(202);
		assert_noop!(send(ALICE, stamp), Failure::PowBlockUnknown);
	});
}

#[test]
fn offer_fails_when_the_root_is_known() {
	story(0, || {
		submit(ALICE, offer(1)).unwrap();
		let copy = (DatasetOffer { manifest: offer(2).0.manifest, ..offer(1).0 }, offer(2).1);
		let stamp = stamp(&account(BOB), &copy.0);
		assert_noop!(DatasetsPallet::offer(signed(BOB), copy.0, copy.1, stamp), Failure::RootKnown);
	});
}

#[test]
fn a_new_version_keeps_the_number_and_is_the_creators_alone() {
	story(0, || {
		let first = submit(ALICE, offer(1)).unwrap();
		run(60);
		let version = |seed| (DatasetOffer { series: Some(first.dataset), ..offer(seed).0 }, offer(seed).1);
		let second = submit(ALICE, version(2)).unwrap();
		assert_eq!(second, DatasetRef { dataset: 0, version: 1 });
		let (offer, blobs) = version(3);
		let stamp = stamp(&account(BOB), &offer);
		assert_noop!(DatasetsPallet::offer(signed(BOB), offer, blobs, stamp), Failure::NotYourSeries);
		let names: Vec<_> = DatasetsPallet::datasets(0, 10).into_iter().map(|info| info.dataset).collect();
		assert_eq!(names, [first, second]);
	});
}

#[test]
fn blobs_are_named_in_calls_until_all_are() {
	story(0, || {
		let (offer, _) = offer(1);
		let dataset =
			submit(ALICE, (DatasetOffer { blobs: 3, bytes: 3_000, ..offer }, Default::default())).unwrap();
		let chunk = |seeds: &[u32]| -> BlobChunk {
			seeds.iter().map(|seed| blob(*seed)).collect::<Vec<_>>().try_into().unwrap()
		};
		assert_noop!(DatasetsPallet::begin_audit(signed(ALICE), dataset), Failure::BlobsMissing);
		assert_ok!(DatasetsPallet::name_blobs(signed(ALICE), dataset, chunk(&[1, 2])));
		assert_noop!(DatasetsPallet::name_blobs(signed(BOB), dataset, chunk(&[3])), Failure::NotYourDataset);
		assert_noop!(DatasetsPallet::begin_audit(signed(ALICE), dataset), Failure::BlobsMissing);
		assert_noop!(
			DatasetsPallet::name_blobs(signed(ALICE), dataset, chunk(&[3, 4])),
			Failure::TooManyBlobs
		);
		let heavy = vec![BlobRef { size: 1_001, ..blob(3) }].try_into().unwrap();
		assert_noop!(DatasetsPallet::name_blobs(signed(ALICE), dataset, heavy), Failure::TooManyBlobs);
		assert_ok!(DatasetsPallet::name_blobs(signed(ALICE), dataset, chunk(&[3])));
		assert_eq!(DatasetsPallet::blobs(dataset, 1), [blob(2), blob(3)]);
		assert_ok!(DatasetsPallet::begin_audit(signed(ALICE), dataset));
		assert_noop!(DatasetsPallet::name_blobs(signed(ALICE), dataset, chunk(&[4])), Failure::WrongStage);
	});
}

#[test]
fn a_blob_has_one_length() {
	story(0, || {
		submit(ALICE, offer(1)).unwrap();
		let (offer, _) = offer(2);
		let wrong: BlobChunk = vec![BlobRef { size: 999, ..blob(1) }].try_into().unwrap();
		let stamp = stamp(&account(BOB), &offer);
		assert_noop!(DatasetsPallet::offer(signed(BOB), offer, wrong, stamp), Failure::BlobSizeContradicted);
	});
}

#[test]
fn a_pending_dataset_that_is_not_begun_is_withdrawn_and_its_blobs_are_forgotten() {
	story(0, || {
		let dataset = submit(ALICE, offer(1)).unwrap();
		run(PENDING_WINDOW + 2);
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Withdrawn));
		// Nothing was found against it, so it can be offered again.
		assert_ok!(submit(ALICE, offer(1)));
		run(REJECTED_FOR + 5);
		assert_eq!(Datasets::<Test>::get(dataset), None);
		assert_eq!(AnnouncedBlobs::<Test>::get(blob(1).hash).unwrap().datasets, 1);
		run(PENDING_WINDOW + REJECTED_FOR);
		assert_eq!(DatasetsPallet::announced(&blob(1).hash), None);
		assert_eq!(Datasets::<Test>::iter().count(), 0);
		assert_eq!(Agenda::<Test>::iter().count(), 0);
	});
}

#[test]
fn withdraw_ends_a_pending_dataset_without_a_consequence() {
	story(0, || {
		let dataset = submit(ALICE, offer(1)).unwrap();
		assert_noop!(DatasetsPallet::withdraw(signed(BOB), dataset), Failure::NotYourDataset);
		assert_ok!(DatasetsPallet::withdraw(signed(ALICE), dataset));
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Withdrawn));
		assert_eq!(Conducts::<Test>::get(account(ALICE)).decided, 0);
		assert_noop!(DatasetsPallet::withdraw(signed(ALICE), dataset), Failure::WrongStage);
		assert_noop!(DatasetsPallet::appeal(signed(ALICE), dataset), Failure::NotAppealable);
	});
}

#[test]
fn a_day_has_a_quota_and_the_next_day_a_new_one() {
	story(0, || {
		let mut seed = 0;
		let mut taken = 0;
		// A person's pace: a few minutes each, not on the minute.
		for place in 0..25u32 {
			run(500 + (place * 37) % 90);
			seed += 1;
			match submit(ALICE, offer(seed)) {
				Ok(_) => taken += 1,
				Err(error) => {
					let renews_in = DatasetsPallet::offer_terms(&account(ALICE)).renews_in;
					assert_eq!(error, Failure::QuotaExceeded { renews_in: renews_in as u16 }.into());
				}
			}
		}
		assert_eq!(taken, 20);
		run_to(DAY);
		assert_ok!(submit(ALICE, offer(seed + 1)));
		assert_eq!(DatasetsPallet::offer_terms(&account(ALICE)).level, Level::Newbie);
	});
}

#[test]
fn two_flags_block_until_the_next_day() {
	story(0, || {
		for seed in 0..11 {
			assert_ok!(submit(ALICE, offer(seed)));
		}
		let terms = DatasetsPallet::offer_terms(&account(ALICE));
		assert!(terms.is_blocked && terms.flags.hasty && terms.flags.burst, "{terms:?}");
		run(1_000);
		let (offer, blobs) = offer(50);
		let stamp = stamp(&account(ALICE), &offer);
		let renews_in = (DAY - System::block_number()) as u16;
		assert_noop!(
			DatasetsPallet::offer(signed(ALICE), offer, blobs, stamp),
			Failure::Blocked { renews_in }
		);
	});
}

#[test]
fn refusals_at_the_door_are_about_what_cannot_succeed() {
	use blyan_primitives::Refusal;
	story(0, || {
		let dataset = submit(ALICE, offer(1)).unwrap();
		let refusal = |who: u32, call: Call<Test>| DatasetsPallet::refusal(&account(who), &call);
		assert_eq!(refusal(ALICE, Call::begin_audit { dataset }), None);
		assert_eq!(refusal(BOB, Call::begin_audit { dataset }), Some(Refusal::NotAllowed));
		let far = DatasetRef { dataset: 5_000, version: 0 };
		assert_eq!(refusal(ALICE, Call::advance { dataset: far }), Some(Refusal::Unknown));
		let next = DatasetRef { dataset: 1, version: 0 };
		assert_eq!(
			refusal(ALICE, Call::begin_audit { dataset: next }),
			None,
			"the next one may come before it"
		);
		let (offer, blobs) = offer(1);
		let send =
			|offer: &DatasetOffer, stamp| Call::offer { offer: offer.clone(), blobs: blobs.clone(), stamp };
		let sent = |offer: &DatasetOffer| send(offer, stamp(&account(BOB), offer));
		assert_eq!(refusal(BOB, sent(&offer)), Some(Refusal::Over));
		let new = DatasetOffer { root: H256::zero(), ..offer };
		assert_eq!(refusal(BOB, sent(&new)), None);
		let empty = DatasetOffer { records: 0, ..new.clone() };
		assert_eq!(refusal(BOB, sent(&empty)), Some(Refusal::Malformed));
		let theirs = DatasetOffer { series: Some(dataset.dataset), ..new.clone() };
		assert_eq!(refusal(BOB, sent(&theirs)), Some(Refusal::NotAllowed));
		let old = stamp(&account(BOB), &new);
		run(201);
		assert_eq!(refusal(BOB, send(&new, old)), Some(Refusal::Over), "the stamp is too old");
	});
}
