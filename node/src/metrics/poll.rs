//! Polls the chain after new best blocks, rarely enough not to slow the node.

use super::{
	chain::{ChainFigures, LedgerFigures, ModelFigures, OperatorCounts, OwnOperator, StoreFigures},
	figures::Figures,
	seats::{self, SeatBook},
};
use crate::{
	chain_view::{self, next_best},
	exchange::Exchange,
	service::{Client, Hash},
};
use blyan_primitives::{operator_key, SubmissionId};
use blyan_runtime_api::{
	disputes::DisputesApi, AccountId, LearningApi, ModelsApi, OperatorInfo, OperatorsApi, SubmissionInfo,
	SubmissionState,
};
use blyan_status::PAGE;
use codec::Decode;
use sc_client_api::{BlockchainEvents, HeaderBackend};
use sp_api::{ApiError, Core, ProvideRuntimeApi};
use sp_keystore::KeystorePtr;
use std::{
	sync::Arc,
	time::{Duration, Instant},
};

/// Shortest time between two looks.
const PAUSE: Duration = Duration::from_secs(5);
/// A look may take one part in so many of the time.
const SHARE: u32 = 20;
/// Time between two reads of figures that are costly and rarely change: models with their experts, and every stored blob.
const LONG_PAUSE: Duration = Duration::from_secs(60);
/// Most submissions that one look reads.
const SUBMISSIONS_MAX: u64 = 1_000;

/// Renews the figures until the node ends.
pub async fn run(
	client: Arc<Client>,
	keystore: KeystorePtr,
	exchange: Arc<Exchange>,
	figures: Figures<ChainFigures>,
) {
	let mut poller =
		Poller { client, keystore, exchange, book: SeatBook::default(), first_open: 0, slow: None };
	let mut blocks = poller.client.import_notification_stream();
	loop {
		let began = Instant::now();
		match poller.look(began) {
			Ok(mut snapshot) => {
				snapshot.poll_seconds = began.elapsed().as_secs_f64();
				figures.renew(snapshot);
			}
			// An older runtime lacks a question, or the block was pruned meanwhile.
			Err(error) => log::debug!("cannot read the chain's figures: {error}"),
		}
		tokio::time::sleep(PAUSE.max(began.elapsed().saturating_mul(SHARE))).await;
		if next_best(&mut blocks).await.is_none() {
			return;
		}
	}
}

struct Poller {
	client: Arc<Client>,
	keystore: KeystorePtr,
	exchange: Arc<Exchange>,
	book: SeatBook,
	/// No submission before this one is open.
	first_open: SubmissionId,
	/// Figures that are rarely read, and when that was.
	slow: Option<(Instant, Vec<ModelFigures>, StoreFigures)>,
}

impl Poller {
	fn look(&mut self, now: Instant) -> Result<ChainFigures, ApiError> {
		let info = self.client.info();
		let at = info.best_hash;
		let (submissions, submissions_made) = self.open_submissions(at)?;
		let (models, store) = self.slow_figures(at, now)?;
		let api = self.client.runtime_api();
		let operators = api.operators(at)?;
		let keys = self.keystore.keys(operator_key::KEY_TYPE).unwrap_or_default();
		let (counts, own) = (OperatorCounts::of(&operators), own(operators, &keys));
		let accounts: Vec<AccountId> = own.iter().map(|operator| operator.account.clone()).collect();
		let mut seats = self.book.note(&submissions, &accounts, info.best_number);
		let own = own
			.into_iter()
			.map(|info| OwnOperator { seats: seats.remove(&info.account).unwrap_or_default(), info })
			.collect();
		Ok(ChainFigures {
			block: info.best_number.into(),
			poll_seconds: 0.0,
			spec_version: api.version(at)?.spec_version,
			submissions: seats::count(&submissions),
			submissions_made,
			operators: counts,
			keys: keys.len() as u64,
			own,
			disputes: api.open_games(at)?.len() as u64,
			models,
			store,
			ledger: self.ledger(at),
		})
	}

	/// All submissions that are not closed, or the newest of them, and how many were ever made.
	fn open_submissions(&mut self, at: Hash) -> Result<(Vec<SubmissionInfo>, u64), ApiError> {
		let api = self.client.runtime_api();
		let end = api.submission_count(at)?;
		// A reorganisation may have taken some back.
		let mut start = self.first_open.min(end).max(end.saturating_sub(SUBMISSIONS_MAX));
		let mut open = Vec::new();
		while start < end {
			let page = api.submissions(at, start, PAGE)?;
			open.extend(
				page.into_iter().filter(|info| !matches!(info.state, SubmissionState::Closed { .. })),
			);
			start = start.saturating_add(PAGE.into());
		}
		self.first_open = open.first().map_or(end, |info| info.id);
		Ok((open, end))
	}

	fn slow_figures(
		&mut self,
		at: Hash,
		now: Instant,
	) -> Result<(Vec<ModelFigures>, StoreFigures), ApiError> {
		if let Some((_, models, store)) =
			self.slow.as_ref().filter(|(looked, ..)| now.duration_since(*looked) < LONG_PAUSE)
		{
			return Ok((models.clone(), *store));
		}
		let (models, status) = (self.models(at)?, self.exchange.status());
		let store = StoreFigures {
			pinned: status.pinned_bytes,
			recent: status.recent_bytes,
			history: status.history_bytes,
		};
		if self.exchange.knows_tiers() {
			self.slow = Some((now, models.clone(), store));
		}
		Ok((models, store))
	}

	fn models(&self, at: Hash) -> Result<Vec<ModelFigures>, ApiError> {
		let api = self.client.runtime_api();
		let mut models = Vec::new();
		for id in api.models(at)? {
			let Some(model) = chain_view::model(&*api, at, id)? else { continue };
			let version = model.version;
			models.push(ModelFigures {
				id,
				name: String::from_utf8_lossy(&model.name).into_owned(),
				version: format!("{}.{}.{}", version.major, version.minor, version.patch),
				promoted: model.generation,
				slots: model.heads.len() as u64,
			});
		}
		Ok(models)
	}

	/// Money, from the state itself: these items have the layout that every explorer reads. `None` if one of
	/// them has another.
	fn ledger(&self, at: Hash) -> Option<LedgerFigures> {
		Some(LedgerFigures {
			issuance: self.item(at, "Balances", "TotalIssuance")?,
			left: self.item(at, "Ledger", "Envelopes")?,
			paid: self.item(at, "Ledger", "Paid")?,
			burned: self.item(at, "Ledger", "FeesBurned")?,
		})
	}

	/// A storage item; its default where the state has none.
	fn item<T: Decode + Default>(&self, at: Hash, pallet: &str, item: &str) -> Option<T> {
		chain_view::item(&*self.client, at, [pallet, item]).map(Option::unwrap_or_default)
	}
}

/// The operators whose session key is among `keys`.
fn own(operators: Vec<OperatorInfo>, keys: &[Vec<u8>]) -> Vec<OperatorInfo> {
	let is_own = |info: &OperatorInfo| {
		let key: &[u8] = info.key.as_ref();
		keys.iter().any(|own| own.as_slice() == key)
	};
	operators.into_iter().filter(is_own).collect()
}
