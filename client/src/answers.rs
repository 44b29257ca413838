//! Challenged receipts, and what an operator answers for, read by the chain's metadata.

use super::{events, serving::Fields, AtBlock, Client};
use crate::failure::{Failure, Kind, Outcome};
use blyan_primitives::{EvaluationOutcome, Score, Subject, Verdict};
use serde_json::Value as Json;
use sp_core::{crypto::AccountId32, H256};
use subxt::dynamic::{self, Value};

/// The pallet.
const PALLET: &str = "Answers";

/// Stage of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
	/// The operator has to defend its answer.
	Open {
		/// Working time from which on it has not.
		until: u32,
	},
	/// The operator was silent, and may still defend.
	Silent {
		/// Working time from which on it may not.
		until: u32,
	},
	/// The operator claims that the answer is right.
	Defended {
		/// The outcome that it claims.
		outcome: EvaluationOutcome,
	},
}

/// A challenged receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
	/// The receipt's name on chain.
	pub receipt: H256,
	/// Key that signed it.
	pub key: H256,
	/// Root of the model that it is about.
	pub model_root: H256,
	/// Operator that answers for it.
	pub operator: AccountId32,
	/// Account that challenged it.
	pub challenger: AccountId32,
	/// Outcome by the challenger.
	pub outcome: EvaluationOutcome,
	/// Stage.
	pub stage: Stage,
}

impl Challenge {
	/// Subject of the games about it.
	pub fn subject(&self) -> Subject {
		Subject::Answer(self.receipt)
	}
}

/// Returns the verdict that an outcome about an answer stands for, as disputes know it.
pub fn answer_verdict(outcome: EvaluationOutcome) -> Verdict {
	Verdict::Scored(Score { target: outcome, guard: None })
}

impl Client {
	/// Challenges of an operator's receipts, in a block that stays.
	pub async fn challenges_against(&self, operator: &AccountId32) -> Outcome<Vec<Challenge>> {
		let at = self.here().await?;
		self.ensure_answers(&at)?;
		// Most of the time there are none, which one record says.
		if self.accused(&at, operator).await? == 0 {
			return Ok(Vec::new());
		}
		let address = dynamic::storage::<([u8; 32],), Value>(PALLET, "Challenges");
		let mut entries = at.storage().iter(address, ()).await?;
		let mut found = Vec::new();
		while let Some(entry) = entries.next().await {
			let entry = entry?;
			// The hasher is one that leaves the key at the end.
			let key = entry.key_bytes();
			let name = key.len().checked_sub(32).and_then(|start| key.get(start..)?.try_into().ok());
			let Some(name) = name else { continue };
			let challenge = challenge(H256(name), &events::to_json(&entry.value().decode()?))?;
			if challenge.operator == *operator {
				found.push(challenge);
			}
		}
		Ok(found)
	}

	/// The challenge of a receipt; `None` if it is not challenged, or not any more.
	pub async fn find_challenge(&self, receipt: H256) -> Outcome<Option<Challenge>> {
		let at = self.here().await?;
		self.ensure_answers(&at)?;
		find(&at, receipt).await
	}

	/// Claims about a challenged receipt as they were in front of a block, with the accounts that made them.
	pub async fn claims_about_answer(
		&self,
		receipt: H256,
		block: u64,
	) -> Outcome<Vec<(AccountId32, Verdict)>> {
		let at = self.at(block.saturating_sub(1)).await?;
		let Some(challenge) = find(&at, receipt).await? else { return Ok(Vec::new()) };
		let mut claims = vec![(challenge.challenger, answer_verdict(challenge.outcome))];
		if let Stage::Defended { outcome } = challenge.stage {
			claims.push((challenge.operator, answer_verdict(outcome)));
		}
		Ok(claims)
	}

	/// Reports whether a receipt was proven wrong, or not defended.
	pub async fn is_receipt_refuted(&self, receipt: H256) -> Outcome<bool> {
		let address = dynamic::storage::<([u8; 32],), Value>(PALLET, "Refuted");
		Ok(self.here().await?.storage().try_fetch(address, (receipt.0,)).await?.is_some())
	}

	/// Reports whether receipts about a model of this root can be challenged.
	pub async fn is_root_answerable(&self, root: H256) -> Outcome<bool> {
		let at = self.here().await?;
		self.ensure_answers(&at)?;
		let address = dynamic::storage::<([u8; 32],), Value>(PALLET, "Roots");
		Ok(at.storage().try_fetch(address, (root.0,)).await?.is_some())
	}

	/// Bond of the next challenge against an operator: it grows with those that stand.
	pub async fn challenge_bond(&self, operator: &AccountId32) -> Outcome<u128> {
		let at = self.here().await?;
		let step = at.constants().entry(dynamic::constant::<u32>(PALLET, "BondStep"))?;
		let factor = self.challenges_count(operator).await? / step.max(1) + 1;
		Ok(self.dispute_terms().await?.bond.saturating_mul(factor.into()))
	}

	/// Number of challenges that stand against an operator.
	pub async fn challenges_count(&self, operator: &AccountId32) -> Outcome<u32> {
		let at = self.here().await?;
		self.ensure_answers(&at)?;
		self.accused(&at, operator).await
	}

	/// The operator that a serving key is of; `None` if the chain does not know the key any more.
	pub async fn key_operator(&self, key: H256) -> Outcome<Option<AccountId32>> {
		let address = dynamic::storage::<([u8; 32],), Value>("Inference", "ServingKeyRecords");
		let at = self.here().await?;
		let found = at.storage().try_fetch(address, (key.0,)).await?;
		let Some(value) = found else { return Ok(None) };
		let json = events::to_json(&value.decode()?);
		let record = Fields { record: "serving key", json: &json };
		let (uses, until): (u32, _) = (record.number("uses")?, record.option("until")?);
		let best = self.finalised_block().await?;
		// It is still there until another key of the operator's takes its place.
		let is_over = uses == 0 && until.is_none_or(|until| u64::from(until) <= best);
		match is_over {
			true => Ok(None),
			false => record.account("operator").map(Some),
		}
	}

	async fn accused(&self, at: &AtBlock, operator: &AccountId32) -> Outcome<u32> {
		let address = dynamic::storage::<([u8; 32],), Value>(PALLET, "Accused");
		let account: [u8; 32] = *operator.as_ref();
		let Some(value) = at.storage().try_fetch(address, (account,)).await? else { return Ok(0) };
		let count = events::as_u128(&events::to_json(&value.decode()?));
		Ok(count.and_then(|count| u32::try_from(count).ok()).unwrap_or(u32::MAX))
	}

	fn ensure_answers(&self, at: &AtBlock) -> Outcome<()> {
		match at.metadata_ref().pallet_by_name(PALLET) {
			Some(_) => Ok(()),
			None => {
				Err(Failure::new(format!("the chain behind {} takes no challenges of answers", self.url))
					.kind(Kind::Outdated)
					.next("wait until the chain is upgraded, or name another node with --url"))
			}
		}
	}
}

async fn find(at: &AtBlock, receipt: H256) -> Outcome<Option<Challenge>> {
	let address = dynamic::storage::<([u8; 32],), Value>(PALLET, "Challenges");
	let found = at.storage().try_fetch(address, (receipt.0,)).await?;
	found.map(|value| challenge(receipt, &events::to_json(&value.decode()?))).transpose()
}

fn challenge(receipt: H256, json: &Json) -> Outcome<Challenge> {
	let record = Fields { record: "challenge", json };
	let signed = Fields { record: "signed receipt", json: &json["signed"] };
	let said = Fields { record: "receipt", json: &json["signed"]["receipt"] };
	let phase = &json["phase"];
	let until = |name: &str| Fields { record: "challenge", json: &phase[name] }.number("until");
	let stage = match phase.as_object().and_then(|phase| phase.keys().next()).map(String::as_str) {
		Some("Open") => Stage::Open { until: until("Open")? },
		Some("Silent") => Stage::Silent { until: until("Silent")? },
		Some("Defended") => Stage::Defended { outcome: outcome(&phase["Defended"]["outcome"])? },
		_ => return Err(record.missing("phase")),
	};
	Ok(Challenge {
		receipt,
		key: signed.hash("key")?,
		model_root: said.hash("model_root")?,
		operator: record.account("operator")?,
		challenger: record.account("challenger")?,
		outcome: outcome(&json["outcome"])?,
		stage,
	})
}

fn outcome(json: &Json) -> Outcome<EvaluationOutcome> {
	let record = Fields { record: "outcome", json };
	Ok(EvaluationOutcome {
		baseline_loss: record.number("baseline_loss")?,
		candidate_loss: record.number("candidate_loss")?,
		// Both traces of an answer are the same, so it is zero, which the chain has checked.
		sum_diff: record.number("sum_diff")?,
		sum_diff_sq: record.number("sum_diff_sq")?,
		sequences: record.number("sequences")?,
		bytes: record.number("bytes")?,
		job_root: record.hash("job_root")?,
	})
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::json;

	fn hex_of(byte: u8) -> String {
		format!("0x{}", hex::encode([byte; 32]))
	}

	fn record(phase: Json) -> Json {
		let outcome = json!({
			"baseline_loss": 1, "candidate_loss": 1, "sum_diff": 0, "sum_diff_sq": 0, "sequences": 1, "bytes": 18,
			"job_root": hex_of(6),
		});
		json!({
			"signed": { "receipt": { "model_root": hex_of(1), "seed": "18446744073709551615" }, "key": hex_of(2) },
			"operator": hex_of(3), "challenger": hex_of(4), "outcome": outcome, "phase": phase,
		})
	}

	#[test]
	fn challenges_are_read_field_by_field_in_every_stage() {
		let open = challenge(H256([9; 32]), &record(json!({ "Open": { "until": 40 } }))).unwrap();
		assert_eq!((open.stage, open.key), (Stage::Open { until: 40 }, H256([2; 32])));
		assert_eq!((open.outcome.baseline_loss, open.outcome.job_root), (1, H256([6; 32])));
		let silent = challenge(H256([9; 32]), &record(json!({ "Silent": { "until": 41 } }))).unwrap();
		assert_eq!(silent.stage, Stage::Silent { until: 41 });
		let outcome = record(Json::Null)["outcome"].clone();
		let defended = json!({ "Defended": { "outcome": outcome, "until": 7, "games": 1 } });
		let defended = challenge(H256([9; 32]), &record(defended)).unwrap();
		assert_eq!(defended.stage, Stage::Defended { outcome: open.outcome });
		let failure = challenge(H256([9; 32]), &record(json!("Paused"))).unwrap_err();
		assert!(failure.message.contains("no phase"), "{}", failure.message);
	}
}
