//! Refusals at the door: a transaction that is certain to fail gets no further than the pool.
//!
//! Its sender is told why ([`Refusal`]: `InvalidTransaction::Custom` with a number that `docs/rpc.md` lists) instead of paying
//! for a failure, and what no account may do fills no block with weight that its caller made up.
//!
//! **What is certain.** That no transaction before it, in its block or in the pool, can make it succeed while it waits; or so
//! unlikely that refusing is right, such as a decree of the chain's rule in the same minute. What only lacks something, funds,
//! a proxy, a commitment, a free place, an earlier call of the same account, or a little time, is let through: each call of a
//! queue that builds up is checked against a state in which none of them has run.
//!
//! **Where.** In the pool only, behind all other checks: what does not pay, or has the wrong nonce, is not looked at. A block
//! may contain such a call. Its author gains nothing by that, since calls that succeed fill a block as well; and what makes a
//! block invalid has to be the same for ever on every node, weighs on every transaction, and turns a mistake in this module into
//! a halt. So here a mistake costs no more than a transaction that has to wait.
//!
//! **How**, from the cheapest to the most expensive:
//!
//! 1. [`CLOSED`] names the calls that no account's signature suffices for. A list, because such calls may declare any weight.
//! 2. Calls inside of calls are followed with the account that they would run as. Every call is looked at once, so the walk is
//!    as long as the transaction, and nested as deeply as decoding allows. Of a `batch` the first call decides, since it
//!    stops there; of `batch_all` any; of `force_batch`, and of calls that hide the failure of what is in them, all.
//! 3. This project's pallets answer for their own calls: the cheap checks of a call are functions which the call itself runs
//!    too, and each pallet says which of its errors are final. Of one transaction, [`CHECKS_MAX`] calls are looked at in this way.
//! 4. A few calls of the SDK, [`REHEARSED`], are dispatched and rolled back, and refused only for an error that is listed as
//!    final below. That is not done for all calls: it would refuse nothing more, and a validation that executes is work that
//!    no fee pays. All rehearsals of one transaction together have [`REHEARSALS_MAX`], by declared weight; what weighs more
//!    is let through.
//!
//! While a migration runs nothing is refused, because storage is then of no release.

mod governance;
mod sdk;

pub use sdk::{CLOSED, REHEARSED};

use crate::{
	configs::ProxyType, AccountId, MultiBlockMigrations, Runtime, RuntimeCall, RuntimeError, RuntimeOrigin,
};
use alloc::{boxed::Box, vec::Vec};
use blyan_primitives::Refusal;
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::{
	dispatch::{DispatchInfo, GetDispatchInfo, PostDispatchInfo},
	migrations::MultiStepMigrator,
	storage::{with_transaction, TransactionOutcome},
	traits::InstanceFilter,
	weights::{Weight, WeightMeter},
};
use frame_system::RawOrigin;
use scale_info::{StaticTypeInfo, TypeInfo};
use sdk::is_listed;
use sp_runtime::{
	traits::{
		AsSystemOriginSigner, Dispatchable, Implication, StaticLookup, TransactionExtension,
		TransactionExtensionMetadata,
	},
	transaction_validity::{
		InvalidTransaction, TransactionSource, TransactionValidity, TransactionValidityError,
		ValidTransaction,
	},
	DispatchError, DispatchResult,
};

/// Calls of one transaction whose arguments are looked at: that may take the check of a signature, or a blob's hash.
pub const CHECKS_MAX: u32 = 32;

/// Weight that rehearsals of one transaction may declare together: a thousandth of a block's computation.
pub const REHEARSALS_MAX: Weight = Weight::from_parts(2_000_000_000, 256 * 1024);

/// Refusal of transactions that are certain to fail, around all other checks `S`. Invisible: metadata and bytes are those of `S`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct RefuseCertainFailures<S>(pub S);

impl<S> From<S> for RefuseCertainFailures<S> {
	fn from(inner: S) -> Self {
		Self(inner)
	}
}

impl<S: StaticTypeInfo> TypeInfo for RefuseCertainFailures<S> {
	type Identity = S::Identity;

	fn type_info() -> scale_info::Type {
		S::type_info()
	}
}

impl<S: TransactionExtension<RuntimeCall>> TransactionExtension<RuntimeCall> for RefuseCertainFailures<S> {
	const IDENTIFIER: &'static str = S::IDENTIFIER;
	type Implicit = S::Implicit;
	type Val = S::Val;
	type Pre = S::Pre;

	fn implicit(&self) -> Result<Self::Implicit, TransactionValidityError> {
		self.0.implicit()
	}

	fn metadata() -> Vec<TransactionExtensionMetadata> {
		S::metadata()
	}

	fn weight(&self, call: &RuntimeCall) -> Weight {
		self.0.weight(call)
	}

	fn validate(
		&self,
		origin: RuntimeOrigin,
		call: &RuntimeCall,
		info: &DispatchInfo,
		len: usize,
		self_implicit: Self::Implicit,
		inherited_implication: &impl Implication,
		source: TransactionSource,
	) -> Result<(ValidTransaction, Self::Val, RuntimeOrigin), TransactionValidityError> {
		let checked =
			self.0.validate(origin, call, info, len, self_implicit, inherited_implication, source)?;
		let (_, _, origin) = &checked;
		if let (false, Some(who)) = (source == TransactionSource::InBlock, origin.as_system_origin_signer()) {
			if let Some(refusal) = certain_failure(who, call) {
				return Err(InvalidTransaction::Custom(refusal.code()).into());
			}
		}
		Ok(checked)
	}

	fn prepare(
		self,
		val: Self::Val,
		origin: &RuntimeOrigin,
		call: &RuntimeCall,
		info: &DispatchInfo,
		len: usize,
	) -> Result<Self::Pre, TransactionValidityError> {
		self.0.prepare(val, origin, call, info, len)
	}

	fn post_dispatch_details(
		pre: Self::Pre,
		info: &DispatchInfo,
		post_info: &PostDispatchInfo,
		len: usize,
		result: &DispatchResult,
	) -> Result<Weight, TransactionValidityError> {
		S::post_dispatch_details(pre, info, post_info, len, result)
	}

	fn bare_validate(call: &RuntimeCall, info: &DispatchInfo, len: usize) -> TransactionValidity {
		S::bare_validate(call, info, len)
	}

	fn bare_validate_and_prepare(
		call: &RuntimeCall,
		info: &DispatchInfo,
		len: usize,
	) -> Result<(), TransactionValidityError> {
		S::bare_validate_and_prepare(call, info, len)
	}

	fn bare_post_dispatch(
		info: &DispatchInfo,
		post_info: &mut PostDispatchInfo,
		len: usize,
		result: &DispatchResult,
	) -> Result<(), TransactionValidityError> {
		S::bare_post_dispatch(info, post_info, len, result)
	}
}

/// Returns why a call of `who` is certain to fail in the next block, if it is.
pub fn certain_failure(who: &AccountId, call: &RuntimeCall) -> Option<Refusal> {
	if MultiBlockMigrations::ongoing() {
		return None;
	}
	let mut walk = Walk { checks_left: CHECKS_MAX, meter: WeightMeter::with_limit(REHEARSALS_MAX) };
	walk.failure(who, call).map(|failure| failure.why)
}

/// Certain failure of a call.
#[derive(Clone, Copy)]
struct Failure {
	why: Refusal,
	/// True if it is returned as an error; false if the call succeeds and does nothing of what it is for.
	is_error: bool,
}

impl Failure {
	fn error(why: Refusal) -> Self {
		Self { why, is_error: true }
	}

	/// The same failure, in a call that reports it by an event only.
	fn hidden(self) -> Self {
		Self { is_error: false, ..self }
	}
}

/// One look at every call of a transaction.
struct Walk {
	checks_left: u32,
	meter: WeightMeter,
}

impl Walk {
	fn failure(&mut self, who: &AccountId, call: &RuntimeCall) -> Option<Failure> {
		if is_listed(CLOSED, call) {
			return Some(Failure::error(Refusal::NotAllowed));
		}
		if sdk::names_no_account(call) {
			return Some(Failure::error(Refusal::Malformed));
		}
		match call {
			RuntimeCall::Utility(call) => self.of_utility(who, call),
			RuntimeCall::Proxy(call) => self.of_proxy(who, call),
			RuntimeCall::Multisig(call) => self.of_multisig(who, call),
			RuntimeCall::Sudo(_) => (pallet_sudo::Key::<Runtime>::get().as_ref() != Some(who))
				.then_some(Failure::error(Refusal::NotAllowed)),
			_ => self.of_leaf(who, call).map(Failure::error),
		}
	}

	fn of_utility(&mut self, who: &AccountId, call: &pallet_utility::Call<Runtime>) -> Option<Failure> {
		use pallet_utility::Call;
		match call {
			Call::batch { calls } => {
				let first = self.failure(who, calls.first()?)?;
				if first.is_error {
					return Some(first.hidden());
				}
				self.of_all(who, calls.get(1..)?, first)
			}
			Call::batch_all { calls } => {
				let mut last = None;
				let mut do_all_fail = true;
				for call in calls {
					match self.failure(who, call) {
						Some(failure) if failure.is_error => return Some(failure),
						Some(failure) => last = Some(failure),
						None => do_all_fail = false,
					}
				}
				last.filter(|_| do_all_fail)
			}
			Call::force_batch { calls } => {
				let first = self.failure(who, calls.first()?)?;
				self.of_all(who, calls.get(1..)?, first.hidden())
			}
			Call::as_derivative { index, call } => {
				self.failure(&pallet_utility::derivative_account_id(who.clone(), *index), call)
			}
			Call::if_else { main, fallback } => {
				let failure = self.failure(who, main)?;
				if failure.is_error {
					return self.failure(who, fallback);
				}
				Some(failure)
			}
			_ => None,
		}
	}

	/// A failure, if those of the other calls are as certain.
	fn of_all(&mut self, who: &AccountId, others: &[RuntimeCall], first: Failure) -> Option<Failure> {
		others.iter().all(|call| self.failure(who, call).is_some()).then_some(first.hidden())
	}

	fn of_proxy(&mut self, who: &AccountId, call: &pallet_proxy::Call<Runtime>) -> Option<Failure> {
		use pallet_proxy::Call;
		match call {
			Call::proxy { real, force_proxy_type, call }
			| Call::proxy_announced { real, force_proxy_type, call, .. } => {
				let real = <Runtime as frame_system::Config>::Lookup::lookup(real.clone()).ok()?;
				if !force_proxy_type.is_none_or(|kind: ProxyType| kind.filter(call)) {
					return Some(Failure::error(Refusal::NotAllowed).hidden());
				}
				self.failure(&real, call).map(Failure::hidden)
			}
			call => self.of_leaf(who, &call.clone().into()).map(Failure::error),
		}
	}

	fn of_multisig(&mut self, who: &AccountId, call: &pallet_multisig::Call<Runtime>) -> Option<Failure> {
		use pallet_multisig::Call;
		match call {
			Call::as_multi_threshold_1 { other_signatories, call } => {
				let remark = Box::new(frame_system::Call::remark { remark: Vec::new() }.into());
				let other_signatories = other_signatories.clone();
				let alone =
					Call::as_multi_threshold_1 { other_signatories: other_signatories.clone(), call: remark };
				if let Some(refusal) = self.rehearse(who, &alone.into()) {
					return Some(Failure::error(refusal));
				}
				self.failure(&multisig(who, other_signatories, 1), call)
			}
			Call::as_multi { threshold, other_signatories, maybe_timepoint, call, .. } => {
				let approval = Call::approve_as_multi {
					threshold: *threshold,
					other_signatories: other_signatories.clone(),
					maybe_timepoint: *maybe_timepoint,
					call_hash: Default::default(),
					max_weight: Weight::zero(),
				};
				if let Some(refusal) = self.rehearse(who, &approval.into()) {
					return Some(Failure::error(refusal));
				}
				let account = multisig(who, other_signatories.clone(), *threshold);
				self.failure(&account, call).map(Failure::hidden)
			}
			call => self.of_leaf(who, &call.clone().into()).map(Failure::error),
		}
	}

	/// A call that dispatches no other.
	fn of_leaf(&mut self, who: &AccountId, call: &RuntimeCall) -> Option<Refusal> {
		if is_listed(REHEARSED, call) {
			return self.rehearse(who, call);
		}
		self.checks_left = self.checks_left.checked_sub(1)?;
		match call {
			RuntimeCall::Answers(pallet_answers::Call::challenge { signed, .. })
				if signed.receipt.version != blyan_primitives::RECEIPT_VERSION =>
			{
				Some(Refusal::Malformed)
			}
			RuntimeCall::Inference(call) => pallet_inference::Pallet::<Runtime>::refusal(who, call),
			RuntimeCall::Ledger(call) => pallet_ledger::Pallet::<Runtime>::refusal(call),
			RuntimeCall::Operators(call) => pallet_operators::Pallet::<Runtime>::refusal(who, call),
			RuntimeCall::ProofOfLearning(call) => {
				pallet_proof_of_learning::Pallet::<Runtime>::refusal(who, call)
			}
			RuntimeCall::Disputes(call) => pallet_disputes::Pallet::<Runtime>::refusal(call),
			RuntimeCall::Slashing(call) => pallet_slashing::Pallet::<Runtime>::refusal(who, call),
			RuntimeCall::Audits(call) => pallet_audits::Pallet::<Runtime>::refusal(call),
			RuntimeCall::Datasets(call) => pallet_datasets::Pallet::<Runtime>::refusal(who, call),
			RuntimeCall::Reviews(call) => pallet_reviews::Pallet::<Runtime>::refusal(call),
			RuntimeCall::Evolution(call) => pallet_evolution::Pallet::<Runtime>::refusal(call),
			RuntimeCall::Delegation(call) => pallet_delegation::Pallet::<Runtime>::refusal(who, call),
			RuntimeCall::Treasury(call) => sdk::missing_spend(call),
			call => governance::refusal(who, call),
		}
	}

	/// Dispatches a call, takes everything back, and returns what its error means for good, if it does.
	fn rehearse(&mut self, who: &AccountId, call: &RuntimeCall) -> Option<Refusal> {
		self.meter.try_consume(call.get_dispatch_info().call_weight).ok()?;
		let outcome = with_transaction(|| {
			let done = call.clone().dispatch(RawOrigin::Signed(who.clone()).into());
			TransactionOutcome::Rollback(Ok::<_, DispatchError>(done))
		});
		let error = outcome.ok()?.err()?.error;
		sdk::final_error(RuntimeError::from_dispatch_error(error)?)
	}
}

/// The account of these signatories.
fn multisig(who: &AccountId, mut signatories: Vec<AccountId>, threshold: u16) -> AccountId {
	signatories.push(who.clone());
	signatories.sort();
	pallet_multisig::Pallet::<Runtime>::multi_account_id(&signatories, threshold)
}
