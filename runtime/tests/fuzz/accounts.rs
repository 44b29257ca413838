//! All that operators do about themselves, and what accounts do beside the learning.

use crate::{
	learning::genesis_hash,
	world::{account, hardware, Deed, World, ACCOUNTS},
};
use blyan_primitives::{hardware_root, HardwareOpening, Measurement};
use blyan_runtime::{configs::ProxyType, Runtime, RuntimeCall, HOURS, UNIT};
use pallet_operators::{hardware_payload, heartbeat_payload, Call, Capabilities, Challenges, Operators};
use sp_core::H256;
use sp_io::hashing::blake2_256;

impl World<'_> {
	/// A step of an account who runs an operator, or wants to.
	pub fn operate(&mut self) -> Option<Deed> {
		let who = self.choose.below(8);
		let other = account(self.choose.below(8));
		let call: RuntimeCall = match self.choose.below(40) {
			0..=13 => return self.heartbeat(),
			14..=17 => {
				let bond_max = if self.choose.one_in(6) { 1 } else { 1_000 * UNIT };
				self.registration(who, bond_max)
			}
			18 => return self.outbid(who),
			19..=20 => {
				let capabilities = Capabilities(self.choose.below(256) as u32 & !0b1110 | 1);
				let hardware = match self.choose.below(4) {
					0 => H256::zero(),
					1 => hardware_root(&hardware(self.choose.below(8))),
					_ => hardware_root(&hardware(who)),
				};
				Call::update_capabilities { capabilities, hardware }.into()
			}
			21 => {
				let (key, proof) = self.possession(who, self.choose_turn());
				Call::rotate_key { key, proof }.into()
			}
			22 if self.choose.one_in(6) => Call::exit {}.into(),
			23 => Call::withdraw {}.into(),
			24..=25 => Call::top_up { amount: UNIT * self.choose.below(300) as u128 }.into(),
			26..=28 => Call::return_to_duty {}.into(),
			29..=30 => Call::report_silence { who: other }.into(),
			31..=32 => Call::challenge_hardware { who: other }.into(),
			33..=34 => return self.answer_hardware(),
			35 => {
				let open: Vec<_> = Challenges::<Runtime>::iter_keys().collect();
				Call::settle_hardware { who: self.choose.pick(&open).unwrap_or(other) }.into()
			}
			36 => Call::declare_owner { owner: other }.into(),
			37 => return self.accept_operator(),
			38 => Call::dissolve_ownership { operator: other }.into(),
			_ => {
				let capabilities = Capabilities(self.choose.word() as u32 & 0xfff);
				Call::update_capabilities { capabilities, hardware: self.choose.hash() }.into()
			}
		};
		Some(Deed::Signed(who, call))
	}

	fn choose_turn(&self) -> usize {
		self.choose.decided(&self.now()) as usize
	}

	fn heartbeat(&mut self) -> Option<Deed> {
		let period = self.now() / HOURS;
		let silent: Vec<_> = Operators::<Runtime>::iter()
			.filter(|(_, operator)| operator.heard_in < period)
			.map(|(who, _)| who)
			.collect();
		let who = self.choose.pick(&silent)?;
		// Some are away for hours.
		if self.choose.decided(&(&who, period / 6)).is_multiple_of(12) {
			return None;
		}
		let measurement =
			Measurement { cpu_tokens_per_second: self.choose.word() as u32, ..Default::default() };
		let (key, signature) = self.sign(&who, &heartbeat_payload(&genesis_hash(), period, &measurement))?;
		Some(Deed::Authorized(Call::heartbeat { period, key, measurement, signature }.into()))
	}

	fn outbid(&mut self, who: usize) -> Option<Deed> {
		let RuntimeCall::Operators(Call::register { profile, key, proof, bond_max }) =
			self.registration(who, 1_000 * UNIT)
		else {
			return None;
		};
		let stake = UNIT * (90 + self.choose.below(200) as u128);
		Some(Deed::Signed(who, Call::outbid { profile, key, proof, stake, bond_max }.into()))
	}

	fn answer_hardware(&mut self) -> Option<Deed> {
		let open: Vec<_> = Challenges::<Runtime>::iter().collect();
		let (who, record) = self.choose.pick(&open)?;
		let component = record.drawn.as_ref()?.component;
		let of = crate::world::number_of(&who)?;
		let opening = HardwareOpening::of(&hardware(of), component)?;
		let payload = hardware_payload(&genesis_hash(), &who, &record.asked_at, component, &opening);
		let (key, signature) = self.sign(&who, &payload)?;
		Some(Deed::Authorized(Call::answer_hardware { key, component, opening, signature }.into()))
	}

	fn accept_operator(&mut self) -> Option<Deed> {
		use pallet_operators::Ownership;
		let declared: Vec<_> = Operators::<Runtime>::iter()
			.filter_map(|(operator, record)| match record.ownership {
				Some(Ownership::Declared { owner }) => Some((owner, operator)),
				_ => None,
			})
			.collect();
		let (owner, operator) = self.choose.pick(&declared)?;
		let who = crate::world::number_of(&owner)?;
		Some(Deed::Signed(who, Call::accept_operator { operator }.into()))
	}

	/// A step of an account that lives its life.
	pub fn live(&mut self) -> Option<Deed> {
		let who = self.choose.below(8);
		let other = account(self.choose.below(8));
		let value = match self.choose.below(5) {
			0 => u128::MAX,
			1 => 0,
			_ => UNIT * self.choose.below(200) as u128,
		};
		let proxy_type = self.choose.pick(&ProxyType::ALL)?;
		let call: RuntimeCall = match self.choose.below(24) {
			0 => pallet_balances::Call::transfer_allow_death { dest: other.into(), value }.into(),
			1..=2 => pallet_balances::Call::transfer_keep_alive { dest: other.into(), value }.into(),
			3 if self.choose.one_in(12) => {
				pallet_balances::Call::transfer_all { dest: other.into(), keep_alive: true }.into()
			}
			4 => pallet_balances::Call::burn { value: value.min(3 * UNIT), keep_alive: true }.into(),
			5..=6 => {
				let envelope = self.choose.pick(&pallet_ledger::Envelope::ALL)?;
				pallet_ledger::Call::fund { envelope, amount: value.min(50 * UNIT) }.into()
			}
			7 => self.named(who),
			8 => pallet_identity::Call::set_subs { subs: vec![(other, pallet_identity::Data::None)] }.into(),
			9..=10 => pallet_proxy::Call::add_proxy {
				delegate: other.into(),
				proxy_type,
				delay: self.choose.below(2) as u32,
			}
			.into(),
			11 => pallet_proxy::Call::remove_proxy { delegate: other.into(), proxy_type, delay: 0 }.into(),
			12 => pallet_proxy::Call::create_pure { proxy_type, delay: 0, index: 0 }.into(),
			13 => pallet_proxy::Call::announce {
				real: other.into(),
				call_hash: H256(blake2_256(&who.to_le_bytes())),
			}
			.into(),
			14..=15 => {
				let bytes = self.choose.word().to_le_bytes().repeat(1 + self.choose.below(40));
				self.preimages.push(bytes.clone());
				pallet_preimage::Call::note_preimage { bytes }.into()
			}
			16 => {
				let bytes = self.choose.pick(&self.preimages.clone())?;
				pallet_preimage::Call::unnote_preimage { hash: H256(blake2_256(&bytes)) }.into()
			}
			17 => {
				let keys = blyan_runtime::SessionKeys { aura: ACCOUNTS[who].public().into() };
				pallet_session::Call::set_keys { keys, proof: Vec::new() }.into()
			}
			18 => pallet_collator_selection::Call::register_as_candidate {}.into(),
			19 => pallet_collator_selection::Call::update_bond { new_deposit: value.min(500 * UNIT) }.into(),
			20 => pallet_collator_selection::Call::leave_intent {}.into(),
			21 => return self.multisig(who),
			22 => pallet_session::Call::purge_keys {}.into(),
			_ => frame_system::Call::remark_with_event { remark: vec![7; self.choose.below(256)] }.into(),
		};
		Some(Deed::Signed(who, call))
	}

	fn named(&mut self, who: usize) -> RuntimeCall {
		use pallet_identity::{legacy::IdentityInfo, Call, Data};
		if self.choose.one_in(4) {
			return Call::clear_identity {}.into();
		}
		let name = vec![b'a' + who as u8; 4].try_into().unwrap();
		let info = IdentityInfo {
			additional: Default::default(),
			display: Data::Raw(name),
			legal: Data::None,
			web: Data::None,
			riot: Data::None,
			email: Data::None,
			pgp_fingerprint: None,
			image: Data::None,
			twitter: Data::None,
		};
		Call::set_identity { info: Box::new(info) }.into()
	}

	/// Two of three accounts, of which the first keeps the call.
	fn multisig(&mut self, who: usize) -> Option<Deed> {
		use pallet_multisig::Call;
		let others = |who: usize| {
			let mut others: Vec<_> = (0..3).filter(|other| *other != who).map(account).collect();
			others.sort();
			others
		};
		let max_weight = frame_support::weights::Weight::from_parts(1_000_000_000_000, 3_000_000);
		if let Some((first, call)) = self.approvals.pop() {
			let second = (first + 1) % 3;
			let all = [account(0), account(1), account(2)];
			let mut sorted = all.to_vec();
			sorted.sort();
			let id = blyan_runtime::Multisig::multi_account_id(&sorted, 2);
			let hash = blake2_256(&codec::Encode::encode(&call));
			let timepoint = pallet_multisig::Multisigs::<Runtime>::get(id, hash).map(|multi| multi.when);
			let other_signatories = others(second);
			return Some(Deed::Signed(
				second,
				Call::as_multi {
					threshold: 2,
					other_signatories,
					maybe_timepoint: timepoint,
					call: Box::new(call),
					max_weight,
				}
				.into(),
			));
		}
		let who = who % 3;
		let Some(Deed::Signed(_, call)) = self.operate() else { return None };
		self.approvals.push((who, call.clone()));
		let (call_hash, other_signatories) = (blake2_256(&codec::Encode::encode(&call)), others(who));
		Some(Deed::Signed(
			who,
			Call::approve_as_multi {
				threshold: 2,
				other_signatories,
				maybe_timepoint: None,
				call_hash,
				max_weight,
			}
			.into(),
		))
	}
}
