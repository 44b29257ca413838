//! Runtime API implementation.

use crate::{
	rules, Config, Keys, Offers, OpenRequests, Pallet, RequestRecordOf, Requests, ServedModel, SessionCount,
	Sessions, State, Usage, Users,
};
use alloc::vec::Vec;
use blyan_primitives::{traits::Servers, OfferId, RequestId, SessionId};
use blyan_runtime_api::{
	serving::{CostQuote, OfferInfo, RequestInfo, RequestState, SessionInfo, UsageInfo, UserInfo},
	AccountId,
};
use frame_support::traits::Get;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::{traits::Saturating, SaturatedConversion};

/// Most numbers that one question looks at.
const PAGE_MAX: u32 = 100;

impl<T: Config<AccountId = AccountId>> Pallet<T> {
	/// Offers with a number in `start..start + count`.
	pub fn offer_infos(start: OfferId, count: u32) -> Vec<OfferInfo> {
		let end = start.saturating_add(count.min(PAGE_MAX));
		(start..end).filter_map(Self::offer_info).collect()
	}

	/// One offer.
	pub fn offer_info(id: OfferId) -> Option<OfferInfo> {
		let record = Offers::<T>::get(id)?;
		let terms = record.terms;
		Some(OfferInfo {
			id,
			open: T::Servers::may_serve(&record.operator),
			operator: record.operator,
			key: record.key,
			model: terms.model,
			generation: terms.generation,
			model_root: terms.model_root,
			prices: terms.prices,
			capacity: terms.capacity,
			load: record.load,
			context: terms.context,
			endpoint: terms.endpoint.into_inner(),
		})
	}

	/// One request.
	pub fn request_info(id: RequestId) -> Option<RequestInfo> {
		Some(Self::as_request_info(id, Requests::<T>::get(id)?))
	}

	/// The request that a payer made with an idempotency key.
	pub fn request_info_by_key(payer: &AccountId, key: H256) -> Option<RequestInfo> {
		Self::request_info(Keys::<T>::get(payer, key)?)
	}

	fn as_request_info(id: RequestId, record: RequestRecordOf<T>) -> RequestInfo {
		RequestInfo {
			id,
			payer: record.payer,
			operator: record.operator,
			offer: record.terms.offer,
			model_root: record.model_root,
			prompt: record.terms.prompt,
			prompt_tokens: record.terms.prompt_tokens,
			max_answer_tokens: record.terms.max_answer_tokens,
			seed: record.terms.seed,
			key: record.terms.key,
			prices: record.prices,
			ceiling: record.ceiling,
			held: record.held,
			charged: record.charged,
			receipt: record.receipt,
			state: match record.state {
				State::Pending => RequestState::Pending,
				State::Quoted => RequestState::Quoted,
				State::Authorised => RequestState::Authorised,
				State::Captured => RequestState::Captured,
				State::Credited => RequestState::Credited,
				State::Failed => RequestState::Failed,
				State::Reversed => RequestState::Reversed,
			},
			cancelled: record.is_cancelled,
			deadline: Self::block_at(record.deadline).saturated_into(),
		}
	}

	/// One session.
	pub fn session_info(id: SessionId) -> Option<SessionInfo> {
		let record = Sessions::<T>::get(id)?;
		Some(SessionInfo {
			id,
			payer: record.payer,
			operator: record.operator,
			offer: record.offer,
			key: record.key,
			prices: record.prices,
			deposit: record.deposit,
			settled: record.settled,
			reversed: record.reversed,
			closing: record.closing.map(|until| Self::block_at(until).saturated_into()),
		})
	}

	/// Record of a user.
	pub fn user_info(who: &AccountId) -> UserInfo {
		let user = Users::<T>::get(who);
		UserInfo {
			spent: user.spent,
			interactions: user.interactions,
			last: user.last.saturated_into(),
			private: user.is_private,
			open_requests: OpenRequests::<T>::get(who),
			sessions: SessionCount::<T>::get(who),
		}
	}

	/// Usage of a model, by operator.
	pub fn usage_infos(model: ServedModel) -> Vec<UsageInfo> {
		let mut infos: Vec<_> = Usage::<T>::iter_prefix(model)
			.map(|(operator, usage)| UsageInfo {
				operator,
				answers: usage.answers,
				prompt_tokens: usage.prompt_tokens,
				answer_tokens: usage.answer_tokens,
				settlements: usage.settlements,
				charged: usage.charged,
			})
			.collect();
		infos.sort_by(|one, other| one.operator.cmp(&other.operator));
		infos
	}

	/// Price of a request for one payer.
	pub fn cost_quote(
		payer: &AccountId,
		offer: OfferId,
		prompt_tokens: u32,
		max_answer_tokens: u32,
	) -> Option<CostQuote> {
		let usual = Offers::<T>::get(offer)?.terms.prices;
		let prices = rules::prices_for(&usual, Users::<T>::get(payer).is_private)?;
		let (input, output) = (prices.cost(prompt_tokens, 0)?, prices.cost(0, max_answer_tokens)?);
		let ceiling = prices.cost(prompt_tokens, max_answer_tokens)?;
		Some(CostQuote {
			prices,
			input,
			output,
			privacy: ceiling.saturating_sub(usual.cost(prompt_tokens, max_answer_tokens)?),
			ceiling,
			deposit: T::QuoteDeposit::get(),
			holds_for: T::QuoteWindow::get().saturated_into(),
			free: ceiling == 0,
		})
	}

	/// Block in which working time reaches `time`, if no migration bars transactions until then.
	fn block_at(time: BlockNumberFor<T>) -> BlockNumberFor<T> {
		let barred = frame_system::Pallet::<T>::block_number().saturating_sub(Self::now());
		time.saturating_add(barred)
	}
}
