//! Calls of any pallet from random bytes, and calls inside of calls.

use crate::{
	common,
	world::{account, Deed, World},
};
use blyan_runtime::{AllPalletsWithSystem, RuntimeCall};
use codec::DecodeLimit;
use frame_support::{
	dispatch::{DispatchClass, GetDispatchInfo},
	traits::PalletsInfoAccess,
};

/// All that root must not do if anything is to hold: write storage, change the code or the issuance by decree, or give its key away.
const FORBIDDEN: [&str; 17] = [
	"set_storage",
	"kill_storage",
	"kill_prefix",
	"set_code",
	"authorize_upgrade",
	"apply_authorized_upgrade",
	"force_adjust_total_issuance",
	"force_set_balance",
	// Of the SDK's reserves, and it takes from what holds hold as well.
	"force_unreserve",
	"force_set_cursor",
	"force_set_active_cursor",
	"force_onboard_mbms",
	"remove_key",
	"set_key {",
	"clear_historic",
	// The SDK takes more than `MaxCandidates` from root, and its own `try_state` then fails.
	"set_desired_candidates",
	// What inherents do, done by root: a second clock in a block panics, as the SDK means it to.
	"as_origin: system(None)",
];

impl World<'_> {
	/// A call that random bytes decode to, most of them small numbers and accounts.
	pub fn anything(&mut self) -> Option<Deed> {
		let pallets: Vec<u8> =
			AllPalletsWithSystem::infos().into_iter().map(|info| info.index as u8).collect();
		let pallet = self.choose.pick(&pallets)?;
		let call = (0..12).find_map(|_| {
			let call = self.choose.below(28) as u8;
			let bytes =
				common::call_bytes(pallet, call, &mut || self.choose.word(), |who| account(who as usize % 8));
			RuntimeCall::decode_with_depth_limit(8, &mut bytes.as_slice()).ok()
		})?;
		if is_forbidden(&call) {
			return None;
		}
		// An inherent's class knows no limit, and `sudo` succeeds where the call in it fails: root could fill any block.
		let is_mandatory = call.get_dispatch_info().class == DispatchClass::Mandatory;
		Some(match self.choose.below(8) {
			0 if !is_mandatory => self.by_root(call),
			1 => Deed::Authorized(call),
			_ if is_mandatory => Deed::Signed(1 + self.choose.below(7), call),
			_ => Deed::Signed(self.choose.below(8), call),
		})
	}

	/// A call that dispatches others.
	pub fn wrap(&mut self) -> Option<Deed> {
		let mut calls = Vec::new();
		let mut who = self.choose.below(8);
		for _ in 0..1 + self.choose.below(4) {
			let deed = match self.choose.below(4) {
				0 => self.learn(),
				1 => self.judge(),
				2 => self.operate(),
				_ => self.live(),
			};
			match deed {
				Some(Deed::Signed(signer, call)) if !is_forbidden(&call) => {
					who = signer;
					calls.push(call);
				}
				Some(Deed::Authorized(call)) if !is_forbidden(&call) => calls.push(call),
				_ => {}
			}
		}
		let last = calls.last().cloned()?;
		let call: RuntimeCall = match self.choose.below(8) {
			0..=1 => pallet_utility::Call::batch { calls }.into(),
			2 => pallet_utility::Call::batch_all { calls }.into(),
			3 => pallet_utility::Call::force_batch { calls }.into(),
			4 => pallet_utility::Call::as_derivative { index: 1, call: Box::new(last) }.into(),
			5..=6 => pallet_proxy::Call::proxy {
				real: account(self.choose.below(8)).into(),
				force_proxy_type: None,
				call: Box::new(last),
			}
			.into(),
			_ => pallet_multisig::Call::as_multi_threshold_1 {
				other_signatories: vec![account((who + 1) % 8)],
				call: Box::new(last),
			}
			.into(),
		};
		Some(Deed::Signed(who, call))
	}
}

fn is_forbidden(call: &RuntimeCall) -> bool {
	let text = format!("{call:?}");
	FORBIDDEN.iter().any(|name| text.contains(name))
}
