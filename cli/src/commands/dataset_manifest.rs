//! `dataset declare`, `sign-manifest`, `verify-manifest` and `verify-batch`: which data taught an expert.

use crate::{
	args::{ChainData, DeclareArgs, ManifestSource, SignManifestArgs, VerifyManifestArgs},
	client::Client,
	failure::{Context, Failure, Kind, Outcome},
	home::write_private,
	keys,
	learning::{
		check_batches, check_gain, check_log, dataset_name, read_manifest, record::read_log, BatchProof,
		ManifestFault, Mixture, RunFiles,
	},
	output::Output,
	session::Session,
};
use blyan_primitives::{manifest_payload, DatasetRef, SubmissionId, TrainingLog, TrainingManifest};
use blyan_runtime_api::{SubmissionOutcome, SubmissionState};
use codec::Encode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sp_core::{sr25519, Pair, H256};
use std::path::{Path, PathBuf};

/// Declares a manifest on the chain.
pub async fn declare(session: &Session, args: DeclareArgs) -> Outcome<()> {
	let manifest = read_manifest(&args.manifest)?;
	let (client, account) = session.connect_as(&args.signer).await?;
	let info = client.submission(args.submission).await?;
	let refuse = |message: String| Failure::new(message).kind(Kind::Refused);
	if info.miner != account.id() {
		let miner = keys::address(&info.miner);
		return Err(
			refuse(format!("submission {} is of {miner}", info.id)).next("sign with that key: --key NAME")
		);
	}
	if info.manifest != manifest.hash() || info.block.tensor_root != manifest.expert {
		return Err(refuse(format!("submission {} carries another manifest, or another expert", info.id))
			.next("submit the expert with it first: blyan submit FILE --slot L.E --manifest FILE"));
	}
	let arguments = (info.id, &manifest).encode();
	let receipt = client.submit_encoded(&account, "Datasets", "declare_manifest", &arguments).await?;
	let value = json!({ "submission": info.id, "manifest": manifest.hash(), "block": receipt.block,
		"hash": receipt.hash, "fee": receipt.fee().to_string() });
	let text = format!(
		"declared in block {}: {} datasets taught submission {}; give {} and its .leaves to those who check",
		receipt.block,
		manifest.datasets.len(),
		info.id,
		RunFiles::beside(&args.manifest).log.display()
	);
	session.output.result(&value, text);
	Ok(())
}

/// Signature of a miner, beside a manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureFile {
	/// Network that it is for.
	genesis: H256,
	/// The miner's address.
	miner: String,
	/// Signature of sr25519, hexadecimal.
	signature: String,
}

impl SignatureFile {
	/// Reports whether it is the miner's own, of this manifest.
	fn is_of(&self, manifest: &TrainingManifest) -> bool {
		let Ok(miner) = keys::parse_account(&self.miner) else { return false };
		let mut bytes = [0; 64];
		if hex::decode_to_slice(&self.signature, &mut bytes).is_err() {
			return false;
		}
		let public = sr25519::Public::from_raw(*AsRef::<[u8; 32]>::as_ref(&miner));
		let payload = manifest_payload(&self.genesis, manifest);
		sr25519::Pair::verify(&sr25519::Signature::from_raw(bytes), payload, &public)
	}
}

fn signature_path(manifest: &Path) -> PathBuf {
	manifest.with_extension("signature")
}

/// Signs a manifest.
pub async fn sign(session: &Session, args: SignManifestArgs) -> Outcome<()> {
	let manifest = read_manifest(&args.manifest)?;
	let (client, account) = session.connect_as(&args.signer).await?;
	let genesis = H256(client.genesis());
	let signature = account.signer.sign(&manifest_payload(&genesis, &manifest)).0;
	let file = SignatureFile { genesis, miner: account.address(), signature: hex::encode(signature) };
	let path = signature_path(&args.manifest);
	write_private(&path, serde_json::to_string_pretty(&file)?.as_bytes())?;
	let value = json!({ "file": path, "miner": file.miner, "manifest": manifest.hash() });
	session.output.result(&value, format!("signed by {}: {}", file.miner, path.display()));
	Ok(())
}

/// A manifest that is to be checked, with what is known of it.
struct Subject {
	manifest: TrainingManifest,
	/// Seed of the sample, which the miner did not choose.
	seed: H256,
	/// Gain that the network measured.
	measured: Option<i64>,
	/// Where the log is if no option names it.
	beside: Option<PathBuf>,
	/// True if roots were compared with the chain's.
	is_on_chain: bool,
}

/// Checks a manifest.
pub async fn verify(session: &Session, args: VerifyManifestArgs) -> Outcome<()> {
	let (subject, client) = match &args.manifest {
		ManifestSource::Submission(id) => {
			let (subject, client) = of_submission(session, *id).await?;
			(subject, Some(client))
		}
		ManifestSource::File(path) => (of_file(path)?, None),
	};
	let missing = || {
		Failure::new("no log is named, so the batches cannot be checked, and the data earns no credit")
			.kind(Kind::Undecided)
			.next("ask the miner for the .log and the .leaves of the run, and name them with --log FILE")
	};
	let path = args.log.clone().or_else(|| Some(RunFiles::beside(subject.beside.as_ref()?).log));
	let (log, leaves) = read_log(&path.ok_or_else(missing)?)?;
	let contradiction = check_log(&subject.manifest, &log, &leaves)?;
	if let Some(client) = &client {
		if let Some(dataset) = unknown(client, &log).await? {
			return refuted(&session.output, &ManifestFault::DatasetUnknown(dataset));
		}
	}
	if let Some(fault) = contradiction {
		return refuted(&session.output, &fault);
	}
	let (output, data) = (session.output.clone(), args.data.clone());
	let (share, proofs) = (args.share, args.proofs.clone());
	tokio::task::spawn_blocking(move || {
		batches(&output, &subject, &log, &leaves, &data, share, proofs.as_deref())
	})
	.await?
}

/// A submission's manifest. Its hash is in the submission, which the miner signed, so the seed is the hash of the next block.
async fn of_submission(session: &Session, id: SubmissionId) -> Outcome<(Subject, Client)> {
	let client = session.connect().await?;
	let info = client.submission(id).await?;
	let lineage = client.lineage(id).await?.ok_or_else(|| {
		Failure::new(format!("the miner of submission {id} has not declared what taught it"))
			.kind(Kind::Undecided)
			.next("the miner declares it with: blyan dataset declare")
	})?;
	let manifest = lineage.manifest;
	if manifest.hash() != info.manifest || manifest.expert != info.block.tensor_root {
		refuted(&session.output, &ManifestFault::InvalidSignature)?;
	}
	let outcome = match info.state {
		SubmissionState::Decided(decided) => Some(decided.outcome),
		SubmissionState::Closed { outcome, .. } => Some(outcome),
		_ => None,
	};
	let measured = match outcome {
		Some(SubmissionOutcome::Accepted { improvement, .. }) => i64::try_from(improvement).ok(),
		_ => None,
	};
	let next = u64::from(info.submitted_at).saturating_add(1);
	if client.finalised_block().await? < next {
		return Err(Failure::new(format!("block {next}, which draws the sample, is not final yet"))
			.kind(Kind::Undecided)
			.next("run the same command again in a minute"));
	}
	let seed = client.block_hash(next).await?;
	Ok((Subject { manifest, seed, measured, beside: None, is_on_chain: true }, client))
}

/// A file's manifest, with the signature beside it. The sample is drawn by this machine's own random numbers.
fn of_file(path: &Path) -> Outcome<Subject> {
	let manifest = read_manifest(path)?;
	let signature = std::fs::read(signature_path(path)).ok();
	let signature: Option<SignatureFile> = signature.and_then(|bytes| serde_json::from_slice(&bytes).ok());
	if !signature.is_some_and(|signature| signature.is_of(&manifest)) {
		return Err(ManifestFault::InvalidSignature.failure());
	}
	let seed = H256(rand::random());
	Ok(Subject { manifest, seed, measured: None, beside: Some(path.into()), is_on_chain: false })
}

/// The first dataset that the chain does not have in use with this root.
async fn unknown(client: &Client, log: &TrainingLog) -> Outcome<Option<DatasetRef>> {
	for one in &log.datasets {
		let found = client.find_dataset(one.dataset).await?;
		let is_known = found.is_some_and(|info| {
			info.stage.is_approved() && (info.root, info.records) == (one.root, one.records)
		});
		if !is_known {
			return Ok(Some(one.dataset));
		}
	}
	Ok(None)
}

fn refuted(output: &Output, fault: &ManifestFault) -> Outcome<()> {
	let failure = fault.failure();
	output.event("refuted", json!({ "fault": fault.name() }), format!("refuted    {}", fault.name()));
	Err(failure)
}

fn wrong_folder(dataset: DatasetRef) -> Failure {
	let name = dataset_name(dataset);
	Failure::new(format!("the folder of dataset {name} holds another root than the chain names"))
		.kind(Kind::Undecided)
		.next(format!("fetch that version: blyan dataset show {}.{}", dataset.dataset, dataset.version))
}

/// Checks batches, then the gain.
fn batches(
	output: &Output,
	subject: &Subject,
	log: &TrainingLog,
	leaves: &[H256],
	data: &[ChainData],
	share: u32,
	proofs: Option<&Path>,
) -> Outcome<()> {
	let mixture = match Mixture::of_log(log, data)? {
		Ok(mixture) => mixture,
		// The chain's roots are the log's, so it is the folder that is wrong.
		Err(dataset) if subject.is_on_chain => return Err(wrong_folder(dataset)),
		Err(dataset) => return refuted(output, &ManifestFault::DatasetUnknown(dataset)),
	};
	let checked = log.checked(&subject.seed, share);
	if let Some(folder) = proofs {
		std::fs::create_dir_all(folder).context(folder.display())?;
		for batch in &checked {
			let proof = BatchProof::make(&mixture, &subject.manifest, log, leaves, *batch)?;
			let path = folder.join(format!("batch-{batch}.json"));
			write_private(&path, serde_json::to_string(&proof)?.as_bytes())?;
		}
	}
	if let Some(fault) = check_batches(&mixture, log, leaves, &checked)? {
		return refuted(output, &fault);
	}
	if let Some(fault) = check_gain(log, subject.measured) {
		return refuted(output, &fault);
	}
	let gains = log.expected_gain.zip(subject.measured);
	let names: Vec<String> = log.datasets.iter().map(|one| dataset_name(one.dataset)).collect();
	let value = json!({ "manifest": subject.manifest.hash(), "datasets": names, "batches": log.batches,
		"checked": checked, "seed": subject.seed, "on_chain": subject.is_on_chain, "gain_checked": gains.is_some() });
	let chain = match subject.is_on_chain {
		true => "the roots are the chain's",
		false => "the roots were not compared with the chain's: check the submission for that",
	};
	let gain = match gains {
		Some(_) => "the gains agree",
		None => "no two gains to compare",
	};
	let text = format!(
		"consistent {} of {} batches made again from {}; {chain}; {gain}",
		checked.len(),
		log.batches,
		names.join(", ")
	);
	output.result(&value, text);
	Ok(())
}

/// Checks the proof of a batch.
pub fn verify_batch(output: &Output, path: &Path) -> Outcome<()> {
	let next = "name a batch-N.json that `blyan dataset verify-manifest --proofs DIR` wrote";
	let bytes = std::fs::read(path).context_next(path.display(), next)?;
	let proof: BatchProof =
		serde_json::from_slice(&bytes).context_next(path.display(), next).map_err(undecided)?;
	if !proof.check()? {
		return refuted(output, &ManifestFault::BatchMismatch(proof.batch));
	}
	let value =
		json!({ "manifest": proof.manifest.hash(), "batch": proof.batch, "records": proof.records.len() });
	let text = format!(
		"consistent batch {} of manifest {:?}, made again from {} records; compare roots with: blyan dataset show",
		proof.batch,
		proof.manifest.hash(),
		proof.records.len()
	);
	output.result(&value, text);
	Ok(())
}

fn undecided(failure: Failure) -> Failure {
	failure.kind(Kind::Undecided)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::failure::ExitStatus;
	use crate::keys::Account;
	use blyan_primitives::{DatasetShare, MILLIONTHS};

	fn manifest() -> TrainingManifest {
		let dataset = DatasetRef { dataset: 1, version: 0 };
		TrainingManifest {
			expert: H256([1; 32]),
			datasets: vec![DatasetShare { dataset, share: MILLIONTHS }].try_into().unwrap(),
			seed: 7,
			samples: 4,
			batch_roots: vec![H256([2; 32])].try_into().unwrap(),
			cpu_seconds: 1,
			gpu_seconds: 0,
			log: H256([3; 32]),
			started_at: 1,
			ended_at: 2,
		}
	}

	#[test]
	fn a_manifest_without_its_miners_signature_is_refuted_first() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("expert.manifest");
		std::fs::write(&path, manifest().encode()).unwrap();
		let refused = of_file(&path).err().unwrap();
		assert!(refused.message.starts_with("InvalidSignature"), "{}", refused.message);
		assert_eq!(refused.kind.exit_code(), 4);

		let account = Account::from_suri("//Alice").unwrap();
		let genesis = H256([9; 32]);
		let sign = |manifest: &TrainingManifest, miner: String| SignatureFile {
			genesis,
			miner,
			signature: hex::encode(account.signer.sign(&manifest_payload(&genesis, manifest)).0),
		};
		let good = sign(&manifest(), account.address());
		std::fs::write(signature_path(&path), serde_json::to_string(&good).unwrap()).unwrap();
		assert_eq!(of_file(&path).ok().unwrap().manifest, manifest());

		let other = TrainingManifest { samples: 5, ..manifest() };
		let bob = Account::from_suri("//Bob").unwrap().address();
		for forged in [
			sign(&other, account.address()),
			sign(&manifest(), bob),
			SignatureFile { genesis: H256([8; 32]), ..good.clone() },
			SignatureFile { signature: "00".into(), ..good },
		] {
			assert!(!forged.is_of(&manifest()), "{forged:?}");
		}
	}
}
