//! All that the chain's rule decides: parameters, budgets, models, offences, brakes. The first account has the key.

use crate::world::{account, Deed, World};
use blyan_primitives::{traits::OffenceKind, HoldoutRef};
use blyan_runtime::{
	parameters::{audits, disputes, learning, ledger, RuntimeParameters},
	Runtime, RuntimeCall, UNIT,
};
use codec::{Decode, Encode};

impl World<'_> {
	/// All that root does, through the key of development chains.
	pub fn by_root(&mut self, call: RuntimeCall) -> Deed {
		Deed::Signed(0, pallet_sudo::Call::sudo { call: Box::new(call) }.into())
	}

	/// A decision of the chain's rule.
	pub fn govern(&mut self) -> Option<Deed> {
		let call: RuntimeCall = match self.choose.below(24) {
			0..=5 => pallet_parameters::Call::set_parameter { key_value: self.parameter()? }.into(),
			6..=7 => {
				let inflation = self.choose.below(130_000) as u32;
				let budget = pallet_ledger::Budget { inflation, ..Default::default() };
				pallet_ledger::Call::set_budget { budget }.into()
			}
			8..=9 => self.test_sequences(),
			10..=12 => self.accusation()?,
			13 if self.choose.one_in(4) => self.model()?,
			14 if self.choose.one_in(6) => pallet_safe_mode::Call::force_enter {}.into(),
			15..=17 => pallet_safe_mode::Call::force_exit {}.into(),
			18 => {
				let name = (b"Balances".to_vec().try_into().ok()?, b"burn".to_vec().try_into().ok()?);
				if self.choose.one_in(2) {
					pallet_tx_pause::Call::pause { full_name: name }.into()
				} else {
					pallet_tx_pause::Call::unpause { ident: name }.into()
				}
			}
			19..=20 => self.schedule()?,
			21 => pallet_treasury::Call::spend_local {
				amount: UNIT * self.choose.below(4) as u128,
				beneficiary: account(self.choose.below(8)).into(),
			}
			.into(),
			22 => {
				pallet_collator_selection::Call::set_desired_candidates { max: self.choose.below(4) as u32 }
					.into()
			}
			_ => pallet_collator_selection::Call::add_invulnerable { who: account(self.choose.below(8)) }
				.into(),
		};
		// Any account that is not root finds out that it is not.
		if self.choose.one_in(12) {
			return Some(Deed::Signed(1 + self.choose.below(7), call));
		}
		Some(self.by_root(call))
	}

	fn test_sequences(&mut self) -> RuntimeCall {
		let [holdout, other] = self.lab.holdouts();
		let holdout = if self.choose.one_in(2) { holdout } else { other };
		let holdout =
			HoldoutRef { sequences: holdout.sequences + u32::from(self.choose.one_in(6)), ..holdout };
		if self.choose.one_in(2) {
			pallet_proof_of_learning::Call::register_holdout { model: 0, holdout }.into()
		} else {
			pallet_proof_of_learning::Call::register_guard { model: 0, holdout }.into()
		}
	}

	fn accusation(&mut self) -> Option<RuntimeCall> {
		let kinds = [
			OffenceKind::HeartbeatsMissed,
			OffenceKind::VerificationFailed,
			OffenceKind::FalseScore,
			OffenceKind::HardwareFalse,
		];
		let kind = self.choose.pick(&kinds)?;
		let offender = account(self.choose.below(8));
		let evidence = self.choose.hash();
		Some(pallet_slashing::Call::report { offender, kind, evidence, contested: None }.into())
	}

	/// A call in an account's name, some blocks from now.
	fn schedule(&mut self) -> Option<RuntimeCall> {
		let when = self.now() + 1 + self.choose.below(20) as u32;
		let Deed::Signed(_, call) = self.live()? else { return None };
		let dispatched = pallet_utility::Call::dispatch_as {
			as_origin: Box::new(frame_system::RawOrigin::Signed(account(self.choose.below(8))).into()),
			call: Box::new(call),
		};
		let call = Box::new(dispatched.into());
		Some(pallet_scheduler::Call::schedule { when, maybe_periodic: None, priority: 0, call }.into())
	}

	fn between(&mut self, low: u32, high: u32) -> Option<u32> {
		Some(low + self.choose.word() as u32 % (high - low + 1))
	}

	fn units(&mut self, bound: usize) -> Option<u128> {
		Some(UNIT * self.choose.below(bound) as u128)
	}

	fn parameter(&mut self) -> Option<RuntimeParameters> {
		Some(match self.choose.below(19) {
			0..=11 => self.parameter_of_learning(),
			12 => RuntimeParameters::Disputes(disputes::Parameters::Clock(
				disputes::Clock,
				self.between(10, 80),
			)),
			13 => RuntimeParameters::Disputes(disputes::Parameters::Bond(disputes::Bond, self.units(9))),
			14 => RuntimeParameters::Audits(audits::Parameters::TrapShare(
				audits::TrapShare,
				self.between(0, 1_000_000),
			)),
			15 => RuntimeParameters::Audits(audits::Parameters::AuditPeriod(
				audits::AuditPeriod,
				self.between(0, 120),
			)),
			16 => RuntimeParameters::Ledger(ledger::Parameters::LearningBase(
				ledger::LearningBase,
				self.units(40),
			)),
			_ => {
				// Anything at all, now and then.
				if !self.choose.one_in(8) {
					return None;
				}
				let group = self.choose.below(5) as u8;
				let key = self.choose.below(30) as u8;
				let mut bytes = vec![group, key, 1];
				bytes.extend((self.choose.word() % 100).to_le_bytes());
				bytes.extend([0; 16]);
				RuntimeParameters::decode(&mut bytes.as_slice()).ok()?
			}
		})
	}

	fn parameter_of_learning(&mut self) -> RuntimeParameters {
		use learning::*;
		RuntimeParameters::Learning(match self.choose.below(12) {
			0 => Parameters::SampleSize(SampleSize, self.between(2, 6)),
			1 => Parameters::CommitteeSize(CommitteeSize, self.between(2, 6)),
			2 => Parameters::SecondCommitteeSize(SecondCommitteeSize, self.between(0, 4)),
			3 => Parameters::ChallengeWindow(ChallengeWindow, self.between(20, 80)),
			4 => Parameters::MaxRedraws(MaxRedraws, self.between(0, 3)),
			5 => Parameters::MinAttestations(MinAttestations, self.between(1, 4)),
			6 => Parameters::SealWindow(SealWindow, self.between(3, 25)),
			7 => Parameters::RevealWindow(RevealWindow, self.between(3, 15)),
			8 => Parameters::Bond(Bond, self.units(5)),
			9 => Parameters::MaxSeatsPerOwner(MaxSeatsPerOwner, self.between(0, 3)),
			10 => Parameters::CommitAge(CommitAge, self.between(0, 8)),
			_ => Parameters::GuardBudget(GuardBudget, self.between(0, 150_000)),
		})
	}

	fn model(&mut self) -> Option<RuntimeCall> {
		let (trunk, heads) = self.lab.blocks();
		let genesis = pallet_experts::Models::<Runtime>::get(0)?;
		let version = genesis.spec.version;
		let spec = pallet_experts::ModelSpec {
			name: self.choose.word().to_string().into_bytes().try_into().ok()?,
			body: blyan_primitives::ModelBody::First { config: crate::lab::CONFIG, trunk },
			version,
			compatible_from: version,
		};
		let call = pallet_experts::Call::register_model {
			spec,
			owner: self.choose.one_in(2).then(|| account(self.choose.below(8))),
			heads: heads.try_into().ok()?,
		};
		let _ = call.encode();
		Some(call.into())
	}
}
