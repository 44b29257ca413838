//! Worst cases of every call, and of what happens without being asked.
//!
//! The agenda is full but for one place, an audit has as many auditors as it can have, and everybody is enrolled.

use crate::{
	jobs::JobSource, rules, verdict, Agenda, AuditRecordOf, Audits, Call, Config, Enrolment, Enrolments,
	Event, Message, NextAudit, Pallet, Phase, Revelation, Round, RoundRecord, Seat, SeatState, Vote,
};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::OperatorSet, AuditId, EvaluationJob, EvaluationOutcome, OperatorId, OperatorSignature, Subject,
};
use frame_benchmarking::{account, v2::*};
use frame_support::{
	pallet_prelude::{Get, TransactionSource},
	traits::Authorize,
	BoundedVec,
};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use sp_core::H256;
use sp_runtime::{
	traits::{Bounded, One, SaturatedConversion, Saturating, Zero},
	RuntimeAppPublic,
};

const SECRET: H256 = H256([7; 32]);
const SALT: H256 = H256([8; 32]);

fn assert_last_event<T: Config>(event: Event<T>) {
	let event: <T as frame_system::Config>::RuntimeEvent = event.into();
	frame_system::Pallet::<T>::assert_last_event(event);
}

/// As many operators as there can be, with their keys, all of them enrolled long ago.
fn crowd<T: Config>() -> Vec<(T::AccountId, OperatorId)> {
	T::Jobs::ensure_job_for_benchmark();
	let members = T::Operators::ensure_operators_for_benchmark(T::Operators::most_operators_for_benchmark());
	for (operator, _) in &members {
		let commitment = rules::commitment(&SECRET);
		let promise =
			Enrolment { commitment, nonce: H256::zero(), since: Zero::zero(), appointment: 0, setting: None };
		Enrolments::<T>::insert(operator, promise);
	}
	let later = T::EnrolEvery::get().saturating_add(2u32.into());
	frame_system::Pallet::<T>::set_block_number(later);
	members
}

/// Fills the agenda but for one place with audits that are due in the far future.
fn fill_agenda<T: Config>() {
	let free = T::MaxOpen::get().saturating_sub(1);
	let other = |n: u32| (AuditId::MAX.saturating_sub(n.into()), Bounded::max_value());
	Agenda::<T>::put(BoundedVec::truncate_from((0..free).map(other).collect()));
}

/// An outcome that can belong to the job, and is about nothing.
fn outcome<T: Config>(record: &AuditRecordOf<T>, root: u8) -> EvaluationOutcome {
	let positions = record.job.statement.positions();
	let sequences = record.job.sample();
	EvaluationOutcome {
		sequences,
		bytes: u64::from(sequences).saturating_mul(positions.into()),
		job_root: H256::repeat_byte(root),
		..Default::default()
	}
}

/// The last audit of a full agenda, with every seat taken.
fn opened<T: Config>(members: &[(T::AccountId, OperatorId)]) -> (AuditId, AuditRecordOf<T>) {
	fill_agenda::<T>();
	let now = frame_system::Pallet::<T>::block_number();
	let audit = Pallet::<T>::open_with(now, 1, H256::repeat_byte(3)).expect("everybody may set");
	let mut record = Audits::<T>::get(audit).expect("opened above");
	let most = T::MaxSeats::get().saturating_sub(1).saturated_into();
	let others = members.iter().filter(|(who, _)| *who != record.setter).take(most);
	let seats = others.map(|(who, _)| Seat { operator: who.clone(), state: SeatState::Waiting });
	record.seats = BoundedVec::truncate_from(seats.collect());
	record.trap_share = rules::MILLION;
	Audits::<T>::insert(audit, record.clone());
	(audit, record)
}

/// An audit in which a forced error was presented and all auditors sealed this vote.
fn sealed<T: Config>(
	members: &[(T::AccountId, OperatorId)],
	vote: impl Fn(&EvaluationOutcome) -> Vote,
) -> (AuditId, AuditRecordOf<T>, EvaluationOutcome) {
	let (audit, mut record) = opened::<T>(members);
	let truth = outcome::<T>(&record, 1);
	record.presented = Some(rules::distort(&truth, &SECRET, &record.seed));
	record.phase = Phase::Revealing { until: Bounded::max_value() };
	for seat in record.seats.iter_mut() {
		seat.state = SeatState::Sealed(vote(&truth).seal(&SALT, &seat.operator));
	}
	Audits::<T>::insert(audit, record.clone());
	(audit, record, truth)
}

/// The same with everything open.
fn revealed<T: Config>(
	members: &[(T::AccountId, OperatorId)],
	vote: impl Fn(&EvaluationOutcome) -> Vote,
) -> AuditId {
	let (audit, mut record, truth) = sealed::<T>(members, &vote);
	record.revelation = Some(Revelation { secret: SECRET, truth });
	for seat in record.seats.iter_mut() {
		seat.state = SeatState::Revealed(vote(&truth));
	}
	Audits::<T>::insert(audit, record);
	audit
}

/// A contested audit: the setter says one thing, its auditors another.
pub(crate) fn contested<T: Config>() -> (Subject, EvaluationJob) {
	let members = crowd::<T>();
	let (audit, mut record) = opened::<T>(&members);
	let (truth, lie) = (outcome::<T>(&record, 1), outcome::<T>(&record, 2));
	record.presented = Some(rules::distort(&truth, &SECRET, &record.seed));
	record.revelation = Some(Revelation { secret: SECRET, truth });
	for seat in record.seats.iter_mut() {
		seat.state = SeatState::Revealed(Vote::Deny(lie));
	}
	let until = frame_system::Pallet::<T>::block_number().saturating_add(T::DisputeWindow::get());
	record.phase = Phase::Contested { until, is_forced: true, games: 0, refuted: BoundedVec::new() };
	debug_assert_ne!(verdict(truth).digest(), verdict(lie).digest());
	let job = T::Jobs::job(&record.job).expect("the model is as it was");
	Enrolments::<T>::mutate(&record.setter, |entry| {
		if let Some(promise) = entry {
			promise.setting = None;
		}
	});
	Audits::<T>::insert(audit, record);
	Agenda::<T>::put(BoundedVec::truncate_from([(audit, until.saturating_add(One::one()))].to_vec()));
	(Subject::Audit(audit), job)
}

fn key_of<T: Config>(members: &[(T::AccountId, OperatorId)], who: &T::AccountId) -> OperatorId {
	members.iter().find(|(member, _)| member == who).map(|(_, key)| key.clone()).expect("a member")
}

fn sign<T: Config>(message: &Message<BlockNumberFor<T>>, key: &OperatorId) -> OperatorSignature {
	key.sign(&Pallet::<T>::signing_payload(message)).expect("the key is in the keystore")
}

fn authorize<T: Config>(call: &Call<T>) -> Result<(), BenchmarkError> {
	call.authorize(TransactionSource::External)
		.ok_or("the call authorises itself")?
		.map_err(|_| "refused")?;
	Ok(())
}

/// The last auditor of an audit, so that all others are looked through.
fn last<T: Config>(record: &AuditRecordOf<T>) -> T::AccountId {
	record.seats.last().map(|seat| seat.operator.clone()).expect("an audit has auditors")
}

fn enrolment<T: Config>() -> (OperatorId, H256, BlockNumberFor<T>, OperatorSignature) {
	let members = crowd::<T>();
	let (_, key) = members.first().cloned().expect("there is a crowd");
	let (commitment, at) = (H256::repeat_byte(9), frame_system::Pallet::<T>::block_number());
	let signature = sign::<T>(&Message::Enrol { commitment, at }, &key);
	(key, commitment, at, signature)
}

fn presentation<T: Config>() -> (AuditId, EvaluationOutcome, OperatorId, OperatorSignature) {
	let members = crowd::<T>();
	let (audit, record) = opened::<T>(&members);
	let outcome = outcome::<T>(&record, 1);
	let key = key_of::<T>(&members, &record.setter);
	let signature = sign::<T>(&Message::Present { audit, outcome }, &key);
	(audit, outcome, key, signature)
}

/// The last vote: with it the voting ends.
fn last_vote<T: Config>() -> (AuditId, H256, T::AccountId, OperatorId, OperatorSignature) {
	let members = crowd::<T>();
	let (audit, mut record, _) = sealed::<T>(&members, |_| Vote::Confirm);
	record.phase = Phase::Voting { until: Bounded::max_value() };
	if let Some(seat) = record.seats.last_mut() {
		seat.state = SeatState::Waiting;
	}
	Audits::<T>::insert(audit, record.clone());
	let (operator, seal) = (last::<T>(&record), H256::repeat_byte(4));
	let key = key_of::<T>(&members, &operator);
	let signature = sign::<T>(&Message::Vote { audit, seal }, &key);
	(audit, seal, operator, key, signature)
}

fn secret<T: Config>() -> (AuditId, Revelation, H256, OperatorId, OperatorSignature) {
	let members = crowd::<T>();
	let (audit, record, truth) = sealed::<T>(&members, |truth| Vote::Deny(*truth));
	let key = key_of::<T>(&members, &record.setter);
	let (revelation, next) = (Revelation { secret: SECRET, truth }, H256::repeat_byte(5));
	let signature = sign::<T>(&Message::RevealSetter { audit, revelation, next }, &key);
	(audit, revelation, next, key, signature)
}

fn open_vote<T: Config>() -> (AuditId, Vote, T::AccountId, OperatorId, OperatorSignature) {
	let members = crowd::<T>();
	let (audit, record, truth) = sealed::<T>(&members, |truth| Vote::Deny(*truth));
	let (operator, vote) = (last::<T>(&record), Vote::Deny(truth));
	let key = key_of::<T>(&members, &operator);
	let signature = sign::<T>(&Message::RevealVote { audit, vote, salt: SALT }, &key);
	(audit, vote, operator, key, signature)
}

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn enrol() {
		let (key, commitment, at, signature) = enrolment::<T>();
		let operator = T::Operators::owner_of(&key).expect("registered above");

		#[extrinsic_call]
		_(RawOrigin::Authorized, commitment, at, key, signature);

		assert_last_event(Event::<T>::Enrolled { operator, commitment });
	}

	#[benchmark]
	fn authorize_enrol() -> Result<(), BenchmarkError> {
		let (key, commitment, at, signature) = enrolment::<T>();
		let call = Call::<T>::enrol { commitment, at, key, signature };

		#[block]
		{
			authorize(&call)?;
		}
		Ok(())
	}

	#[benchmark]
	fn present() {
		let (audit, outcome, key, signature) = presentation::<T>();

		#[extrinsic_call]
		_(RawOrigin::Authorized, audit, outcome, key, signature);

		assert!(Audits::<T>::get(audit).is_some_and(|record| record.presented.is_some()));
	}

	#[benchmark]
	fn authorize_present() -> Result<(), BenchmarkError> {
		let (audit, outcome, key, signature) = presentation::<T>();
		let call = Call::<T>::present { audit, outcome, key, signature };

		#[block]
		{
			authorize(&call)?;
		}
		Ok(())
	}

	#[benchmark]
	fn vote() {
		let (audit, seal, operator, key, signature) = last_vote::<T>();

		#[extrinsic_call]
		_(RawOrigin::Authorized, audit, seal, key, signature);

		assert_last_event(Event::<T>::VoteSealed { audit, operator });
	}

	#[benchmark]
	fn authorize_vote() -> Result<(), BenchmarkError> {
		let (audit, seal, _, key, signature) = last_vote::<T>();
		let call = Call::<T>::vote { audit, seal, key, signature };

		#[block]
		{
			authorize(&call)?;
		}
		Ok(())
	}

	#[benchmark]
	fn reveal_setter() {
		let (audit, revelation, next, key, signature) = secret::<T>();
		let Revelation { secret, truth } = revelation;

		#[extrinsic_call]
		_(RawOrigin::Authorized, audit, revelation, next, key, signature);

		assert_last_event(Event::<T>::SecretRevealed { audit, secret, truth });
	}

	#[benchmark]
	fn authorize_reveal_setter() -> Result<(), BenchmarkError> {
		let (audit, revelation, next, key, signature) = secret::<T>();
		let call = Call::<T>::reveal_setter { audit, revelation, next, key, signature };

		#[block]
		{
			authorize(&call)?;
		}
		Ok(())
	}

	#[benchmark]
	fn reveal_vote() {
		let (audit, said, operator, key, signature) = open_vote::<T>();

		#[extrinsic_call]
		_(RawOrigin::Authorized, audit, said, SALT, key, signature);

		assert_last_event(Event::<T>::VoteRevealed { audit, operator, vote: said });
	}

	#[benchmark]
	fn authorize_reveal_vote() -> Result<(), BenchmarkError> {
		let (audit, said, _, key, signature) = open_vote::<T>();
		let call = Call::<T>::reveal_vote { audit, vote: said, salt: SALT, key, signature };

		#[block]
		{
			authorize(&call)?;
		}
		Ok(())
	}

	#[benchmark]
	fn forget() {
		let who: T::AccountId = account("gone", 0, 0);
		let (commitment, nonce) = (H256::repeat_byte(1), H256::zero());
		let promise = Enrolment { commitment, nonce, since: Zero::zero(), appointment: 0, setting: None };
		Enrolments::<T>::insert(&who, promise);

		#[extrinsic_call]
		_(RawOrigin::Signed(account("anyone", 0, 0)), who.clone());

		assert_last_event(Event::<T>::Forgotten { who });
	}

	/// The seed is given here: a benchmark's chain has none.
	#[benchmark]
	fn open() {
		crowd::<T>();
		fill_agenda::<T>();
		let now = frame_system::Pallet::<T>::block_number();
		let audit = NextAudit::<T>::get();

		#[block]
		{
			Pallet::<T>::open_with(now, 1, H256::repeat_byte(3));
		}

		assert!(Audits::<T>::contains_key(audit));
	}

	/// Everybody is paid.
	#[benchmark]
	fn step_paying() -> Result<(), BenchmarkError> {
		let members = crowd::<T>();
		let audit = revealed::<T>(&members, |truth| Vote::Deny(*truth));
		let record = Audits::<T>::get(audit).ok_or("revealed above")?;
		let now = frame_system::Pallet::<T>::block_number();

		#[block]
		{
			Pallet::<T>::step(audit, record, now);
		}

		assert_last_event(Event::<T>::Settled { audit, is_forced: true });
		Ok(())
	}

	/// Every auditor is reported.
	#[benchmark]
	fn step_reporting() -> Result<(), BenchmarkError> {
		let members = crowd::<T>();
		let audit = revealed::<T>(&members, |_| Vote::Confirm);
		let record = Audits::<T>::get(audit).ok_or("revealed above")?;
		let now = frame_system::Pallet::<T>::block_number();

		#[block]
		{
			Pallet::<T>::step(audit, record, now);
		}

		assert_last_event(Event::<T>::Settled { audit, is_forced: true });
		Ok(())
	}

	#[benchmark]
	fn idle() {
		crowd::<T>();
		fill_agenda::<T>();
		let now = frame_system::Pallet::<T>::block_number();
		Round::<T>::put(RoundRecord { began: now, target: 0, drawn: 0 });
		let room = <T::WeightInfo as crate::WeightInfo>::idle();

		#[block]
		{
			Pallet::<T>::tick(now, room);
		}
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::benchmark_ext(), crate::tests::Test);
}
