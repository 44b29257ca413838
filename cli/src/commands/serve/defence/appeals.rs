//! Appeals: a game about an answer that a clock decided is played again, if the answer is right.
//!
//! An operator that was away while its clock ran has proven nothing wrong, and nothing was proven against it. It has the time for an appeal to ask
//! for the game again, and the chain keeps the claims for that, also when the challenge is long over. What is known of an offence is read from the
//! chain at each look, so a server that is started in that time appeals for the one before it.

use super::{Bench, Checked, Court, Defender, Work};
use crate::{
	client::answer_verdict,
	failure::{Failure, Outcome},
	names,
};
use blyan_primitives::{
	traits::{Contested, OffenceKind},
	Subject,
};
use blyan_runtime_api::{OffenceInfo, OffenceState};
use serde_json::json;
use sp_core::H256;
use std::{collections::HashMap, sync::Arc};

/// Undecided offence about an answer whose computation the chain has not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accusation {
	/// Number of the offence.
	pub offence: u64,
	/// Receipt of the answer.
	pub receipt: H256,
	/// Block from which on it is applied, unless it is appealed.
	pub applies_at: u64,
	/// True once it was appealed.
	pub is_appealed: bool,
}

impl Accusation {
	/// Reads an offence; `None` if it is decided, about something else, or proven by a computation of the chain.
	pub fn of(offence: &OffenceInfo) -> Option<Self> {
		let is_appealed = match offence.state {
			OffenceState::Open => false,
			OffenceState::Appealed { .. } => true,
			OffenceState::Applied { .. } | OffenceState::Pardoned { .. } => return None,
		};
		let Contested { subject: Subject::Answer(receipt), executed: false } = offence.contested? else {
			return None;
		};
		let applies_at = offence.applies_at.into();
		let is_false = offence.kind == OffenceKind::FalseScore;
		is_false.then_some(Self { offence: offence.id, receipt, applies_at, is_appealed })
	}
}

impl<C: Court, B: Bench> Defender<C, B> {
	/// Appeals where that is to be done, and plays the games of appeals.
	pub(super) async fn look_at_accusations(self: &Arc<Self>) -> Outcome<()> {
		let mut accusations = self.court.accusations().await?;
		self.note_accusations(&accusations);
		// Those whose time is over first come first.
		accusations.sort_by_key(|accusation| accusation.applies_at);
		let mut looked = Ok(());
		for accusation in accusations {
			if accusation.is_appealed {
				looked = looked.and(self.look_at_appeal(accusation.receipt).await);
				continue;
			}
			let defender = self.clone();
			self.begin(Work::Appeal(accusation.offence), async move { defender.appeal(accusation).await });
		}
		looked
	}

	/// Says what is new and what is decided.
	fn note_accusations(&self, accusations: &[Accusation]) {
		let mut state = self.lock();
		let now: HashMap<u64, H256> =
			accusations.iter().map(|accusation| (accusation.offence, accusation.receipt)).collect();
		let before = std::mem::replace(&mut state.accused, now);
		for (offence, receipt) in &before {
			if state.accused.contains_key(offence) {
				continue;
			}
			state.forget(*receipt);
			state.resting.remove(&Work::Appeal(*offence));
			state.complaints.remove(&Work::Appeal(*offence));
			let text = format!("offence {offence} is decided (blyan audit offences ACCOUNT)");
			self.output.event("offence_closed", json!({ "offence": offence, "receipt": receipt }), text);
		}
		for accusation in accusations.iter().filter(|accusation| !before.contains_key(&accusation.offence)) {
			let Accusation { offence, receipt, applies_at, is_appealed } = *accusation;
			let name = names::short_hash(&receipt);
			let stage = match is_appealed {
				true => "it is appealed".into(),
				false => format!("it may be appealed before block {applies_at}"),
			};
			let text = format!(
				"offence {offence}: the claim about receipt {name} fell without being computed; {stage}"
			);
			let fields = json!({ "offence": offence, "receipt": receipt, "applies_at": applies_at,
				"is_appealed": is_appealed });
			self.output.event("accused", fields, text);
		}
	}

	/// Appeals against an offence, if the answer is right and the claim that fell is the one that this machine computes: the bond of an appeal for
	/// any other is lost.
	async fn appeal(self: &Arc<Self>, accusation: Accusation) -> Outcome<()> {
		let Accusation { offence, receipt, .. } = accusation;
		let work = Work::Appeal(offence);
		match self.checked(receipt, &self.places).await? {
			Checked::Right(outcome, _) => {
				let fallen = self.court.fallen(Subject::Answer(receipt)).await?;
				if !fallen.contains(&answer_verdict(outcome).digest()) {
					return Err(Self::foreign());
				}
				let is_computed = self.court.appeal(offence).await?;
				// A look that began before does not see it yet.
				self.rest(work);
				let next = match is_computed {
					true => "its game is played again",
					false => "the chain opens no game about it any more, so a judge decides",
				};
				let fields = json!({ "offence": offence, "receipt": receipt, "is_computed": is_computed });
				let text = format!(
					"receipt {} is right, and offence {offence} is appealed: {next}",
					names::short_hash(&receipt)
				);
				self.output.event("appealed", fields, text);
				Ok(())
			}
			checked => {
				self.report(receipt, &checked);
				self.rest(work);
				Ok(())
			}
		}
	}

	/// Plays the open games about an answer that this machine's claim is in.
	async fn look_at_appeal(self: &Arc<Self>, receipt: H256) -> Outcome<()> {
		for game in self.court.games(Subject::Answer(receipt)).await? {
			if game.ended.is_some() {
				continue;
			}
			let (defender, id, digests) = (self.clone(), game.id, game.digests);
			self.begin(Work::Play(id), async move {
				let own = match defender.checked(receipt, &defender.game_places).await? {
					Checked::Right(outcome, _) => answer_verdict(outcome).digest(),
					checked => {
						defender.report(receipt, &checked);
						defender.rest(Work::Play(id));
						return Ok(());
					}
				};
				if !digests.contains(&own) {
					defender.rest(Work::Play(id));
					return Err(Failure::new("it is between claims that this machine does not compute")
						.next("leave it to those who made them"));
				}
				defender.play(receipt, own, id).await
			});
		}
		Ok(())
	}
}
