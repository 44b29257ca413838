//! Claims, games and offences, as the chain knows them.

use super::{events, Client};
use crate::failure::{Failure, Outcome};
use base64::{engine::general_purpose::STANDARD, Engine};
use blyan_primitives::{EvaluationJob, PartIndex, Subject, SubmissionId, Verdict};
use blyan_rpc_api::{BlyanApiClient, TileAnswer};
use blyan_runtime_api::{
	disputes::{DisputeTerms, GameId, GameInfo},
	OffenceInfo, SubmissionState,
};
use sp_core::{crypto::AccountId32, H256};
use subxt::dynamic::{self, Value};

/// A tile of a block, and its path in the tree of tiles, as a node says they are.
#[derive(Clone, Debug)]
pub struct Tile {
	/// The tile.
	pub bytes: Vec<u8>,
	/// Root of the tree of tiles.
	pub tiles_root: H256,
	/// Hashes beside the way from the tile to the root.
	pub path: Vec<H256>,
}

impl Client {
	/// The job a committee computes for one part of its verdicts; `None` if there is no such part, or it was pruned.
	pub async fn job(&self, id: SubmissionId, part: PartIndex) -> Outcome<Option<EvaluationJob>> {
		self.ask("LearningApi", "job", (id, part)).await
	}

	/// Verdicts revealed about a submission, in the order of the seats.
	pub async fn verdicts(&self, id: SubmissionId) -> Outcome<Vec<(AccountId32, Verdict)>> {
		self.ask("LearningApi", "verdicts", id).await
	}

	/// The same as it was at a block: a refuted submission returns to its queue without them.
	pub async fn verdicts_at(&self, id: SubmissionId, block: u64) -> Outcome<Vec<(AccountId32, Verdict)>> {
		self.ask_at(self.at(block).await?, "LearningApi", "verdicts", id).await
	}

	/// Subject under which claims about a decided submission are disputed: the submission and its draw.
	/// `None` if it is not decided, or can no longer be disputed.
	pub async fn decided_subject(&self, id: SubmissionId) -> Outcome<Option<Subject>> {
		Ok(match self.submission(id).await?.state {
			SubmissionState::Decided(decided) => Some(Subject::Submission(id, decided.draw)),
			_ => None,
		})
	}

	/// Open games about a subject.
	pub async fn games(&self, subject: Subject) -> Outcome<Vec<GameInfo>> {
		self.ask("DisputesApi", "games", subject).await
	}

	/// One game, open or ended not long ago.
	pub async fn game(&self, id: GameId) -> Outcome<GameInfo> {
		self.ask::<Option<GameInfo>>("DisputesApi", "game", id).await?.ok_or_else(|| {
			Failure::new(format!("there is no game {id}, or it ended long ago"))
				.next("list the open ones with: blyan audit games")
		})
	}

	/// All open games.
	pub async fn open_games(&self) -> Outcome<Vec<GameId>> {
		self.ask("DisputesApi", "open_games", ()).await
	}

	/// Claims about a subject that have fallen.
	pub async fn refuted(&self, subject: Subject) -> Outcome<Vec<H256>> {
		self.ask("DisputesApi", "refuted", subject).await
	}

	/// Price and limits of a challenge.
	pub async fn dispute_terms(&self) -> Outcome<DisputeTerms> {
		self.ask("DisputesApi", "terms", ()).await
	}

	/// Block in which an account committed to a finding that it has not shown yet; `None` if it has not committed.
	pub async fn commitment(&self, who: &AccountId32, hash: H256) -> Outcome<Option<u64>> {
		let account: [u8; 32] = *who.as_ref();
		let address = dynamic::storage::<([u8; 32], [u8; 32]), Value>("Disputes", "Commitments");
		let at = self.here().await?;
		let found = at.storage().try_fetch(address, (account, hash.0)).await?;
		let Some(value) = found else { return Ok(None) };
		let block = events::as_u128(&events::to_json(&value.decode()?)[0]);
		Ok(block.and_then(|block| u64::try_from(block).ok()))
	}

	/// Open offences of an account, and those decided last.
	pub async fn offences(&self, who: &AccountId32) -> Outcome<Vec<OffenceInfo>> {
		self.ask("SlashingApi", "offences", who).await
	}

	/// Reports whether any offence of an account is not decided yet.
	pub async fn is_accused(&self, who: &AccountId32) -> Outcome<bool> {
		let account: [u8; 32] = *who.as_ref();
		let address = dynamic::storage::<([u8; 32],), Value>("Slashing", "PendingOf");
		Ok(self.here().await?.storage().try_fetch(address, (account,)).await?.is_some())
	}

	/// Bond of an appeal, lost if the appeal fails.
	pub async fn appeal_bond(&self) -> Outcome<u128> {
		let at = self.here().await?;
		Ok(at.constants().entry(dynamic::constant::<u128>("Slashing", "AppealBond"))?)
	}

	/// A tile of a block as the node has it. Nothing about it is checked.
	pub async fn tile(&self, hash: &H256, tile: u32) -> Outcome<Tile> {
		let TileAnswer { data_base64, tiles_root, path } =
			self.answer("blyan_tile", self.node.tile(*hash, tile)).await?;
		Ok(Tile { bytes: STANDARD.decode(data_base64)?, tiles_root, path })
	}
}
