//! Life of a request, from the quote to the payment.

use crate::{
	account_bytes, rules, usage::Paid, Action, Balance, Config, Error, Event, Failure, HoldReason, Keys,
	NextRequest, OfferRecordOf, Offers, OpenRequests, Pallet, Receipts, RequestRecord, RequestRecordOf,
	RequestTerms, Requests, State, Users,
};
use blyan_primitives::{
	traits::ServingKeys, Prices, Quote, RequestId, ServingSignature, SessionId, SignedReceipt,
};
use blyan_support::genesis_hash;
use frame_support::{
	ensure,
	traits::{Contains, Get},
	transactional,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::{
	traits::{BlockNumberProvider, Saturating},
	DispatchResult, SaturatedConversion,
};

impl<T: Config> Pallet<T> {
	/// Working time.
	pub(crate) fn now() -> BlockNumberFor<T> {
		T::WorkingTime::current_block_number()
	}

	/// Makes a request and prices it. See [`Pallet::request`].
	#[transactional]
	pub fn do_request(payer: T::AccountId, terms: RequestTerms) -> DispatchResult {
		if let Some(request) = Self::repeated(&payer, &terms)? {
			return Self::repeat(request);
		}
		let offer = Self::open_offer(&payer, terms.offer)?;
		let is_private = Users::<T>::get(&payer).is_private;
		let prices = rules::prices_for(&offer.terms.prices, is_private).ok_or(Error::<T>::PricesTooHigh)?;
		let cost = prices.cost(terms.prompt_tokens, terms.max_answer_tokens);
		let ceiling = cost.ok_or(Error::<T>::PricesTooHigh)?;
		let (request, mut record) = Self::create(payer, terms, &offer, prices, ceiling)?;
		Self::reset_hold(&mut record, T::QuoteDeposit::get())?;
		Requests::<T>::insert(request, record);
		Ok(())
	}

	/// Authorises a request that was quoted. See [`Pallet::authorise`].
	#[transactional]
	pub fn do_authorise(payer: &T::AccountId, request: RequestId) -> DispatchResult {
		let record = Self::request_of_payer(payer, request)?;
		if record.state == State::Authorised {
			return Self::repeat(request);
		}
		ensure!(record.state == State::Quoted, Error::<T>::WrongState);
		ensure!(Self::now() < record.deadline, Error::<T>::TooLate);
		let offer = Self::open_offer(payer, record.terms.offer)?;
		Self::hold_ceiling(request, record, offer)
	}

	/// Makes a request at an operator's own quote and authorises it. See [`Pallet::authorise_quote`].
	#[transactional]
	pub fn do_authorise_quote(
		payer: T::AccountId,
		quote: Quote,
		signature: ServingSignature,
		seed: u64,
	) -> DispatchResult {
		Self::ensure_quote(&payer, &quote)?;
		let terms = Self::terms_of(&quote, seed);
		if let Some(request) = Self::repeated(&payer, &terms)? {
			return Self::repeat(request);
		}
		let now: u64 = frame_system::Pallet::<T>::block_number().saturated_into();
		ensure!(now <= u64::from(quote.expires), Error::<T>::TooLate);
		let offer = Self::open_offer(&payer, quote.offer)?;
		ensure!(quote.is_signed(&genesis_hash::<T>(), &offer.key, &signature), Error::<T>::QuoteUnsigned);
		let (request, record) = Self::create(payer, terms, &offer, quote.prices, quote.ceiling)?;
		Self::hold_ceiling(request, record, offer)
	}

	/// Refuses a quote for another account, or at prices that overflow.
	pub(crate) fn ensure_quote(payer: &T::AccountId, quote: &Quote) -> Result<(), Error<T>> {
		ensure!(quote.payer == account_bytes(payer), Error::<T>::QuoteOfAnother);
		ensure!(rules::are_payable(&quote.prices), Error::<T>::PricesTooHigh);
		Ok(())
	}

	/// Terms of a request by a quote: the quote itself is the idempotency key, so each can be used once.
	pub(crate) fn terms_of(quote: &Quote, seed: u64) -> RequestTerms {
		let key = H256(sp_io::hashing::blake2_256(&quote.payload(&genesis_hash::<T>())));
		let Quote { offer, prompt, prompt_tokens, max_answer_tokens, .. } = *quote;
		RequestTerms { offer, prompt, prompt_tokens, max_answer_tokens, seed, key }
	}

	/// The request that was made with the same key before; an error if it was another one.
	pub(crate) fn repeated(
		payer: &T::AccountId,
		terms: &RequestTerms,
	) -> Result<Option<RequestId>, Error<T>> {
		let Some(request) = Keys::<T>::get(payer, terms.key) else { return Ok(None) };
		let is_same = Requests::<T>::get(request).is_some_and(|record| record.terms == *terms);
		ensure!(is_same, Error::<T>::KeyReused);
		Ok(Some(request))
	}

	/// Reports the stored result.
	fn repeat(request: RequestId) -> DispatchResult {
		let record = Requests::<T>::get(request).ok_or(Error::<T>::RequestUnknown)?;
		Self::deposit_event(Event::RequestRepeated { request, state: record.state });
		Ok(())
	}

	/// Enters a request, priced and without a hold.
	fn create(
		payer: T::AccountId,
		terms: RequestTerms,
		offer: &OfferRecordOf<T>,
		prices: Prices,
		ceiling: Balance,
	) -> Result<(RequestId, RequestRecordOf<T>), Error<T>> {
		ensure!(terms.max_answer_tokens > 0, Error::<T>::AnswerEmpty);
		let fits = rules::fits(offer.terms.context, terms.prompt_tokens, terms.max_answer_tokens);
		ensure!(fits, Error::<T>::ContextExceeded);
		let open = OpenRequests::<T>::get(&payer);
		ensure!(open < T::MaxOpenRequests::get(), Error::<T>::TooManyRequests);
		let request = NextRequest::<T>::get();
		NextRequest::<T>::put(request.checked_add(1).ok_or(Error::<T>::NumbersUsedUp)?);
		OpenRequests::<T>::insert(&payer, open.saturating_add(1));
		Keys::<T>::insert(&payer, terms.key, request);
		Self::deposit_event(Event::RequestMade { request, payer: payer.clone(), offer: terms.offer });
		let mut record = RequestRecord {
			payer,
			operator: offer.operator.clone(),
			terms,
			model_root: offer.terms.model_root,
			served: offer.terms.served(),
			prices,
			ceiling,
			held: 0,
			charged: 0,
			receipt: None,
			tokens: (0, 0),
			state: State::Pending,
			is_cancelled: false,
			deadline: Self::now().saturating_add(T::QuoteWindow::get()),
		};
		Self::step(&mut record, Action::Quote)?;
		Self::deposit_event(Event::RequestQuoted { request, prices, ceiling, until: record.deadline });
		Ok((request, record))
	}

	/// Puts the ceiling on hold and takes a place of the offer.
	fn hold_ceiling(
		request: RequestId,
		mut record: RequestRecordOf<T>,
		mut offer: OfferRecordOf<T>,
	) -> DispatchResult {
		ensure!(offer.load < offer.terms.capacity, Error::<T>::OfferFull);
		offer.load = offer.load.saturating_add(1);
		Offers::<T>::insert(record.terms.offer, offer);
		Self::step(&mut record, Action::Authorise)?;
		// A free offer's places cost a deposit as well.
		let amount = record.ceiling.max(T::QuoteDeposit::get());
		Self::reset_hold(&mut record, amount)?;
		record.deadline = Self::now().saturating_add(T::CaptureWindow::get());
		Self::deposit_event(Event::RequestAuthorised { request, held: record.held, until: record.deadline });
		Requests::<T>::insert(request, record);
		Ok(())
	}

	/// Charges for an answer. See [`Pallet::capture`].
	#[transactional]
	pub fn do_capture(who: &T::AccountId, request: RequestId, signed: &SignedReceipt) -> DispatchResult {
		let mut record = Self::ensure_capturable(who, request, signed)?;
		let (receipt, id) = (&signed.receipt, signed.id(&genesis_hash::<T>()));
		Self::step(&mut record, Action::Capture)?;
		Self::reset_hold(&mut record, receipt.charged)?;
		Self::free_place(&record);
		Self::keep_key(&signed.key);
		record.charged = receipt.charged;
		record.receipt = Some(id);
		record.tokens = (receipt.prompt_tokens_seen, receipt.answer_tokens);
		record.deadline = Self::now().saturating_add(T::ChallengeWindow::get());
		Receipts::<T>::insert(id, request);
		Self::deposit_event(Event::RequestCaptured {
			request,
			receipt: id,
			charged: record.charged,
			due: record.deadline,
		});
		Requests::<T>::insert(request, record);
		Ok(())
	}

	/// The request, if this receipt charges for it.
	pub(crate) fn ensure_capturable(
		who: &T::AccountId,
		request: RequestId,
		signed: &SignedReceipt,
	) -> Result<RequestRecordOf<T>, Error<T>> {
		let record = Self::request_of_operator(who, request)?;
		Self::ensure_state(&record, State::Authorised)?;
		ensure!(Self::now() < record.deadline, Error::<T>::TooLate);
		let receipt = &signed.receipt;
		ensure!(rules::is_consistent(receipt), Error::<T>::ReceiptInvalid);
		ensure!(receipt.session == SessionId::default(), Error::<T>::ReceiptOfSession);
		let is_of_request = receipt.model_root == record.model_root && receipt.seed == record.terms.seed;
		ensure!(is_of_request, Error::<T>::ReceiptOfAnother);
		let is_near = rules::is_near(record.terms.prompt_tokens, receipt.prompt_tokens);
		ensure!(is_near, Error::<T>::TokensDiffer);
		ensure!(receipt.answer_tokens <= record.terms.max_answer_tokens, Error::<T>::AnswerTooLong);
		let is_due = rules::is_charge_due(receipt, &record.prices, record.ceiling);
		ensure!(is_due, Error::<T>::ChargeTooHigh);
		let genesis = genesis_hash::<T>();
		let id = signed.id(&genesis);
		ensure!(!Receipts::<T>::contains_key(id), Error::<T>::ReceiptUsed);
		ensure!(!T::Refuted::contains(&id), Error::<T>::ReceiptRefuted);
		let signer = <Self as ServingKeys<T::AccountId>>::operator_of(&signed.key);
		ensure!(signer.as_ref() == Some(who), Error::<T>::KeyUnknown);
		ensure!(signed.is_valid(&genesis), Error::<T>::ReceiptUnsigned);
		Ok(record)
	}

	/// Pays for an answer. See [`Pallet::credit`].
	#[transactional]
	pub fn do_credit(request: RequestId) -> DispatchResult {
		let mut record = Self::ensure_creditable(request)?;
		Self::step(&mut record, Action::Credit)?;
		let amount = core::mem::take(&mut record.held);
		let share = Self::pay(HoldReason::Request, &record.payer, &record.operator, amount)?;
		let (read, chosen) = record.tokens;
		Self::count(&record.payer, &record.operator, record.served, amount, Paid::Answer(read, chosen));
		let paid = amount.saturating_sub(share);
		Self::deposit_event(Event::RequestCredited { request, paid, share });
		Self::end(request, record);
		Ok(())
	}

	/// The request, if it can be paid now.
	pub(crate) fn ensure_creditable(request: RequestId) -> Result<RequestRecordOf<T>, Error<T>> {
		let record = Self::known(request)?;
		Self::ensure_state(&record, State::Captured)?;
		ensure!(record.deadline <= Self::now(), Error::<T>::TooEarly);
		let is_disputed = record.receipt.is_some_and(|receipt| T::Disputed::contains(&receipt));
		ensure!(!is_disputed, Error::<T>::ReceiptDisputed);
		Ok(record)
	}

	/// Cancels a request. See [`Pallet::cancel`].
	#[transactional]
	pub fn do_cancel(payer: &T::AccountId, request: RequestId) -> DispatchResult {
		let mut record = Self::ensure_cancellable(payer, request)?;
		if record.state == State::Quoted {
			return Self::fail(request, record, Failure::Cancelled);
		}
		record.is_cancelled = true;
		record.deadline = record.deadline.min(Self::now().saturating_add(T::CancelWindow::get()));
		Self::deposit_event(Event::CancelRequested { request, until: record.deadline });
		Requests::<T>::insert(request, record);
		Ok(())
	}

	/// The request, if its payer may cancel it.
	pub(crate) fn ensure_cancellable(
		payer: &T::AccountId,
		request: RequestId,
	) -> Result<RequestRecordOf<T>, Error<T>> {
		let record = Self::request_of_payer(payer, request)?;
		ensure!(matches!(record.state, State::Quoted | State::Authorised), Error::<T>::WrongState);
		ensure!(!record.is_cancelled, Error::<T>::AlreadyCancelled);
		Ok(record)
	}

	/// Declines a request. See [`Pallet::decline`].
	#[transactional]
	pub fn do_decline(who: &T::AccountId, request: RequestId) -> DispatchResult {
		let record = Self::request_of_operator(who, request)?;
		ensure!(matches!(record.state, State::Quoted | State::Authorised), Error::<T>::WrongState);
		Self::fail(request, record, Failure::Declined)
	}

	/// Takes a receipt back. See [`Pallet::reverse`].
	pub fn do_reverse(who: &T::AccountId, request: RequestId) -> DispatchResult {
		let record = Self::request_of_operator(who, request)?;
		Self::ensure_state(&record, State::Captured)?;
		Self::reverse_captured(request, record)
	}

	/// Ends a request whose time is over. See [`Pallet::expire`].
	#[transactional]
	pub fn do_expire(request: RequestId) -> DispatchResult {
		let record = Self::known(request)?;
		let failure = Self::overdue(&record)?;
		Self::fail(request, record, failure)
	}

	/// The reason for which a request fails now.
	pub(crate) fn overdue(record: &RequestRecordOf<T>) -> Result<Failure, Error<T>> {
		let failure = match record.state {
			State::Pending | State::Quoted => Failure::QuoteExpired,
			State::Authorised if record.is_cancelled => Failure::Cancelled,
			State::Authorised => Failure::TimedOut,
			_ => return Err(Error::WrongState),
		};
		ensure!(record.deadline <= Self::now(), Error::<T>::TooEarly);
		Ok(failure)
	}

	fn fail(request: RequestId, mut record: RequestRecordOf<T>, failure: Failure) -> DispatchResult {
		let had_place = record.state == State::Authorised;
		Self::step(&mut record, Action::Fail)?;
		if had_place {
			Self::free_place(&record);
		}
		Self::reset_hold(&mut record, 0)?;
		Self::deposit_event(Event::RequestFailed { request, failure });
		Self::end(request, record);
		Ok(())
	}

	#[transactional]
	pub(crate) fn reverse_captured(request: RequestId, mut record: RequestRecordOf<T>) -> DispatchResult {
		Self::step(&mut record, Action::Reverse)?;
		let returned = record.held;
		Self::reset_hold(&mut record, 0)?;
		Self::deposit_event(Event::RequestReversed { request, returned });
		Self::end(request, record);
		Ok(())
	}

	/// Keeps the result of a request that is over until it is forgotten.
	fn end(request: RequestId, mut record: RequestRecordOf<T>) {
		record.deadline = Self::now().saturating_add(T::RequestMemory::get());
		OpenRequests::<T>::mutate_exists(&record.payer, |open| {
			*open = open.and_then(|open| open.checked_sub(1)).filter(|open| *open > 0);
		});
		Requests::<T>::insert(request, record);
	}

	/// Forgets a request, its key and its receipt.
	pub(crate) fn forget(request: RequestId, record: &RequestRecordOf<T>) {
		Keys::<T>::remove(&record.payer, record.terms.key);
		if let Some(receipt) = record.receipt {
			Receipts::<T>::remove(receipt);
		}
		Requests::<T>::remove(request);
	}

	/// Gives the place of an authorised request back to its offer, if that is still there.
	fn free_place(record: &RequestRecordOf<T>) {
		Offers::<T>::mutate_extant(record.terms.offer, |offer| offer.load = offer.load.saturating_sub(1));
	}

	fn step(record: &mut RequestRecordOf<T>, action: Action) -> Result<(), Error<T>> {
		record.state = rules::transition(record.state, action).map_err(|_| Error::<T>::WrongState)?;
		Ok(())
	}

	fn reset_hold(record: &mut RequestRecordOf<T>, amount: Balance) -> Result<(), Error<T>> {
		Self::set_hold(HoldReason::Request, &record.payer, record.held, amount)?;
		record.held = amount;
		Ok(())
	}

	pub(crate) fn known(request: RequestId) -> Result<RequestRecordOf<T>, Error<T>> {
		Requests::<T>::get(request).ok_or(Error::RequestUnknown)
	}

	fn ensure_state(record: &RequestRecordOf<T>, state: State) -> Result<(), Error<T>> {
		ensure!(record.state == state, Error::<T>::WrongState);
		Ok(())
	}

	pub(crate) fn request_of_payer(
		payer: &T::AccountId,
		request: RequestId,
	) -> Result<RequestRecordOf<T>, Error<T>> {
		let record = Self::known(request)?;
		ensure!(record.payer == *payer, Error::<T>::NotPayer);
		Ok(record)
	}

	pub(crate) fn request_of_operator(
		who: &T::AccountId,
		request: RequestId,
	) -> Result<RequestRecordOf<T>, Error<T>> {
		let record = Self::known(request)?;
		ensure!(record.operator == *who, Error::<T>::NotOperator);
		Ok(record)
	}
}
