//! All that miners and committees do.

use crate::{
	lab::{nonsense, Lie, Told},
	world::{account, Deed, World},
};
use blyan_primitives::{
	finding_hash, seal_hash, Attestation, DrawId, EvaluationJob, Score, ScoreReport, ScoreSeal, Subject,
	SubmissionId, Verdict,
};
use blyan_runtime::{AccountId, ProofOfLearning, Runtime, RuntimeCall, System};
use pallet_proof_of_learning::{
	Announced, Call, ClosedSubmissions, Decisions, OpenSubmissions, Phase, Terms,
};
use sp_core::H256;
use std::rc::Rc;

/// The keeper of the claims.
pub type AllClaims = <Runtime as pallet_disputes::Config>::Claims;

/// A submission that is being judged, or was.
#[derive(Clone)]
pub struct Judged {
	/// Its number.
	pub submission: SubmissionId,
	/// The draw.
	pub draw: DrawId,
	/// Its terms.
	pub terms: Terms,
	/// The judges.
	pub seats: Vec<pallet_proof_of_learning::Seat<AccountId>>,
	/// Operators whose turn it is to seal.
	pub sealing: Vec<AccountId>,
	/// True if seals may be opened.
	pub is_revealing: bool,
}

impl World<'_> {
	/// A step of a miner or of a committee.
	pub fn learn(&mut self) -> Option<Deed> {
		match self.choose.below(29) {
			0..=3 => self.offer(),
			4..=7 => self.submit(),
			8..=11 => self.attest(),
			12..=16 => self.seal(),
			17..=21 => self.reveal(),
			22 => self.hurry(),
			23 => self.withdraw(),
			24 => self.reveal_late(),
			25 => self.object(),
			26 => self.equivocate(),
			27 => self.report_copy(),
			_ => self.judged_again(),
		}
	}

	/// Open submissions, some of them.
	fn open(&mut self) -> Vec<(SubmissionId, pallet_proof_of_learning::SubmissionRecordOf<Runtime>)> {
		OpenSubmissions::<Runtime>::iter().collect()
	}

	fn attest(&mut self) -> Option<Deed> {
		let waiting = Announced::<Runtime>::get();
		// The oldest ones first, or none would ever be queued.
		let at = self.choose.below(waiting.len().min(3));
		let (submission, _) = *waiting.get(at)?;
		let record = OpenSubmissions::<Runtime>::get(submission)?;
		let who = account(self.choose.below(8));
		let attestation = Attestation { submission, blob: record.claim.block.blob.hash };
		let payload = attestation.signing_payload(&genesis_hash());
		let (key, signature) = self.sign(&who, &payload)?;
		Some(Deed::Authorized(Call::attest_bytes { attestation, key, signature }.into()))
	}

	/// A submission with a committee at work.
	fn evaluating(&mut self) -> Option<Judged> {
		let (all, now) = (self.open(), self.now());
		let at_work = all.into_iter().filter_map(|(submission, record)| {
			let Phase::Evaluating(evaluation) = record.phase else { return None };
			Some(Judged {
				submission,
				draw: evaluation.terms.draw_id(&record.claim.slot, &record.claim.block),
				is_revealing: evaluation.is_revealing(now),
				terms: evaluation.terms,
				sealing: evaluation.sealing().iter().map(|seat| seat.operator.clone()).collect(),
				seats: evaluation.seats.into_inner(),
			})
		});
		let at_work: Vec<Judged> = at_work.collect();
		self.choose.pick(&at_work)
	}

	/// A decision that can be disputed.
	pub fn decided(&mut self) -> Option<Judged> {
		let decided: Vec<Judged> = Decisions::<Runtime>::iter()
			.map(|(submission, decision)| Judged {
				submission,
				draw: decision.draw(),
				terms: decision.terms,
				seats: decision.seats.into_inner(),
				sealing: Vec::new(),
				is_revealing: false,
			})
			.collect();
		self.choose.pick(&decided)
	}

	/// Computes the parts of a score and says what `lie` makes of them.
	pub fn tell(&mut self, jobs: &[EvaluationJob], lie: Lie) -> Option<Verdict> {
		let lied_about =
			if matches!(lie, Lie::Byte(seed) if seed.is_multiple_of(5)) { jobs.len() - 1 } else { 0 };
		let mut told = Vec::new();
		for (part, job) in jobs.iter().enumerate() {
			let lie = if part == lied_about { lie } else { Lie::None };
			told.push(Told::of(self.lab.compute(job)?, lie));
		}
		let target = told.first()?.outcome();
		let verdict = Verdict::Scored(Score { target, guard: told.get(1).map(Told::outcome) });
		self.remember(verdict, told);
		Some(verdict)
	}

	/// Keeps what a claim can be opened with.
	pub fn remember(&mut self, verdict: Verdict, told: Vec<Told>) {
		if self.told.len() > 256 {
			self.told.clear();
		}
		self.told.insert(verdict.digest(), Rc::new(told));
	}

	/// All that an account says about a submission.
	pub fn verdict(&mut self, judged: &Judged, lie: Lie) -> Verdict {
		let fits = |sample: &pallet_proof_of_learning::Sample, salt| {
			nonsense(sample.sequences, sample.holdout.sequence_len, salt)
		};
		if let Lie::Nonsense(salt) = lie {
			let guard = judged.terms.guard.as_ref().map(|sample| fits(sample, salt));
			return Verdict::Scored(Score { target: fits(&judged.terms.target, salt), guard });
		}
		let job = |part| ProofOfLearning::evaluation_job(judged.submission, part);
		let jobs: Vec<EvaluationJob> = job(0).into_iter().chain(job(1)).collect();
		if jobs.is_empty() {
			return Verdict::Invalid;
		}
		match self.tell(&jobs, lie) {
			Some(verdict) => verdict,
			// No expert: that is the truth, and a lie about it has no computation behind it.
			None if lie == Lie::None => Verdict::Invalid,
			None => self.verdict(judged, Lie::Nonsense(9)),
		}
	}

	/// All that a member of a committee has made up its mind to say: the same at sealing and at revealing.
	pub fn opinion(&mut self, judged: &Judged, who: &AccountId) -> Verdict {
		let mood = self.choose.decided(&judged.draw);
		let own = self.choose.decided(&(judged.draw, who));
		let lie = match mood % 16 {
			0..=4 => Lie::None,
			5..=9 => Lie::Better,
			10 | 11 if own.is_multiple_of(5) => Lie::Byte(own / 5),
			12 if own.is_multiple_of(4) => return Verdict::Invalid,
			13 => Lie::Nonsense(mood / 16),
			14 if own.is_multiple_of(2) => Lie::Better,
			15 if own.is_multiple_of(2) => Lie::Byte(mood / 16),
			_ => Lie::None,
		};
		self.verdict(judged, lie)
	}

	fn salt(&self, judged: &Judged, who: &AccountId) -> H256 {
		H256::from_low_u64_be(self.choose.decided(&(judged.draw, who, b"salt")))
	}

	/// A step of a committee, if there is one.
	pub fn sit(&mut self) -> Option<Deed> {
		self.reveal().or_else(|| self.seal())
	}

	fn seal(&mut self) -> Option<Deed> {
		let judged = self.evaluating()?;
		let waiting: Vec<AccountId> = judged
			.sealing
			.iter()
			.filter(|who| judged.seats.iter().any(|seat| seat.operator == **who && seat.seal.is_none()))
			.cloned()
			.collect();
		let who = if self.choose.one_in(24) {
			account(self.choose.below(8))
		} else {
			self.choose.pick(&waiting)?
		};
		// Some never seal in this draw.
		if self.choose.decided(&(judged.draw, &who, b"idle")).is_multiple_of(16) && !self.choose.one_in(24) {
			return None;
		}
		let verdict = self.opinion(&judged, &who);
		let seal = seal_hash(&verdict.digest(), &self.salt(&judged, &who), &who);
		let seal = ScoreSeal { submission: judged.submission, seal };
		let payload = seal.signing_payload(&genesis_hash(), &judged.draw);
		let (key, signature) = self.sign(&who, &payload)?;
		Some(Deed::Authorized(Call::commit_score { seal, key, signature }.into()))
	}

	fn reveal(&mut self) -> Option<Deed> {
		let judged = self.evaluating()?;
		if !judged.is_revealing && !self.choose.one_in(24) {
			return None;
		}
		let sealed: Vec<AccountId> = judged
			.seats
			.iter()
			.filter(|seat| seat.seal.is_some() && seat.verdict.is_none())
			.map(|seat| seat.operator.clone())
			.collect();
		let who = self.choose.pick(&sealed)?;
		// Some keep what they sealed to themselves.
		if self.choose.decided(&(judged.draw, &who, b"hide")).is_multiple_of(12) {
			return None;
		}
		let report = ScoreReport { submission: judged.submission, verdict: self.opinion(&judged, &who) };
		let salt = self.salt(&judged, &who);
		let (key, signature) = self.sign(&who, &report.signing_payload(&genesis_hash(), &judged.draw))?;
		Some(Deed::Authorized(Call::reveal_score { report, salt, key, signature }.into()))
	}

	fn hurry(&mut self) -> Option<Deed> {
		let who = self.choose.below(8);
		let open = self.open();
		let any = self.choose.pick(&open).map(|(submission, _)| submission);
		let decided = self.decided().map(|judged| judged.submission);
		let call: RuntimeCall = if self.choose.one_in(2) {
			Call::finalise { submission: any? }.into()
		} else {
			Call::settle { submission: decided? }.into()
		};
		Some(Deed::Signed(who, call))
	}

	fn withdraw(&mut self) -> Option<Deed> {
		if !self.choose.one_in(3) {
			return None;
		}
		let open = self.open();
		let (submission, record) = self.choose.pick(&open)?;
		let who = crate::world::number_of(&record.claim.miner)?;
		Some(Deed::Signed(who, Call::withdraw { submission }.into()))
	}

	fn reveal_late(&mut self) -> Option<Deed> {
		let judged = self.decided()?;
		let hidden: Vec<AccountId> = judged
			.seats
			.iter()
			.filter(|seat| seat.seal.is_some() && seat.verdict.is_none())
			.map(|seat| seat.operator.clone())
			.collect();
		let who = self.choose.pick(&hidden)?;
		let report = ScoreReport { submission: judged.submission, verdict: self.opinion(&judged, &who) };
		let salt = self.salt(&judged, &who);
		let draw = judged.draw;
		let (key, signature) = self.sign(&who, &report.signing_payload(&genesis_hash(), &draw))?;
		Some(Deed::Authorized(Call::reveal_late { draw, report, salt, key, signature }.into()))
	}

	fn object(&mut self) -> Option<Deed> {
		let judged = self.decided()?;
		let silent: Vec<AccountId> = judged
			.seats
			.iter()
			.filter(|seat| seat.seal.is_none() && seat.verdict.is_none())
			.map(|seat| seat.operator.clone())
			.collect();
		let who = self.choose.pick(&silent)?;
		let lie = if self.choose.one_in(3) { Lie::Byte(self.choose.word()) } else { Lie::None };
		let report = ScoreReport { submission: judged.submission, verdict: self.verdict(&judged, lie) };
		let draw = judged.draw;
		let (key, signature) = self.sign(&who, &report.signing_payload(&genesis_hash(), &draw))?;
		Some(Deed::Authorized(Call::object { draw, report, key, signature }.into()))
	}

	fn equivocate(&mut self) -> Option<Deed> {
		if !self.choose.one_in(8) {
			return None;
		}
		let judged = if self.choose.one_in(2) { self.decided() } else { self.evaluating() }?;
		let who = self.choose.pick(&judged.seats)?.operator;
		let verdicts =
			[self.opinion(&judged, &who), self.verdict(&judged, Lie::Nonsense(self.choose.decided(&who)))];
		let mut key = None;
		let mut reports = Vec::new();
		for verdict in verdicts {
			let report = ScoreReport { submission: judged.submission, verdict };
			let payload = report.signing_payload(&genesis_hash(), &judged.draw);
			let (signer, signature) = self.sign(&who, &payload)?;
			key = Some(signer);
			reports.push(pallet_disputes::SignedReport { report, draw: judged.draw, signature });
		}
		let (second, first) = (reports.pop()?, reports.pop()?);
		let (reporter, key) = (self.choose.below(8), key?);
		let hash = finding_hash(&account(reporter), "report_equivocation", &(&first, &second, &key));
		let call = pallet_disputes::Call::report_equivocation { first, second, key };
		Some(self.find(reporter, call.into(), hash))
	}

	/// The free calls of what is long over.
	fn judged_again(&mut self) -> Option<Deed> {
		let closed: Vec<SubmissionId> = ClosedSubmissions::<Runtime>::iter_keys().take(8).collect();
		let submission = self.choose.pick(&closed)?;
		Some(Deed::Signed(self.choose.below(8), Call::settle { submission }.into()))
	}

	/// A subject and what is known about its jobs.
	pub fn jobs(&self, subject: Subject) -> Vec<EvaluationJob> {
		use blyan_primitives::traits::Claims;
		let job = |part| <AllClaims as Claims<AccountId>>::job(subject, part);
		job(0).into_iter().chain(job(1)).collect()
	}
}

/// All that every signature of this chain includes.
pub fn genesis_hash() -> H256 {
	System::block_hash(0)
}
