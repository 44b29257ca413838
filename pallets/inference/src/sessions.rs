//! Life of a session: a deposit, vouchers, settlements, and two ways to end it.

use crate::{
	rules, usage::Paid, Balance, Config, Error, Event, HoldReason, NextSession, Pallet, Receipts, Requests,
	SessionCount, SessionRecord, SessionRecordOf, Sessions, State, Users,
};
use blyan_primitives::{
	traits::ServingKeys, OfferId, ServingKey, ServingSignature, SessionId, SignedReceipt, Voucher,
};
use blyan_support::genesis_hash;
use frame_support::{ensure, traits::Get, transactional, BoundedVec};
use sp_core::H256;
use sp_runtime::{traits::Saturating, DispatchResult};

impl<T: Config> Pallet<T> {
	/// Opens a session. See [`Pallet::open_session`].
	#[transactional]
	pub fn do_open_session(
		payer: T::AccountId,
		offer: OfferId,
		key: ServingKey,
		deposit: Balance,
	) -> DispatchResult {
		Self::ensure_deposit(deposit)?;
		let record = Self::open_offer(&payer, offer)?;
		let count = SessionCount::<T>::get(&payer);
		ensure!(count < T::MaxSessions::get(), Error::<T>::TooManySessions);
		let is_private = Users::<T>::get(&payer).is_private;
		let prices = rules::prices_for(&record.terms.prices, is_private).ok_or(Error::<T>::PricesTooHigh)?;
		let session = NextSession::<T>::get().checked_add(1).ok_or(Error::<T>::NumbersUsedUp)?;
		Self::set_hold(HoldReason::Session, &payer, 0, deposit)?;
		NextSession::<T>::put(session);
		SessionCount::<T>::insert(&payer, count.saturating_add(1));
		let operator = record.operator;
		let entry = SessionRecord {
			payer: payer.clone(),
			operator: operator.clone(),
			offer,
			served: record.terms.served(),
			key,
			prices,
			deposit,
			settled: 0,
			reversed: 0,
			receipts: BoundedVec::new(),
			closing: None,
		};
		Sessions::<T>::insert(session, entry);
		Self::deposit_event(Event::SessionOpened { session, payer, operator, offer, deposit });
		Ok(())
	}

	/// Refuses a deposit that is not worth a session.
	pub(crate) fn ensure_deposit(deposit: Balance) -> Result<(), Error<T>> {
		ensure!(deposit >= T::SessionDepositMin::get(), Error::<T>::DepositTooSmall);
		Ok(())
	}

	/// Adds to the deposit. See [`Pallet::top_up`].
	#[transactional]
	pub fn do_top_up(payer: &T::AccountId, session: SessionId, amount: Balance) -> DispatchResult {
		Self::ensure_amount(amount)?;
		let mut record = Self::session_of_payer(payer, session)?;
		ensure!(record.closing.is_none(), Error::<T>::SessionClosing);
		record.deposit = record.deposit.checked_add(amount).ok_or(Error::<T>::FundsMissing)?;
		Self::set_hold(HoldReason::Session, payer, 0, amount)?;
		let deposit = record.deposit;
		Sessions::<T>::insert(session, record);
		Self::deposit_event(Event::SessionToppedUp { session, deposit });
		Ok(())
	}

	/// Refuses to add nothing.
	pub(crate) fn ensure_amount(amount: Balance) -> Result<(), Error<T>> {
		ensure!(amount > 0, Error::<T>::AmountZero);
		Ok(())
	}

	/// Pays what a voucher allows. See [`Pallet::settle`].
	#[transactional]
	pub fn do_settle(session: SessionId, amount: Balance, signature: &ServingSignature) -> DispatchResult {
		let mut record = Self::ensure_settleable(session, amount, signature)?;
		let due = rules::payable(amount, record.deposit, record.reversed, record.settled);
		let share = Self::pay(HoldReason::Session, &record.payer, &record.operator, due)?;
		record.settled = record.settled.saturating_add(due);
		Self::count(&record.payer, &record.operator, record.served, due, Paid::Settlement);
		let (paid, settled) = (due.saturating_sub(share), record.settled);
		Sessions::<T>::insert(session, record);
		Self::deposit_event(Event::SessionSettled { session, paid, share, settled });
		Ok(())
	}

	/// The session, if this voucher adds to what it has paid.
	pub(crate) fn ensure_settleable(
		session: SessionId,
		amount: Balance,
		signature: &ServingSignature,
	) -> Result<SessionRecordOf<T>, Error<T>> {
		let record = Sessions::<T>::get(session).ok_or(Error::<T>::SessionUnknown)?;
		let due = rules::payable(amount, record.deposit, record.reversed, record.settled);
		ensure!(due > 0, Error::<T>::NothingToSettle);
		let is_signed = Voucher { session, amount }.is_signed(&genesis_hash::<T>(), &record.key, signature);
		ensure!(is_signed, Error::<T>::VoucherUnsigned);
		Ok(record)
	}

	/// Begins to close a session. See [`Pallet::close_session`].
	pub fn do_close_session(payer: &T::AccountId, session: SessionId) -> DispatchResult {
		let mut record = Self::session_of_payer(payer, session)?;
		ensure!(record.closing.is_none(), Error::<T>::SessionClosing);
		let until = Self::now().saturating_add(T::SessionClosing::get());
		record.closing = Some(until);
		Sessions::<T>::insert(session, record);
		Self::deposit_event(Event::SessionClosing { session, until });
		Ok(())
	}

	/// Ends a session whose closing is over. See [`Pallet::finish_session`].
	pub fn do_finish_session(session: SessionId) -> DispatchResult {
		let record = Sessions::<T>::get(session).ok_or(Error::<T>::SessionUnknown)?;
		let until = record.closing.ok_or(Error::<T>::SessionOpen)?;
		ensure!(until <= Self::now(), Error::<T>::TooEarly);
		// While its payer is frozen nothing could be settled, so the time for it goes on.
		Self::ensure_free(&record.payer, record.held())?;
		Self::end_session(session, &record)
	}

	/// Ends a session at once. See [`Pallet::release_session`].
	pub fn do_release_session(who: &T::AccountId, session: SessionId) -> DispatchResult {
		let record = Self::session_of_operator(who, session)?;
		Self::end_session(session, &record)
	}

	#[transactional]
	fn end_session(session: SessionId, record: &SessionRecordOf<T>) -> DispatchResult {
		let returned = record.held();
		Self::set_hold(HoldReason::Session, &record.payer, returned, 0)?;
		Sessions::<T>::remove(session);
		SessionCount::<T>::mutate_exists(&record.payer, |count| {
			*count = count.and_then(|count| count.checked_sub(1)).filter(|count| *count > 0);
		});
		Self::deposit_event(Event::SessionEnded { session, returned });
		Ok(())
	}

	/// A receipt was proven wrong: its charge is released, if it is still on hold, or taken off what its session pays from now on.
	///
	/// Each receipt once, and only for the operator whose key signed it. A request was captured by that operator, since a receipt's name binds
	/// its key; so it does not matter if the key has been forgotten since.
	pub(crate) fn reverse_receipt(signed: &SignedReceipt, id: H256) {
		if let Some((request, record)) =
			Receipts::<T>::get(id).and_then(|request| Some((request, Requests::<T>::get(request)?)))
		{
			if record.state == State::Captured {
				let _ = Self::reverse_captured(request, record);
			}
			return;
		}
		let Some(operator) = <Self as ServingKeys<T::AccountId>>::operator_of(&signed.key) else { return };
		let session = signed.receipt.session;
		Sessions::<T>::mutate_extant(session, |record| {
			let is_new = record.operator == operator && !record.receipts.contains(&id);
			if is_new && record.receipts.try_push(id).is_ok() {
				record.reversed = record.reversed.saturating_add(signed.receipt.charged);
				Self::deposit_event(Event::SessionReduced { session, reversed: record.reversed });
			}
		});
	}

	pub(crate) fn session_of_payer(
		payer: &T::AccountId,
		session: SessionId,
	) -> Result<SessionRecordOf<T>, Error<T>> {
		let record = Sessions::<T>::get(session).ok_or(Error::<T>::SessionUnknown)?;
		ensure!(record.payer == *payer, Error::<T>::NotPayer);
		Ok(record)
	}

	pub(crate) fn session_of_operator(
		who: &T::AccountId,
		session: SessionId,
	) -> Result<SessionRecordOf<T>, Error<T>> {
		let record = Sessions::<T>::get(session).ok_or(Error::<T>::SessionUnknown)?;
		ensure!(record.operator == *who, Error::<T>::NotOperator);
		Ok(record)
	}
}
