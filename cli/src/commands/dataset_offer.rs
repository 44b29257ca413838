//! `dataset offer`: from files to a dataset that auditors look at. The same command goes on wherever an earlier run ended.
//!
//! | when it ended | the same command again |
//! |---|---|
//! | while the dataset was made | goes on at the last row that is on disk |
//! | between the dataset and the offer | checks the dataset and offers it |
//! | while a transaction waited in the node's pool | waits until it is in a block, instead of sending it twice |
//! | while blobs were named | names those that are missing |
//! | while blobs were uploaded | uploads those that the node lacks, each from the first byte that the node names |
//! | later | says where the dataset stands |

use super::{
	dataset_gate, dataset_job,
	dataset_stage::{self, name},
	dataset_vote::ensure_own,
};
use crate::{
	args::DatasetOfferArgs,
	client::{self, Client},
	failure::{Context, Failure, Kind, Outcome},
	keys::Account,
	output::Output,
	pow,
	session::Session,
};
use blyan_datasets::{
	manifest::{blob_name, Manifest},
	Licence,
};
use blyan_primitives::{
	BlobChunk, BlobRef, DatasetOffer, DatasetStage, PowStamp, BLOBS_MAX, BLOBS_PER_CALL, LICENCE_BYTES_MAX,
	SOURCE_BYTES_MAX,
};
use blyan_runtime_api::datasets::{DatasetInfo, OfferTerms};
use codec::Encode;
use serde_json::json;
use sp_core::{crypto::AccountId32, H256};
use std::{
	fs,
	path::{Path, PathBuf},
	time::Duration,
};

/// Offers.
pub async fn run(session: &Session, args: DatasetOfferArgs) -> Outcome<()> {
	let output = &session.output;
	let folder = folder(output, &args).await?;
	let offered = Offered::read(&folder, &args)?;
	let (client, account) = session.connect_as(&args.signer).await?;
	// What an earlier run sent before it ended may be in no block yet. Sent again, it would fail and cost its fee.
	client::wait_for_pool(&client, output, &account).await?;
	let info = match client.dataset_of_root(&offered.offer.root).await? {
		Some(info) => resumed(output, info, &account.id())?,
		None => offer(&client, output, &account, &folder, &offered).await?,
	};
	let info = name_rest(&client, output, &account, &offered, info).await?;
	if matches!(info.stage, DatasetStage::Pending | DatasetStage::Audit | DatasetStage::Vote) {
		upload(&client, output, &folder, &offered).await?;
	}
	if info.stage == DatasetStage::Pending {
		let receipt =
			client.submit_encoded(&account, "Datasets", "begin_audit", &info.dataset.encode()).await?;
		let of = name(info.dataset);
		let fields = json!({ "dataset": of, "block": receipt.block, "fee": receipt.fee().to_string() });
		output.event(
			"audit",
			fields,
			format!("audit      of dataset {of} is asked for (block {})", receipt.block),
		);
	}
	if args.follow {
		return dataset_stage::follow(&client, output, info.dataset, Duration::from_secs(args.timeout)).await;
	}
	let of = name(info.dataset);
	output.say(format!("follow it with: blyan dataset status {of} --follow"));
	Ok(())
}

/// The folder of the dataset, which is made if it is not there.
async fn folder(output: &Output, args: &DatasetOfferArgs) -> Outcome<PathBuf> {
	if let ([folder], None) = (args.sources.paths.as_slice(), &args.out) {
		if is_dataset(folder) {
			advise(output, args, folder).await?;
			return Ok(folder.clone());
		}
	}
	let Some(first) = args.sources.paths.first() else {
		return Err(Failure::new("there is nothing to offer").next("name a folder: blyan dataset offer DIR"));
	};
	let out = args.out.clone().unwrap_or_else(|| beside(first));
	if is_dataset(&out) {
		output.say(format!("offering   {}, which is made already; remove it to make another", out.display()));
		advise(output, args, &out).await?;
		return Ok(out);
	}
	let (output, target) = (output.clone(), out.clone());
	let sources = args.sources.clone();
	tokio::task::spawn_blocking(move || dataset_job::create(&output, &sources, &target)).await??;
	Ok(out)
}

/// Says what the classifiers say of a dataset that was made before, if that was asked for. It stops nothing.
async fn advise(output: &Output, args: &DatasetOfferArgs, folder: &Path) -> Outcome<()> {
	let (gate, path, on) = (args.sources.gate.clone(), folder.to_path_buf(), output.clone());
	let advice = tokio::task::spawn_blocking(move || dataset_gate::look(&on, &gate, &path)).await??;
	if advice.is_some() {
		let (value, line) = (dataset_gate::value(advice.as_ref()), dataset_gate::line(advice.as_ref()));
		output.event("gate", json!({ "gate": value }), line.trim_start());
	}
	Ok(())
}

/// Where a dataset of these files goes.
fn beside(path: &Path) -> PathBuf {
	let plain = path.components().as_path();
	let mut name = plain.file_name().unwrap_or(std::ffi::OsStr::new("texts")).to_os_string();
	name.push(".dataset");
	plain.with_file_name(name)
}

fn is_dataset(folder: &Path) -> bool {
	folder.join("manifest.json").is_file() && folder.join("blobs").is_dir()
}

/// A dataset on this machine, as it is offered.
struct Offered {
	manifest: Vec<u8>,
	blobs: Vec<BlobRef>,
	offer: DatasetOffer,
}

impl Offered {
	/// Reads a dataset's folder; refuses what the chain would.
	fn read(folder: &Path, args: &DatasetOfferArgs) -> Outcome<Self> {
		let path = folder.join("manifest.json");
		let bytes = fs::read(&path)
			.context_next(path.display(), "make one with: blyan dataset create PATH.. --out DIR")?;
		let manifest: Manifest =
			serde_json::from_slice(&bytes).context_next(path.display(), "make it again")?;
		let refuse = |message: String| Failure::new(message).kind(Kind::Refused);
		if !Licence::parse(&manifest.licence).is_ok_and(|licence| licence.is_permissive()) {
			return Err(refuse(format!("auditors refuse a dataset under \"{}\"", manifest.licence))
				.next("offer texts under a permissive licence"));
		}
		let long = |what: &str, bytes: usize, most: u32| {
			refuse(format!("the {what} has {bytes} bytes; the chain takes at most {most}")).next("shorten it")
		};
		let licence = manifest.licence.clone().into_bytes();
		let licence_bytes = licence.len();
		let source = args.source.clone().into_bytes();
		let source_bytes = source.len();
		let blobs = manifest
			.blobs
			.iter()
			.map(|blob| {
				let hash = blob.hash.parse::<H256>().context(&blob.hash)?;
				let size = u32::try_from(blob.bytes).context(&blob.hash)?;
				Ok(BlobRef { hash, size })
			})
			.collect::<Outcome<Vec<BlobRef>>>()
			.context_next(path.display(), "make it again")?;
		let count = u32::try_from(blobs.len()).unwrap_or(u32::MAX);
		if count > BLOBS_MAX {
			return Err(refuse(format!(
				"the dataset has {count} blobs; the chain takes at most {BLOBS_MAX}"
			))
			.next("offer it as several datasets: --limit MiB"));
		}
		let offer = DatasetOffer {
			series: args.version_of,
			licence: licence.try_into().map_err(|_| long("licence", licence_bytes, LICENCE_BYTES_MAX))?,
			source: source.try_into().map_err(|_| long("source", source_bytes, SOURCE_BYTES_MAX))?,
			manifest: BlobRef { hash: client::hash(&bytes), size: u32::try_from(bytes.len())? },
			root: manifest.root.parse::<H256>().context_next(path.display(), "make it again")?,
			records: manifest.documents,
			bytes: manifest.blobs.iter().map(|blob| blob.bytes).sum(),
			blobs: count,
		};
		Ok(Self { manifest: bytes, blobs, offer })
	}

	/// The blobs of the call that begins at `start`.
	fn chunk(&self, start: u32) -> BlobChunk {
		let rest = self.blobs.iter().skip(start as usize).take(BLOBS_PER_CALL as usize);
		BlobChunk::truncate_from(rest.copied().collect())
	}
}

impl Offered {
	/// Bytes of the manifest, which has the number 0, or of a blob behind it.
	fn bytes(&self, folder: &Path, number: usize) -> Outcome<Vec<u8>> {
		let Some((number, blob)) = number.checked_sub(1).and_then(|at| Some((at, self.blobs.get(at)?)))
		else {
			return Ok(self.manifest.clone());
		};
		let path = folder.join(blob_name(number));
		let bytes = fs::read(&path).context_next(path.display(), "make the dataset again")?;
		if client::hash(&bytes) != blob.hash {
			return Err(Failure::new(format!("{} is not the blob that the manifest names", path.display()))
				.next("make the dataset again: blyan dataset create PATH.. --out DIR"));
		}
		Ok(bytes)
	}
}

/// Reports that a dataset is on chain already; refuses one that is another account's.
fn resumed(output: &Output, info: DatasetInfo, who: &AccountId32) -> Outcome<DatasetInfo> {
	ensure_own(&info, who)?;
	let of = name(info.dataset);
	let fields =
		json!({ "dataset": of, "stage": dataset_stage::stage(info.stage), "named": info.blobs_named });
	output.event("resumed", fields, format!("resumed    dataset {of}: {}", dataset_stage::stage(info.stage)));
	Ok(info)
}

/// Checks the dataset, does the proof of work, and puts the offer on chain.
async fn offer(
	client: &Client,
	output: &Output,
	account: &Account,
	folder: &Path,
	offered: &Offered,
) -> Outcome<DatasetInfo> {
	let terms = client.offer_terms(&account.id()).await?;
	ensure_may_offer(&terms)?;
	let (progress, checked) = (output.clone(), folder.to_path_buf());
	tokio::task::spawn_blocking(move || dataset_job::ensure_whole(&progress, &checked)).await??;
	let number = client.finalised_block().await?;
	let block = client.block_hash(number).await?;
	let spinner = output.spinner("proof of work");
	spinner.note(format!("about 2^{} hashes", terms.pow_bits));
	let (who, subject, bits) = (account.id(), offered.offer.work_subject(), terms.pow_bits);
	let nonce = tokio::task::spawn_blocking(move || pow::search(&who, &subject, &block, bits)).await??;
	drop(spinner);
	let stamp = PowStamp { block: u32::try_from(number)?, nonce };
	let chunk = offered.chunk(0);
	let arguments = (&offered.offer, &chunk, stamp).encode();
	let receipt = client.submit_encoded(account, "Datasets", "offer", &arguments).await?;
	let info = client.dataset_of_root(&offered.offer.root).await?.ok_or_else(|| {
		Failure::new("the offer is in a block, but the chain does not know the dataset")
			.next("run the same command again")
	})?;
	let of = name(info.dataset);
	let fields = json!({ "dataset": of, "block": receipt.block, "root": info.root, "records": info.records,
		"bytes": info.bytes, "blobs": info.blobs, "pow_bits": bits, "fee": receipt.fee().to_string() });
	let text = format!(
		"offered    dataset {of}: {} records in {} blobs, {} bytes (block {}); {} of {} offers today",
		info.records,
		info.blobs,
		info.bytes,
		receipt.block,
		terms.offered.saturating_add(1),
		terms.quota
	);
	output.event("offered", fields, text);
	Ok(info)
}

/// Refuses an offer that the chain would refuse, before the proof of work and the fee.
fn ensure_may_offer(terms: &OfferTerms) -> Outcome<()> {
	let refuse = |message: String| Failure::new(message).kind(Kind::Refused);
	if terms.is_blocked {
		return Err(refuse("two flags were raised about this account's offers today".into())
			.next(format!("offer again in {} blocks, at the pace of a person", terms.renews_in)));
	}
	if terms.offered >= terms.quota {
		return Err(refuse(format!("the {} offers of this account's day are used up", terms.quota))
			.next(format!("wait {} blocks; accepted datasets raise the quota", terms.renews_in)));
	}
	Ok(())
}

/// Names the blobs that the chain does not know yet.
async fn name_rest(
	client: &Client,
	output: &Output,
	account: &Account,
	offered: &Offered,
	mut info: DatasetInfo,
) -> Outcome<DatasetInfo> {
	let bar = output.bar("naming", info.blobs.into());
	while info.stage == DatasetStage::Pending && info.blobs_named < info.blobs {
		bar.set(info.blobs_named.into());
		let before = info.blobs_named;
		let arguments = (info.dataset, offered.chunk(before)).encode();
		let receipt = client.submit_encoded(account, "Datasets", "name_blobs", &arguments).await?;
		let found = client.find_dataset(info.dataset).await?;
		info = found.filter(|info| info.blobs_named > before).ok_or_else(|| {
			Failure::new(format!(
				"the blobs were named in block {}, but the chain does not say so",
				receipt.block
			))
			.next("run the same command again")
		})?;
		let fields = json!({ "dataset": name(info.dataset), "named": info.blobs_named, "of": info.blobs,
			"block": receipt.block });
		let text =
			format!("named      {} of {} blobs (block {})", info.blobs_named, info.blobs, receipt.block);
		output.event("named", fields, text);
	}
	Ok(info)
}

/// Uploads what the node lacks: the manifest, then the blobs.
async fn upload(client: &Client, output: &Output, folder: &Path, offered: &Offered) -> Outcome<()> {
	let (mut sent, mut there) = (0_u64, 0_u64);
	let all = [&offered.offer.manifest].into_iter().chain(&offered.blobs);
	for (number, blob) in all.enumerate() {
		if client.has_blob(&blob.hash).await? {
			there += 1;
			continue;
		}
		let bytes = offered.bytes(folder, number)?;
		client::upload(client, output, &bytes).await.map_err(go_on)?;
		sent += 1;
		let of = offered.blobs.len() + 1;
		let fields = json!({ "blob": blob.hash, "bytes": blob.size, "number": number, "of": of });
		let text = format!("uploaded   blob {} of {of}, {} bytes", number + 1, blob.size);
		output.event("blob", fields, text);
	}
	let fields = json!({ "uploaded": sent, "there": there });
	output.event("uploaded", fields, format!("uploaded   {sent} blobs; the node had {there} already"));
	Ok(())
}

/// Says how an upload goes on that ended early.
fn go_on(failure: Failure) -> Failure {
	failure.next(
		"nothing is lost: the same command goes on with the upload; another node may take it with --url",
	)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::args::{DatasetSources, SignerArgs};
	use blyan_primitives::conduct::{Flags, Level};

	fn args(paths: Vec<PathBuf>) -> DatasetOfferArgs {
		let sources = DatasetSources {
			paths,
			licence: Some("CC0-1.0".into()),
			any_licence: false,
			keep_generated: false,
			text_field: None,
			with_category: false,
			limit: None,
			memory: 16,
			gate: crate::args::GateArgs::default(),
		};
		DatasetOfferArgs {
			sources,
			out: None,
			source: "unstated".into(),
			version_of: None,
			follow: false,
			timeout: 1,
			signer: SignerArgs::default(),
		}
	}

	#[test]
	fn an_offer_says_what_the_manifest_says() {
		let folder = tempfile::tempdir().unwrap();
		let texts = folder.path().join("texts");
		fs::create_dir(&texts).unwrap();
		let text = "Some words that people wrote, and that nothing is wrong with.";
		fs::write(texts.join("a.txt"), text).unwrap();
		let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
		let args = args(vec![texts.clone()]);
		let output = Output::new(true);
		let made = runtime.block_on(self::folder(&output, &args)).unwrap();
		assert_eq!(made, folder.path().join("texts.dataset"));
		// A second run takes the dataset that the first one has made, and so does one that names it.
		assert_eq!(runtime.block_on(self::folder(&output, &args)).unwrap(), made);
		let named = self::args(vec![made.clone()]);
		assert_eq!(runtime.block_on(self::folder(&output, &named)).unwrap(), made);
		let offered = Offered::read(&made, &args).unwrap();
		let blob = fs::read(made.join("blobs/00000.jsonl")).unwrap();
		assert_eq!(offered.blobs, [BlobRef { hash: client::hash(&blob), size: blob.len() as u32 }]);
		let DatasetOffer { records, bytes, blobs, licence, .. } = &offered.offer;
		assert_eq!(
			(*records, *bytes, *blobs, licence.as_slice()),
			(1, blob.len() as u64, 1, &b"CC0-1.0"[..])
		);
		assert_eq!(offered.offer.manifest.hash, client::hash(&offered.manifest));
		assert_eq!((offered.chunk(0).len(), offered.chunk(1).len()), (1, 0));
		assert_eq!(offered.bytes(&made, 0).unwrap(), offered.manifest);
		assert_eq!(offered.bytes(&made, 1).unwrap(), blob);
		fs::write(made.join("blobs/00000.jsonl"), "other").unwrap();
		assert!(offered.bytes(&made, 1).unwrap_err().message.contains("is not the blob"));
		let long = DatasetOfferArgs { source: "x".repeat(257), ..named };
		let failure = Offered::read(&made, &long).err().unwrap();
		assert!(failure.message.contains("the source has 257 bytes"), "{}", failure.message);
	}

	#[test]
	fn a_folder_beside_the_texts_has_their_name() {
		for (path, wanted) in
			[("texts", "texts.dataset"), ("a/texts/", "a/texts.dataset"), ("/x/b.csv", "/x/b.csv.dataset")]
		{
			assert_eq!(beside(Path::new(path)), Path::new(wanted));
		}
	}

	#[test]
	fn an_offer_that_the_chain_would_refuse_is_refused_before_the_work() {
		let terms = OfferTerms {
			level: Level::Newbie,
			quota: 20,
			offered: 19,
			flags: Flags::default(),
			is_blocked: false,
			renews_in: 7,
			pow_bits: 20,
			pow_window: 100,
		};
		assert!(ensure_may_offer(&terms).is_ok());
		for refused in [OfferTerms { offered: 20, ..terms.clone() }, OfferTerms { is_blocked: true, ..terms }]
		{
			let failure = ensure_may_offer(&refused).unwrap_err();
			assert_eq!(failure.kind, Kind::Refused);
			assert!(failure.next.unwrap().contains("7 blocks"));
		}
	}
}
