//! Disputes, audits and offences.

use crate::{
	lab::{nonsense, Lie},
	learning::{genesis_hash, AllClaims},
	world::{account, number_of, Deed, World},
};
use blyan_exact::step::Place;
use blyan_primitives::{
	finding_hash, traits::Claims, AuditId, BlockWitness, Opening, OperatorId, OperatorSignature, Query,
	Subject, TileEvidence, Verdict,
};
use blyan_runtime::{AccountId, Runtime, RuntimeCall};
use codec::Encode;
use pallet_audits::{rules, JobSource, Message, Phase, Revelation, SeatState, Vote};
use pallet_disputes::{game::Side, Demands, Games, Word};
use sp_core::H256;
use sp_io::hashing::blake2_256;

impl World<'_> {
	/// A step of an account who accuses, defends or checks.
	pub fn judge(&mut self) -> Option<Deed> {
		match self.choose.below(35) {
			0 | 34 => self.challenge(),
			1..=2 => self.confront(),
			3..=13 => self.play_game(),
			14 => self.end_game(),
			15 => self.demand(),
			16..=17 => self.answer_demand(),
			18 => self.show(),
			19..=20 => self.enrol(),
			21..=22 => self.present(),
			23..=25 => self.vote(),
			26..=27 => self.open_audit(),
			28 => self.advance(),
			32..=33 => self.show_finding(),
			_ => self.offence(),
		}
	}

	fn subject(&mut self) -> Option<Subject> {
		let all = <AllClaims as Claims<AccountId>>::disputable();
		self.choose.pick(&all)
	}

	fn said(&mut self, word: Word) -> Option<(OperatorId, OperatorSignature)> {
		let who = account(self.choose.below(8));
		self.sign(&who, &word.signing_payload(&genesis_hash()))
	}

	fn challenge(&mut self) -> Option<Deed> {
		let subject = self.subject()?;
		let claims = <AllClaims as Claims<AccountId>>::claims(subject);
		let (_, against) = self.choose.pick(&claims)?;
		let lie = match self.choose.below(6) {
			0 => Lie::Byte(self.choose.word()),
			1 => Lie::Better,
			_ => Lie::None,
		};
		let jobs = self.jobs(subject);
		let verdict = self.tell(&jobs, lie).unwrap_or(Verdict::Invalid);
		let (who, against) = (self.choose.below(8), against.digest());
		let hash = finding_hash(&account(who), "challenge", &(subject, against, verdict));
		let call = pallet_disputes::Call::challenge { subject, against, verdict };
		Some(self.find(who, call.into(), hash))
	}

	fn confront(&mut self) -> Option<Deed> {
		let subject = self.subject()?;
		let mut digests: Vec<H256> = <AllClaims as Claims<AccountId>>::claims(subject)
			.iter()
			.map(|(_, verdict)| verdict.digest())
			.collect();
		digests.sort();
		digests.dedup();
		let (first, second) = (self.choose.pick(&digests)?, self.choose.pick(&digests)?);
		if first == second && !self.choose.one_in(16) {
			return None;
		}
		let (key, signature) = self.said(Word::Confront(subject, first, second))?;
		let call = pallet_disputes::Call::confront { subject, first, second, key, signature };
		Some(Deed::Authorized(call.into()))
	}

	fn play_game(&mut self) -> Option<Deed> {
		let games: Vec<_> = Games::<Runtime>::iter().take(12).collect();
		let (game, record) = self.choose.pick(&games)?;
		if !record.position.is_descent() {
			return self.compute(game, &record);
		}
		let owing: Vec<Side> = Side::BOTH.into_iter().filter(|side| record.owes(*side)).collect();
		let side = if self.choose.one_in(32) { Side::First } else { self.choose.pick(&owing)? };
		let digest = side.of(&record.sides).verdict.digest();
		// Some sides never move.
		if self.choose.decided(&(game, digest)).is_multiple_of(6) {
			return None;
		}
		let mut opening = self.opening(digest, record.part, record.position.query())?;
		if self.choose.one_in(40) {
			opening = Opening::Hashes(vec![[1; 32]; 2]);
		}
		self.spoken(
			|_| Word::Descend(game, side, H256(blake2_256(&opening.encode()))),
			|opening| pallet_disputes::Call::descend { game, side, opening }.into(),
			|opening, key, signature| {
				pallet_disputes::Call::descend_authorized { game, side, opening, key, signature }.into()
			},
			opening.clone(),
		)
	}

	/// The same move signed by an account, or in an operator's name.
	fn spoken<V>(
		&mut self,
		word: impl Fn(&V) -> Word,
		signed: impl Fn(V) -> RuntimeCall,
		authorized: impl Fn(V, OperatorId, OperatorSignature) -> RuntimeCall,
		value: V,
	) -> Option<Deed> {
		if self.choose.one_in(3) {
			return Some(Deed::Signed(self.choose.below(8), signed(value)));
		}
		let (key, signature) = self.said(word(&value))?;
		Some(Deed::Authorized(authorized(value, key, signature)))
	}

	fn opening(&mut self, digest: H256, part: u8, query: Query) -> Option<Opening> {
		let told = self.told.get(&digest)?.clone();
		told.get(usize::from(part))?.open(query)
	}

	/// All that ends a game by computing, or by showing the bytes.
	fn compute(&mut self, game: u64, record: &pallet_disputes::GameRecordOf<Runtime>) -> Option<Deed> {
		let Query::Witness { item, trace, operator, row, block } = record.position.query() else {
			return self.show_of(record.subject);
		};
		let place = Place { operator: operator.into(), row: row as usize, block: block as usize };
		let sides = record.sides.clone();
		let told = sides.iter().find_map(|side| self.told.get(&side.verdict.digest()).cloned())?;
		let told = told.get(usize::from(record.part))?;
		let mut witness = self.lab.witness(told, item, trace, place)?;
		if self.choose.one_in(12) {
			witness.0.pop();
		}
		let witness = BlockWitness::First(witness);
		self.spoken(
			|witness| Word::Execute(game, H256(blake2_256(&witness.encode()))),
			|witness| pallet_disputes::Call::execute { game, witness }.into(),
			|witness, key, signature| {
				pallet_disputes::Call::execute_authorized { game, witness, key, signature }.into()
			},
			witness,
		)
	}

	fn end_game(&mut self) -> Option<Deed> {
		let games: Vec<u64> = Games::<Runtime>::iter_keys().take(12).collect();
		let game = self.choose.pick(&games)?;
		let call: RuntimeCall = if self.choose.one_in(2) {
			pallet_disputes::Call::claim_timeout { game }.into()
		} else {
			pallet_disputes::Call::settle { game }.into()
		};
		Some(self.by_anyone(call))
	}

	fn by_anyone(&mut self, call: RuntimeCall) -> Deed {
		match self.choose.below(3) {
			0 => Deed::Signed(self.choose.below(8), call),
			_ => Deed::Authorized(call),
		}
	}

	fn demand(&mut self) -> Option<Deed> {
		let subject = self.subject()?;
		let claims = <AllClaims as Claims<AccountId>>::claims(subject);
		let digest = self.choose.pick(&claims)?.1.digest();
		let tile = u32::from(self.choose.one_in(12));
		self.spoken(
			|()| Word::Demand(subject, digest, tile),
			|()| pallet_disputes::Call::demand_tile { subject, digest, tile }.into(),
			|(), key, signature| {
				pallet_disputes::Call::demand_tile_authorized { subject, digest, tile, key, signature }.into()
			},
			(),
		)
	}

	fn answer_demand(&mut self) -> Option<Deed> {
		let demands: Vec<_> = Demands::<Runtime>::iter_keys().take(8).collect();
		let (subject, (digest, tile)) = self.choose.pick(&demands)?;
		// Some are left to run out.
		if self.choose.one_in(4) || self.choose.decided(&(digest, tile)).is_multiple_of(4) {
			return Some(
				self.by_anyone(pallet_disputes::Call::close_demand { subject, digest, tile }.into()),
			);
		}
		let (candidate, _) = <AllClaims as Claims<AccountId>>::candidate(subject)?;
		let evidence = TileEvidence::First(self.lab.tile(&candidate)?);
		self.spoken(
			|evidence| Word::Supply(subject, digest, tile, H256(blake2_256(&evidence.encode()))),
			|evidence| pallet_disputes::Call::supply_tile { subject, digest, tile, evidence }.into(),
			|evidence, key, signature| {
				pallet_disputes::Call::supply_tile_authorized {
					subject,
					digest,
					tile,
					evidence,
					key,
					signature,
				}
				.into()
			},
			evidence,
		)
	}

	fn show(&mut self) -> Option<Deed> {
		let subject = self.subject()?;
		self.show_of(subject)
	}

	fn show_of(&mut self, subject: Subject) -> Option<Deed> {
		let (candidate, _) = <AllClaims as Claims<AccountId>>::candidate(subject)?;
		let blob = self.lab.blob(&candidate.blob.hash)?.try_into().ok()?;
		self.spoken(
			|blob: &frame_support::BoundedVec<u8, _>| Word::Show(subject, H256(blake2_256(blob))),
			|blob| pallet_disputes::Call::prove_blob { subject, blob }.into(),
			|blob, key, signature| {
				pallet_disputes::Call::prove_blob_authorized { subject, blob, key, signature }.into()
			},
			blob,
		)
	}

	fn new_secret(&mut self) -> H256 {
		let secret = self.choose.hash();
		let commitment = rules::commitment(&secret);
		self.secrets.insert(commitment, secret);
		commitment
	}

	fn enrol(&mut self) -> Option<Deed> {
		let who = account(self.choose.below(8));
		let (commitment, at) = (self.new_secret(), self.now().saturating_sub(self.choose.below(2) as u32));
		let message = Message::Enrol { commitment, at };
		let (key, signature) = self.sign(&who, &message.signing_payload(&genesis_hash(), &H256::zero()))?;
		let call = pallet_audits::Call::enrol { commitment, at, key, signature };
		Some(Deed::Authorized(call.into()))
	}

	fn audit(
		&mut self,
		fits: impl Fn(&Phase<u32, <Runtime as pallet_audits::Config>::MaxSeats>) -> bool,
	) -> Option<(AuditId, pallet_audits::AuditRecordOf<Runtime>)> {
		let all: Vec<_> =
			pallet_audits::Audits::<Runtime>::iter().filter(|(_, record)| fits(&record.phase)).collect();
		self.choose.pick(&all)
	}

	/// All that an operator holds for the outcome of an audit.
	fn found(
		&mut self,
		record: &pallet_audits::AuditRecordOf<Runtime>,
		lie: Lie,
	) -> Option<blyan_primitives::EvaluationOutcome> {
		if let Lie::Nonsense(salt) = lie {
			let len = record.job.holdout.sequence_len;
			return Some(nonsense(record.job.sample(), len, salt));
		}
		let job = <Runtime as pallet_audits::Config>::Jobs::job(&record.job)?;
		match self.tell(&[job], lie)? {
			Verdict::Scored(score) => Some(score.target),
			Verdict::Invalid => None,
		}
	}

	fn setters_truth(
		&mut self,
		audit: AuditId,
		record: &pallet_audits::AuditRecordOf<Runtime>,
	) -> Option<blyan_primitives::EvaluationOutcome> {
		let mood = self.choose.decided(&(audit, b"setter"));
		let lie = if mood.is_multiple_of(8) { Lie::Byte(mood / 8) } else { Lie::None };
		self.found(record, lie)
	}

	fn present(&mut self) -> Option<Deed> {
		let (audit, record) = self.audit(|phase| matches!(phase, Phase::Presenting { .. }))?;
		let secret = *self.secrets.get(&record.commitment)?;
		let truth = self.setters_truth(audit, &record)?;
		let mut outcome = rules::present(&truth, &secret, &record.seed, record.trap_share);
		if self.choose.one_in(16) {
			// What the coin did not ask for.
			outcome = rules::distort(&truth, &secret, &record.seed);
		}
		let message = Message::<u32>::Present { audit, outcome };
		let payload = message.signing_payload(&genesis_hash(), &record.binding());
		let (key, signature) = self.sign(&record.setter, &payload)?;
		Some(Deed::Authorized(pallet_audits::Call::present { audit, outcome, key, signature }.into()))
	}

	fn ballot(
		&mut self,
		audit: AuditId,
		record: &pallet_audits::AuditRecordOf<Runtime>,
		who: &AccountId,
	) -> Option<(Vote, H256)> {
		let mood = self.choose.decided(&(audit, who));
		let salt = H256::from_low_u64_be(mood);
		let lie = match mood % 8 {
			0 => return Some((Vote::Confirm, salt)),
			1 => Lie::Byte(mood / 8),
			2 if (mood / 8).is_multiple_of(4) => Lie::Nonsense(mood / 32),
			_ => Lie::None,
		};
		let own = self.found(record, lie)?;
		Some((Vote::about(record.presented.as_ref()?, &own), salt))
	}

	fn vote(&mut self) -> Option<Deed> {
		let (audit, record) = self.audit(|phase| matches!(phase, Phase::Voting { .. }))?;
		let waiting: Vec<AccountId> = record
			.seats
			.iter()
			.filter(|seat| seat.state == SeatState::Waiting)
			.map(|seat| seat.operator.clone())
			.collect();
		let who = self.choose.pick(&waiting)?;
		let (vote, salt) = self.ballot(audit, &record, &who)?;
		let seal = vote.seal(&salt, &who);
		let message = Message::<u32>::Vote { audit, seal };
		let payload = message.signing_payload(&genesis_hash(), &record.binding());
		let (key, signature) = self.sign(&who, &payload)?;
		Some(Deed::Authorized(pallet_audits::Call::vote { audit, seal, key, signature }.into()))
	}

	fn open_audit(&mut self) -> Option<Deed> {
		let overdue: Vec<_> = pallet_audits::Overdue::<Runtime>::iter().take(8).collect();
		let (audit, record) = if self.choose.one_in(4) {
			self.choose.pick(&overdue)?
		} else {
			self.audit(|phase| matches!(phase, Phase::Revealing { .. }))?
		};
		let is_late = pallet_audits::Overdue::<Runtime>::contains_key(audit);
		let sealed: Vec<AccountId> = record
			.seats
			.iter()
			.filter(|seat| matches!(seat.state, SeatState::Sealed(_)))
			.map(|seat| seat.operator.clone())
			.collect();
		let hides = |world: &Self, who: &AccountId| {
			!is_late && world.choose.decided(&(audit, who, b"hide")).is_multiple_of(8)
		};
		if let Some(who) = self.choose.pick(&sealed).filter(|_| self.choose.below(2) == 0) {
			if hides(self, &who) {
				return None;
			}
			let (vote, salt) = self.ballot(audit, &record, &who)?;
			let message = Message::<u32>::RevealVote { audit, vote, salt };
			let payload = message.signing_payload(&genesis_hash(), &record.binding());
			let (key, signature) = self.sign(&who, &payload)?;
			let call = pallet_audits::Call::reveal_vote { audit, vote, salt, key, signature };
			return Some(Deed::Authorized(call.into()));
		}
		if record.revelation.is_some() || hides(self, &record.setter.clone()) {
			return None;
		}
		let truth = self.setters_truth(audit, &record)?;
		let revelation = Revelation { secret: *self.secrets.get(&record.commitment)?, truth };
		let next = self.new_secret();
		let message = Message::<u32>::RevealSetter { audit, revelation, next };
		let payload = message.signing_payload(&genesis_hash(), &record.binding());
		let (key, signature) = self.sign(&record.setter, &payload)?;
		let call = pallet_audits::Call::reveal_setter { audit, revelation, next, key, signature };
		Some(Deed::Authorized(call.into()))
	}

	fn advance(&mut self) -> Option<Deed> {
		let who = self.choose.below(8);
		if self.choose.one_in(3) {
			let gone = account(self.choose.below(8));
			return Some(Deed::Signed(who, pallet_audits::Call::forget { who: gone }.into()));
		}
		let (audit, _) = self.audit(|_| true)?;
		Some(Deed::Signed(who, pallet_audits::Call::advance { audit }.into()))
	}

	fn offence(&mut self) -> Option<Deed> {
		use pallet_slashing::{Call, OffenceRecords};
		let pending: Vec<_> =
			OffenceRecords::<Runtime>::iter().filter(|(_, offence)| offence.state.is_pending()).collect();
		let (offence, record) = self.choose.pick(&pending)?;
		let who = number_of(&record.offender).unwrap_or_default();
		Some(match self.choose.below(6) {
			0..=2 if self.choose.decided(&(offence, b"appeal")).is_multiple_of(2) => {
				Deed::Signed(who, Call::appeal { offence }.into())
			}
			5 if self.choose.one_in(6) => self.by_root(Call::pardon { offence }.into()),
			4 if self.choose.one_in(6) => self.by_root(Call::uphold { offence }.into()),
			_ => Deed::Signed(self.choose.below(8), Call::apply { offence }.into()),
		})
	}
}
