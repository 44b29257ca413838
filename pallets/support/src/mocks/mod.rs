//! Fakes for pallets' tests: a chain's types and clock, neighbours that remember, machines with keys and a disk.
//!
//! Fakes keep what they hear in thread-locals. A test's world sets those that its stories read.

mod machine;
mod neighbours;
mod operators;

pub use machine::{Machine, Pool};
pub use neighbours::{Barred, Gallows, Slashed, Stopwatch};
pub use operators::{account, forget_operators, key, key_seed, pair, register, Eligible, Frozen, Keys};
pub use operators::{AccountId, Incomes, OperatorBook, Services};

use blyan_primitives::OperatorSignature;
use codec::Encode;
use frame_support::{
	pallet_prelude::{TransactionSource, TransactionValidityError, ValidTransaction},
	traits::{Authorize, UnfilteredDispatchable},
};
use frame_system::{pallet_prelude::BlockNumberFor, RawOrigin};
use sp_core::H256;
use sp_io::TestExternalities;
use sp_runtime::{
	traits::{BlakeTwo256, One, UniqueSaturatedInto, Zero},
	DispatchError, DispatchResult, Storage,
};

/// Transactions of a runtime with operators' messages.
pub type Extrinsic<Runtime, Call> = sp_runtime::generic::UncheckedExtrinsic<
	AccountId,
	Call,
	OperatorSignature,
	frame_system::AuthorizeCall<Runtime>,
>;
/// Blocks of a runtime with operators' messages.
pub type Block<Runtime, Call> =
	sp_runtime::generic::Block<sp_runtime::generic::Header<u32, BlakeTwo256>, Extrinsic<Runtime, Call>>;

/// Configures what every test runtime rests on: the system and, where it has money, balances in `u128`.
///
/// Names of the runtime, of its blocks and of its accounts, in this order; then `with_balances` if the runtime has
/// them. The runtime calls the two `System` and `Balances`.
#[macro_export]
macro_rules! configure_chain {
	(@system $runtime:ident, $block:ident, $account:ident, $($data:tt)+) => {
		use frame_support::derive_impl;

		#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
		impl frame_system::Config for $runtime {
			type Block = $block;
			type AccountId = $account;
			type Lookup = sp_runtime::traits::IdentityLookup<$account>;
			type AccountData = $($data)+;
			// More than any test's window for proofs of work, which name recent blocks.
			type BlockHashCount =
				frame_system::config_preludes::TestBlockHashCount<frame_support::traits::ConstU32<256>>;
		}
	};
	($runtime:ident, $block:ident, $account:ident) => {
		$crate::configure_chain!(@system $runtime, $block, $account, ());
	};
	($runtime:ident, $block:ident, $account:ident, with_balances) => {
		$crate::configure_chain!(@system $runtime, $block, $account, pallet_balances::AccountData<u128>);

		#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
		impl pallet_balances::Config for $runtime {
			type Balance = u128;
			type ExistentialDeposit = frame_support::traits::ConstU128<1>;
			type AccountStore = System;
		}
	};
}

/// Lets the off-chain workers of a test runtime create authorised transactions.
///
/// Names of the runtime, of its call and of its transactions, in this order.
#[macro_export]
macro_rules! create_authorized_transactions {
	($runtime:ty, $call:ty, $extrinsic:ty) => {
		impl<LocalCall> frame_system::offchain::CreateTransactionBase<LocalCall> for $runtime
		where
			$call: From<LocalCall>,
		{
			type RuntimeCall = $call;
			type Extrinsic = $extrinsic;
		}

		impl<LocalCall> frame_system::offchain::CreateTransaction<LocalCall> for $runtime
		where
			$call: From<LocalCall>,
		{
			type Extension = frame_system::AuthorizeCall<$runtime>;
			fn create_transaction(call: $call, extension: Self::Extension) -> $extrinsic {
				<$extrinsic>::new_transaction(call, extension)
			}
		}

		impl<LocalCall> frame_system::offchain::CreateAuthorizedTransaction<LocalCall> for $runtime
		where
			$call: From<LocalCall>,
		{
			fn create_extension() -> Self::Extension {
				frame_system::AuthorizeCall::<$runtime>::new()
			}
		}
	};
}

/// A world with this genesis in its first block.
///
/// - `genesis_hash`: hash of block zero, which names the network in what is signed.
pub fn first_block<T: frame_system::Config<Hash = H256>>(
	genesis: Storage,
	genesis_hash: H256,
) -> TestExternalities {
	let mut world = TestExternalities::new(genesis);
	world.execute_with(|| {
		begin::<T>(One::one());
		frame_system::BlockHash::<T>::insert(BlockNumberFor::<T>::zero(), genesis_hash);
	});
	world
}

/// Begins a block, without events of the one before.
pub fn begin<T: frame_system::Config<Hash = H256>>(number: BlockNumberFor<T>) {
	let height: u64 = number.unique_saturated_into();
	let parent = H256::from_low_u64_be(height + 999);
	frame_system::Pallet::<T>::initialize(&number, &parent, &Default::default());
	frame_system::Pallet::<T>::reset_events();
}

/// Ends blocks until block `number` has begun.
///
/// - `end_block`: what a block does after its transactions.
pub fn run_to<T: frame_system::Config<Hash = H256>>(number: BlockNumberFor<T>, end_block: impl Fn()) {
	while frame_system::Pallet::<T>::block_number() < number {
		end_block();
		begin::<T>(frame_system::Pallet::<T>::block_number() + One::one());
	}
}

/// Asks a call itself whether it may enter a block, and on which terms a pool holds it.
pub fn authorise(call: &impl Authorize) -> Result<ValidTransaction, TransactionValidityError> {
	let authorised = call.authorize(TransactionSource::InBlock);
	authorised.expect("the call knows how to authorise itself").map(|(valid, _)| valid)
}

/// A signed payload as a client in any language writes it: the context with its length in front, then the parts.
pub fn payload_of(context: &[u8], parts: &[&[u8]]) -> Vec<u8> {
	let length = u8::try_from(context.len() << 2).expect("contexts are shorter than 64 bytes");
	[&[length], context].into_iter().chain(parts.iter().copied()).collect::<Vec<_>>().concat()
}

/// The tag that a pool holds a message by.
pub fn tag_of(prefix: &str, tag: impl Encode) -> Vec<u8> {
	(prefix, tag).encode()
}

/// Includes a call the way a block's author would: authorise, then dispatch.
pub fn deliver<Account, Call>(call: Call) -> DispatchResult
where
	Call: Authorize + UnfilteredDispatchable,
	Call::RuntimeOrigin: From<RawOrigin<Account>>,
{
	authorise(&call).map_err(|error| {
		let text: &'static str = error.into();
		DispatchError::Other(text)
	})?;
	let done = call.dispatch_bypass_filter(RawOrigin::<Account>::Authorized.into());
	done.map(|_| ()).map_err(|error| error.error)
}
