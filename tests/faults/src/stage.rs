//! A network whose machines and wires can be made to fail, and what must never change on it.

use crate::books::{self, Books};
use blyan_e2e::{
	network::{Member, Network, NetworkConfig, Progress, Role, Wire},
	Chain, Files, SLOT,
};
use blyan_primitives::ModelInfo;
use blyan_runtime_api::SubmissionOutcome;
use codec::{Compact, Encode};
use sp_core::H256;
use std::{
	net::Ipv4Addr,
	path::Path,
	sync::Mutex,
	time::{Duration, Instant},
};
use subxt::rpcs::{client::RpcParams, rpc_params};
use subxt_signer::sr25519::dev;

/// Time within which finality must come back. A relay chain that stalled for a minute needs one or two.
const RESUME_TIMEOUT: Duration = Duration::from_secs(420);
/// Time within which a transaction must be final.
const PAYMENT_TIMEOUT: Duration = Duration::from_secs(240);
/// Interval at which members are asked for their progress.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// Finalised blocks after which a node counts as being back.
const BLOCKS_TO_RESUME: u64 = 2;
/// As few as can lose one.
const VALIDATORS: usize = 4;
/// Amount of one payment, in plancks.
const PAYMENT: u128 = 1_000_000_000_000;

/// A network of four validators, two collators and three operators, each on a machine of its own.
pub struct Stage {
	/// The processes.
	pub network: Network,
	/// The wires between them.
	pub wire: Wire,
	/// Files of the run.
	pub files: Files,
	accepted: Mutex<Accepted>,
}

/// State that the chain has accepted for good.
#[derive(Clone, Debug, Default)]
struct Accepted {
	/// Finalised blocks: number and hash.
	blocks: Vec<(u64, String)>,
	/// Payments to [`RECIPIENT`] that are final.
	payments: u128,
	/// Payments that were sent and may be final or not.
	pending: u128,
	/// The model as it was when its expert was accepted.
	model: Option<ModelInfo>,
	/// Lines about panics that were reported already.
	panics: usize,
}

/// Account without a known key: it only receives.
const RECIPIENT: [u8; 32] = [0xb1; 32];

impl Stage {
	/// Starts the network and waits until it finalises, then has it accept an expert.
	pub async fn set(dir: &Path) -> Self {
		let wire = Mutex::new(Wire::new());
		let wire = std::sync::Arc::new(wire);
		let files = Files::new();
		let mut config = NetworkConfig::new(dir);
		config.validators = VALIDATORS;
		config.model = files.model("beginner", 40, 3);
		config.place = {
			let wire = wire.clone();
			Box::new(move |_| wire.lock().expect("nothing panics with it").machine())
		};
		let dataset = files.dataset();
		let network = config.start();
		let wire = std::sync::Arc::into_inner(wire).expect("the network asked for its last place");
		let wire = wire.into_inner().expect("nothing panics with it");
		let stage = Self { network, wire, files, accepted: Mutex::default() };
		stage.network.wait_until_it_runs().await;
		stage.learn(&dataset).await;
		stage
	}

	/// Has the chain accept an expert, so that there is something to lose.
	async fn learn(&self, dataset: &str) {
		let url = self.network.member("operator-alice").url();
		self.files.command(&url).expect(&[
			"mine",
			"--suri",
			"//Dave",
			"--slot",
			SLOT,
			"--dataset",
			dataset,
			"--steps",
			"60",
			"--no-wait",
		]);
		let chain = self.network.chain("operator-charlie").await;
		let outcome = chain.wait_for_outcome(0).await;
		assert!(matches!(outcome, SubmissionOutcome::Accepted { .. }), "the expert is better: {outcome:?}");
		let decided_at = chain.block_number().await;
		self.network.wait_for_finalised(decided_at, RESUME_TIMEOUT).await;
		self.accepted().model = model(&chain).await;
	}

	/// The blob of the expert that was accepted.
	pub fn expert(&self) -> Option<H256> {
		Some(self.accepted().model.as_ref()?.heads.first()?.block.blob.hash)
	}

	/// Addresses of members, by name.
	pub fn addresses(&self, names: &[&str]) -> Vec<Ipv4Addr> {
		names.iter().map(|name| self.network.member(name).place().address).collect()
	}

	/// Addresses of all members.
	pub fn all_addresses(&self) -> Vec<Ipv4Addr> {
		self.network.members().iter().map(|member| member.place().address).collect()
	}

	/// Parachain nodes.
	pub fn para_nodes(&self) -> Vec<&Member> {
		self.network.members().iter().filter(|member| member.role() != Role::Validator).collect()
	}

	/// The highest block of the parachain that any of these members knows to be final.
	pub async fn finalised(&self, members: &[&Member]) -> u64 {
		let mut highest = 0;
		for member in members {
			highest = highest.max(member.progress().await.map_or(0, |progress| progress.finalised));
		}
		highest
	}

	/// Returns how many blocks of the parachain become final within `hold`, as these members see it.
	pub async fn finalised_within(&self, members: &[&Member], hold: Duration) -> u64 {
		let before = self.finalised(members).await;
		tokio::time::sleep(hold).await;
		self.finalised(members).await.saturating_sub(before)
	}

	/// Pays once through a member and waits until that is final.
	pub async fn pay(&self, through: &str) -> Result<(), String> {
		let member = self.network.member(through);
		let chain = self.network.chain(through).await.with_patience(PAYMENT_TIMEOUT);
		let args = [&[0][..], &RECIPIENT, &Compact(PAYMENT).encode()].concat();
		let call = chain.call("Balances", "transfer_keep_alive", &args).await;
		let before = received(member, &finalised_head(member).await?).await?;
		self.accepted().pending += 1;
		let sent = chain.send(&dev::eve(), &call).await;
		let began_at = Instant::now();
		if let Err(error) = sent {
			// A node whose chain is far from final drops those who listen, but not what they sent.
			while received(member, &finalised_head(member).await?).await? == before {
				if began_at.elapsed() > PAYMENT_TIMEOUT {
					return Err(error);
				}
				tokio::time::sleep(ASK_EVERY).await;
			}
		}
		self.accepted().payments += 1;
		Ok(())
	}

	/// Remembers what is final now.
	pub async fn remember(&self) -> Result<(), String> {
		let member = self.network.member("operator-alice");
		let Progress { finalised, .. } = member.progress().await?;
		let hash = member.block_hash(finalised).await?.ok_or("a final block has a hash")?;
		self.accepted().blocks.push((finalised, hash));
		Ok(())
	}

	/// Waits until every member finalises again and returns how long that took since `since`.
	///
	/// A block counts only if it became final after `since`.
	pub async fn wait_until_it_resumes(&self, since: Instant) -> Result<Duration, String> {
		let members = self.para_nodes();
		let goal = self.finalised(&members).await + BLOCKS_TO_RESUME;
		for member in members {
			loop {
				let progress = member.progress().await;
				if progress.as_ref().is_ok_and(|progress| progress.finalised >= goal) {
					break;
				}
				if since.elapsed() > RESUME_TIMEOUT {
					return Err(format!(
						"{} did not see block {goal} become final within {} s: {progress:?}",
						member.name(),
						RESUME_TIMEOUT.as_secs()
					));
				}
				tokio::time::sleep(ASK_EVERY).await;
			}
		}
		Ok(since.elapsed())
	}

	/// Checks that nothing that was final changed, on any node.
	pub async fn check_accepted(&self) -> Result<(), String> {
		let accepted = self.accepted().clone();
		for member in self.para_nodes() {
			for (number, hash) in &accepted.blocks {
				let now = member.block_hash(*number).await?;
				if now.as_ref() != Some(hash) {
					return Err(format!(
						"block {number} was final as {hash} and is {now:?} at {}",
						member.name()
					));
				}
			}
			let chain = Chain::connect(&member.url()).await;
			let now = model(&chain).await;
			if now != accepted.model {
				return Err(format!("the model changed at {}: {now:?}", member.name()));
			}
			let received = received(member, &finalised_head(member).await?).await?;
			if !(accepted.payments..=accepted.pending).contains(&(received / PAYMENT)) {
				return Err(format!("{} knows of {received} plancks; {accepted:?}", member.name()));
			}
		}
		Ok(())
	}

	/// Checks the chain's books at the newest final block, as every node has them.
	pub async fn check_books(&self) -> Result<(), String> {
		let members = self.para_nodes();
		let mut number = u64::MAX;
		for member in &members {
			number = number.min(member.progress().await?.finalised);
		}
		let mut first: Option<Books> = None;
		for member in members {
			let hash = member.block_hash(number).await?.ok_or("a final block has a hash")?;
			let books = Books::read(member, &hash).await?;
			if let Some(discrepancy) = books.discrepancy() {
				return Err(format!("at {}: {discrepancy}", member.name()));
			}
			if *first.get_or_insert(books) != books {
				return Err(format!("two nodes' books differ: {first:?} and {books:?}"));
			}
		}
		Ok(())
	}

	/// Lines of any log that tell of a panic and were not returned before.
	pub fn new_panics(&self) -> Vec<String> {
		let all: Vec<String> = self
			.network
			.panics()
			.into_iter()
			.flat_map(|(name, lines)| lines.into_iter().map(move |line| format!("{name}: {line}")))
			.collect();
		let mut accepted = self.accepted();
		let new = all.iter().skip(accepted.panics).cloned().collect();
		accepted.panics = all.len();
		new
	}

	fn accepted(&self) -> std::sync::MutexGuard<'_, Accepted> {
		self.accepted.lock().expect("nothing panics while it holds this lock")
	}
}

async fn model(chain: &Chain) -> Option<ModelInfo> {
	chain.runtime_api("ModelsApi_model", &0u32.encode()).await
}

/// Hash of the last block that is final for a member.
async fn finalised_head(member: &Member) -> Result<String, String> {
	books::text(&member.request("chain_getFinalizedHead", RpcParams::new()).await?)
}

/// Returns the balance of the payments' recipient at a block, in plancks.
async fn received(member: &Member, block: &str) -> Result<u128, String> {
	use sp_crypto_hashing::{blake2_128, twox_128};
	let key = [&twox_128(b"System")[..], &twox_128(b"Account"), &blake2_128(&RECIPIENT), &RECIPIENT].concat();
	let answer =
		member.request("state_getStorage", rpc_params![format!("0x{}", hex::encode(key)), block]).await?;
	if answer.is_null() {
		return Ok(0);
	}
	let account =
		hex::decode(books::text(&answer)?.trim_start_matches("0x")).map_err(|error| error.to_string())?;
	// Four counters of four bytes, then what is free.
	let free = account.get(16..32).and_then(|free| <[u8; 16]>::try_from(free).ok());
	Ok(u128::from_le_bytes(free.ok_or("an account has a balance")?))
}
