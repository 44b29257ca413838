//! Records. No storage access.

use blyan_primitives::{ModelId, OfferId, Prices, ServingKey, ServingSignature};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::traits::fungible::Credit;
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::{ConstU32, H256};
use sp_runtime::BoundedVec;

/// Amounts in planck. Prices are multiplied by counts of tokens, so the width is part of the rules.
pub type Balance = u128;
/// Money on its way to where the network's share goes.
pub type CreditOf<T> = Credit<<T as frame_system::Config>::AccountId, <T as crate::Config>::Currency>;
/// [`OfferRecord`] of a runtime.
pub type OfferRecordOf<T> = OfferRecord<<T as frame_system::Config>::AccountId>;
/// [`KeyRecord`] of a runtime.
pub type KeyRecordOf<T> = KeyRecord<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;
/// [`RequestRecord`] of a runtime.
pub type RequestRecordOf<T> = RequestRecord<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;
/// [`SessionRecord`] of a runtime.
pub type SessionRecordOf<T> = SessionRecord<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;
/// [`UserRecord`] of a runtime.
pub type UserRecordOf<T> = UserRecord<BlockNumberFor<T>>;

/// Most bytes of an endpoint.
pub const ENDPOINT_BYTES_MAX: u32 = 256;
/// Most receipts of one session that can be reversed.
pub const REVERSED_MAX: u32 = 16;
/// Domain separator of the proof that an operator has a serving key.
pub const SERVING_KEY_CONTEXT: &[u8] = b"blyan/serving-key/1";

/// Address under which an operator serves an offer, in UTF-8.
pub type Endpoint = BoundedVec<u8, ConstU32<ENDPOINT_BYTES_MAX>>;

/// Returns the bytes that a serving key signs to be accepted for `who` on the chain with this genesis hash.
///
/// Naming the account keeps a proof from being copied out of the pool by another operator.
pub fn serving_key_payload(genesis: &H256, who: &impl Encode) -> alloc::vec::Vec<u8> {
	(SERVING_KEY_CONTEXT, genesis, who).encode()
}

/// Returns the account's bytes as a [`blyan_primitives::Quote`] names them: the first 32 of its encoding, filled up with zeros.
pub fn account_bytes(who: &impl Encode) -> H256 {
	let mut bytes = [0u8; 32];
	for (byte, value) in bytes.iter_mut().zip(who.encode()) {
		*byte = value;
	}
	H256(bytes)
}

macro_rules! wire {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		#[derive(
			Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
		)]
		#[scale_info(capture_docs = "always")]
		$(#[$meta])*
		pub $($rest)*
	};
}

wire! {
	/// Model that usage is counted for.
	#[derive(Copy, Hash)]
	pub enum ServedModel {
		/// A model of the registry, over all of its generations.
		Registered(ModelId),
		/// A model that is not registered, by its root.
		Unregistered(H256),
	}
}

wire! {
	/// Terms of an offer.
	pub struct OfferTerms {
		/// The model's number, if it is registered.
		pub model: Option<ModelId>,
		/// Generation of the registered model whose root this is; 0 for others.
		pub generation: u32,
		/// Root of the model. Receipts carry it, and disputes are about it.
		pub model_root: H256,
		/// Prices.
		pub prices: Prices,
		/// Requests that may be authorised at the same time.
		pub capacity: u32,
		/// Most tokens of a prompt and its answer together.
		pub context: u32,
		/// Address of the service.
		pub endpoint: Endpoint,
	}
}

impl OfferTerms {
	/// The model that usage is counted for.
	pub fn served(&self) -> ServedModel {
		self.model.map_or(ServedModel::Unregistered(self.model_root), ServedModel::Registered)
	}
}

wire! {
	/// A serving key with the proof that the operator has it: its signature over [`serving_key_payload`].
	#[derive(Copy)]
	pub struct ProvenKey {
		/// The key.
		pub key: ServingKey,
		/// The proof.
		pub proof: ServingSignature,
	}
}

wire! {
	/// An offer.
	pub struct OfferRecord<AccountId> {
		/// The operator that serves it.
		pub operator: AccountId,
		/// Key that signs its receipts and quotes.
		pub key: ServingKey,
		/// Terms.
		pub terms: OfferTerms,
		/// Requests that are authorised now: at most `terms.capacity`, unless that was lowered meanwhile.
		pub load: u32,
	}
}

wire! {
	/// A serving key.
	#[derive(Copy)]
	pub struct KeyRecord<AccountId, BlockNumber> {
		/// The operator that it signs for.
		pub operator: AccountId,
		/// Offers that it signs for.
		pub uses: u32,
		/// First block in which the operator does not answer for it any more, once it signs for no offer.
		pub until: Option<BlockNumber>,
	}
}

wire! {
	/// State of a request.
	#[derive(Copy, PartialOrd, Ord)]
	pub enum State {
		/// Made, and without a price.
		Pending,
		/// Priced. The price holds until the deadline.
		Quoted,
		/// Paid for by a hold; the operator may serve it until the deadline.
		Authorised,
		/// Served, with a receipt. The amount charged stays on hold until the deadline.
		Captured,
		/// Paid to the operator.
		Credited,
		/// Ended without a receipt. Everything on hold was released.
		Failed,
		/// Receipt taken back, or proven wrong. The amount charged was released.
		Reversed,
	}
}

impl State {
	/// Every state.
	pub const ALL: [Self; 7] = [
		Self::Pending,
		Self::Quoted,
		Self::Authorised,
		Self::Captured,
		Self::Credited,
		Self::Failed,
		Self::Reversed,
	];

	/// Reports whether nothing happens to a request in this state any more.
	pub fn is_final(self) -> bool {
		matches!(self, Self::Credited | Self::Failed | Self::Reversed)
	}
}

wire! {
	/// Step of a request from one state to another.
	#[derive(Copy)]
	pub enum Action {
		/// Prices it.
		Quote,
		/// Puts the ceiling on hold.
		Authorise,
		/// Shows the receipt.
		Capture,
		/// Pays the operator.
		Credit,
		/// Releases everything: nothing was served.
		Fail,
		/// Releases everything: the receipt is void.
		Reverse,
	}
}

impl Action {
	/// Every action.
	pub const ALL: [Self; 6] =
		[Self::Quote, Self::Authorise, Self::Capture, Self::Credit, Self::Fail, Self::Reverse];
}

wire! {
	/// Reason for which a request failed.
	#[derive(Copy)]
	pub enum Failure {
		/// Its quote was not authorised in time.
		QuoteExpired,
		/// The operator showed no receipt in time.
		TimedOut,
		/// The payer cancelled it, and nothing was charged.
		Cancelled,
		/// The operator did not want it, or could not serve it.
		Declined,
	}
}

wire! {
	/// A request as its payer makes it.
	#[derive(Copy)]
	pub struct RequestTerms {
		/// The offer.
		pub offer: OfferId,
		/// Blake2b-256 of the body of the request, which goes to the operator and never onto the chain.
		pub prompt: H256,
		/// Tokens of the prompt.
		pub prompt_tokens: u32,
		/// Most tokens of the answer.
		pub max_answer_tokens: u32,
		/// Seed of the noise. The receipt has to carry it, so that no receipt of another request fits by chance.
		pub seed: u64,
		/// Idempotency key of the payer's choice: repeating it changes nothing and puts nothing on hold.
		pub key: H256,
	}
}

wire! {
	/// A request. Terms, prices and operator never change.
	#[derive(Copy)]
	pub struct RequestRecord<AccountId, BlockNumber> {
		/// The account that pays.
		pub payer: AccountId,
		/// The operator that serves and is paid.
		pub operator: AccountId,
		/// Terms.
		pub terms: RequestTerms,
		/// Root of the model that has to answer.
		pub model_root: H256,
		/// The model that usage is counted for.
		pub served: ServedModel,
		/// Prices.
		pub prices: Prices,
		/// Most that can be charged.
		pub ceiling: Balance,
		/// Amount on hold of the payer.
		pub held: Balance,
		/// Amount charged by the receipt.
		pub charged: Balance,
		/// The receipt, once it is captured.
		pub receipt: Option<H256>,
		/// Tokens that were read and chosen, by the receipt.
		pub tokens: (u32, u32),
		/// Where it stands.
		pub state: State,
		/// True if the payer asked to stop.
		pub is_cancelled: bool,
		/// First block, in working time, in which this state is over: the quote expires, the operator is too late, the receipt is
		/// paid, or the request is forgotten.
		pub deadline: BlockNumber,
	}
}

wire! {
	/// A session: a deposit from which the operator takes what the payer's vouchers allow.
	pub struct SessionRecord<AccountId, BlockNumber> {
		/// The account that pays.
		pub payer: AccountId,
		/// The operator that serves and is paid.
		pub operator: AccountId,
		/// The offer that it was opened for.
		pub offer: OfferId,
		/// The model that usage is counted for.
		pub served: ServedModel,
		/// Key that signs the vouchers.
		pub key: ServingKey,
		/// Prices, fixed when it was opened.
		pub prices: Prices,
		/// Sum of what was deposited.
		pub deposit: Balance,
		/// Sum of what was paid out. The rest of the deposit is on hold.
		pub settled: Balance,
		/// Sum that receipts charged which were proven wrong. Vouchers pay so much less.
		pub reversed: Balance,
		/// Receipts that were proven wrong.
		pub receipts: BoundedVec<H256, ConstU32<REVERSED_MAX>>,
		/// First block, in working time, in which it can be finished, if the payer is closing it.
		pub closing: Option<BlockNumber>,
	}
}

impl<AccountId, BlockNumber> SessionRecord<AccountId, BlockNumber> {
	/// Returns the amount on hold.
	pub fn held(&self) -> Balance {
		self.deposit.saturating_sub(self.settled)
	}
}

wire! {
	/// Usage of a model at one operator, as paid for.
	#[derive(Copy, Default)]
	pub struct UsageRecord {
		/// Answers that were paid for one by one.
		pub answers: u64,
		/// Tokens that those read.
		pub prompt_tokens: u64,
		/// Tokens that those chose.
		pub answer_tokens: u64,
		/// Settlements of sessions. The chain sees no tokens of theirs.
		pub settlements: u64,
		/// Sum that all of them charged.
		pub charged: Balance,
	}
}

wire! {
	/// Record of a user.
	#[derive(Copy, Default)]
	pub struct UserRecord<BlockNumber> {
		/// Sum of its payments.
		pub spent: Balance,
		/// Number of its payments.
		pub interactions: u64,
		/// Block of the last one.
		pub last: BlockNumber,
		/// True if its requests and sessions are private: operators keep nothing of them, for 120 / 100 of the price.
		pub is_private: bool,
	}
}
