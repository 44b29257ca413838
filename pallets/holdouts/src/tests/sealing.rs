//! `seal_model`.

use super::mock::*;
use crate::{Error, Event, Sealed};
use blyan_exact::merkle;
use blyan_primitives::{chunk_commitment, traits::SealedHoldouts, SealedHoldout, SealingRules};
use codec::Encode;
use frame_support::{assert_noop, assert_ok, storage::with_storage_layer};
use sp_core::H256;
use sp_runtime::DispatchError;

#[test]
fn a_model_is_sealed_and_made_public_again() {
	check(|| {
		assert_eq!(ask(SUBMISSION), SealedHoldout::Public);
		assert_ok!(Holdouts::seal_model(RuntimeOrigin::root(), MODEL, Some(RULES)));
		assert_eq!(events(), [Event::ModelSealed { model: MODEL, rules: Some(RULES) }]);
		assert_eq!(ask(SUBMISSION), SealedHoldout::Asked);
		assert_eq!(ask(SUBMISSION), SealedHoldout::Waiting);
		assert_ok!(Holdouts::seal_model(RuntimeOrigin::root(), MODEL, None));
		assert_eq!(ask(SUBMISSION), SealedHoldout::Public);
		run(1);
		assert_eq!((phase(SUBMISSION), Sealed::<Test>::get(MODEL)), (None, None));
	});
}

#[test]
fn seal_model_fails_for_others_and_for_rules_that_no_text_meets() {
	check(|| {
		let seal = |model, rules| Holdouts::seal_model(RuntimeOrigin::root(), model, Some(rules));
		assert_noop!(Holdouts::seal_model(signed(1), MODEL, Some(RULES)), DispatchError::BadOrigin);
		assert_noop!(seal(9, RULES), Error::<Test>::ModelUnknown);
		for wrong in [
			SealingRules { sequences: 1, ..RULES },
			SealingRules { sequence_len: 0, ..RULES },
			SealingRules { sequence_len: 33, ..RULES },
			SealingRules { sequences: 33, ..RULES },
			SealingRules { loss_min: RULES.loss_max, ..RULES },
		] {
			assert_noop!(seal(MODEL, wrong), Error::<Test>::RulesMalformed);
		}
	});
}

/// A holdout file of the second definition that only this number stands for.
fn token_text(number: u32) -> Vec<u8> {
	let ids: Vec<[u32; 8]> =
		(0..RULES.sequences).map(|sequence| [number, sequence, 0, 1, 2, 3, 4, 5]).collect();
	let leaves: Vec<Vec<u8>> = ids.iter().map(Encode::encode).collect();
	let root = merkle::root_of(leaves.iter().map(Vec::as_slice));
	let header = (*b"HOLDOUT2", [RULES.sequences, 7, 300, 0], H256([1; 32]), root, 0u64).encode();
	[header, leaves.concat(), vec![0; 4 * ids.len()]].concat()
}

#[test]
fn a_candidate_for_an_open_model_is_measured_on_token_ids_that_no_miner_had_seen() {
	check(|| {
		assert_ok!(Holdouts::seal_model(RuntimeOrigin::root(), OPEN_MODEL, Some(RULES)));
		let genesis = blyan_support::genesis_hash::<Test>();
		for keeper in KEEPER..KEEPER + 3 {
			// The last one's is not a holdout file.
			let bytes = if keeper == KEEPER + 2 { text(keeper) } else { token_text(keeper) };
			let hash = name_of(&bytes);
			let commitment = chunk_commitment(&genesis, &account(keeper), OPEN_MODEL, &hash, &SALT);
			assert_ok!(Holdouts::join(signed(keeper), BOND));
			assert_ok!(Holdouts::commit_under(signed(keeper), OPEN_MODEL, commitment, RULES));
		}
		run(1);
		let (miner, known_at) = (account(MINER), System::block_number());
		let request =
			|id| <Holdouts as SealedHoldouts<AccountId, u32>>::request(id, OPEN_MODEL, &miner, known_at);
		let reveal = |keeper, id, bytes: Vec<u8>| {
			let revealed = Holdouts::reveal(signed(keeper), id, bytes.try_into().unwrap(), SALT);
			revealed.map(|_| ()).map_err(|error| error.error)
		};
		let (mut opened, mut refused) = (false, false);
		for submission in 0..200 {
			assert_eq!(request(submission), SealedHoldout::Asked);
			let keeper = wait_for_appointment(submission);
			if keeper == KEEPER + 2 {
				let malformed: Result<(), DispatchError> = Err(Error::<Test>::ChunkMalformed.into());
				assert_eq!(with_storage_layer(|| reveal(keeper, submission, text(keeper))), malformed);
				refused = true;
			} else if refused {
				assert_ok!(reveal(keeper, submission, token_text(keeper)));
				let holdout = RULES.token_holdout_of(&token_text(keeper), 300);
				assert_eq!(Holdouts::in_force(OPEN_MODEL), holdout);
				opened = holdout.is_some();
			}
			close(submission);
			if opened {
				break;
			}
		}
		assert!(opened && refused);
	});
}

/// Of the second definition: a sequence is token ids, the first of which is context only, and a chunk is a holdout file.
#[test]
fn an_open_model_is_sealed_by_rules_whose_scores_can_be_disputed() {
	check(|| {
		let seal = |rules| Holdouts::seal_model(RuntimeOrigin::root(), OPEN_MODEL, Some(rules));
		// 96 bytes, and 4 x 36 of four sequences of eight ids.
		assert_eq!(RULES.token_chunk_bytes(), 240);
		for wrong in [
			SealingRules { sequences: 5, ..RULES },
			SealingRules { sequences: 1, ..RULES },
			SealingRules { sequence_len: 1, ..RULES },
		] {
			assert_noop!(seal(wrong), Error::<Test>::RulesMalformed);
		}
		OpenContext::set(6);
		assert_noop!(seal(RULES), Error::<Test>::RulesMalformed);
		OpenContext::set(7);
		assert_ok!(seal(RULES));
		assert_eq!(Holdouts::sealing(OPEN_MODEL), Some(RULES));
	});
}

#[test]
fn a_keeper_that_was_appointed_keeps_its_chunk_when_the_model_becomes_public() {
	check(|| {
		sealed_with(3);
		ask(SUBMISSION);
		let keeper = wait_for_appointment(SUBMISSION);
		assert_ok!(Holdouts::seal_model(RuntimeOrigin::root(), MODEL, None));
		run(1);
		assert_eq!(phase(SUBMISSION), None);
		assert_eq!(crate::Chunks::<Test>::get(MODEL, account(keeper)).len(), 1);
		assert_eq!(Slashed::get(), 0);
	});
}

#[test]
fn chunks_of_another_shape_are_not_appointed() {
	check(|| {
		sealed_with(3);
		let other = SealingRules { sequences: 2, ..RULES };
		assert_ok!(Holdouts::seal_model(RuntimeOrigin::root(), MODEL, Some(other)));
		ask(SUBMISSION);
		run(4);
		assert!(matches!(phase(SUBMISSION), Some(crate::Phase::Starved { .. })));
	});
}
