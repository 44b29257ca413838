//! A client that says what the command line never would: forged, repeated and badly timed things.

use base64::{engine::general_purpose::STANDARD, Engine as _};
use blyan_primitives::{
	commitment_hash, seal_hash, search_pow, Attestation, BlockRef, ExpertSlot, OperatorSignature, PowStamp,
	ScoreReport, ScoreSeal, SubmissionId, Verdict, VersionIndex,
};
use blyan_runtime_api::{
	disputes::{GameId, GameInfo},
	ActiveEvaluation, CommitmentInfo, EvaluationStage, OffenceInfo, OperatorInfo, SubmissionInfo,
	SubmissionOutcome, SubmissionState, SubmissionTerms,
};
use codec::{Compact, Decode, Encode};
use serde_json::Value as Json;
use sp_core::{sr25519, Pair, H256};
use std::{
	future::Future,
	sync::atomic::{AtomicU32, Ordering},
	time::{Duration, Instant},
};
use subxt::{
	config::{Config, DefaultExtrinsicParamsBuilder, SubstrateConfig, TransactionExtensions},
	dynamic,
	rpcs::{
		client::{RpcClient, RpcParams},
		rpc_params,
	},
	OnlineClient,
};
use subxt_signer::sr25519::Keypair;

/// Time within which a client must connect to a node that already listens.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);
/// Time limit of anything on chain in these tests.
const CHAIN_TIMEOUT: Duration = Duration::from_secs(120);
/// Time limit of the block that brings another runtime: every node compiles it inside, beside whatever else runs.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(240);

/// Looks at a submission that waits for its bytes, before the test itself attests them: three seconds of them.
const ANNOUNCED_PATIENCE: u32 = 30;

/// Salt of the commitments of the tests' operators.
const SALT: H256 = H256([0x5a; 32]);

/// Salt of the tests' commitments.
pub const COMMITMENT_SALT: H256 = H256([0x3c; 32]);

/// Windows and clocks that stories shorten: group and place, as the runtime numbers its parameters.
pub mod parameter {
	/// Blocks in which a decision may be disputed.
	pub const CHALLENGE_WINDOW: (u8, u8) = (0, 16);
	/// Blocks in which a committee seals.
	pub const SEAL_WINDOW: (u8, u8) = (0, 4);
	/// Operators that must have a candidate's bytes before it is queued.
	pub const MIN_ATTESTATIONS: (u8, u8) = (0, 23);
	/// Blocks that a side has for all of its moves in one game.
	pub const CLOCK: (u8, u8) = (3, 2);
	/// Blocks in which an operator may still settle a session that is closed.
	pub const SESSION_CLOSING: (u8, u8) = (2, 8);
}

/// The account behind a development secret.
pub fn account(suri: &str) -> [u8; 32] {
	session_key(suri).public().0
}

fn session_key(suri: &str) -> sr25519::Pair {
	sr25519::Pair::from_string(suri, None).expect("the test's secret is well formed")
}

/// A connection to one node.
pub struct Chain {
	rpc: RpcClient,
	api: OnlineClient<SubstrateConfig>,
	patience: Duration,
}

/// Arguments of `submit`.
#[derive(Clone, Debug, Encode)]
pub struct Submission {
	/// The slot to fill.
	pub slot: ExpertSlot,
	/// Version of the head that was improved on.
	pub parent: VersionIndex,
	/// The candidate.
	pub block: BlockRef,
	/// Hash of the training manifest.
	pub manifest: H256,
	/// Proof of work.
	pub stamp: PowStamp<u32>,
	/// Opens the commitment.
	pub salt: H256,
}

/// Something a pallet reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
	/// Pallet and event, as in `Balances.Transfer`.
	pub name: String,
	/// Its fields, encoded.
	pub fields: Vec<u8>,
}

impl Chain {
	/// Connects; a node that has just started may need a moment.
	///
	/// # Panics
	///
	/// If that moment is too long.
	pub async fn connect(url: &str) -> Self {
		let began_at = Instant::now();
		loop {
			let connected = async {
				let rpc = RpcClient::from_insecure_url(url).await.map_err(|error| error.to_string())?;
				let api =
					OnlineClient::from_rpc_client(rpc.clone()).await.map_err(|error| error.to_string())?;
				Ok::<_, String>(Self { rpc, api, patience: CHAIN_TIMEOUT })
			};
			match connected.await {
				Ok(chain) => return chain,
				Err(error) => {
					assert!(began_at.elapsed() < CONNECT_TIMEOUT, "cannot connect to {url}: {error}")
				}
			}
			tokio::time::sleep(Duration::from_millis(200)).await;
		}
	}

	/// The same with another limit for whatever is waited for: a chain with slow blocks needs more.
	pub fn with_patience(self, patience: Duration) -> Self {
		Self { patience, ..self }
	}

	/// Hash of block 0, which names the network.
	pub fn genesis(&self) -> H256 {
		H256(self.api.genesis_hash().0)
	}

	/// Calls a JSON-RPC method and returns its answer or its error's message.
	pub async fn request(&self, method: &str, params: RpcParams) -> Result<Json, String> {
		self.rpc.request(method, params).await.map_err(|error| error.to_string())
	}

	/// Number of the best block.
	pub async fn block_number(&self) -> u64 {
		let header =
			self.request("chain_getHeader", RpcParams::new()).await.expect("a node has a best block");
		let number = header["number"].as_str().expect("a header has a number");
		u64::from_str_radix(number.trim_start_matches("0x"), 16).expect("numbers are hexadecimal")
	}

	/// Waits until `count` more blocks are there.
	pub async fn wait_for_blocks(&self, count: u64) {
		let goal = self.block_number().await.saturating_add(count);
		self.wait_until("new blocks", || async { (self.block_number().await >= goal).then_some(()) }).await;
	}

	/// Calls a runtime API function with encoded arguments and decodes its answer.
	///
	/// # Panics
	///
	/// If the runtime has no such function or answers in another type.
	pub async fn runtime_api<T: Decode>(&self, function: &str, args: &[u8]) -> T {
		let params = rpc_params![function, format!("0x{}", hex::encode(args))];
		let answer =
			self.request("state_call", params).await.unwrap_or_else(|error| panic!("{function}: {error}"));
		let bytes = hex::decode(answer.as_str().unwrap_or_default().trim_start_matches("0x"))
			.expect("answers are hexadecimal");
		T::decode(&mut &bytes[..])
			.unwrap_or_else(|error| panic!("{function} answers in another type: {error}"))
	}

	/// Which release of the runtime makes the next block.
	pub async fn spec_version(&self) -> u64 {
		let version =
			self.request("state_getRuntimeVersion", RpcParams::new()).await.expect("the node answers");
		version["specVersion"].as_u64().expect("a runtime has a version")
	}

	/// Has root name another runtime and an account without any power bring its code, as an upgrade is made on a live
	/// network. Returns once the new runtime makes blocks.
	pub async fn upgrade(&self, code: &[u8]) {
		let before = self.spec_version().await;
		let hash = H256(sp_crypto_hashing::blake2_256(code));
		let authorize = self.call("System", "authorize_upgrade", &hash.encode()).await;
		self.sudo(&authorize).await;
		let apply = self.call("System", "apply_authorized_upgrade", &code.encode()).await;
		let eve = subxt_signer::sr25519::dev::eve();
		self.send_within(self.patience.max(UPGRADE_TIMEOUT), &eve, &apply)
			.await
			.expect("the code is what root named");
		wait_until("the new runtime", || async { (self.spec_version().await > before).then_some(()) }).await;
	}

	/// The encoded call `pallet.call(args)`; `args` are its encoded arguments.
	///
	/// # Panics
	///
	/// If the chain has no such call.
	pub async fn call(&self, pallet: &str, call: &str, args: &[u8]) -> Vec<u8> {
		let at = self.api.at_current_block().await.expect("the node answers");
		let pallet = at.metadata_ref().pallet_by_name(pallet).expect("the chain has the pallet");
		let index = pallet.call_variant_by_name(call).expect("the pallet has the call").index;
		[&[pallet.call_index(), index][..], args].concat()
	}

	/// Asks again and again until there is an answer.
	///
	/// # Panics
	///
	/// If there is none in time.
	pub async fn wait_until<T, F: Future<Output = Option<T>>>(&self, what: &str, ask: impl Fn() -> F) -> T {
		wait_within(self.patience, what, ask).await
	}

	/// Returns the events of a block.
	pub async fn events_at(&self, number: u64) -> Vec<Event> {
		let at = self.api.at_block(number).await.expect("the node knows its blocks");
		let events = at.events().fetch().await.expect("events can be read");
		events
			.iter()
			.filter_map(Result::ok)
			.map(|event| Event {
				name: format!("{}.{}", event.pallet_name(), event.event_name()),
				fields: event.field_bytes().to_vec(),
			})
			.collect()
	}

	/// Signs a call, sends it and waits for its block; returns the events, or why it was refused.
	pub async fn send(&self, signer: &Keypair, call: &[u8]) -> Result<Vec<Event>, String> {
		self.send_within(self.patience, signer, call).await
	}

	async fn send_within(
		&self,
		patience: Duration,
		signer: &Keypair,
		call: &[u8],
	) -> Result<Vec<Event>, String> {
		let mut at = self.api.tx().await.map_err(|error| error.to_string())?;
		let payload = at.from_call_data_bytes(call).map_err(|error| error.to_string())?;
		let progress = at
			.sign_and_submit_then_watch(&payload, signer, immortal())
			.await
			.map_err(|error| format!("{error:?}"))?;
		let events = tokio::time::timeout(patience, progress.wait_for_finalized_success())
			.await
			.map_err(|_| "the transaction was not finalised in time".to_string())?
			.map_err(|error| format!("{error:?}"))?;
		Ok(events
			.iter()
			.filter_map(Result::ok)
			.map(|event| Event {
				name: format!("{}.{}", event.pallet_name(), event.event_name()),
				fields: event.field_bytes().to_vec(),
			})
			.collect())
	}

	/// Returns the terms on which the chain takes an account's next submission.
	pub async fn terms(&self, miner: &Keypair) -> SubmissionTerms {
		self.runtime_api("LearningApi_terms", &miner.public_key().0).await
	}

	/// Finds a proof of work for the tensors `root`, over the newest block.
	pub async fn work(&self, miner: &Keypair, root: H256) -> PowStamp<u32> {
		let bits = self.terms(miner).await.pow_bits;
		let block = self.block_number().await as u32;
		let answer = self.request("chain_getBlockHash", rpc_params![block]).await.expect("the node answers");
		let hash: H256 = serde_json::from_value(answer).expect("the best block has a hash");
		let nonce = search_pow(&miner.public_key().0, &root, &hash, bits, 0, u64::MAX)
			.expect("the search is endless");
		PowStamp { block, nonce }
	}

	/// Commits to blocks for a slot, as many as an account may have commitments, and waits until the next block may open them.
	/// Blocks that the chain has already are not committed to again.
	pub async fn commit(&self, miner: &Keypair, slot: ExpertSlot, blocks: &[BlockRef]) -> Result<(), String> {
		let account = miner.public_key().0;
		let commitments: Vec<CommitmentInfo> = self.runtime_api("LearningApi_commitments", &account).await;
		for block in blocks {
			let hash = commitment_hash(&self.genesis(), &account, &slot, block, &COMMITMENT_SALT);
			if commitments.iter().all(|known| known.commitment != hash) {
				let call = self.call("ProofOfLearning", "commit", &hash.encode()).await;
				self.send(miner, &call).await?;
			}
		}
		let commitments: Vec<CommitmentInfo> = self.runtime_api("LearningApi_commitments", &account).await;
		let opens_at = commitments.iter().map(|known| u64::from(known.opens_at)).max().unwrap_or_default();
		let is_old = || async { (self.block_number().await + 1 >= opens_at).then_some(()) };
		self.wait_until("commitments to be old enough", is_old).await;
		Ok(())
	}

	/// Submits a block for a slot and returns the submission's number, or why it was refused.
	pub async fn submit(
		&self,
		miner: &Keypair,
		slot: ExpertSlot,
		parent: VersionIndex,
		block: BlockRef,
	) -> Result<SubmissionId, String> {
		self.commit(miner, slot, &[block]).await?;
		let stamp = self.work(miner, block.tensor_root).await;
		let salt = COMMITMENT_SALT;
		let submission = Submission { slot, parent, block, manifest: H256::zero(), stamp, salt };
		let call = self.call("ProofOfLearning", "submit", &submission.encode()).await;
		let events = self.send(miner, &call).await?;
		let submitted = events
			.iter()
			.find(|event| event.name == "ProofOfLearning.Submitted")
			.expect("a submission that succeeds says so");
		let id = SubmissionId::decode(&mut &submitted.fields[..]).expect("the number is the first field");
		self.attest_by_hand(id, block.blob.hash).await;
		Ok(id)
	}

	/// Attests a candidate's bytes with the session key behind `suri`, as the off-chain worker of an operator would.
	pub async fn attest(&self, id: SubmissionId, blob: H256, suri: &str) -> Result<Json, String> {
		let key = session_key(suri);
		let attestation = Attestation { submission: id, blob };
		let signature = OperatorSignature::from(key.sign(&attestation.signing_payload(&self.genesis())));
		let arguments = (attestation, key.public(), signature).encode();
		let call = self.call("ProofOfLearning", "attest_bytes", &arguments).await;
		self.send_unsigned(&call).await
	}

	/// Takes a submission back.
	pub async fn withdraw(&self, miner: &Keypair, id: SubmissionId) -> Result<Vec<Event>, String> {
		let call = self.call("ProofOfLearning", "withdraw", &id.encode()).await;
		self.send(miner, &call).await
	}

	/// Seals an operator's verdict, signed with the session key behind `suri`, as the off-chain worker of an operator
	/// would: a transaction that no account signs and no account pays for.
	pub async fn seal(&self, id: SubmissionId, verdict: &Verdict, suri: &str) -> Result<Json, String> {
		self.seal_for(id, verdict, suri, &self.genesis()).await
	}

	/// The same with a signature for the network of another genesis.
	pub async fn seal_for(
		&self,
		id: SubmissionId,
		verdict: &Verdict,
		suri: &str,
		genesis: &H256,
	) -> Result<Json, String> {
		let key = session_key(suri);
		// The development operators' accounts are their session keys.
		let seal = seal_hash(&verdict.digest(), &SALT, &key.public().0);
		let seal = ScoreSeal { submission: id, seal };
		let draw = self.draw(id).await;
		let signature = OperatorSignature::from(key.sign(&seal.signing_payload(genesis, &draw)));
		let call =
			self.call("ProofOfLearning", "commit_score", &(seal, key.public(), signature).encode()).await;
		self.send_unsigned(&call).await
	}

	/// Names the draw of a submission; zero where nothing is drawn, and so nothing that could be signed for.
	pub async fn draw(&self, id: SubmissionId) -> H256 {
		match self.submission(id).await.map(|info| info.state) {
			Some(SubmissionState::Evaluating(evaluation)) => evaluation.draw,
			Some(SubmissionState::Decided(decided)) => decided.draw,
			_ => H256::zero(),
		}
	}

	/// Reveals the verdict that [`Self::seal`] sealed.
	pub async fn reveal(&self, id: SubmissionId, verdict: &Verdict, suri: &str) -> Result<Json, String> {
		let key = session_key(suri);
		let report = ScoreReport { submission: id, verdict: *verdict };
		let payload = report.signing_payload(&self.genesis(), &self.draw(id).await);
		let signature = OperatorSignature::from(key.sign(&payload));
		let args = (report, SALT, key.public(), signature).encode();
		let call = self.call("ProofOfLearning", "reveal_score", &args).await;
		self.send_unsigned(&call).await
	}

	/// Has root do something: the first development account may, on a development chain.
	pub async fn sudo(&self, call: &[u8]) {
		let call = self.call("Sudo", "sudo", call).await;
		let events = self.send(&subxt_signer::sr25519::dev::alice(), &call).await.expect("root may do that");
		let done = events.iter().find(|event| event.name == "Sudo.Sudid").expect("sudo says what it did");
		assert_eq!(done.fields.first(), Some(&0), "the call of root failed: {done:?}");
	}

	/// Sets one of the chain's parameters: the place of its group and its own, as the runtime numbers them.
	pub async fn set_parameter(&self, (group, parameter): (u8, u8), value: impl Encode) {
		let args = (group, parameter, Some(value)).encode();
		let call = self.call("Parameters", "set_parameter", &args).await;
		self.sudo(&call).await;
	}

	/// Sends a call that carries its own authority; returns the transaction's hash or the refusal.
	pub async fn send_unsigned(&self, call: &[u8]) -> Result<Json, String> {
		// A general transaction of version 5 with extension version 0. Era, nonce, tip and the mode of the
		// metadata hash are one zero byte each; every other extension has no bytes.
		const GENERAL_V5: u8 = 0b0100_0101;
		let body = [&[GENERAL_V5, 0][..], &[0; 4], call].concat();
		let transaction = [Compact(body.len() as u32).encode(), body].concat();
		self.request("author_submitExtrinsic", rpc_params![format!("0x{}", hex::encode(transaction))]).await
	}

	/// A submission; `None` if there is none of that number.
	pub async fn submission(&self, id: SubmissionId) -> Option<SubmissionInfo> {
		self.runtime_api("LearningApi_submission", &id.encode()).await
	}

	/// Submissions ever made, which is also the next number.
	pub async fn submission_count(&self) -> SubmissionId {
		self.runtime_api("LearningApi_submission_count", &[]).await
	}

	/// Waits until a submission is in the state that `select` looks for, and returns what it selects.
	pub async fn wait_for_submission<T>(
		&self,
		id: SubmissionId,
		what: &str,
		select: impl Fn(&SubmissionInfo) -> Option<T>,
	) -> T {
		let asked = AtomicU32::new(0);
		let ask = || async {
			let info = self.submission(id).await?;
			let selected = select(&info);
			let is_announced = matches!(info.state, SubmissionState::Announced { .. });
			if selected.is_none()
				&& is_announced
				&& asked.fetch_add(1, Ordering::Relaxed) == ANNOUNCED_PATIENCE
			{
				// Where too few operators' nodes run, the test holds the keys of the others.
				self.attest_by_hand(id, info.block.blob.hash).await;
			}
			selected
		};
		self.wait_until(&format!("submission {id} to be {what}"), ask).await
	}

	/// Attests a candidate's bytes for two operators of a development chain. Where their nodes run, they attest by themselves
	/// as soon as they have the bytes; these are refused then, or come first.
	async fn attest_by_hand(&self, id: SubmissionId, blob: H256) {
		for suri in ["//Alice", "//Bob"] {
			let _ = self.attest(id, blob, suri).await;
		}
	}

	/// Waits until a committee is at work on a submission.
	pub async fn wait_for_evaluation(&self, id: SubmissionId, stage: EvaluationStage) -> ActiveEvaluation {
		self.wait_for_submission(id, &format!("in the stage {stage:?}"), |info| match &info.state {
			SubmissionState::Evaluating(evaluation) if evaluation.stage == stage => Some(evaluation.clone()),
			_ => None,
		})
		.await
	}

	/// Waits until a decision stands for good.
	pub async fn wait_for_maturity(&self, id: SubmissionId) {
		self.wait_for_submission(id, "closed", |info| {
			matches!(info.state, SubmissionState::Closed { .. }).then_some(())
		})
		.await;
	}

	/// Returns the verdicts revealed about a submission, by account.
	pub async fn verdicts(&self, id: SubmissionId) -> Vec<([u8; 32], Verdict)> {
		self.runtime_api("LearningApi_verdicts", &id.encode()).await
	}

	/// A game, open or ended.
	pub async fn game(&self, id: GameId) -> Option<GameInfo> {
		self.runtime_api("DisputesApi_game", &id.encode()).await
	}

	/// Waits until a game has ended and returns how.
	pub async fn wait_for_game_end(&self, id: GameId) -> GameInfo {
		let ask = || async { self.game(id).await.filter(|game| game.ended.is_some()) };
		self.wait_until(&format!("game {id} to end"), ask).await
	}

	/// Returns the offences that an account is accused of.
	pub async fn offences(&self, suri: &str) -> Vec<OffenceInfo> {
		self.runtime_api("SlashingApi_offences", &account(suri)).await
	}

	/// An operator.
	///
	/// # Panics
	///
	/// If it is none.
	pub async fn operator(&self, suri: &str) -> OperatorInfo {
		let operators: Vec<OperatorInfo> = self.runtime_api("OperatorsApi_operators", &[]).await;
		let who = account(suri);
		let found =
			operators.into_iter().find(|operator| *AsRef::<[u8; 32]>::as_ref(&operator.account) == who);
		found.expect("the account is an operator")
	}

	/// Waits until a submission is decided and returns how, whether or not that can still be disputed.
	pub async fn wait_for_outcome(&self, id: SubmissionId) -> SubmissionOutcome {
		self.wait_for_submission(id, "decided", |info| match &info.state {
			SubmissionState::Decided(decided) => Some(decided.outcome),
			SubmissionState::Closed { outcome, .. } => Some(*outcome),
			_ => None,
		})
		.await
	}

	/// Gives the node the bytes of a blob, all at once.
	pub async fn upload(&self, hash: H256, bytes: &[u8]) -> Result<Json, String> {
		self.request("blyan_uploadBlob", rpc_params![hash, 0u64, bytes.len() as u64, STANDARD.encode(bytes)])
			.await
	}

	/// Reports whether the node has a blob.
	pub async fn has_blob(&self, hash: H256) -> bool {
		let answer = self.request("blyan_hasBlob", rpc_params![hash]).await.expect("the node answers");
		answer.as_bool().expect("the answer is yes or no")
	}

	/// Returns the cost of a call if `signer` sends it, without sending it.
	pub async fn cost(&self, signer: &Keypair, call: &[u8]) -> CallCost {
		let mut at = self.api.tx().await.expect("the node answers");
		let payload = at.from_call_data_bytes(call).expect("the call is well formed");
		let signed = at
			.create_signed(&payload, signer, immortal())
			.await
			.expect("the call can be signed")
			.into_encoded();
		let length = signed.len() as u32;
		let args = [signed, length.encode()].concat();
		type Info = ((Compact<u64>, Compact<u64>), u8, u128);
		let ((computation, proof), _, fee): Info =
			self.runtime_api("TransactionPaymentApi_query_info", &args).await;
		CallCost {
			computation_ps: computation.0,
			proof_bytes: proof.0,
			extrinsic_bytes: length,
			fee_planck: fee,
		}
	}

	/// Most that the ordinary transactions of one block may weigh: picoseconds and bytes of proof.
	pub async fn block_limit(&self) -> (u64, u64) {
		type Weight = (Compact<u64>, Compact<u64>);
		type Class = (Weight, Option<Weight>, Option<Weight>, Option<Weight>);
		let at = self.api.at_current_block().await.expect("the node answers");
		let address = dynamic::constant::<()>("System", "BlockWeights");
		let bytes = at.constants().entry_bytes(address).expect("the chain has block weights");
		let (_, block, class): (Weight, Weight, Class) =
			Decode::decode(&mut &bytes[..]).expect("block weights have their usual shape");
		let limit = class.2.unwrap_or(block);
		(limit.0 .0, limit.1 .0)
	}
}

type Params =
	<<SubstrateConfig as Config>::TransactionExtensions as TransactionExtensions<SubstrateConfig>>::Params;

/// A development chain finalises a block at once, and an era that begins with it can reach the transaction
/// pool before the block does. So these transactions have no era.
fn immortal() -> Params {
	DefaultExtrinsicParamsBuilder::<SubstrateConfig>::new().immortal().build()
}

/// Cost of a transaction.
#[derive(Clone, Copy, Debug)]
pub struct CallCost {
	/// Computation in picoseconds, its share of the block's overhead included.
	pub computation_ps: u64,
	/// Bytes of storage proof.
	pub proof_bytes: u64,
	/// Bytes of the transaction itself.
	pub extrinsic_bytes: u32,
	/// Fee.
	pub fee_planck: u128,
}

/// Asks again and again until there is an answer.
///
/// # Panics
///
/// If there is none in time.
pub async fn wait_until<T, F: Future<Output = Option<T>>>(what: &str, ask: impl Fn() -> F) -> T {
	wait_within(CHAIN_TIMEOUT, what, ask).await
}

/// The same with another limit.
pub async fn wait_within<T, F: Future<Output = Option<T>>>(
	limit: Duration,
	what: &str,
	ask: impl Fn() -> F,
) -> T {
	let began_at = Instant::now();
	loop {
		if let Some(answer) = ask().await {
			return answer;
		}
		assert!(began_at.elapsed() < limit, "waited in vain for {what}");
		tokio::time::sleep(Duration::from_millis(100)).await;
	}
}
