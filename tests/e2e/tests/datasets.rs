//! Datasets: offered by the command line, examined by operators' nodes, voted on.
#![allow(clippy::unwrap_used)]

use blyan_datasets::{
	hexadecimal,
	manifest::{self, Manifest},
	text_family, Document,
};
use blyan_e2e::{wait_until, World, REFUSED};
use blyan_exact::{blake2_256, merkle};
use blyan_primitives::{
	search_pow, BlobChunk, BlobRef, DatasetOffer, DatasetReason, DatasetRef, DatasetStage, DatasetTier,
	LicenceFinding, PowStamp,
};
use blyan_runtime_api::datasets::{DatasetInfo, OfferTerms};
use codec::Encode;
use serde_json::Value as Json;
use sp_core::H256;
use std::{fs, path::Path};
use subxt::rpcs::client::rpc_params;
use subxt_signer::sr25519::dev;

/// Place of a parameter of the chain: the group of data, and the blocks of a vote in it.
const VOTE_WINDOW: (u8, u8) = (7, 10);

/// Texts of which no two are alike, in a folder that states its licence.
fn write_texts(folder: &Path, count: usize) {
	fs::create_dir_all(folder).unwrap();
	fs::write(folder.join("README.md"), "---\nlicense: cc0-1.0\nlanguage: en\n---\n").unwrap();
	for number in 0..count {
		let word = |place: usize| {
			let hash = blake2_256(&[&number.to_le_bytes(), &place.to_le_bytes()]);
			hash[..6].iter().map(|byte| char::from(b'a' + byte % 19)).collect::<String>()
		};
		let text: String = (0..60).map(|place| format!("{} ", word(place))).collect();
		fs::write(folder.join(format!("{number}.txt")), text).unwrap();
	}
}

async fn dataset(world: &World, dataset: DatasetRef) -> DatasetInfo {
	let found: Option<DatasetInfo> = world.chain.runtime_api("DatasetsApi_dataset", &dataset.encode()).await;
	found.expect("the dataset is on the chain")
}

async fn wait_for_stage(
	world: &World,
	name: DatasetRef,
	is_reached: impl Fn(DatasetStage) -> bool,
) -> DatasetInfo {
	wait_until("the dataset's next stage", || async {
		let info = dataset(world, name).await;
		is_reached(info.stage).then_some(info)
	})
	.await
}

fn event<'a>(values: &'a [Json], name: &str) -> &'a Json {
	values.iter().find(|value| value["event"] == name).unwrap_or_else(|| panic!("no {name}: {values:#?}"))
}

const FIRST: DatasetRef = DatasetRef { dataset: 0, version: 0 };

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_folder_is_offered_audited_by_nodes_and_voted_gold() {
	let world = World::new().await;
	world.chain.set_parameter(VOTE_WINDOW, 50u32).await;
	let texts = world.files.path("texts");
	write_texts(&texts, 40);
	let texts = texts.to_str().unwrap();
	let offer = ["dataset", "offer", texts, "--source", "https://example.org/texts", "--suri", "//Dave"];

	// The manifest is uploaded, and the power fails. The same command goes on.
	world.command.kill_at("blob", &offer);
	let begun = dataset(&world, FIRST).await;
	assert!(matches!(begun.stage, DatasetStage::Pending | DatasetStage::Audit), "{begun:?}");
	assert_eq!((begun.records, begun.blobs_named), (40, 1));
	let resumed = world.command.expect(&offer);
	assert_eq!(event(&resumed, "resumed")["dataset"], "0.0");
	let uploaded = event(&resumed, "uploaded");
	let [sent, there] = ["uploaded", "there"].map(|field| uploaded[field].as_u64().unwrap());
	assert!(sent + there == 2 && there >= 1, "the manifest is not sent again: {uploaded}");
	assert!(resumed.iter().all(|value| value["event"] != "offered"), "it is offered once: {resumed:#?}");

	let voted = wait_for_stage(&world, FIRST, |stage| stage == DatasetStage::Vote).await;
	let report = voted.report.expect("three nodes examined it");
	assert_eq!((report.records, report.licence), (40, LicenceFinding::Verified));
	assert_eq!((report.pii, report.toxicity, report.duplicate_rate, report.malformed), (0, 0, 0, 0));
	assert_eq!(&report.languages[0].code, b"en");

	let own = world.command.expect_failure(REFUSED, &["dataset", "vote", "0", "yes", "--suri", "//Dave"]);
	assert!(own.contains("no vote"), "{own}");
	let stranger = world.command.expect_failure(REFUSED, &["dataset", "vote", "0", "yes", "--suri", "//Eve"]);
	assert!(stranger.contains("not among the voters"), "{stranger}");
	for operator in ["//Alice", "//Bob", "//Charlie"] {
		world.command.expect(&["dataset", "vote", "0", "yes", "--stars", "5", "--suri", operator]);
	}
	world.command.expect(&["dataset", "status", "0", "--follow", "--timeout", "60"]);
	let decided = dataset(&world, FIRST).await;
	assert_eq!(decided.stage, DatasetStage::Approved(DatasetTier::Gold));

	let listed = world.command.expect(&["dataset", "list"]).remove(0);
	assert_eq!(listed[0]["licence"], "CC0-1.0", "{listed}");
	let lineage = world.command.expect(&["dataset", "lineage", "0"]).remove(0);
	assert_eq!(lineage["submissions"], serde_json::json!([]));
	// The same texts a second time are the same dataset.
	let again = world.command.expect(&offer);
	assert_eq!(event(&again, "resumed")["stage"], "gold");
}

/// A dataset that a contributor without a filter makes: every fourth text has an address in it.
fn spoil(folder: &Path) -> (Vec<u8>, Vec<u8>, DatasetOffer) {
	let manifest = fs::read(folder.join("manifest.json")).unwrap();
	let mut manifest: Manifest = serde_json::from_slice(&manifest).unwrap();
	let lines = fs::read_to_string(folder.join("blobs/00000.jsonl")).unwrap();
	let mut documents: Vec<Document> = lines
		.lines()
		.enumerate()
		.map(|(number, line)| {
			let document: Document = serde_json::from_str(line).unwrap();
			let address = if number % 4 == 0 { "jane.doe@example.org" } else { "" };
			let text = format!("{}{address}", document.text);
			let family = text_family(&text);
			let made = Document::new(text, document.origin, family, document.license);
			Document { language: document.language, ..made }
		})
		.collect();
	documents.sort_by(|a, b| a.hash.cmp(&b.hash));
	let lines: Vec<Vec<u8>> = documents.iter().map(|document| document.line().unwrap()).collect();
	let blob: Vec<u8> = lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
	let root = merkle::root(&lines.iter().map(|line| merkle::leaf(line)).collect::<Vec<_>>());
	let record = &mut manifest.blobs[0];
	record.bytes = blob.len() as u64;
	record.hash = hexadecimal(&blake2_256(&[&blob]));
	record.root = hexadecimal(&root);
	manifest.root = manifest::root(&[root]);
	let bytes = manifest.canonical().unwrap();
	let offer = DatasetOffer {
		series: None,
		licence: b"CC0-1.0".to_vec().try_into().unwrap(),
		source: b"unstated".to_vec().try_into().unwrap(),
		manifest: BlobRef { hash: H256(blake2_256(&[&bytes])), size: bytes.len() as u32 },
		root: H256(merkle::root(&[root])),
		records: manifest.documents,
		bytes: blob.len() as u64,
		blobs: 1,
	};
	(bytes, blob, offer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_with_personal_data_is_rejected_with_its_reason_and_may_appeal_once() {
	let world = World::new().await;
	let (texts, made) = (world.files.path("texts"), world.files.path("made"));
	write_texts(&texts, 40);
	let paths = [texts.to_str().unwrap(), made.to_str().unwrap()];
	world.command.expect(&["dataset", "create", paths[0], "--out", paths[1]]);
	let (manifest, blob, offer) = spoil(&made);
	// The command line would not offer it.
	fs::write(made.join("manifest.json"), &manifest).unwrap();
	fs::write(made.join("blobs/00000.jsonl"), &blob).unwrap();
	let refused = world.command.expect_failure(1, &["dataset", "offer", paths[1], "--suri", "//Eve"]);
	assert!(refused.contains("personal data"), "{refused}");

	let (eve, chain) = (dev::eve(), &world.chain);
	let account = eve.public_key().0;
	let terms: OfferTerms = chain.runtime_api("DatasetsApi_offer_terms", &account.encode()).await;
	let block = chain.block_number().await as u32;
	let hash = chain.request("chain_getBlockHash", rpc_params![block]).await.unwrap();
	let hash: H256 = serde_json::from_value(hash).unwrap();
	let nonce = search_pow(&account, &offer.work_subject(), &hash, terms.pow_bits, 0, u64::MAX).unwrap();
	let named = BlobRef { hash: H256(blake2_256(&[&blob])), size: blob.len() as u32 };
	let blobs = BlobChunk::truncate_from(vec![named]);
	let call = chain.call("Datasets", "offer", &(&offer, &blobs, PowStamp { block, nonce }).encode()).await;
	chain.send(&eve, &call).await.unwrap();
	for bytes in [&manifest, &blob] {
		chain.upload(H256(blake2_256(&[bytes])), bytes).await.unwrap();
	}
	let call = chain.call("Datasets", "begin_audit", &FIRST.encode()).await;
	chain.send(&eve, &call).await.unwrap();

	let safety = DatasetStage::Rejected(DatasetReason::Safety);
	let rejected = wait_for_stage(&world, FIRST, |stage| stage == safety).await;
	assert_eq!(rejected.report.unwrap().pii, 250_000, "ten of forty");
	assert!(rejected.appeal_until.is_some());
	let said = world.command.expect_failure(REFUSED, &["dataset", "status", "0", "--follow"]);
	assert!(said.contains("safety: personal data") && said.contains("dataset appeal 0"), "{said}");
	let stranger = world.command.expect_failure(REFUSED, &["dataset", "appeal", "0", "--suri", "//Dave"]);
	assert!(stranger.contains("--key"), "{stranger}");
}
