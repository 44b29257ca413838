//! Errors of the calls: the fact in the way, and what to do about it.

use frame_support::pallet_macros::pallet_section;

/// Section of the pallet.
#[pallet_section]
mod errors {
	#[pallet::error]
	pub enum Error<T> {
		/// There is no such offer: it was withdrawn, or never made.
		OfferUnknown,
		/// The offer's operator takes no paid work now: it leaves, is silent, in quarantine, or does not serve. Choose another offer.
		OfferClosed,
		/// As many requests of this offer are authorised as it serves at a time. Try again, or choose another offer.
		OfferFull,
		/// An operator cannot buy of itself.
		OwnOffer,
		/// Only a registered operator with the capability `serve` can offer, while it is heard and neither leaves nor is in quarantine.
		NotServing,
		/// The operator has as many offers as it may. Withdraw one.
		TooManyOffers,
		/// Capacity or context is zero.
		TermsEmpty,
		/// The prices are so high that the cost of a long answer overflows.
		PricesTooHigh,
		/// The endpoint is empty, not UTF-8, or contains spaces or control characters.
		EndpointInvalid,
		/// There is no such model in the registry. Leave the number out to offer a model that is not registered.
		ModelUnknown,
		/// The model has no such generation yet; a model that is not registered has generation 0.
		GenerationUnknown,
		/// The proof is not the serving key's signature for this account on this chain.
		ProofInvalid,
		/// Another operator answers for this serving key. Make one of your own.
		KeyTaken,
		/// The operator answers for as many serving keys as it may. Older ones are forgotten `KeyMemory` blocks after their last use.
		TooManyKeys,
		/// The operator is registered, or has neither offers nor keys that could go.
		NothingToClose,
		/// There is no such request: it was forgotten, or never made.
		RequestUnknown,
		/// The request is another account's.
		NotPayer,
		/// The offer, request or session is another operator's.
		NotOperator,
		/// The request's state does not allow this.
		WrongState,
		/// The time for this is over.
		TooLate,
		/// The time for this has not come.
		TooEarly,
		/// The idempotency key belongs to another request of this account. Choose a new one.
		KeyReused,
		/// The longest answer has no token.
		AnswerEmpty,
		/// The prompt and its longest answer do not fit into the context of the offer.
		ContextExceeded,
		/// As many requests of this account are open as may be. Cancel one, or wait.
		TooManyRequests,
		/// The quote is for another account.
		QuoteOfAnother,
		/// The quote is not signed by the offer's serving key, for this chain.
		QuoteUnsigned,
		/// The free balance does not cover the hold. The existential deposit stays free.
		FundsMissing,
		/// The amount on hold is smaller than what this pallet accounts for.
		HoldMissing,
		/// The receipt has another version, or its numbers contradict each other.
		ReceiptInvalid,
		/// The receipt names a session, which pays for it.
		ReceiptOfSession,
		/// The receipt is of another model, or of another seed: it belongs to another request.
		ReceiptOfAnother,
		/// The receipt captured a request before.
		ReceiptUsed,
		/// The receipt is not signed by its key, for this chain.
		ReceiptUnsigned,
		/// The operator does not answer for the receipt's key.
		KeyUnknown,
		/// The tokens of the prompt differ from the quote by more than a tenth. Decline the request; the payer asks for a new quote.
		TokensDiffer,
		/// The answer is longer than the request allows.
		AnswerTooLong,
		/// The receipt charges more than its tokens cost, or more than the ceiling.
		ChargeTooHigh,
		/// The receipt is under dispute.
		ReceiptDisputed,
		/// The payer has cancelled the request before.
		AlreadyCancelled,
		/// There is no such session: it is over, or was never opened.
		SessionUnknown,
		/// The session is not being closed. Its payer can close it, its operator release it.
		SessionOpen,
		/// The session is being closed.
		SessionClosing,
		/// The deposit is below `SessionDepositMin`.
		DepositTooSmall,
		/// As many sessions of this account are open as may be. Close one.
		TooManySessions,
		/// Nothing was given.
		AmountZero,
		/// The voucher adds nothing to what the session has paid: it is old, or the deposit is used up.
		NothingToSettle,
		/// The voucher is not signed by the session's key, for this session and this chain.
		VoucherUnsigned,
		/// All numbers have been given out.
		NumbersUsedUp,
		/// An emergency has frozen the payer's account. Try again when the freeze has ended; what is on hold stays there until then.
		PayerFrozen,
		/// The receipt was proven wrong, or its operator did not defend it. Decline the request; nothing is charged for such an answer.
		ReceiptRefuted,
	}
}
