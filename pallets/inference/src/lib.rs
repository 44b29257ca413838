#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod errors;
mod expiry;
mod keys;
mod offers;
mod payment;
mod refusals;
mod requests;
pub mod rules;
mod runtime_api;
mod sessions;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
mod usage;
pub mod weights;

use frame_support::pallet_macros::import_section;

pub use pallet::*;
pub use types::*;
pub use weights::WeightInfo;

/// Paid serving: offers of operators, requests and sessions of payers, and the money on hold for them.
#[import_section(errors::errors)]
#[frame_support::pallet]
pub mod pallet {
	use super::{types::*, weights::WeightInfo};
	use blyan_primitives::{
		traits::Servers, ModelId, OfferId, Prices, Quote, RequestId, ServingKey, ServingSignature, SessionId,
		SignedReceipt,
	};
	use frame_support::{
		pallet_prelude::*,
		traits::{
			fungible::{BalancedHold, MutateHold},
			Contains, OnUnbalanced,
		},
	};
	use frame_system::pallet_prelude::*;
	use sp_core::H256;
	use sp_runtime::{
		traits::{BlockNumberProvider, Convert, Zero},
		Perbill,
	};

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(1);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config: frame_system::Config<Hash = H256, RuntimeEvent: From<Event<Self>>> {
		/// The money.
		type Currency: MutateHold<Self::AccountId, Reason = Self::RuntimeHoldReason, Balance = Balance>
			+ BalancedHold<Self::AccountId>
			+ frame_support::traits::fungible::Mutate<Self::AccountId>;
		/// Reasons for holds of the whole runtime.
		type RuntimeHoldReason: From<HoldReason>;

		/// Operators that may sell service.
		type Servers: Servers<Self::AccountId>;
		/// Newest generation of a registered model; `None` if there is no such model.
		type Generations: Convert<ModelId, Option<u32>>;
		/// Receipts that are under dispute: nothing is paid for them meanwhile.
		type Disputed: Contains<H256>;
		/// Receipts that were proven wrong, or not defended: nothing is charged for them.
		type Refuted: Contains<H256>;
		/// Blocks that admitted transactions, counted: no deadline passes while no transaction can meet it.
		type WorkingTime: BlockNumberProvider<BlockNumber = BlockNumberFor<Self>>;

		/// Share of each payment that goes to the network.
		type NetworkShare: Get<Perbill>;
		/// Where that share goes.
		type OnShare: OnUnbalanced<CreditOf<Self>>;

		/// Least amount on hold for a request until it is captured, in planck: the price of an entry that comes to nothing.
		type QuoteDeposit: Get<Balance>;
		/// Least deposit of a session, in planck.
		type SessionDepositMin: Get<Balance>;

		/// Blocks for which a quoted price holds.
		type QuoteWindow: Get<BlockNumberFor<Self>>;
		/// Blocks in which an authorised request has to be captured.
		type CaptureWindow: Get<BlockNumberFor<Self>>;
		/// Blocks in which an operator may still capture a cancelled request.
		type CancelWindow: Get<BlockNumberFor<Self>>;
		/// Blocks in which a receipt may be disputed; the pay waits as long.
		type ChallengeWindow: Get<BlockNumberFor<Self>>;
		/// Blocks for which the result of a request is kept, its idempotency key included.
		#[pallet::constant]
		type RequestMemory: Get<BlockNumberFor<Self>>;
		/// Blocks in which an operator may still settle a session that its payer closes.
		type SessionClosing: Get<BlockNumberFor<Self>>;
		/// Blocks for which an operator answers for a serving key that signs for no offer any more: as long as its stake is on hold.
		#[pallet::constant]
		type KeyMemory: Get<BlockNumberFor<Self>>;

		/// Most offers of one operator.
		#[pallet::constant]
		type MaxOffers: Get<u32>;
		/// Most serving keys that one operator answers for, those in use included.
		#[pallet::constant]
		type MaxKeys: Get<u32>;
		/// Most requests of one payer that are not over.
		#[pallet::constant]
		type MaxOpenRequests: Get<u32>;
		/// Most sessions of one payer.
		#[pallet::constant]
		type MaxSessions: Get<u32>;

		/// Weights of the calls, and of the sweep.
		type WeightInfo: WeightInfo;
	}

	/// Reasons for which this pallet holds money.
	#[pallet::composite_enum]
	pub enum HoldReason {
		/// Deposit, ceiling or charge of a request.
		Request,
		/// Rest of a session's deposit.
		Session,
	}

	/// The next offer's number.
	#[pallet::storage]
	pub type NextOffer<T: Config> = StorageValue<_, OfferId, ValueQuery>;

	/// Offers. At most `MaxOffers` an operator; `withdraw_offer` and `close_offers` remove them.
	// Twox64Concat: the pallet counts the numbers, so they cannot be ground.
	#[pallet::storage]
	pub type Offers<T: Config> = StorageMap<_, Twox64Concat, OfferId, OfferRecordOf<T>>;

	/// Offers of each operator, in the order of their numbers.
	// Blake2_128Concat, here and below: accounts are chosen by those who own them.
	#[pallet::storage]
	pub type OffersOf<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, BoundedVec<OfferId, T::MaxOffers>, ValueQuery>;

	/// Serving keys that an operator answers for, or answered for until not long ago.
	// Blake2_128Concat: the keys are chosen outside of the chain.
	#[pallet::storage]
	pub type ServingKeyRecords<T: Config> = StorageMap<_, Blake2_128Concat, ServingKey, KeyRecordOf<T>>;

	/// The keys in [`ServingKeyRecords`] by operator. Those that are over go when the operator uses another, or with `close_offers`.
	#[pallet::storage]
	pub type KeysOf<T: Config> =
		StorageMap<_, Blake2_128Concat, T::AccountId, BoundedVec<ServingKey, T::MaxKeys>, ValueQuery>;

	/// The next request's number.
	#[pallet::storage]
	pub type NextRequest<T: Config> = StorageValue<_, RequestId, ValueQuery>;

	/// A number below which there are no requests.
	#[pallet::storage]
	pub type OldestRequest<T: Config> = StorageValue<_, RequestId, ValueQuery>;

	/// Number of the request that the sweep looks at next.
	#[pallet::storage]
	pub type SweepCursor<T: Config> = StorageValue<_, RequestId, ValueQuery>;

	/// Requests. At most `MaxOpenRequests` a payer are not over; the sweep forgets the others after `RequestMemory` blocks.
	// Twox64Concat: as in `Offers`.
	#[pallet::storage]
	pub type Requests<T: Config> = StorageMap<_, Twox64Concat, RequestId, RequestRecordOf<T>>;

	/// Requests by payer and idempotency key: as many entries as [`Requests`].
	// Blake2_128Concat: the keys are chosen outside of the chain.
	#[pallet::storage]
	pub type Keys<T: Config> =
		StorageDoubleMap<_, Blake2_128Concat, T::AccountId, Blake2_128Concat, H256, RequestId>;

	/// Requests that are not over, by payer. No entry is zero.
	#[pallet::storage]
	pub type OpenRequests<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, u32, ValueQuery>;

	/// Receipts that requests were captured with. No receipt captures two.
	// Blake2_128Concat: an operator can grind what it signs.
	#[pallet::storage]
	pub type Receipts<T: Config> = StorageMap<_, Blake2_128Concat, H256, RequestId>;

	/// The number of the newest session; the first is 1.
	#[pallet::storage]
	pub type NextSession<T: Config> = StorageValue<_, SessionId, ValueQuery>;

	/// Sessions. At most `MaxSessions` a payer, each with `SessionDepositMin` on hold when it was opened.
	// Twox64Concat: as in `Offers`.
	#[pallet::storage]
	pub type Sessions<T: Config> = StorageMap<_, Twox64Concat, SessionId, SessionRecordOf<T>>;

	/// Sessions by payer. No entry is zero.
	#[pallet::storage]
	pub type SessionCount<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, u32, ValueQuery>;

	/// Usage by model and operator. An entry is made by a payment, and stays.
	// Blake2_128Concat: roots and accounts can be ground.
	#[pallet::storage]
	pub type Usage<T: Config> = StorageDoubleMap<
		_,
		Blake2_128Concat,
		ServedModel,
		Blake2_128Concat,
		T::AccountId,
		UsageRecord,
		ValueQuery,
	>;

	/// Users. An entry is made by a payment or by `toggle_privacy`, and stays.
	#[pallet::storage]
	pub type Users<T: Config> = StorageMap<_, Blake2_128Concat, T::AccountId, UserRecordOf<T>, ValueQuery>;

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// An operator made an offer.
		OfferMade {
			/// The offer.
			offer: OfferId,
			/// The operator.
			operator: T::AccountId,
			/// Key that signs its receipts and quotes.
			key: ServingKey,
		},
		/// An offer has other terms, or another key. Requests and sessions keep what they were made with.
		OfferChanged {
			/// The offer.
			offer: OfferId,
			/// Its key now.
			key: ServingKey,
		},
		/// An offer was withdrawn, or closed because its operator is gone.
		OfferWithdrawn {
			/// The offer.
			offer: OfferId,
		},
		/// A request was made: it is pending.
		RequestMade {
			/// The request.
			request: RequestId,
			/// The account that pays.
			payer: T::AccountId,
			/// The offer.
			offer: OfferId,
		},
		/// A request was priced: it is quoted.
		RequestQuoted {
			/// The request.
			request: RequestId,
			/// Prices.
			prices: Prices,
			/// Most that can be charged.
			ceiling: Balance,
			/// First block, in working time, in which the price does not hold any more.
			until: BlockNumberFor<T>,
		},
		/// A request's ceiling is on hold: it is authorised.
		RequestAuthorised {
			/// The request.
			request: RequestId,
			/// Amount on hold.
			held: Balance,
			/// First block, in working time, in which it is too late to capture.
			until: BlockNumberFor<T>,
		},
		/// An operator charged for its answer: the request is captured.
		RequestCaptured {
			/// The request.
			request: RequestId,
			/// The receipt.
			receipt: H256,
			/// Amount charged. The rest of the hold was released.
			charged: Balance,
			/// First block, in working time, in which it can be paid.
			due: BlockNumberFor<T>,
		},
		/// An operator was paid: the request is credited.
		RequestCredited {
			/// The request.
			request: RequestId,
			/// Amount that the operator got.
			paid: Balance,
			/// Amount that the network got.
			share: Balance,
		},
		/// A request ended without a receipt: it is failed. All that was on hold was released.
		RequestFailed {
			/// The request.
			request: RequestId,
			/// The reason.
			failure: Failure,
		},
		/// A receipt was taken back, or proven wrong: the request is reversed.
		RequestReversed {
			/// The request.
			request: RequestId,
			/// Amount that was released to the payer.
			returned: Balance,
		},
		/// A payer asked to stop. The operator may charge for what it delivered.
		CancelRequested {
			/// The request.
			request: RequestId,
			/// First block, in working time, in which it is too late to capture.
			until: BlockNumberFor<T>,
		},
		/// A request was repeated with the same idempotency key: nothing changed.
		RequestRepeated {
			/// The request.
			request: RequestId,
			/// Where it stands.
			state: State,
		},
		/// A session was opened.
		SessionOpened {
			/// The session.
			session: SessionId,
			/// The account that pays.
			payer: T::AccountId,
			/// The operator.
			operator: T::AccountId,
			/// The offer whose prices it has.
			offer: OfferId,
			/// Amount on hold.
			deposit: Balance,
		},
		/// A session's deposit grew.
		SessionToppedUp {
			/// The session.
			session: SessionId,
			/// Sum of what was deposited.
			deposit: Balance,
		},
		/// A session paid its operator.
		SessionSettled {
			/// The session.
			session: SessionId,
			/// Amount that the operator got.
			paid: Balance,
			/// Amount that the network got.
			share: Balance,
			/// Sum of what the session has paid.
			settled: Balance,
		},
		/// A session's vouchers pay less, since a receipt was proven wrong.
		SessionReduced {
			/// The session.
			session: SessionId,
			/// Sum by which they pay less.
			reversed: Balance,
		},
		/// A payer closes a session. The operator may still settle.
		SessionClosing {
			/// The session.
			session: SessionId,
			/// First block, in working time, in which it can be finished.
			until: BlockNumberFor<T>,
		},
		/// A session is over.
		SessionEnded {
			/// The session.
			session: SessionId,
			/// Amount that was released to the payer.
			returned: Balance,
		},
		/// A user's requests and sessions are private from now on, or not any more.
		PrivacyToggled {
			/// The user.
			who: T::AccountId,
			/// True if they are private.
			is_private: bool,
		},
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(_: BlockNumberFor<T>, remaining: Weight) -> Weight {
			Self::sweep(remaining)
		}

		fn integrity_test() {
			assert!(!T::QuoteWindow::get().is_zero(), "a quoted price holds for a while");
			assert!(!T::CaptureWindow::get().is_zero(), "there is time to serve");
			assert!(!T::ChallengeWindow::get().is_zero(), "there is time to dispute");
			assert!(!T::SessionClosing::get().is_zero(), "there is time to settle a session that is closed");
			assert!(!T::RequestMemory::get().is_zero(), "results are kept for a while");
			assert!(T::MaxOffers::get() > 0 && T::MaxOpenRequests::get() > 0, "something can be bought");
			assert!(T::MaxSessions::get() > 0, "a session can be opened");
			assert!(T::MaxKeys::get() > T::MaxOffers::get(), "a key can be replaced");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call(weight(<T as Config>::WeightInfo))]
	impl<T: Config> Pallet<T> {
		/// Offer a model.
		///
		/// - `origin`: an operator with the capability `serve`, signed.
		/// - `terms`: model, prices, capacity, context, address.
		/// - `key`: the key that signs receipts and quotes, with the proof that the operator has it.
		///
		/// Emits [`Event::OfferMade`].
		#[pallet::call_index(0)]
		pub fn make_offer(origin: OriginFor<T>, terms: OfferTerms, key: ProvenKey) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_make_offer(who, terms, key)
		}

		/// Change the terms of an offer, and its key if one is given. Requests and sessions keep their prices.
		///
		/// - `origin`: the offer's operator, signed.
		/// - `offer`: the offer.
		/// - `terms`: all terms from now on.
		/// - `key`: a new serving key with its proof. The operator answers for the old one for `KeyMemory` blocks more.
		///
		/// Emits [`Event::OfferChanged`].
		#[pallet::call_index(1)]
		pub fn change_offer(
			origin: OriginFor<T>,
			offer: OfferId,
			terms: OfferTerms,
			key: Option<ProvenKey>,
		) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_change_offer(&who, offer, terms, key)
		}

		/// Withdraw an offer. What is authorised can still be captured, and sessions be settled.
		///
		/// - `origin`: the offer's operator, signed.
		/// - `offer`: the offer.
		///
		/// Emits [`Event::OfferWithdrawn`].
		#[pallet::call_index(2)]
		pub fn withdraw_offer(origin: OriginFor<T>, offer: OfferId) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_withdraw_offer(&who, offer)
		}

		/// Close the offers of an operator that is not registered any more, and forget the keys that no stake answers for. Free.
		///
		/// - `origin`: anyone, signed.
		/// - `operator`: the operator.
		///
		/// Emits [`Event::OfferWithdrawn`] for each offer.
		#[pallet::call_index(3)]
		pub fn close_offers(origin: OriginFor<T>, operator: T::AccountId) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_close_offers(&operator)?;
			Ok(Pays::No.into())
		}

		/// Make a request and have it priced by the offer. Repeating it with the same key changes nothing.
		///
		/// - `origin`: anyone, signed, with `QuoteDeposit`, which is released when the request is over.
		/// - `terms`: offer, prompt, tokens, seed and idempotency key.
		///
		/// Emits [`Event::RequestMade`] and [`Event::RequestQuoted`], or [`Event::RequestRepeated`].
		#[pallet::call_index(4)]
		pub fn request(origin: OriginFor<T>, terms: RequestTerms) -> DispatchResult {
			let payer = ensure_signed(origin)?;
			Self::do_request(payer, terms)
		}

		/// Put the ceiling of a quoted request on hold, so that the operator serves it.
		///
		/// - `origin`: the request's payer, signed.
		/// - `request`: a request whose price still holds.
		///
		/// Emits [`Event::RequestAuthorised`], or [`Event::RequestRepeated`] if it is authorised already.
		#[pallet::call_index(5)]
		pub fn authorise(origin: OriginFor<T>, request: RequestId) -> DispatchResult {
			let payer = ensure_signed(origin)?;
			Self::do_authorise(&payer, request)
		}

		/// Make a request at a price that the operator quoted off chain, and authorise it. Each quote can be used once.
		///
		/// - `origin`: the account that the quote is for, signed.
		/// - `quote`: the quote.
		/// - `signature`: the offer's serving key's signature over it.
		/// - `seed`: seed of the noise.
		///
		/// Emits [`Event::RequestMade`], [`Event::RequestQuoted`] and [`Event::RequestAuthorised`], or [`Event::RequestRepeated`].
		#[pallet::call_index(6)]
		pub fn authorise_quote(
			origin: OriginFor<T>,
			quote: Quote,
			signature: ServingSignature,
			seed: u64,
		) -> DispatchResult {
			let payer = ensure_signed(origin)?;
			Self::do_authorise_quote(payer, quote, signature, seed)
		}

		/// Charge for an answer. The charge stays on hold for `ChallengeWindow` blocks; the rest is released.
		///
		/// - `origin`: the request's operator, signed.
		/// - `request`: an authorised request whose time is not over.
		/// - `receipt`: the receipt, signed with a key that the operator answers for.
		///
		/// Emits [`Event::RequestCaptured`].
		#[pallet::call_index(7)]
		pub fn capture(origin: OriginFor<T>, request: RequestId, receipt: SignedReceipt) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_capture(&who, request, &receipt)
		}

		/// Pay the operator of a captured request that can be disputed no more. Blocks do that by themselves where they have
		/// room. Free.
		///
		/// - `origin`: anyone, signed.
		/// - `request`: the request.
		///
		/// Emits [`Event::RequestCredited`].
		#[pallet::call_index(8)]
		pub fn credit(origin: OriginFor<T>, request: RequestId) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_credit(request)?;
			Ok(Pays::No.into())
		}

		/// Cancel a request. One that is quoted fails at once. Of one that is authorised the operator may charge what it has
		/// delivered, for `CancelWindow` blocks; then it fails.
		///
		/// - `origin`: the request's payer, signed.
		/// - `request`: the request.
		///
		/// Emits [`Event::RequestFailed`] or [`Event::CancelRequested`].
		#[pallet::call_index(9)]
		pub fn cancel(origin: OriginFor<T>, request: RequestId) -> DispatchResult {
			let payer = ensure_signed(origin)?;
			Self::do_cancel(&payer, request)
		}

		/// Decline a request: it fails, and everything is released. Free.
		///
		/// - `origin`: the request's operator, signed.
		/// - `request`: a request that is quoted or authorised.
		///
		/// Emits [`Event::RequestFailed`].
		#[pallet::call_index(10)]
		pub fn decline(origin: OriginFor<T>, request: RequestId) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::do_decline(&who, request)?;
			Ok(Pays::No.into())
		}

		/// Take a receipt back: the charge is released to the payer. Free.
		///
		/// - `origin`: the request's operator, signed.
		/// - `request`: a captured request.
		///
		/// Emits [`Event::RequestReversed`].
		#[pallet::call_index(11)]
		pub fn reverse(origin: OriginFor<T>, request: RequestId) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::do_reverse(&who, request)?;
			Ok(Pays::No.into())
		}

		/// End a request whose quote expired or whose operator is too late: everything is released. Blocks do that by
		/// themselves where they have room. Free.
		///
		/// - `origin`: anyone, signed.
		/// - `request`: the request.
		///
		/// Emits [`Event::RequestFailed`].
		#[pallet::call_index(12)]
		pub fn expire(origin: OriginFor<T>, request: RequestId) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_expire(request)?;
			Ok(Pays::No.into())
		}

		/// Open a session: a deposit from which the operator takes what vouchers allow. Prices are fixed now.
		///
		/// - `origin`: anyone, signed.
		/// - `offer`: the offer.
		/// - `voucher_key`: the key that signs the vouchers.
		/// - `deposit`: at least `SessionDepositMin`; on hold until it is paid out or the session is over.
		///
		/// Emits [`Event::SessionOpened`].
		#[pallet::call_index(13)]
		pub fn open_session(
			origin: OriginFor<T>,
			offer: OfferId,
			voucher_key: ServingKey,
			#[pallet::compact] deposit: Balance,
		) -> DispatchResult {
			let payer = ensure_signed(origin)?;
			Self::do_open_session(payer, offer, voucher_key, deposit)
		}

		/// Add to a session's deposit.
		///
		/// - `origin`: the session's payer, signed.
		/// - `session`: a session that is not being closed.
		/// - `amount`: the amount.
		///
		/// Emits [`Event::SessionToppedUp`].
		#[pallet::call_index(14)]
		pub fn top_up(
			origin: OriginFor<T>,
			session: SessionId,
			#[pallet::compact] amount: Balance,
		) -> DispatchResult {
			let payer = ensure_signed(origin)?;
			Self::do_top_up(&payer, session, amount)
		}

		/// Pay the operator what a voucher adds to what the session has paid, as far as the deposit reaches.
		///
		/// - `origin`: anyone, signed; in practice the operator.
		/// - `session`: the session.
		/// - `amount`: the voucher's sum.
		/// - `signature`: the session's key's signature over the voucher.
		///
		/// Emits [`Event::SessionSettled`].
		#[pallet::call_index(15)]
		pub fn settle(
			origin: OriginFor<T>,
			session: SessionId,
			#[pallet::compact] amount: Balance,
			signature: ServingSignature,
		) -> DispatchResult {
			ensure_signed(origin)?;
			Self::do_settle(session, amount, &signature)
		}

		/// Close a session. The operator may settle for `SessionClosing` blocks more; then anyone finishes it.
		///
		/// - `origin`: the session's payer, signed.
		/// - `session`: the session.
		///
		/// Emits [`Event::SessionClosing`].
		#[pallet::call_index(16)]
		pub fn close_session(origin: OriginFor<T>, session: SessionId) -> DispatchResult {
			let payer = ensure_signed(origin)?;
			Self::do_close_session(&payer, session)
		}

		/// End a session whose closing is over, and release what is left of its deposit. Free.
		///
		/// - `origin`: anyone, signed.
		/// - `session`: the session.
		///
		/// Emits [`Event::SessionEnded`].
		#[pallet::call_index(17)]
		pub fn finish_session(origin: OriginFor<T>, session: SessionId) -> DispatchResultWithPostInfo {
			ensure_signed(origin)?;
			Self::do_finish_session(session)?;
			Ok(Pays::No.into())
		}

		/// End a session at once, and release what is left of its deposit. Free.
		///
		/// - `origin`: the session's operator, signed. Settle first: vouchers are worth nothing afterwards.
		/// - `session`: the session.
		///
		/// Emits [`Event::SessionEnded`].
		#[pallet::call_index(18)]
		pub fn release_session(origin: OriginFor<T>, session: SessionId) -> DispatchResultWithPostInfo {
			let who = ensure_signed(origin)?;
			Self::do_release_session(&who, session)?;
			Ok(Pays::No.into())
		}

		/// Make your requests and sessions private from now on, or not any more. Private ones cost 120 / 100 of the price.
		///
		/// - `origin`: anyone, signed.
		///
		/// Emits [`Event::PrivacyToggled`].
		#[pallet::call_index(19)]
		pub fn toggle_privacy(origin: OriginFor<T>) -> DispatchResult {
			let who = ensure_signed(origin)?;
			Self::do_toggle_privacy(who);
			Ok(())
		}
	}
}
